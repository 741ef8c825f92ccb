"""Results: what a run recorded, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .scenario.scenario import Scenario
from .tables.run_directory import RunDirectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .analysis.gradient_weights import GradientWeights
    from .analysis.side_by_side import Pair


__all__ = ["Results", "RunDirectory"]


@dataclass(frozen=True, eq=False)
class Results:
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

    def summary(self) -> pd.DataFrame:
        """One row an arm, as it was in the end: mean over seeds and, in columns that end in `_se`, its standard error.

        The time to the target is given only where every seed reached it.
        """
        from .analysis.summary import summarise

        return summarise(self)

    def weights(self, arm: str, seed: int | None = None) -> GradientWeights:
        """With which weight each gradient of that arm, with the first or another seed, enters the final model. Its
        clock is run again for it. Raises InputError where gradients have no weights, the run did not come to its end,
        it is not repeated, or code is needed that may not be imported."""
        from .analysis.gradient_weights import of_run

        return of_run(self, arm, self.scenario.seed if seed is None else seed)

    def compare(self) -> pd.DataFrame:
        """One row a pair of arms and measure: the difference within seeds, with its 95% interval.

        For the time to the target, the ratio: how many times sooner the first arm arrives.
        """
        from .analysis.comparison import compare

        return compare(self)

    def sentences(self) -> list[str]:
        """What `compare` says, in words: a sentence a pair, or, of many arms, each against the first."""
        from .analysis.sentences import sentences

        return sentences(self)

    def plot(self, theory: bool = False) -> dict[str, Figure]:
        """The matplotlib figures by name; with `theory`, its prediction is dashed in that of the consensus distance."""
        from .plots import draw

        return draw(self, theory)

    def beside(self, other: Results, names: tuple[str, str]) -> Pair:
        """This run and another one, which have such names: `plot()` and `summary()` of the arms of both."""
        from .analysis.side_by_side import Pair

        return Pair((self, other), names)

    @classmethod
    def open(cls, directory: str | Path, imports: bool = False) -> Results:
        """The results in a run directory. Raises InputError if it is none, or damaged.

        Nothing that its scenario names is imported or opened. With `imports`, algorithms and models of one's own may be
        imported, for `weights` and for figures with theory: it runs their code.
        """
        return RunDirectory(Path(directory)).read(imports)
