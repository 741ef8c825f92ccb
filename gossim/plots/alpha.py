"""Who holds the weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import seaborn as sns

from ..cluster.stragglers import Persistent
from ..tables.run_data import RunData
from .fitting import fit
from .legends import entries_of
from .names import as_text
from .style import (
    SHOWN_WORKERS,
    lowest,
    of_first_seed,
    panels,
    points,
    title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def alpha(results: RunData) -> Figure | None:
    """Draw who holds the weight α in the first seed: a band per worker, one for messages, their sum, and what is lost
    on top.
    """
    arms = [arm for arm in results.scenario.arms if of_first_seed(results, "probes", arm)["alpha_sum"].notna().any()]
    if not arms:
        return None
    figure, grid = panels(len(arms), width=11, height=4.2)
    for axes, arm in zip(grid, arms, strict=True):
        probes = of_first_seed(results, "probes", arm)
        held = _held(results, arm)
        bands = [*held.to_numpy().T, probes["alpha_in_flight"].to_numpy(), probes["alpha_lost"].to_numpy()]
        axes.stackplot(
            held.index,
            bands,
            colors=[*_band_colours(results, arm, list(held.columns)), "#f2b701", "#d9d9d9"],
            labels=[*(_band_name(results, arm, column) for column in held.columns), "in flight", "lost"],
            linewidth=points(0.4),
            edgecolor="white",
            step="post",
        )
        axes.plot(probes["time_s"], probes["alpha_sum"], color="black", linewidth=points(3), label=r"$\Sigma\alpha$")
        axes.set(title=as_text(arm), xlabel="", ylabel=r"weight $\alpha$", ylim=(0, 1.1))
        if probes["time_s"].max() > 0:
            axes.set_xlim(0, probes["time_s"].max())
    figure.suptitle(title(results))
    for axes in lowest(grid):
        axes.set_xlabel("simulated time [s]")
    named = entries_of(sorted(grid, key=lambda axes: -len(axes.collections)))  # the arm with most bands names them
    return fit(figure, dict(reversed(named.items())))


def _held(results: RunData, arm: str) -> pd.DataFrame:
    """The weight that each worker holds, a row a probe of the first seed; that of all together where there are many."""
    if results.scenario.arms[arm].workers <= SHOWN_WORKERS:
        own = of_first_seed(results, "workers", arm, ["time_s", "worker", "alpha"])
        return own.pivot(index="time_s", columns="worker", values="alpha")
    pieces = results.pieces_of_run("workers", arm, results.scenario.seed, ["time_s", "alpha"])
    summed = pd.concat([piece.groupby("time_s")["alpha"].sum() for piece in pieces])
    return summed.groupby(level="time_s").sum().to_frame("all workers")


def _slow(results: RunData, arm: str) -> set[int]:
    """Return the workers that the scenario makes slower than the others."""
    rules = [rule for rule in results.scenario.arms[arm].compute.stragglers if isinstance(rule, Persistent)]
    return {worker for rule in rules if rule.factor > 1 for worker in rule.workers or ()}


def _band_colours(results: RunData, arm: str, columns: list[int | str]) -> list[tuple[float, float, float]]:
    """Return shades of one colour for usual workers and shades of another for slow ones."""
    slow = _slow(results, arm)
    usual, marked = sns.color_palette("Blues", len(columns) + 2)[1:], sns.color_palette("Reds", len(columns) + 2)[2:]
    return [marked[n] if column in slow else usual[n] for n, column in enumerate(columns)]


def _band_name(results: RunData, arm: str, column: int | str) -> str:
    if isinstance(column, str):
        return column
    return f"worker {column} (slow)" if column in _slow(results, arm) else f"worker {column}"
