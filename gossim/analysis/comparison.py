"""Two arms at a time, seed by seed: how far apart they are, with an interval, and a sentence that says so.

Arms with the same seed saw the same random numbers, so that what differs within a seed is the algorithm's. With d_k the
difference in seed k (of logarithms, for the time to the target), the estimate is mean(d) and the 95% interval

    mean(d) +- t_{0.975, n-1} sd(d) / sqrt(n),

Student's for paired samples; a ratio's are the exponentials of these, and its estimate a geometric mean. Each interval
stands for itself: of twenty, one is expected to miss.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..tables.run_data import RunData
from .summary import TIME_TO_TARGET, per_seed

CONFIDENCE = 0.95

FINAL_MEASURES = ("train_loss", "test_loss", "test_accuracy")

COLUMNS = {
    "first": "str",
    "second": "str",
    "measure": "str",
    "kind": "str",
    "seeds": "int64",
    "pairs": "int64",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "first_reached": "Int64",
    "second_reached": "Int64",
    "at_least": "float64",
    "at_most": "float64",
}


def interval(differences: ArrayLike) -> tuple[float, float, float]:
    """Return the mean of differences between paired runs and its 95% confidence interval.

    The interval is NaN if there is only one difference, or if all are equal: they then say nothing about their
    spread.

    Returns:
        The mean, the lower end and the upper end.
    """
    values = np.asarray(differences, dtype=float)
    if not values.size:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if values.size == 1 or not values.std() > 1e-12 * abs(mean):
        return mean, math.nan, math.nan
    from scipy.special import stdtrit  # slow to import, and not needed for a single seed

    error = values.std(ddof=1) / math.sqrt(values.size)
    low, high = (mean + error * float(stdtrit(values.size - 1, (1 + side * CONFIDENCE) / 2)) for side in (-1, 1))
    return mean, float(low), float(high)


def ended_runs(results: RunData) -> pd.DataFrame:
    """Return `per_seed` of every run that came to its end, with its `status`. The measures of a run that broke are
    missing.
    """
    entries = pd.DataFrame(results.manifest["runs"], columns=["arm", "seed", "status"])
    entries = entries[entries["status"].isin(["complete", "diverged", "failed"])]
    runs = entries.merge(per_seed(results), on=["arm", "seed"], how="left")
    runs.loc[runs["status"] != "complete", runs.columns[3:]] = math.nan
    return runs


def compare(results: RunData) -> pd.DataFrame:
    """Compare every two arms, from runs with the same seed.

    A ratio is given only if both arms met the target in all these seeds: the runs that did not would have the
    longest times. If one arm always met it and the other, measured to its end, never did, `at_least` or `at_most`
    bounds the ratio in every seed.

    Returns:
        One row for each pair of arms, in the scenario's order, and measure. `kind` is `difference` (first − second
        at the end of the run) or `ratio` (second / first time to the target: how many times sooner the first
        arrives). `seeds`: in how many both runs ended. `pairs`: how many of these the estimate uses. `estimate`,
        `low`, `high`: the estimate and its 95% interval. `first_reached`, `second_reached`: in how many seeds the
        target was met.
    """
    runs = ended_runs(results)
    rows: list[dict[str, Any]] = []
    for first, second in itertools.combinations(results.scenario.arms, 2):
        both = runs[runs["arm"] == first].merge(runs[runs["arm"] == second], on="seed", suffixes=("_1", "_2"))
        label = {"first": first, "second": second, "seeds": len(both)}
        for measure in (*FINAL_MEASURES, *results.scenario.metric_columns):
            differences = (both[f"{measure}_1"] - both[f"{measure}_2"]).astype(float).dropna()
            if runs.loc[runs["arm"].isin([first, second]), measure].notna().any():
                estimate = dict(zip(("estimate", "low", "high"), interval(differences), strict=True))
                rows.append({**label, "measure": measure, "kind": "difference", "pairs": len(differences), **estimate})
        if TIME_TO_TARGET in runs and not both.empty:
            target = results.scenario.target
            assert target is not None
            rows.append({**label, "measure": TIME_TO_TARGET, "kind": "ratio", **_time_ratio(both, target.measure)})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _time_ratio(both: pd.DataFrame, goal: str) -> dict[str, Any]:
    first_s, second_s = both[f"{TIME_TO_TARGET}_1"], both[f"{TIME_TO_TARGET}_2"]
    reached = {"first_reached": first_s.notna().sum(), "second_reached": second_s.notna().sum()}
    found = {"pairs": 0, "estimate": math.nan, "low": math.nan, "high": math.nan, **reached}
    if (first_s == 0).any() or (second_s == 0).any():
        return found  # met before anything was learned
    # Only what was measured to the end has not met its target.
    whole = both[[f"{goal}_1", f"{goal}_2"]].notna().all(axis=None)
    if first_s.notna().all() and second_s.notna().all():
        log_ratio = np.log(second_s / first_s)
        estimate = np.exp(interval(log_ratio))
        found |= {"pairs": len(log_ratio), **dict(zip(("estimate", "low", "high"), estimate, strict=True))}
    elif whole and first_s.notna().all() and second_s.isna().all():
        found["at_least"] = (both["time_s_2"] / first_s).min()
    elif whole and second_s.notna().all() and first_s.isna().all():
        found["at_most"] = (second_s / both["time_s_1"]).max()
    return found
