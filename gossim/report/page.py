"""The report as one HTML page, which needs nothing but itself."""

from __future__ import annotations

import html
from importlib.resources import files
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from ..analysis.sentences import sentences
from ..analysis.shown_table import ShownTable, shown_table
from ..analysis.summary import summarise
from ..errors import InputError
from ..files.atomic import whole
from ..tables.run_data import RunData
from .curves import Chart, arm_lines, beside, charts
from .film import film, written

LARGEST_PAGE = 8_000_000
"""Bytes."""


def write_report(results: RunData, path: Path) -> None:
    """Write the report of a run to `path`.

    Raises:
        InputError: Where nothing was recorded, or the file cannot be written.
    """
    text = page(results)
    try:
        with whole(path) as draft:
            draft.write_text(text, encoding="utf-8", errors="strict")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None


def page(results: RunData) -> str:
    """Return the report of a run as HTML. Every name in it is escaped, and nothing is fetched. Raises InputError."""
    if results.probes.empty:
        raise InputError("the run was stopped before it recorded anything: there is nothing to report")
    moving = film(results)
    still, aside = charts(results), beside(results, moving["end_s"]) if moving else []
    shown = [chart.data() for chart in [*aside, *still]]
    name = results.scenario.title or ", ".join(results.scenario.arms)
    parts = {
        "title": html.escape(name),
        "about": html.escape(_about(results)),
        "table": _table(shown_table(summarise(results), results.scenario)),
        "sentences": "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences(results)),
        "film": _own("film.html") if moving else "",
        "beside": _boxes(aside),
        "charts": _boxes(still),
        "data": written({"film": moving, "charts": shown, "arms": arm_lines(results)}),
        "style": _own("page.css"),
        "plotly": get_plotlyjs().replace("</script", "<\\/script"),
        "script": _own("charts.js") + _own("film.js"),
        "scenario": html.escape(results.scenario.to_yaml()),
    }
    parts["film"] = Template(parts["film"]).substitute(beside=parts.pop("beside"))
    return Template(_own("page.html")).substitute(parts)


def _own(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _about(results: RunData) -> str:
    """Say in one line where the numbers come from."""
    manifest, seeds = results.manifest, results.scenario.seeds
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    version = manifest.get("versions", {}).get("gossim", "")
    status = manifest.get("status", "")
    ended = "" if status == "complete" else f" The run is {status}: what was recorded until then is shown."
    return f"gossim {version}, {which}, device {manifest.get('device', 'none')}.{ended}"


def _table(table: ShownTable) -> str:
    heads = "".join(f'<th scope="col">{_lines(heading)}</th>' for heading in ["arm", *table.headings])
    rows = "".join(
        f'<tr><th scope="row">{_lines(label)}</th>{"".join(f"<td>{_lines(cell)}</td>" for cell in cells)}</tr>'
        for label, cells in table.rows
    )
    caption = html.escape(table.caption)
    return f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _boxes(charts: list[Chart]) -> str:
    """Return a place for each chart, with its heading."""
    return "".join(
        f'<figure class="chart"><figcaption id="{chart.key}-name">{html.escape(chart.heading)}</figcaption>'
        f'<div id="{chart.key}" class="plot" role="group" aria-labelledby="{chart.key}-name"></div>'
        f'<p class="note">{html.escape(chart.note)}</p></figure>'
        for chart in charts
    )
