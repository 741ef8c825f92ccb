"""Some arms of a run, and the arms of several points of a sweep, as one run: what a figure is to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from ..errors import InputError, nearest
from ..tables.columns import TABLES
from ..tables.run_data import Origin, RunData, origins_of_one


@dataclass(frozen=True, eq=False)
class SomeArms(RunData):
    """Some arms of what is recorded. Each looks as it does beside all of `every` arm."""

    every: dict[str, Origin]

    @property
    def origins(self) -> dict[str, Origin]:
        return self.every

    @classmethod
    def of(cls, results: RunData, names: Sequence[str]) -> Self:
        """Take the arms of these `names`, in the order of the run."""
        kept = {name: arm for name, arm in results.scenario.arms.items() if name in names}
        tables = {name: getattr(results, name) for name in TABLES}
        return cls(
            scenario=results.scenario.model_copy(update={"arms": kept}),
            manifest={**results.manifest, "runs": [e for e in results.manifest["runs"] if e["arm"] in kept]},
            **{name: frame[frame["arm"].isin(list(kept))] for name, frame in tables.items()},
            every=results.origins,
        )


def chosen_arms(asked: Iterable[str], arms: Iterable[str]) -> list[str]:
    """Return the names in `asked`, each the name of an arm or several separated by commas, which names may contain too.

    Raises:
        InputError: For one that no arm has.
    """
    known = list(arms)
    chosen: list[str] = []
    for text in asked:
        found = _parted(text.split(","), known)
        if found is None:
            wrong = next((part.strip() for part in text.split(",") if part.strip() not in known), text)
            raise InputError(f"--arms {text}: there is no arm '{wrong}'{nearest(wrong, known)}")
        chosen += found
    return list(dict.fromkeys(chosen))


def _parted(parts: list[str], known: list[str]) -> list[str] | None:
    """Join the parts to known names, the longest first; None if that is impossible."""
    if not parts:
        return []
    for count in range(len(parts), 0, -1):
        name = ",".join(parts[:count]).strip()
        if name in known and (rest := _parted(parts[count:], known)) is not None:
            return [name, *rest]
    return None


def together(runs: Mapping[str, RunData]) -> RunData:
    """Combine several runs into one whose arms are called `gosgd_push (workers=4)` if `workers=4` is a key of `runs`.

    Raises:
        InputError: Where there is no run.
    """
    if not runs:
        raise InputError("no point has recorded anything")
    first = next(iter(runs.values()))
    arms = [arm for arm in first.scenario.arms if all(arm in run.scenario.arms for run in runs.values())]
    names = {(label, arm): f"{arm} ({label})" for arm in arms for label in runs}
    scenario = first.scenario.model_copy(
        update={"arms": {name: runs[label].scenario.arms[arm] for (label, arm), name in names.items()}}
    )
    entries = [
        {**entry, "arm": names[label, entry["arm"]]} for label, run in runs.items() for entry in run.manifest["runs"]
    ]
    tables = {table: _stacked([_renamed(run, table, label, names) for label, run in runs.items()]) for table in TABLES}
    every = origins_of_one(scenario)
    return SomeArms(scenario=scenario, manifest={**first.manifest, "runs": entries}, **tables, every=every)


def _renamed(run: RunData, table: str, label: str, names: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    frame = getattr(run, table)
    return frame.assign(arm=frame["arm"].map({arm: name for (of, arm), name in names.items() if of == label}))


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True).astype(frames[0].dtypes.to_dict())
