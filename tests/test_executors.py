"""The batched executor against the reference: the backbone of the suite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import ALGORITHMS, PROBLEMS, only_arm, trajectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossim.execute.batched import Batched
from gossim.execute.reference import Reference
from gossim.program import Program

TIMES = st.sampled_from(
    [
        0.1,
        {"distribution": "expon", "scale": 0.1},
        {"distribution": "lognorm", "s": 1.0, "scale": 0.1},
        {"distribution": "uniform", "loc": 0.05, "scale": 0.1},
        {"distribution": "pareto", "b": 1.5, "scale": 0.05},
    ]
)
LATENCIES = st.sampled_from([0.0, 0.02, 0.5, {"distribution": "gamma", "a": 2.0, "scale": 0.02}])


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    workers = draw(st.integers(1, 5))
    slow = draw(st.lists(st.integers(0, workers - 1), max_size=2))
    return {
        "workers": workers,
        "until": {"gradient_steps": draw(st.integers(1, 30))},
        "compute": {"time_s": draw(TIMES), "stragglers": [{"workers": [w], "factor": 4} for w in slow]},
        "network": {
            "latency_s": draw(LATENCIES),
            "bandwidth_bytes_per_s": draw(st.sampled_from([None, 1e4])),
        },
        "probe": {"every_s": draw(st.sampled_from([0.07, 0.4, 1000.0]))},
        "optimizer": {
            "learning_rate": 0.1,
            "momentum": draw(st.sampled_from([0.0, 0.9])),
            "weight_decay": draw(st.sampled_from([0.0, 0.01])),
        },
    }


@pytest.mark.parametrize("problem", sorted(PROBLEMS))
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(cluster=clusters(), probability=st.floats(0, 1), window=st.integers(1, 200), seed=st.integers(0, 2**32))
def test_batched_equals_reference(
    name: str, problem: str, cluster: dict[str, Any], probability: float, window: int, seed: int
) -> None:
    algorithm = {key: probability if key.endswith("probability") else value for key, value in ALGORITHMS[name].items()}
    arm = only_arm(algorithm=algorithm, problem=PROBLEMS[problem], **cluster)
    _, plain_facts, plain_rows = trajectory(arm, Reference, seed, window=10**9)
    _, fast_facts, fast_rows = trajectory(arm, Batched, seed, window=window)
    assert fast_facts == plain_facts
    assert len(fast_rows) == len(plain_rows) >= 2
    for fast, plain in zip(fast_rows, plain_rows, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-12)


def test_gradients_meet_in_waves() -> None:
    """Whatever merges come between: a window of the slowest worker's few gradients is not cut into tiny batches."""
    arm = only_arm(until={"gradient_steps": 400}, workers=8, compute={"time_s": 0.1}, probe={"every_s": 1000.0})
    sizes: list[int] = []

    class Counting(Batched):
        def _grads(self, batch: list[Any]) -> None:
            sizes.append(len(batch))
            super()._grads(batch)

    trajectory(arm, Counting, window=10**9)
    assert sum(sizes) >= 400
    assert sum(sizes) / len(sizes) > 7


@pytest.mark.parametrize("executor", [Reference, Batched])
def test_combinations_of_any_length(executor: type) -> None:
    program = Program()
    rows = [0]
    for number in range(1, 9):
        row = program.rows.allocate()
        program.combine(row, [(number + other, rows[other]) for other in range(number)])
        rows.append(row)
    empty = program.rows.allocate()
    program.combine(empty, [])
    program.combine(rows[3], [(2.0, rows[3]), (1.0, rows[2])])
    program.probe([*rows, empty], None)
    seen: list[torch.Tensor] = []

    class OneProblem:
        def initial(self) -> torch.Tensor:
            return torch.tensor([1.0, -3.0], dtype=torch.float64)

    executor(OneProblem(), lambda probed, _: seen.append(probed)).run(program.take())
    expected = [1.0]
    for number in range(1, 9):
        expected.append(sum((number + other) * expected[other] for other in range(number)))
    expected[3] = 2 * expected[3] + expected[2]
    expected.append(0.0)
    assert seen[0][:, 0].tolist() == expected
    assert seen[0][:, 1].tolist() == [-3 * value for value in expected]
