"""Two runs side by side: the arms of both, each with the name of its run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ..errors import InputError
from ..scenario.scenario import Scenario
from ..tables.columns import TABLES
from ..tables.run_data import Origin, RunData
from .summary import TIME_TO_TARGET, summarise

UNSUITED = re.compile(r"[$\[\]\\\n]")
"""What the name of an arm may not have in it, and that of a run may."""


def told_apart(first: Path, second: Path) -> tuple[str, str]:
    """Return names for two run directories: the last part of each path, or as many parts as differ.

    Raises:
        InputError: If they are the same directory.
    """
    if os.path.samefile(first, second):
        raise InputError(f"{second}: is the run that it is to be compared with")
    parts = [Path(os.path.abspath(path)).parts for path in (first, second)]
    for count in range(1, 1 + max(map(len, parts))):
        one, other = (UNSUITED.sub("_", "/".join(own[-count:])) for own in parts)
        if one != other:
            break
    return one, other


@dataclass(frozen=True, eq=False)
class SideBySide(RunData):
    """Two runs as one run with the arms of both. `both` has the runs, and `names` what they are called.

    Arms have names such as `gosgd_push (straggler)`. Arms of the same name are neighbours, in the order of the first
    run; then come those that only the second run has. The scenario has only the arms, the title and the target of
    both; the manifest has how each arm and seed ended.
    """

    both: tuple[RunData, RunData]
    names: tuple[str, str]

    @classmethod
    def of(cls, first: RunData, second: RunData, names: tuple[str, str]) -> Self:
        """Put two runs side by side.

        Raises:
            InputError: If their names are the same.
        """
        if names[0] == names[1]:
            raise InputError(f"names = {names[0]}, {names[1]}: must differ, to tell the arms apart")
        both = (first, second)
        origins = _origins(both, names)
        return cls(
            scenario=_scenario(both, names, origins),
            manifest={"runs": _entries(both, origins)},
            **{name: _together([getattr(run, name) for run in both], origins) for name in TABLES},
            both=both,
            names=names,
        )

    @property
    def runs(self) -> tuple[RunData, ...]:
        return self.both

    @property
    def origins(self) -> dict[str, Origin]:
        return _origins(self.both, self.names)

    def summary(self) -> pd.DataFrame:
        """Return one row per arm, from each run's own summary, without the time to the target if targets differ."""
        each = [summarise(run) for run in self.both]
        rows = [each[place].loc[[arm]].set_axis([name]) for name, (place, arm) in self.origins.items()]
        together = pd.concat(rows).rename_axis("arm")
        if self.scenario.target is None:
            together = together.drop(columns=["reached", TIME_TO_TARGET, f"{TIME_TO_TARGET}_se"], errors="ignore")
        return together


def _origins(both: tuple[RunData, RunData], names: tuple[str, str]) -> dict[str, Origin]:
    """Return where each arm is from, by the name that it has beside the other run's."""
    arms = dict.fromkeys([*both[0].scenario.arms, *both[1].scenario.arms])
    return {
        f"{arm} ({names[place]})": Origin(place, arm)
        for arm in arms
        for place in (0, 1)
        if arm in both[place].scenario.arms
    }


def _scenario(both: tuple[RunData, RunData], names: tuple[str, str], origins: dict[str, Origin]) -> Scenario:
    """Return what figures and tables show: the arms, the titles, and the target if both have the same."""
    first, second = (run.scenario for run in both)
    titles = [f"{name}: {run.title or 'no title'}" for name, run in zip(names, (first, second), strict=True)]
    return first.model_copy(
        update={
            "arms": {name: both[place].scenario.arms[arm] for name, (place, arm) in origins.items()},
            "title": first.title if first.title == second.title else "\n".join(titles),
            "target": first.target if first.target == second.target else None,
        }
    )


def _entries(both: tuple[RunData, RunData], origins: dict[str, Origin]) -> list[dict[str, Any]]:
    """Return how each arm and seed ended."""
    names = {origin: name for name, origin in origins.items()}
    entries = [(place, entry) for place, run in enumerate(both) for entry in run.manifest["runs"]]
    return [{**entry, "arm": names[Origin(place, entry["arm"])]} for place, entry in entries]


def _together(tables: list[pd.DataFrame], origins: dict[str, Origin]) -> pd.DataFrame:
    """Join a table of both runs, arm by arm."""
    own = [tables[place].loc[tables[place]["arm"] == arm].assign(arm=name) for name, (place, arm) in origins.items()]
    return pd.concat(own, ignore_index=True).astype(tables[0].dtypes.to_dict())
