"""The curves of a run as plotly figures: the mean over seeds, in a band from the lowest to the highest."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..plots.lines import by_steps, by_time
from ..plots.losses import shown_loss
from ..plots.style import arm_colours
from ..tables.run_data import RunData
from ..units import byte_unit

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

MOST_POINTS = 24_000
"""Of all curves together; each has at most MOST_EACH, evenly taken."""

MOST_EACH = 400

FEW_MARKS = 4
"""A logarithmic axis that spans more has marks at 1, 2 and 5 alone."""

CURVES = 7
"""At most on a page, for each arm."""


class Chart(NamedTuple):
    """One chart. `note`: what the curves do not show. `has_cursor`: whether a line across it shows the animation's
    time.
    """

    key: str
    heading: str
    figure: go.Figure
    note: str = ""
    has_cursor: bool = False

    def data(self) -> dict[str, Any]:
        """Return the chart's data as the script of the page takes them."""
        return {"key": self.key, "cursor": self.has_cursor, "figure": json.loads(self.figure.to_json())}


def charts(results: RunData) -> list[Chart]:
    """Return the curves of a run over all of its time, steps and bytes."""
    return [chart for chart in _charts(results) if chart is not None]


def beside(results: RunData, end_s: float) -> list[Chart]:
    """Return the curves beside an animation that ends at `end_s`: loss, consensus distance, weight in flight."""
    measure = shown_loss(results)
    made = [
        _by_time(results, measure, "Loss"),
        _by_time(results, "consensus_distance", "Consensus distance"),
        None if measure else _by_time(results, "alpha_in_flight", "Weight α in flight"),
    ]
    found = [chart for chart in made if chart is not None]
    for chart in found:
        chart.figure.update_xaxes(range=[0, end_s], autorange=False)
    return [chart._replace(key=f"film_{chart.key}", has_cursor=True) for chart in found]


def over_time(results: RunData) -> list[Chart]:
    """Return the loss, the consensus distance and Σα by simulated time, those that the run has."""
    measure = shown_loss(results)
    made = [
        _by_time(results, measure, "Loss by simulated time"),
        _by_time(results, "consensus_distance", "Consensus distance by simulated time"),
        _by_time(results, "alpha_sum", "Σα, in flight included"),
    ]
    return [chart for chart in made if chart is not None]


def arm_lines(results: RunData) -> list[dict[str, str]]:
    """Return the name, colour and dashes of each arm's line, for the legend that all charts share."""
    return [{"name": arm, **_look(results, arm, place)} for place, arm in enumerate(results.scenario.arms)]


def _look(results: RunData, arm: str, place: int) -> dict[str, str]:
    red, green, blue = (round(255 * part) for part in arm_colours(results)[arm])
    return {"color": f"rgb({red},{green},{blue})", "dash": DASHES[place % len(DASHES)]}


def _charts(results: RunData) -> Iterator[Chart | None]:
    measure = shown_loss(results)
    yield _by_time(results, measure, "Loss by simulated time")
    yield _by_count(results, measure, "gradient_steps", "Loss by gradient steps")
    yield _by_count(results, measure, "bytes_sent", "Loss by bytes sent")
    for metric in [name for name in results.probes if name.startswith("test_") and name != measure]:
        yield _by_time(results, metric, f"{metric.replace('_', ' ').capitalize()} by simulated time")
    yield _by_time(results, "consensus_distance", "Consensus distance by simulated time")
    yield _by_time(results, "alpha_sum", "Σα, in flight included")
    yield _by_time(results, "alpha_in_flight", "Weight α in flight")


def _by_time(results: RunData, measure: str | None, heading: str) -> Chart | None:
    if measure is None:
        return None
    together = by_time(results, results.probes, measure)
    drawn = _figure(results, together, "time_s", measure)
    if drawn is None:
        return None
    figure, note = drawn
    figure.update_xaxes(title="simulated time [s]")
    return Chart(f"{measure}_by_time", heading, figure, note)


def _by_count(results: RunData, measure: str | None, count: str, heading: str) -> Chart | None:
    if measure is None:
        return None
    moved = results.probes.groupby("arm")[count].max() > 0
    together = by_steps(results, results.probes[results.probes["arm"].map(moved)], measure, count)
    title = "gradient steps of all workers together"
    if count == "bytes_sent" and not together.empty:
        unit, factor = byte_unit(float(together[count].max()))
        together = together.assign(**{count: together[count] * factor})
        title = f"sent by all workers together [{unit}]"
    drawn = _figure(results, together, count, measure)
    if drawn is None:
        return None
    figure, note = drawn
    figure.update_xaxes(title=title)
    silent = [arm for arm in results.scenario.arms if not moved.get(arm, True)]
    if silent:
        note = f"Without {count.replace('_', ' ')}: {', '.join(silent)}."
    return Chart(f"{measure}_by_{count}", heading, figure, note)


def _figure(results: RunData, together: pd.DataFrame, x: str, y: str) -> tuple[go.Figure, str] | None:
    """Draw a line per arm, and name those that cannot be drawn: arms that are 0 throughout have no place on a
    logarithmic axis.
    """
    if together.empty:
        return None
    spread = together.groupby(["arm", x])[y].agg(["mean", "min", "max"]).reset_index()
    log = y == "consensus_distance" or (y.endswith("_loss") and bool((spread["min"] > 0).all()))
    above = spread[spread["min"] > 0] if log else spread
    if above.empty:
        return None
    figure = go.Figure()
    for place, arm in enumerate(results.scenario.arms):
        own = above[above["arm"] == arm]
        if not own.empty:
            _line(results, figure, arm, place, own, x)
    figure.update_yaxes(title=y.replace("_", " "), type="log" if log else "linear")
    if log and above["max"].max() > FEW_MARKS * above["min"].min():
        figure.update_yaxes(dtick="D2", tickformat="~g")
    if y == "alpha_sum":
        figure.update_yaxes(rangemode="tozero")
    target = results.scenario.target
    if target is not None and target.measure == y:
        label = {"text": f"target {target.goal:g}", "textposition": "start", "yanchor": "bottom"}
        figure.add_hline(y=target.goal, line={"dash": "dot", "width": 2, "color": "#888888"}, label=label)
    figure.update_layout(template="none", hovermode="x unified", showlegend=False)
    flat = [arm for arm in results.scenario.arms if arm in set(spread["arm"]) - set(above["arm"])]
    return figure, f"Exactly 0 throughout: {', '.join(flat)}." if flat else ""


def _line(results: RunData, figure: go.Figure, arm: str, place: int, own: pd.DataFrame, x: str) -> None:
    """Return the mean of an arm, and its band if there are several seeds."""
    own, look = _thinned(own, len(results.scenario.arms)), _look(results, arm, place)
    shared = {"meta": place, "mode": "lines", "x": own[x].to_numpy()}
    if (own["min"] < own["max"]).any():
        edge = shared | {"line": {"width": 0}, "hoverinfo": "skip"}
        shade = look["color"].replace("rgb", "rgba").replace(")", ",0.18)")
        figure.add_scatter(**edge, y=own["min"].to_numpy())
        figure.add_scatter(**edge, y=own["max"].to_numpy(), fill="tonexty", fillcolor=shade)
    # plotly reads a few tags and entities in its texts; a name is a name.
    name, form = html.escape(arm, quote=False), "%{y:.4g}"
    figure.add_scatter(**shared, y=own["mean"].to_numpy(), name=name, line=look | {"width": 2.5}, hovertemplate=form)


def _thinned(own: pd.DataFrame, arms: int) -> pd.DataFrame:
    """Return the first row, the last, and evenly spaced rows between them, as many as the chart has room for."""
    most = max(20, min(MOST_EACH, MOST_POINTS // (3 * CURVES * arms)))
    if len(own) <= most:
        return own
    return own.iloc[np.unique(np.linspace(0, len(own) - 1, most).round().astype(int))]
