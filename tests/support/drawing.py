"""Runs without figures, or with few: of a small run they take more time than all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from matplotlib.figure import Figure

import gossim.plots
import gossim.runner.run
from gossim.results import Results, ResultsSideBySide
from gossim.runner.sweep import SweepResults


@contextmanager
def no_figures() -> Iterator[None]:
    """Runs and sweeps write tables alone."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("run", "figure_process", "drawing"):  # what imports the last before it
            patch.setattr(f"gossim.runner.{module}.draw", lambda *_: [])
        patch.setattr("gossim.runner.figure_process.cores", lambda: 1)  # in this process
        patch.setattr(SweepResults, "plot", lambda *_: {})
        yield


@contextmanager
def only(*names: str) -> Iterator[None]:
    """Of the figures of a run, a pair of runs or a sweep these alone are drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            gossim.plots, "FIGURES", {name: gossim.plots.FIGURES[name] for name in names if name not in SWEPT}
        )
        patch.setattr(gossim.plots, "COMPARED", tuple(name for name in gossim.plots.COMPARED if name in names))
        for name in SWEPT.keys() - set(names):
            patch.setattr(f"gossim.plots.sweep.{SWEPT[name]}", lambda *_: None)
        patch.setattr("gossim.runner.figure_process.cores", lambda: 1)  # in this process
        yield


SWEPT = {"sweep": "_figure", "speedup": "draw_speedup"}
"""What draws each figure of a sweep."""


def figure_of(results: Results | ResultsSideBySide | SweepResults, name: str) -> Figure:
    """One figure of a run, a pair of runs or a sweep."""
    with only(name):
        return results.plot()[name]
