"""The tables that the terminal shows of a run: its arms, whose data weighs what, where the wall time went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from ..errors import printable
from ..profiling import SHARES
from ..units import byte_unit

if TYPE_CHECKING:
    from ..analysis.gradient_weights import GradientWeights
    from ..results import Results, ResultsSideBySide


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


def comparison(results: Results | ResultsSideBySide) -> Table:
    """The arms side by side, mean ± standard error over seeds."""
    from ..analysis.summary import told_count

    summary = results.summary()
    scenario = results.scenario
    with_error = " ± standard error" if (summary["seeds"] > 1).any() else ""
    shown = Table(
        title=escape(printable(scenario.title)) or None,
        caption=f"at the end; mean{with_error} over the seeds that finished, of {told_count(summary['seeds'])}",
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_lines=True,
    )
    shown.add_column("arm", no_wrap=True)
    learned = summary["consensus_distance"].notna().any()
    measures = _MEASURES if learned else _CLOCK_MEASURES
    measures = {**measures, **{name: (name.replace("_", "\n", 1), "{:.4g}", 1) for name in scenario.metric_columns}}
    measures = {name: measures[name] for name in summary if name in measures and summary[name].notna().any()}
    if "bytes_sent" in measures:
        unit, scale = byte_unit(summary["bytes_sent"].max())
        measures["bytes_sent"] = (f"sent\n[{unit}]", "{:,.1f}", scale)
    for heading, _, _ in measures.values():
        shown.add_column(escape(heading), justify="right", no_wrap=True)
    if scenario.target and learned:
        goal = next((name, value) for name, value in scenario.target.model_dump().items() if value is not None)
        shown.add_column(f"seconds\nto {goal[0].replace('_', chr(10))} {goal[1]:g}", justify="right", no_wrap=True)
    for arm, row in summary.iterrows():
        cells = [_cell(row, name, form, scale) for name, (_, form, scale) in measures.items()]
        if scenario.target and learned:
            cells.append(_target_cell(row))
        label = escape(printable(str(arm)))
        if row["finished"] < row["seeds"]:
            label += f"\n{row['finished']:.0f} of {row['seeds']:.0f} seeds"
        if row["diverged"]:
            label += f"\n{row['diverged']:.0f} diverged"
        shown.add_row(label, *cells)
    return shown


def weights_table(found: Mapping[str, GradientWeights]) -> Table:
    """Of each arm: its gradients, how many were used, and what their weights add up to for each τ."""
    shown = Table(box=box.HORIZONTALS, pad_edge=False)
    shown.add_column("arm", no_wrap=True)
    for heading in ("gradients", "used", "weight\nof x⁰", "Σ_m a_m\nfirst τ", "mean\nover τ", "smallest", "largest"):
        shown.add_column(heading, justify="right")
    for arm, (gradients, sums, initial) in found.items():
        used = gradients[gradients["used_s"].notna()].groupby("worker")["step"].max()
        last = used.reindex(gradients["worker"].unique()).min(skipna=False)  # of a worker of which nothing was: NaN
        of_all = sums.loc[sums["step"] <= last, "a_sum"]
        numbers = [sums["a_sum"].iloc[0], of_all.mean(), of_all.min(), of_all.max()]
        counts = [f"{len(gradients):,}", f"{gradients['used_s'].count():,}"]
        shown.add_row(escape(printable(arm)), *counts, *("–" if n != n else f"{n:.4g}" for n in (initial, *numbers)))
    shown.caption = "Mean, smallest and largest over those τ that every worker has come to."
    return shown


def wall_time(seconds: Mapping[str, float]) -> Table:
    """Where the wall time of a run went, all arms and seeds together: seconds, and shares of their sum."""
    total_s = sum(seconds.values())
    shown = Table(title="where the wall time went", box=box.HORIZONTALS, pad_edge=False, show_footer=True)
    shown.add_column("share", "all", no_wrap=True)
    shown.add_column(escape("[s]"), f"{total_s:,.2f}", justify="right", no_wrap=True)
    shown.add_column(escape("[%]"), "100.0", justify="right", no_wrap=True)
    shown.add_column("which is", no_wrap=True)
    for name, share_s in seconds.items():
        shown.add_row(name, f"{share_s:,.2f}", f"{100 * share_s / total_s:.1f}", SHARES[name])
    return shown


def show(console: Console, shown: Table) -> None:
    """Print a table in full: on a narrow terminal its lines may break, but no digit is cut off."""
    options = console.options.update(width=500, max_width=500)
    natural = Measurement.get(console, options, shown).maximum
    if natural > console.width:
        console = Console(file=console.file, width=natural, quiet=console.quiet, emoji=False)
    console.print(shown)


def _cell(row: Any, name: str, form: str, scale: float) -> str:
    mean, error = row[name] * scale, row[f"{name}_se"] * scale
    if mean != mean:
        return "–"
    return form.format(mean) + (f"\n±{form.format(error)}" if error == error else "")


def _target_cell(row: Any) -> str:
    if row["reached"] < row["seeds"]:
        return f"{row['reached']:.0f} of {row['seeds']:.0f}\nreached it" if row["reached"] else "not\nreached"
    return _cell(row, "time_to_target_s", "{:.1f}", 1)
