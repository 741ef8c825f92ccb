"""The arms side by side: what each had reached in the end, mean and standard error over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ..scenario.scenario import Scenario
from ..settings import Target
from ..tables.run_data import RunData

FINAL = (
    "time_s",
    "gradient_steps",
    "bytes_sent",
    "train_loss",
    "test_loss",
    "test_accuracy",
    "consensus_distance",
)
"""What the last probe of each arm and seed says."""


def final_columns(scenario: Scenario) -> list[str]:
    """Return FINAL, with the metrics of the scenario after the accuracy."""
    place = FINAL.index("test_accuracy") + 1
    return [*FINAL[:place], *scenario.metric_columns, *FINAL[place:]]


TIME_TO_TARGET = "time_to_target_s"


def told_count(counts: pd.Series) -> str:
    """Format counts that may differ: `3`, or `2 to 3`."""
    least, most = int(counts.min()), int(counts.max())
    return f"{most}" if least == most else f"{least} to {most}"


def time_to_target(probes: pd.DataFrame, target: Target, higher: bool) -> float:
    """Return the simulated time of the first probe of a run that meets the target, in seconds; NaN if none does.

    Args:
        probes: Those of one arm with one seed.
        target: The goal.
        higher: Whether more of what it measures is better.
    """
    measured = probes[target.measure]
    met = measured >= target.goal if higher else measured <= target.goal
    return float(probes.loc[met, "time_s"].min()) if met.any() else math.nan


def is_higher_better(scenario: Scenario, measure: str) -> bool:
    """Return whether more of a measure is better. If no arm measures anything, as when only the clock runs, that is so
    for accuracy alone.
    """
    known = scenario.measured.get(measure)
    return known.better == "higher" if known else measure == "test_accuracy"


def _idle_share(results: RunData) -> pd.Series:
    """Return the share of the workers' time that was not spent computing, by arm and seed."""
    keys, spent = ["arm", "seed", "worker"], ["busy_s", "waiting_s"]
    last: pd.DataFrame | None = None
    for piece in results.pieces("workers", [*keys, *spent]):
        own = piece.groupby(keys)[spent].last()
        last = own if last is None else pd.concat([last, own]).groupby(level=keys).last()
    assert last is not None
    total = last.groupby(["arm", "seed"]).sum()
    return total["waiting_s"] / (total["busy_s"] + total["waiting_s"])


def staleness(exchanges: pd.DataFrame, by: Sequence[str] = ("arm", "seed", "receiver")) -> pd.DataFrame:
    """Compute how stale merged messages were.

    Args:
        exchanges: The table `exchanges` of a run.
        by: The columns to group by. Receivers that are counted together are one.

    Returns:
        For each group the number of `merged` messages, and the means over them, `staleness_steps` and `staleness_s`.
    """
    ages = ["staleness_steps", "staleness_s"]
    merged = exchanges[exchanges["merged"] > 0]
    summed = merged.assign(**{age: merged[age] * merged["merged"] for age in ages})
    together = summed.groupby(list(by), sort=False, dropna=False)[["merged", *ages]].sum()
    return together.assign(**{age: together[age] / together["merged"] for age in ages})


def per_seed(results: RunData) -> pd.DataFrame:
    """Return one row for each arm and seed, in the order of the scenario.

    Columns are `arm`, `seed`, the FINAL columns, gradient steps per simulated second, the share of time that workers
    did not compute and, with a target, `time_to_target_s`.
    """
    target, final = results.scenario.target, final_columns(results.scenario)
    higher = target is not None and is_higher_better(results.scenario, target.measure)
    rows, idle = [], _idle_share(results)
    for (arm, seed), probes in results.probes.groupby(["arm", "seed"], sort=False):
        last = probes.iloc[-1]
        row = {"arm": arm, "seed": seed, **{name: last[name] for name in final}}
        row["steps_per_s"] = last["gradient_steps"] / last["time_s"] if last["time_s"] else math.nan
        row["idle_share"] = idle[arm, seed]
        if target is not None:
            row[TIME_TO_TARGET] = time_to_target(probes, target, higher)
        rows.append(row)
    columns = ["arm", "seed", *final, "steps_per_s", "idle_share", *([TIME_TO_TARGET] if target else [])]
    frame = pd.DataFrame(rows, columns=columns)
    order = {name: position for position, name in enumerate(results.scenario.arms)}
    return frame.sort_values(["arm", "seed"], key=lambda c: c.map(order) if c.name == "arm" else c, ignore_index=True)


def summarise(results: RunData) -> pd.DataFrame:
    """Return one row for each arm, indexed by its name.

    `seeds` is the number of seeds to run, `finished` and `diverged` how many did so. Each measure has its mean over
    the finished seeds and its standard error (`_se`, empty with one seed). The time to the target is empty unless
    every seed reached it, and `reached` says how many did: a mean over the seeds that did would flatter the arm.
    """
    runs, status = per_seed(results), pd.DataFrame(results.manifest["runs"], columns=["arm", "seed", "status"])
    finished = runs.merge(status[status["status"] == "complete"], on=["arm", "seed"])
    rows = []
    for arm in results.scenario.arms:
        own = finished[finished["arm"] == arm]
        diverged = ((status["arm"] == arm) & (status["status"] == "diverged")).sum()
        row = {"arm": arm, "seeds": results.scenario.repeats, "finished": len(own), "diverged": int(diverged)}
        for name in runs.columns[2:]:
            values = own[name].astype(float)
            if name == TIME_TO_TARGET:
                row["reached"] = int(values.notna().sum())
                values = values if row["reached"] == row["seeds"] else values.iloc[:0]
            row[name] = values.mean()
            row[f"{name}_se"] = values.sem()
        rows.append(row)
    return pd.DataFrame(rows).set_index("arm")
