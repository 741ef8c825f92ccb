"""How the process computes during a run. What the switches do on a GPU is not tested here: only that they are set."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gossim.errors import InputError, ScenarioError
from gossim.execute.runtime import repeatable
from gossim.runner.experiment import Experiment
from gossim.scenario.derived import parameter_bytes
from support.scenarios import only_arm, scenario


def switches() -> tuple[Any, ...]:
    backends: Any = torch.backends
    deterministic: Any = torch.utils.deterministic
    return (
        backends.cuda.matmul.fp32_precision,
        backends.cudnn.conv.fp32_precision,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        deterministic.fill_uninitialized_memory,
    )


@pytest.mark.parametrize(("dtype", "rounding"), [("float32", "ieee"), ("float64", "ieee"), ("tf32", "tf32")])
def test_a_gpu_rounds_as_it_is_told_and_adds_up_in_one_order(
    dtype: str, rounding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # put back after the test
    before = switches()
    with pytest.raises(ZeroDivisionError), repeatable(torch.device("cuda"), dtype):
        assert switches() == (rounding, rounding, True, True, False)
        raise ZeroDivisionError
    assert switches() == before


def test_on_a_cpu_there_is_nothing_to_switch() -> None:
    before = switches()
    with repeatable(torch.device("cpu"), "float32"):
        assert switches() == before


def test_tf32_is_refused_where_there_is_none() -> None:
    with pytest.raises(ScenarioError, match=r"dtype = tf32: .*device: cpu.*float32"):
        scenario(dtype="tf32", device="cpu")
    if torch.cuda.is_available():
        return
    with pytest.raises(InputError, match=r"dtype = tf32: .*cpu.*float32"):
        Experiment(scenario(dtype="tf32", device="auto"))


def test_parameters_of_tf32_take_four_bytes() -> None:
    one, other = (only_arm(dtype=dtype, device="auto") for dtype in ("float32", "tf32"))
    assert parameter_bytes(one) == parameter_bytes(other)
