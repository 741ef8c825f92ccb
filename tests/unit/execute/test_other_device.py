"""The batched executor on a device that is not the CPU, and equality where that is a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import gossim
from gossim.execute.batched import Batched
from gossim.execute.recorder import Recorder
from gossim.problems.build import build
from gossim.scenario.arm import Arm
from gossim.tables.probe_rows import Observations
from support.algorithms import ALGORITHMS, on_a_ring
from support.one_device import ELSEWHERE, Mixed, OneDevice
from support.scenarios import DIGITS, only_arm, scenario, world_of

MODELS: dict[str, dict[str, Any]] = {
    "noise": {"name": "noise", "dim": 5},
    "logistic": {"name": "logistic"},
    "mlp": {"name": "mlp", "hidden": [8]},
    "lstm": {"name": "lstm"},
}


SLOW = pytest.mark.slow


def problem_of(name: str) -> dict[str, Any]:
    model = MODELS[name]
    return {"model": model} if "dim" in model else {"model": model, "data": DIGITS, "batch_size": 4}


def run_elsewhere(arm: Arm) -> int:
    """Carry the program of an arm out there, and return how many probes there were."""
    problem = build(arm.problem, arm.workers, 0, arm.dtype, ELSEWHERE)  # type: ignore[arg-type]
    probed: list[str] = []
    executor = Batched(problem, lambda rows, facts: probed.append(rows.device.type))
    for window in world_of(arm).windows(200, 50):
        executor.run(window)
    assert executor.bank.device == ELSEWHERE
    assert {*probed} == {"meta"}
    return len(probed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_keeps_to_its_device_and_waits_for_no_value(name: str) -> None:
    alone = {"workers": 1} if name == "sgd" else {}
    with OneDevice():
        assert run_elsewhere(only_arm(algorithm=ALGORITHMS[name], topology=on_a_ring(name), **alone)) > 2


@pytest.mark.parametrize(
    "name", ["noise", "mlp", pytest.param("logistic", marks=SLOW), pytest.param("lstm", marks=SLOW)]
)
def test_so_do_models(name: str) -> None:
    with OneDevice():
        assert run_elsewhere(only_arm(problem=problem_of(name), until={"gradient_steps": 12})) > 1


def test_an_index_that_lies_on_the_cpu_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batched, "_index", lambda self, rows: torch.tensor(rows))
    with OneDevice(), pytest.raises(Mixed, match="index.* on cpu, meta"):
        run_elsewhere(only_arm())


def test_a_probe_waits_for_values_and_first_for_distances() -> None:
    arm = only_arm()
    problem = build(arm.problem, arm.workers, 0, arm.dtype, ELSEWHERE)  # type: ignore[arg-type]
    executor = Batched(problem, Recorder(problem, Observations("arm", 0), arm.probe).measure)
    with pytest.raises(NotImplementedError, match="no data") as caught:
        for window in world_of(arm).windows(200, 50):
            executor.run(window)
    assert "torch.linalg.vector_norm" in str(caught.traceback[-1].statement)


@pytest.mark.parametrize("mixture", [
    lambda there, here: there.index_select(0, here.long()),
    lambda there, here: there[here.long()],
    lambda there, here: there + here,
    lambda there, here: there.diag().mm(here.diag()),
    lambda there, here: there.index_put_((here.long(),), there),
])  # fmt: skip
def test_a_mixture_of_devices_is_seen(mixture: Any) -> None:
    there, here = torch.zeros(3, device=ELSEWHERE), torch.zeros(3)
    with OneDevice(), pytest.raises(Mixed, match="on cpu, meta"):
        mixture(there, here)
    with OneDevice():
        mixture(there, here.to(ELSEWHERE))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="asks for a CUDA device")
@pytest.mark.parametrize("name", ["allreduce", "gosgd_push", "adpsgd"])
@pytest.mark.parametrize("model", ["noise", "mlp", "lstm"])
def test_a_gpu_gives_what_the_cpu_gives(name: str, model: str) -> None:
    """In float64: sums in another order differ by some roundings, which no more than tens of steps make larger."""
    described = scenario(algorithm=ALGORITHMS[name], problem=problem_of(model))
    cpu, gpu = (gossim.run(described, device=device) for device in ("cpu", "cuda"))
    assert cpu.workers.drop(columns="distance").equals(gpu.workers.drop(columns="distance"))  # the clock, to the byte
    for column in ("train_loss", "test_loss", "consensus_distance"):
        assert gpu.probes[column].to_numpy() == pytest.approx(cpu.probes[column].to_numpy(), rel=1e-9, abs=1e-12)
