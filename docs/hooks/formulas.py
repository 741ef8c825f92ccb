"""Formulas in LaTeX, `$x$` and `$$x$$`, become MathML when the site is built: browsers show it without any script."""

import re
from html import unescape

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: object) -> str:
    def formula(place: re.Match) -> str:
        tag, latex = place.groups()
        written = convert(unescape(latex), display="block" if tag == "div" else "inline")
        return f'<{tag} class="formula">{written}</{tag}>'

    return FORMULA.sub(formula, html)
