"""How sentences of the project become Markdown, in docstrings and elsewhere.

Sources become links: `arXiv:1611.09726` and `doi:10.1214/aoms/1177729586`. What begins with
`Invariant:`, `Cost:` or `Source:` in a docstring becomes a paragraph of its own.
"""

import re
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

SOURCE = r"(arXiv:(\d{4}\.\d{4,5})|doi:(10\.\d{4,9}/[\w./()-]*\w))"
TERM = re.compile(r"(?:^|(?<=[.)]) )(Invariant|Cost|Cost per (?:step|round)|Source): ", re.MULTILINE)


class SourceLink(InlineProcessor):
    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, m: re.Match, data: str) -> tuple[Element, int, int]:
        told, arxiv, doi = m.groups()
        link = Element("a", href=f"https://arxiv.org/abs/{arxiv}" if arxiv else f"https://doi.org/{doi}")
        link.text = told
        return link, m.start(), m.end()


class Terms(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        return TERM.sub(r"\n\n**\1:** ", "\n".join(lines)).split("\n")


class Sentences(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(Terms(md), "terms", 15)  # after fenced code, which is put aside at 25
        md.inlinePatterns.register(SourceLink(SOURCE, md), "source", 75)  # after code spans, at 190


@event_priority(100)  # before mkdocstrings takes over the extensions
def on_config(config: MkDocsConfig) -> None:
    config.markdown_extensions.append(Sentences())
