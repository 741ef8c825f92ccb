"""The table of a run as it is shown on a terminal, on a page and in a paper: texts in rows, an arm each."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from ..scenario.scenario import Scenario
from ..units import byte_unit
from .summary import told_count

_MEASURES = {
    "time_s": ("time\n[s]", "{:.4g}", 1),
    "gradient_steps": ("gradient\nsteps", "{:,.0f}", 1),
    "bytes_sent": ("sent\n[MB]", "{:,.1f}", 1e-6),
    "train_loss": ("train\nloss", "{:.3f}", 1),
    "test_loss": ("test\nloss", "{:.3f}", 1),
    "test_accuracy": ("accur.\n[%]", "{:.1f}", 100),
    "consensus_distance": ("consens.\ndistance", "{:.3g}", 1),
}

_CLOCK_MEASURES = {
    **{name: _MEASURES[name] for name in ("time_s", "gradient_steps", "bytes_sent")},
    "steps_per_s": ("steps\nper s", "{:,.1f}", 1),
    "idle_share": ("idle\n[%]", "{:.1f}", 100),
}
"""Where nothing is learned."""


class ShownTable(NamedTuple):
    """`headings` are those of the columns after the arm's; `rows` hold the label of an arm and its cells. Line breaks
    stand where a text has two parts: a quantity and its unit, a mean and its standard error."""

    caption: str
    headings: list[str]
    rows: list[tuple[str, list[str]]]


def shown_table(summary: pd.DataFrame, scenario: Scenario) -> ShownTable:
    """Return the arms side by side, mean ± standard error over seeds.

    Args:
        summary: What `gossim.analysis.summary.summarise` makes of the run.
        scenario: That of the run.
    """
    with_error = " ± standard error" if (summary["seeds"] > 1).any() else ""
    caption = f"at the end; mean{with_error} over the seeds that finished, of {told_count(summary['seeds'])}"
    learned = summary["consensus_distance"].notna().any()
    measures = _MEASURES if learned else _CLOCK_MEASURES
    measures = {**measures, **{name: (name.replace("_", "\n", 1), "{:.4g}", 1) for name in scenario.metric_columns}}
    measures = {name: measures[name] for name in summary if name in measures and summary[name].notna().any()}
    if "bytes_sent" in measures:
        unit, scale = byte_unit(summary["bytes_sent"].max())
        measures["bytes_sent"] = (f"sent\n[{unit}]", "{:,.1f}", scale)
    headings = [heading for heading, _, _ in measures.values()]
    to_target = scenario.target is not None and learned
    if scenario.target and to_target:
        goal = next((name, value) for name, value in scenario.target.model_dump().items() if value is not None)
        headings.append(f"seconds\nto {goal[0].replace('_', chr(10))} {goal[1]:g}")
    rows = []
    for arm, row in summary.iterrows():
        cells = [_cell(row, name, form, scale) for name, (_, form, scale) in measures.items()]
        rows.append((_label(str(arm), row), [*cells, _target_cell(row)] if to_target else cells))
    return ShownTable(caption, headings, rows)


def _label(arm: str, row: Any) -> str:
    """Return the name of an arm, and how many of its seeds did not end well."""
    unfinished = f"\n{row['finished']:.0f} of {row['seeds']:.0f} seeds" if row["finished"] < row["seeds"] else ""
    diverged = f"\n{row['diverged']:.0f} diverged" if row["diverged"] else ""
    return f"{arm}{unfinished}{diverged}"


def _cell(row: Any, name: str, form: str, scale: float) -> str:
    mean, error = row[name] * scale, row[f"{name}_se"] * scale
    if mean != mean:
        return "–"
    return form.format(mean) + (f"\n±{form.format(error)}" if error == error else "")


def _target_cell(row: Any) -> str:
    if row["reached"] < row["seeds"]:
        return f"{row['reached']:.0f} of {row['seeds']:.0f}\nreached it" if row["reached"] else "not\nreached"
    return _cell(row, "time_to_target_s", "{:.1f}", 1)
