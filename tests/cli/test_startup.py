"""What a command imports before it works: only what it needs."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import gossim
from gossim.cluster import durations as delays
from gossim.cluster.durations import LARGE, SIMPLE_SHAPES, Distribution, surely_valid
from gossim.errors import ScenarioError
from gossim.schema.violations import violations
from support.commands import ROOT
from support.processes import ran

HEAVY = {"torch", "pandas", "scipy", "matplotlib", "networkx", "seaborn", "sklearn", "pyarrow"}


def imported(*commands: str) -> set[str]:
    """The modules that a process has imported when it has done these commands, one after the other."""
    code = (
        "import sys; from gossim.cli.main import main\n"
        f"for command in {commands!r}:\n"
        "    sys.argv = ['gossim', *command.split()]\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, (command, end.code)\n"
        "print('modules:', *sys.modules)"
    )
    done = ran([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules:")[2].split())


def test_the_first_help_imports_neither_what_a_run_needs_nor_pydantic() -> None:
    assert not imported("--help") & {*HEAVY, "numpy", "plotly", "yaml", "simpy", "rich", "pydantic"}


def test_help_with_a_command_imports_nothing_that_a_run_needs() -> None:
    """Pydantic it does: typer reads the types of the options with it."""
    assert not imported("run --help", "validate --help") & {*HEAVY, "numpy", "plotly", "yaml", "simpy", "rich"}


def test_validating_imports_nothing_that_only_computing_needs() -> None:
    names = ("straggler", "heterogeneous_cluster", "straggler_sweep", "two_regions")
    assert not imported(*(f"validate scenarios/{name}.yaml" for name in names)) & HEAVY


def test_what_the_package_offers_is_there() -> None:
    for name in gossim.__all__:
        assert getattr(gossim, name).__name__ == name
    assert gossim.Scenario is gossim.scenario.scenario.Scenario
    with pytest.raises(AttributeError, match="module 'gossim' has no attribute 'lode'"):
        _ = gossim.lode


@pytest.mark.parametrize("name", SIMPLE_SHAPES)
def test_shapes_are_scipys(name: str) -> None:
    assert ", ".join(SIMPLE_SHAPES[name]) == (getattr(scipy.stats, name).shapes or "")


VALUES = st.one_of(
    st.floats(-1, 3),
    st.floats(0, LARGE),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1e-300, math.nextafter(LARGE, 0), LARGE, 1e308]),
)


@pytest.mark.parametrize("name", SIMPLE_SHAPES)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_surely_valid_is_so_for_scipy(name: str, data: st.DataObject) -> None:
    keys = st.sampled_from([*SIMPLE_SHAPES[name], "loc", "scale"])
    parameters = data.draw(st.dictionaries(keys, VALUES)) | {
        shape: data.draw(VALUES) for shape in SIMPLE_SHAPES[name] if data.draw(st.integers(0, 9))
    }
    described = {"distribution": name, **parameters}
    told = violations(Distribution, described)
    with patch.object(delays, "surely_valid", return_value=False):
        by_scipy = violations(Distribution, described)
    assert str(told) == str(by_scipy)
    assert not (surely_valid(name, parameters) and by_scipy)


@pytest.mark.parametrize("name", SIMPLE_SHAPES)
def test_plain_parameters_need_no_scipy(name: str) -> None:
    shapes = dict.fromkeys(SIMPLE_SHAPES[name], 0.25)
    with patch.object(delays, "continuous_distributions", side_effect=AssertionError):
        assert not violations(Distribution, {"distribution": name, **shapes})
        assert not violations(Distribution, {"distribution": name, **shapes, "loc": 0, "scale": 0.1})


@pytest.mark.parametrize("name", SIMPLE_SHAPES)
@pytest.mark.parametrize("more", [{}, {"loc": 0.3, "scale": 0.07}])
def test_draws_are_scipys_to_the_bit(name: str, more: dict[str, float]) -> None:
    parameters = {**dict.fromkeys(SIMPLE_SHAPES[name], 1.7), **more}
    mine, theirs = np.random.default_rng(3), np.random.default_rng(3)
    law = Distribution.model_validate({"distribution": name, **parameters})
    for count in (32, 128):
        drawn = getattr(scipy.stats, name).rvs(**parameters, size=count, random_state=theirs)
        np.testing.assert_array_equal(law.draw(mine, count), drawn)


def test_a_wrong_parameter_is_told_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    text = (ROOT / "scenarios" / "straggler.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("{distribution: lognorm, s: 0.25", "{distribution: lognorm, s: -0.25"))
    with pytest.raises(ScenarioError, match="scipy refuses these parameters of lognorm"):
        gossim.load(path)
