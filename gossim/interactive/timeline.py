"""The first steps of every worker, as a plotly figure: one panel for each arm."""

from __future__ import annotations

import html

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..plots.style import SHOWN_WORKERS, of_first_seed
from ..plots.timeline import ACTIVITIES, MESSAGE, shown_end_s, shown_workers
from ..tables.run_data import RunData

LANES = {**{name: (colour, 0.62, -0.4) for name, colour in ACTIVITIES.items()}, "message": (MESSAGE, 0.2, 0.25)}
"""The colour of what a worker does, the height of its bars, and how far below the worker's middle they begin."""

ROW_PIXELS, HEAD_PIXELS = 18, 80


def timeline(results: RunData) -> go.Figure | None:
    """Draw what each worker does in the first few steps of the slowest, up to 16 workers of each arm."""
    arms = [arm for arm in results.scenario.arms if (results.timeline["arm"] == arm).any()]
    if not arms:
        return None
    rows = [min(results.scenario.arms[arm].workers, SHOWN_WORKERS) + 1 for arm in arms]
    figure = make_subplots(
        rows=len(arms),
        cols=1,
        shared_xaxes=True,
        row_heights=rows,
        vertical_spacing=min(0.08, 0.5 / len(arms)),
        subplot_titles=[html.escape(arm, quote=False) for arm in arms],
    )
    end_s = shown_end_s(results)
    seen: set[str] = set()
    for place, arm in enumerate(arms, 1):
        _panel(results, figure, place, arm, end_s, seen)
    figure.update_xaxes(range=[0, end_s])
    figure.update_xaxes(title="simulated time [s]", row=len(arms), col=1)
    figure.update_layout(
        template="none", barmode="overlay", height=ROW_PIXELS * sum(rows) + HEAD_PIXELS + 45 * len(arms)
    )
    return figure


def _panel(results: RunData, figure: go.Figure, place: int, arm: str, end_s: float, seen: set[str]) -> None:
    """Draw the bars of one arm. `seen`: the activities that the legend has already."""
    own = of_first_seed(results, "timeline", arm)
    workers = shown_workers(own, results.scenario.arms[arm].workers)
    own = own[own["worker"].isin(workers) & (own["start_s"] < end_s)]
    rows = {worker: row for row, worker in enumerate(workers)}
    for activity, (colour, height, below) in LANES.items():
        bars = own[own["activity"] == activity]
        if bars.empty:
            continue
        figure.add_bar(
            orientation="h",
            base=bars["start_s"].to_numpy(),
            x=(bars["end_s"] - bars["start_s"]).to_numpy(),
            y=bars["worker"].map(rows).to_numpy() + below,
            width=height,
            offset=0,
            marker={"color": colour, "line": {"width": 0.5, "color": "white"}},
            name="message under way" if activity == "message" else activity,
            legendgroup=activity,
            showlegend=activity not in seen,
            hovertemplate="%{base:.4g} s + %{x:.4g} s",
            row=place,
            col=1,
        )
        seen.add(activity)
    ticks = {"tickmode": "array", "tickvals": list(rows.values()), "ticktext": [str(worker) for worker in rows]}
    figure.update_yaxes(title="worker", range=[len(rows) - 0.4, -0.6], **ticks, row=place, col=1)
