"""Runs without figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gossim.runner.experiment import Experiment
from gossim.runner.sweep import SweepResults


@contextmanager
def no_figures() -> Iterator[None]:
    """Runs and sweeps write tables alone: of a small one, the figures take more time than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Experiment, "draw", lambda *_: [])
        patch.setattr(SweepResults, "plot", lambda *_: {})
        yield
