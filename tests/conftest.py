"""Fixtures, and where hypothesis finds its examples. What tests import is in support/."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import gossim
from gossim.runner.sweep import SweepResults
from gossim.scenario.sweep import Sweep
from support.algorithms import ALGORITHMS, WEIGHTED
from support.drawing import drawn, no_figures
from support.sweeps import SWEPT

# The same examples on every machine and in every run; another profile looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(params=sorted(ALGORITHMS))
def algorithm(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ALGORITHMS[request.param]


@pytest.fixture(params=WEIGHTED)
def weighted(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ALGORITHMS[request.param]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, in which modules are looked for; they are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session", autouse=True)
def undrawn() -> Iterator[None]:
    """Runs and sweeps draw no figures, which take ten times as long as all the rest of a small run."""
    with no_figures():
        yield


@pytest.fixture(autouse=True)
def drawn_if_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """They do in a test that is marked `draws`."""
    with drawn() if request.node.get_closest_marker("draws") else nullcontext():
        yield


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepResults, Path]:
    """A finished sweep, to be read only, and its directory, with figures."""
    out = tmp_path_factory.mktemp("sweeps") / "small"
    with drawn():
        return gossim.sweep(Sweep.parse(SWEPT), out=out, jobs=1), out
