"""What a run recorded: its scenario, its manifest and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from ..scenario.scenario import Scenario


class Origin(NamedTuple):
    """Where an arm is from: the first run (0) or the second (1), and its name there."""

    place: int
    arm: str


def origins_of_one(scenario: Scenario) -> dict[str, Origin]:
    """Return the origins of the arms of one run, by name."""
    return {arm: Origin(0, arm) for arm in scenario.arms}


@dataclass(frozen=True, eq=False)
class RunData:
    """What a run recorded: its `scenario`, its `manifest`, and its tables as pandas DataFrames.

    `probes`, `workers`, `timeline`, `exchanges`, `activities`, `gaps` and `layers` are those of the run directory;
    `gossim.tables.columns` has the type, the unit and the meaning of each column. What was not asked for is empty.
    """

    scenario: Scenario
    manifest: dict[str, Any]
    probes: pd.DataFrame
    workers: pd.DataFrame
    timeline: pd.DataFrame
    exchanges: pd.DataFrame
    activities: pd.DataFrame
    gaps: pd.DataFrame
    layers: pd.DataFrame

    @property
    def runs(self) -> tuple[RunData, ...]:
        """This run, or the two that stand side by side."""
        return (self,)

    @property
    def origins(self) -> dict[str, Origin]:
        """Of each arm, the run that it is from and its name there."""
        return origins_of_one(self.scenario)
