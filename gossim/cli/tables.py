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

if TYPE_CHECKING:
    from ..analysis.gradient_weights import GradientWeights
    from ..results import Results, ResultsSideBySide


def comparison(results: Results | ResultsSideBySide) -> Table:
    """Return the arms side by side, mean ± standard error over seeds."""
    from ..analysis.shown_table import shown_table

    title = escape(printable(results.scenario.title)) or None
    caption, headings, rows = shown_table(results.summary(), results.scenario)
    look: dict[str, Any] = {"box": box.HORIZONTALS, "padding": (0, 1, 0, 0), "pad_edge": False, "show_lines": True}
    shown = Table(title=title, caption=caption, **look)
    shown.add_column("arm", no_wrap=True)
    for heading in headings:
        shown.add_column(escape(heading), justify="right", no_wrap=True)
    for label, cells in rows:
        shown.add_row(escape(printable(label)), *cells)
    return shown


def weights_table(found: Mapping[str, GradientWeights]) -> Table:
    """Return the gradients of each arm, how many were used, and the sums of their weights for each τ."""
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
    """Return where the wall time of a run went, all arms and seeds together: seconds, and shares of their sum."""
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
