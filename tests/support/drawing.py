"""Runs without figures, or with few: of a small run they take more time than all the rest."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from matplotlib.figure import Figure

import gossim.plots
from gossim.results import Results, ResultsSideBySide
from gossim.runner.cores import cores
from gossim.runner.sweep import SweepResults


@contextmanager
def no_figures() -> Iterator[None]:
    """Runs and sweeps write no figures, and say in the manifest that they are drawn.

    So it is in every test that does not ask for more.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in REAL:
            patch.setattr(f"gossim.runner.{module}.draw", partial(_draw_none, REAL[module]))
        patch.setattr("gossim.runner.figure_process.cores", lambda: 1)  # in this process
        yield


def _draw_none(draw: Callable[..., Any], results: Results | SweepResults, store: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(results), "plot", lambda *_: {})
        return draw(results, store)


@contextmanager
def drawn() -> Iterator[None]:
    """Runs and sweeps draw their figures, as they do outside of tests."""
    with pytest.MonkeyPatch.context() as patch:
        for module, draw in REAL.items():
            patch.setattr(f"gossim.runner.{module}.draw", draw)
        patch.setattr("gossim.runner.figure_process.cores", cores)
        yield


@contextmanager
def only(*names: str) -> Iterator[None]:
    """Of the figures of a run, a pair of runs or a sweep these alone are drawn."""
    with drawn(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            gossim.plots, "FIGURES", {name: gossim.plots.FIGURES[name] for name in names if name not in SWEPT}
        )
        patch.setattr(gossim.plots, "COMPARED", tuple(name for name in gossim.plots.COMPARED if name in names))
        for name in SWEPT.keys() - set(names):
            patch.setattr(f"gossim.plots.sweep.{SWEPT[name]}", lambda *_: None)
        patch.setattr("gossim.runner.figure_process.cores", lambda: 1)  # in this process
        yield


REAL = {
    module: importlib.import_module(f"gossim.runner.{module}").draw
    for module in ("drawing", "run", "figure_process", "tune", "sweep", "merge")
}
"""What draws the figures, in each module that imports it by name."""

SWEPT = {"sweep": "_figure", "speedup": "draw_speedup"}
"""What draws each figure of a sweep."""


def figure_of(results: Results | ResultsSideBySide | SweepResults, name: str) -> Figure:
    """One figure of a run, a pair of runs or a sweep."""
    with only(name):
        return results.plot()[name]
