"""What a sweep reached: its points, and one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ..scenario.scenario import Scenario
from ..scenario.sweep import Sweep
from .run_data import Origin, origins_of_one


@dataclass(frozen=True, eq=False)
class SweepData:
    """What a sweep recorded.

    `table`: a row a point, arm and seed: the point's values under their keys, `arm`, `seed`, `status` (`complete`,
    `diverged` or `failed`), then what `gossim.analysis.summary.per_seed` has, at the last probe. `errors`: what went
    wrong at a point, by its `name`. `sweep`: the keys and points themselves.
    """

    sweep: Sweep
    table: pd.DataFrame
    errors: Mapping[str, str]

    @property
    def scenario(self) -> Scenario:
        """The scenario of the first point: its arms, title and target."""
        return self.sweep.scenario

    @property
    def origins(self) -> dict[str, Origin]:
        """Of each arm, the run that it is from, which is the only one, and its name."""
        return origins_of_one(self.scenario)
