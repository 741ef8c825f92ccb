"""Two runs side by side: the arms of both, each with the name of its run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ..errors import InputError
from .summary import TIME_TO_TARGET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..results import Results
    from ..scenario.scenario import Scenario


class Origin(NamedTuple):
    """Where an arm is from: the first run (0) or the second (1), and its name there."""

    place: int
    arm: str


UNSUITED = re.compile(r"[$\[\]\\\n]")
"""What the name of an arm may not have in it, and that of a run may."""


def told_apart(first: Path, second: Path) -> tuple[str, str]:
    """Names of two run directories: the last part of each path, or as many as differ. Raises InputError where they are
    the same directory."""
    if os.path.samefile(first, second):
        raise InputError(f"{second}: is the run that it is to be compared with")
    parts = [Path(os.path.abspath(path)).parts for path in (first, second)]
    for count in range(1, 1 + max(map(len, parts))):
        one, other = (UNSUITED.sub("_", "/".join(own[-count:])) for own in parts)
        if one != other:
            break
    return one, other


@dataclass(frozen=True, eq=False)
class Pair:
    """What two runs recorded, with arms such as `gosgd_push (straggler)`: those of one name beside each other, in the
    order of the first run, then those that only the second has. Raises InputError where the runs' names are the same.
    """

    runs: tuple[Results, Results]
    names: tuple[str, str]

    def __post_init__(self) -> None:
        if self.names[0] == self.names[1]:
            raise InputError(f"names = {self.names[0]}, {self.names[1]}: must differ, to tell the arms apart")

    @cached_property
    def origins(self) -> dict[str, Origin]:
        """Of each arm, by the name that it has here."""
        arms = dict.fromkeys([*self.runs[0].scenario.arms, *self.runs[1].scenario.arms])
        return {
            f"{arm} ({self.names[place]})": Origin(place, arm)
            for arm in arms
            for place in (0, 1)
            if arm in self.runs[place].scenario.arms
        }

    @cached_property
    def scenario(self) -> Scenario:
        """For what figures and tables show of it: arms, title, and the target where both have the same."""
        first, second = (run.scenario for run in self.runs)
        titles = [f"{name}: {run.title or 'no title'}" for name, run in zip(self.names, (first, second), strict=True)]
        return first.model_copy(
            update={
                "arms": {name: self.runs[place].scenario.arms[arm] for name, (place, arm) in self.origins.items()},
                "title": first.title if first.title == second.title else "\n".join(titles),
                "target": first.target if first.target == second.target else None,
            }
        )

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """How each arm and seed ended."""
        names = {origin: name for name, origin in self.origins.items()}
        entries = [(place, entry) for place, run in enumerate(self.runs) for entry in run.manifest["runs"]]
        return {"runs": [{**entry, "arm": names[Origin(place, entry["arm"])]} for place, entry in entries]}

    @cached_property
    def probes(self) -> pd.DataFrame:
        return self._both("probes")

    @cached_property
    def activities(self) -> pd.DataFrame:
        return self._both("activities")

    @cached_property
    def gaps(self) -> pd.DataFrame:
        return self._both("gaps")

    def summary(self) -> pd.DataFrame:
        """One row an arm, as each run's own summary has it; without the time to the target where targets differ."""
        both = [run.summary() for run in self.runs]
        rows = [both[place].loc[[arm]].set_axis([name]) for name, (place, arm) in self.origins.items()]
        together = pd.concat(rows).rename_axis("arm")
        if self.scenario.target is None:
            together = together.drop(columns=["reached", TIME_TO_TARGET, f"{TIME_TO_TARGET}_se"], errors="ignore")
        return together

    def plot(self) -> dict[str, Figure]:
        """The figures by name in which the runs can be compared; `gossim.plots.comparable.left_out` says why others are
        not."""
        from ..plots import draw_pair

        return draw_pair(self)

    def _both(self, table: str) -> pd.DataFrame:
        """That table of both runs, arm by arm."""
        tables = [getattr(run, table) for run in self.runs]
        own = [
            tables[place].loc[tables[place]["arm"] == arm].assign(arm=name)
            for name, (place, arm) in self.origins.items()
        ]
        return pd.concat(own, ignore_index=True).astype(tables[0].dtypes.to_dict())
