"""Results: what a run or a sweep recorded, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from .analysis.side_by_side import SideBySide
from .analysis.summary import summarise
from .errors import InputError, nearest
from .tables.run_data import RunData
from .tables.run_directory import RunDirectory
from .tables.sweep_data import SweepData

if TYPE_CHECKING:  # slow to import: scipy, matplotlib
    from matplotlib.figure import Figure

    from .analysis.gradient_weights import GradientWeights


@dataclass(frozen=True, eq=False)
class Results(RunData):
    """What a run recorded: its `scenario`, its `manifest`, and its tables as pandas DataFrames.

    `probes`, `workers`, `timeline`, `exchanges`, `activities`, `gaps` and `layers` are those of the run directory;
    `gossim.tables.columns` has the type, the unit and the meaning of each column. What was not asked for is empty.
    """

    @classmethod
    def of(cls, data: RunData) -> Self:
        """Make results from `data`."""
        return cls(**vars(data))

    def summary(self) -> pd.DataFrame:
        """Summarise each arm at the end of the run.

        Returns:
            One row for each arm. Columns are means over the seeds; those that end in `_se` are standard errors. The
            time to the target is given only if every seed reached it.
        """
        return summarise(self)

    def to_latex(self) -> str:
        r"""Write the table that `gossim run` prints as a LaTeX `tabular`, which needs `\usepackage{booktabs}`."""
        from .analysis.latex import latex
        from .analysis.shown_table import shown_table

        return latex(shown_table(self.summary(), self.scenario))

    def weights(self, arm: str, seed: int | None = None) -> GradientWeights:
        """Compute with which weight each gradient of an arm enters the final model. The arm's clock runs again.

        Args:
            arm: The name of the arm.
            seed: One of the scenario's seeds; by default the first.

        Raises:
            InputError: If gradients have no weights, the run did not come to its end, the clock does not repeat it,
                or code is needed that may not be imported.
        """
        from .analysis.gradient_weights import of_run

        return of_run(self, arm, self.scenario.seed if seed is None else seed)

    def compare(self) -> pd.DataFrame:
        """Compare every two arms.

        Returns:
            One row for each pair and measure, with the mean difference within seeds and its 95% confidence interval.
            For the time to the target it is a ratio: how many times sooner the first arm arrives.
        """
        from .analysis.comparison import compare

        return compare(self)

    def sentences(self) -> list[str]:
        """Compare the arms in sentences: every pair, or each with the first if there are more than three arms."""
        from .analysis.sentences import sentences

        return sentences(self)

    def plot(
        self,
        theory: bool = False,
        *,
        width: float | None = None,
        band: str = "range",
        arms: Sequence[str] | None = None,
        titled: bool = True,
    ) -> dict[str, Figure]:
        """Draw the matplotlib figures, by name.

        Args:
            theory: Whether to add the predicted consensus distance as a dashed line.
            width: Inches, with texts in proportion; as suits each figure, for the back row, where it is None.
            band: Around means over seeds: `range` from the lowest to the highest, `sem` ± standard error, `ci95` the
                95% confidence interval.
            arms: The arms that are drawn; all, where it is None.
            titled: Whether the scenario's title stands on the figures.

        Raises:
            InputError: For a band or an arm that is not there.
        """
        from .analysis.some_arms import SomeArms, chosen_arms
        from .plots import draw
        from .plots.bands import BANDS
        from .plots.style import Look

        if band not in BANDS:
            raise InputError(f"band = {band!r}: unknown band{nearest(band, BANDS)}")
        shown: RunData = self
        if arms is not None:
            shown = SomeArms.of(self, [name for arm in arms for name in chosen_arms([arm], self.scenario.arms)])
        return draw(shown, theory, width, Look(band, titled))

    def report(self, path: str | Path) -> None:
        """Write one HTML page with the table, the curves and an animation of the first seconds.

        It needs no network and nothing beside it.

        Args:
            path: Where it goes.

        Raises:
            InputError: Where nothing was recorded, or the file cannot be written.
        """
        from .report.page import write_report

        write_report(self, Path(path))

    def beside(self, other: RunData, names: tuple[str, str]) -> ResultsSideBySide:
        """Put the arms of this run and of another one side by side.

        Args:
            other: The other run.
            names: What to call this run and the other one.

        Raises:
            InputError: If the names are the same.
        """
        return ResultsSideBySide.of(self, other, names)

    @classmethod
    def open(cls, directory: str | Path, imports: bool = False) -> Self:
        """Read the results in a run directory. Nothing that its scenario names is imported or opened.

        Args:
            directory: The run directory.
            imports: Whether the user's own algorithms and models may be imported, for `weights` and for figures with
                theory. Importing runs their code.

        Raises:
            InputError: If it is no run directory, or is damaged.
        """
        return cls.of(RunDirectory(Path(directory)).read(imports))


class ResultsSideBySide(SideBySide):
    """Two runs side by side, with `summary()` and `plot()`."""

    def plot(self) -> dict[str, Figure]:
        """Draw the figures in which the runs can be compared, by name.

        `gossim.plots.comparable.left_out` says why others are missing.
        """
        from .plots import draw_pair

        return draw_pair(self)


@dataclass(frozen=True, eq=False)
class SweepResults(SweepData):
    """What a sweep recorded.

    `table` has one row for each point, arm and seed: the point's values under their keys, `arm`, `seed`, `status`
    (`complete`, `diverged` or `failed`), then the columns of `gossim.analysis.summary.per_seed` at the last probe.
    `errors` says by the `name` of a point what went wrong there. `sweep` has the keys and the points themselves.
    """

    def plot(self) -> dict[str, Figure]:
        """Draw the figures, by name, if the sweep has one or two keys and one of them has numbers."""
        from .plots.sweep import draw_sweep

        return draw_sweep(self)
