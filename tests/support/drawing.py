"""Runs without figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gossim.runner.sweep import SweepResults


@contextmanager
def no_figures() -> Iterator[None]:
    """Runs and sweeps write tables alone: of a small one, the figures take more time than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("drawing", "run", "figure_process"):
            patch.setattr(f"gossim.runner.{module}.draw", lambda *_: [])
        patch.setattr("gossim.runner.figure_process.cores", lambda: 1)  # in this process
        patch.setattr(SweepResults, "plot", lambda *_: {})
        yield
