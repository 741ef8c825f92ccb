"""How many times sooner the first arm of a sweep met the target than each other arm; at 1 they are equal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from ..summary import TIME_TO_TARGET
from .style import title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..sweeping import SweepResults


def speedups(results: SweepResults) -> pd.DataFrame:
    """A row for each point, arm but the first, and seed in which both met the target: the keys' values, `arm`, `seed`,
    `speedup`: that arm's time over the first arm's. A point at which any seed of either arm did not arrive is left out,
    for those that are missing have the longest times."""
    keys, (first, *others) = list(results.sweep.keys), results.scenario.arms
    columns = [*keys, "arm", "seed", "speedup"]
    if TIME_TO_TARGET not in results.table:
        return pd.DataFrame(columns=columns)
    times = results.table.pivot_table(
        index=[*keys, "seed"], columns="arm", values=TIME_TO_TARGET, dropna=False, observed=True, sort=False
    ).reindex(columns=[first, *others])
    ratios = times[others].div(times[first].where(times[first] > 0), axis=0)
    long = ratios.melt(var_name="arm", value_name="speedup", ignore_index=False).reset_index().dropna(subset="speedup")
    whole = long.groupby([*keys, "arm"])["speedup"].transform("count") == results.scenario.repeats
    return long.loc[whole, columns].reset_index(drop=True)


def draw_speedup(results: SweepResults, key: str, other: str | None) -> Figure | None:
    """`speedups` against `key`, a line for each value of `other`, a panel for each arm but the first: geometric means
    over seeds, and bars from the lowest to the highest."""
    found = speedups(results)
    arms = [arm for arm in results.scenario.arms if arm in set(found["arm"])]
    if not arms:
        return None
    figure = Figure(figsize=(12, 6.75) if len(arms) == 1 else (6.4 * len(arms) + 2, 6.75))
    for axes, arm in zip(figure.subplots(1, len(arms), squeeze=False, sharey=True)[0], arms, strict=True):
        _panel(found[found["arm"] == arm], axes, key, other, last=arm == arms[-1])
        axes.set(title=f"{next(iter(results.scenario.arms))} against {arm}", xlabel="", ylabel="")
    seeds = f"   (bars: lowest to highest of {results.scenario.repeats} seeds)" if results.scenario.repeats > 1 else ""
    figure.supxlabel(key + seeds, fontsize="medium")
    figure.supylabel("times sooner at the target (below 1: later)", fontsize="medium")
    figure.suptitle(title(results))
    return figure


def _panel(found: pd.DataFrame, axes: Axes, key: str, other: str | None, last: bool) -> None:
    sns.lineplot(
        found,
        x=key,
        y="speedup",
        hue=found[other].map(str) if other else None,
        palette="viridis_r" if other else None,
        style=found[other].map(str) if other else None,
        markers=True if other else ["o"],
        dashes=False,
        estimator=_geometric_mean,
        errorbar=("pi", 100),
        err_style="bars",
        markersize=10,
        linewidth=3,
        legend=last and other is not None,
        ax=axes,
    )
    axes.axhline(1, color="0.3", linestyle=":", linewidth=2.5)
    axes.set(yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else ""))
    values = np.unique(found[key].to_numpy(dtype=float))
    if values.min() > 0 and values.max() >= 10 * values.min():
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if len(values) <= 8:
        axes.xaxis.set_major_locator(FixedLocator(list(values)))
    if last and other:
        axes.legend(title=other.rpartition(".")[2], loc="center left", bbox_to_anchor=(1.0, 0.5))


def _geometric_mean(values: Any) -> float:
    return math.exp(np.log(values).mean())
