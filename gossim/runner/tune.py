"""Choose each arm's values, such as its learning rate, on seeds of their own, and run the best on the scenario's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ..analysis.summary import TIME_TO_TARGET, per_seed
from ..errors import InputError, RunError, nearest
from ..files.atomic import whole
from ..results import Results
from ..scenario.cautions import log_warnings
from ..scenario.scenario import Scenario, load
from ..scenario.sweep import cells
from ..scenario.vary import Values, Variant, variant_of, variants, with_arms
from ..tables.run_directory import TRIALS, RunDirectory
from .drawing import are_drawn, draw
from .earlier import earlier
from .elsewhere import Elsewhere
from .experiment import Experiment
from .progress import Progress
from .ray_cluster import reached, refuse_unusable
from .run import errors_of

MOST_ROUNDS = 8
"""How often a grid is widened at the most; a rate beyond that is a sign of something else."""


@dataclass(frozen=True)
class Tuned:
    """What tuning chose.

    `results`: of the chosen arms, on the scenario's seeds. `trials`: one row for each arm, combination of values and
    trial seed: `arm`, the values by key, `seed`, `status`, the columns of `per_seed`, and whether it was `chosen`.
    `chosen`: the values of each arm that some key concerns. `warnings`: what to look at, one sentence each.
    """

    results: Results
    trials: pd.DataFrame
    chosen: Mapping[str, Mapping[str, Any]]
    warnings: Sequence[str]


def tune(
    scenario: Scenario | str | Path,
    over: Values,
    out: str | Path | None = None,
    *,
    seeds: int = 3,
    metric: str | None = None,
    widen: bool = False,
    force: bool = False,
    progress: Callable[[Scenario], AbstractContextManager[Progress]] | None = None,
    limits: bool = True,
    jobs: int = 1,
    quiet: bool = False,
    cluster: str | Elsewhere | None = None,
) -> Tuned:
    """Run every arm at each combination of values on trial seeds, and each arm's best on the scenario's seeds.

    Trial seeds follow the scenario's own, so that no arm is judged by the runs it was chosen by. Of values whose trials
    all end, the best mean counts. With the time to the target, values that reach it in more of the seeds come first. An
    arm that no key concerns runs once, on the scenario's seeds alone.

    Args:
        scenario: The scenario, or the path of its file.
        over: The values of each dotted key, `{"optimizer.learning_rate": [0.1, 0.3, 1.0]}`.
        out: The run directory. It holds the run of the chosen arms, `trials.parquet`, and the trials' own runs.
        seeds: How many trial seeds there are.
        metric: A column of the summary. By default the time to the target if there is one, else `train_loss`.
        widen: Whether to go on beyond the edge of the grid while the best lies on it.
        force: Whether to begin anew, whatever run is in `out`.
        progress: Gives, for each scenario that is run, what is called during its run.
        limits: Whether to refuse what needs more memory than this machine has, or more than some 10¹⁰ events.
        jobs: How many arms and seeds run side by side, in processes.
        quiet: Whether the scenario's warnings are not logged, because they have been shown.
        cluster: `auto` or the address of a Ray cluster on which arms and seeds run, in place of processes here.

    Raises:
        ScenarioError: Before anything runs, if the scenario or a value is invalid.
        InputError: Before anything runs, if the metric is not measured or `out` cannot be used; afterwards, if every
            trial of an arm diverged.
        RunError: If a run breaks down.
    """
    base = scenario if isinstance(scenario, Scenario) else load(scenario)
    if not quiet:
        log_warnings(base.warnings)
    refuse_unusable(cluster, jobs if jobs > 1 else None)
    search = _Search(base, over, seeds, metric)
    if out is not None:
        RunDirectory(Path(out)).refuse_unusable()

    def ran(settings: Scenario, folder: Path) -> Results:
        with nullcontext() if progress is None else progress(settings) as bar:
            return _recorded(Experiment(settings, limits=limits), RunDirectory(folder), force, bar, jobs, elsewhere)

    with (
        TemporaryDirectory(prefix="gossim-") if out is None else nullcontext(out) as home,
        reached(cluster) as elsewhere,
    ):
        trials, best = _tried(search, widen, lambda arms, name: ran(search.trial(arms), Path(home) / TRIALS / name))
        final = ran(search.final(best), Path(home))
    names = {each.name for each in best.values()}
    trials["chosen"] = trials.pop("name").isin(names)
    if out is not None:
        store = RunDirectory(Path(out))
        with whole(store.path / "trials.parquet") as draft:
            trials.to_parquet(draft, engine="pyarrow", index=False)
        if not are_drawn(final, store):
            with store.reserved():
                draw(final, store)
    if errors := errors_of(final):
        raise RunError(errors)
    chosen = {arm: variant.values for arm, variant in best.items()}
    return Tuned(final, trials, chosen, search.warnings(best, trials))


def _recorded(
    experiment: Experiment,
    store: RunDirectory,
    force: bool,
    bar: Progress | None,
    jobs: int,
    elsewhere: Elsewhere | None,
) -> Results:
    """Run it into `store`, or take what is there of the same run. Figures are not drawn. What diverged or broke is in
    the manifest."""
    with store.reserved():
        was = earlier(store, experiment.scenario, experiment.identity, force)
        if was == "finished":
            return Results.of(store.read(imports=True))
        try:
            return experiment.run(store, bar, go_on=was == "unfinished", jobs=jobs, elsewhere=elsewhere)
        except RunError:
            results = experiment.results()
            runs = len(experiment.scenario.arms) * experiment.scenario.repeats
            if len(results.manifest["runs"]) < runs:  # it was broken off, and nothing diverged by itself
                raise
            return results


def _tried(
    search: _Search, widen: bool, tried: Callable[[Sequence[Variant], str], Results]
) -> tuple[pd.DataFrame, dict[str, Variant]]:
    """Run all trials and return them with the best of each arm. Rounds of trials are named by number."""
    trials, todo, best = pd.DataFrame(), search.first, {}
    for number in range(1 + MOST_ROUNDS * widen):
        if todo:
            trials = pd.concat([trials, search.rows(tried(todo, str(number + 1)))], ignore_index=True)
        best = search.best(trials)
        todo = search.beyond(best) if widen else []
        if not todo:
            break
    return trials, best


class _Search:
    """What is tried: `values` of each arm and key so far."""

    def __init__(self, scenario: Scenario, over: Values, seeds: int, metric: str | None):
        if type(seeds) is not int or seeds < 1:
            raise InputError(f"seeds = {seeds!r}: must be a whole number >= 1")
        if not over:
            raise InputError("over: must name at least one key, as {'optimizer.learning_rate': [0.1, 0.3]}")
        self.scenario, self.seeds, self.keys = scenario, seeds, list(over)
        self.metric, self.sign = _metric(scenario, metric)
        self.first = [each for each in variants(scenario, over) if each.values]
        self.known = {each.name: each for each in self.first}
        self.values: dict[str, dict[str, list[Any]]] = {}
        for each in self.first:
            for key, value in each.values.items():
                known = self.values.setdefault(each.arm, {}).setdefault(key, [])
                known.extend([value] if value not in known else [])

    def trial(self, arms: Sequence[Variant]) -> Scenario:
        """Return the scenario with these arms and the trial seeds."""
        first = self.scenario.seed + self.scenario.repeats
        return with_arms(self.scenario, arms, "the trials", seed=first, repeats=self.seeds)

    def rows(self, results: Results) -> pd.DataFrame:
        """Return one row for each arm and seed of these trials."""
        ended = {(entry["arm"], entry["seed"]): entry["status"] for entry in results.manifest["runs"]}
        rows = []
        for _, row in per_seed(results).iterrows():
            variant = self.known[row["arm"]]
            values = {key: variant.values.get(key) for key in self.keys}
            status = ended.get((row["arm"], row["seed"]), "failed")
            rows.append({**row, "arm": variant.arm, **values, "status": status, "name": variant.name})
        front = ["arm", *self.keys, "seed", "status"]
        frame = pd.DataFrame(rows)
        for key in self.keys:
            frame[key] = cells([row[key] for row in rows])
        return frame[[*front, *(name for name in frame if name not in front)]]

    def best(self, trials: pd.DataFrame) -> dict[str, Variant]:
        """Return the variant of each arm that does best."""
        found = {}
        for arm in self.values:
            ranked = sorted(self._ranked(trials[trials["arm"] == arm]))
            if not ranked:
                raise InputError(f"arms.{arm}: diverged or broke at every value that was tried; try others")
            found[arm] = self.known[ranked[0][-1]]
        return found

    def _ranked(self, trials: pd.DataFrame) -> Iterator[tuple[float, float, int, str]]:
        """Return the variants whose trials all ended, with their sort key: seeds that missed the target, then the
        mean.
        """
        for place, (name, own) in enumerate(trials.groupby("name", sort=False)):
            if len(own) < self.seeds or (own["status"] != "complete").any():
                continue
            measured = own[self.metric]
            if measured.isna().all():  # no seed reaches the target: by the loss
                yield math.inf, float(own["train_loss"].mean()), place, str(name)
            else:
                yield float(measured.isna().sum()), self.sign * float(measured.mean()), place, str(name)

    def edges(self, best: Mapping[str, Variant]) -> Iterator[tuple[str, str, Any, str]]:
        """Return the arms whose best value is the lowest or highest of several numbers, as arm, key, value, which."""
        for arm, variant in best.items():
            for key, value in variant.values.items():
                numbers = [each for each in self.values[arm][key] if _is_number(each)]
                if len(numbers) == len(self.values[arm][key]) > 1 and value in (min(numbers), max(numbers)):
                    yield arm, key, value, "lowest" if value == min(numbers) else "highest"

    def beyond(self, best: Mapping[str, Variant]) -> list[Variant]:
        """Return the next values beyond the edges, with each combination of the other keys' values."""
        todo = []
        for arm, key, _, which in self.edges(best):
            numbers = sorted(self.values[arm][key])
            further = _next(numbers if which == "highest" else numbers[::-1])
            if further is None or not self._allowed(arm, best[arm], key, further):
                continue
            others = [each for each in self.known.values() if each.arm == arm and each.values[key] == numbers[0]]
            further_ones = [variant_of(arm, {**each.values, key: further}, self.keys) for each in others]
            self.known |= {each.name: each for each in further_ones}
            todo += further_ones
            self.values[arm][key].append(further)
        return todo

    def _allowed(self, arm: str, variant: Variant, key: str, value: Any) -> bool:
        try:
            self.trial([variant_of(arm, {**variant.values, key: value}, self.keys)])
        except InputError:
            return False
        return True

    def final(self, best: Mapping[str, Variant]) -> Scenario:
        """Return the scenario in which each arm has its best values, under its own name."""
        arms = [best.get(arm, Variant(arm, {}, arm))._replace(name=arm) for arm in self.scenario.arms]
        return with_arms(self.scenario, arms, "the tuned scenario")

    def warnings(self, best: Mapping[str, Variant], trials: pd.DataFrame) -> list[str]:
        """Return what to check before trusting the outcome."""
        found = [
            f"arm '{arm}': {key} = {value:g} is the {which} value that was tried; a better one may lie beyond it"
            for arm, key, value, which in self.edges(best)
        ]
        own = trials[trials["chosen"]]
        for arm in best:
            if own[own["arm"] == arm][self.metric].isna().all():
                found.append(f"arm '{arm}': reached the target at no value; chosen by its train_loss at the end")
        return found


def _metric(scenario: Scenario, metric: str | None) -> tuple[str, float]:
    """Return the column to compare, and 1 if lower is better, −1 otherwise."""
    measured = {name: measure for name, measure in scenario.measured.items() if measure.better is not None}
    known = [*measured, *([TIME_TO_TARGET] if scenario.target else [])]
    if metric is None:
        metric = TIME_TO_TARGET if scenario.target else "train_loss"
    if metric not in known:
        raise InputError(f"metric = {metric}: is not measured in this scenario{nearest(metric, known)}")
    return metric, -1.0 if metric in measured and measured[metric].better == "higher" else 1.0


def _next(numbers: Sequence[float]) -> float | None:
    """Return the next number at the ratio of the last two, or at their distance unless all are positive."""
    before, last = numbers[-2:]
    further = last * (last / before) if min(numbers) > 0 else last + (last - before)
    if all(isinstance(each, int) for each in numbers):
        further = round(further)
        return further if further != last else None
    return float(f"{further:.6g}") if math.isfinite(further) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
