"""Limits in which two algorithms must agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gossim.execute.reference import Reference
from gossim.problems.build import build
from gossim.testing import trajectory
from support.algorithms import PLAIN_ALONE
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import CPU, only_arm

PLAIN = {"name": "sgd"}


def test_alone_every_algorithm_is_sgd(algorithm: dict[str, Any]) -> None:
    plain = PLAIN_ALONE.get(algorithm["name"], {})  # some have steps of their own besides
    arms = [only_arm(algorithm=each, workers=1) for each in ({**algorithm, **plain}, PLAIN)]
    (_, facts, rows), (_, plain_facts, plain_rows) = (trajectory(arm) for arm in arms)
    assert [f.time_s for f in facts] == [f.time_s for f in plain_facts]
    assert facts[-1].gradient_steps == plain_facts[-1].gradient_steps == 40
    assert facts[-1].bytes_sent == 0
    for row, plain in zip(rows, plain_rows, strict=True):
        torch.testing.assert_close(row, plain, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    "silent", [{"name": "gosgd_push", "push_probability": 0.0}, {"name": "gosgd_pull", "pull_probability": 0.0}]
)
def test_gossip_that_never_speaks_is_sgd(silent: dict[str, Any]) -> None:
    (_, facts, rows), (_, _, plain_rows) = (trajectory(only_arm(algorithm=each)) for each in (silent, PLAIN))
    assert facts[-1].messages_sent == 0
    assert all(map(torch.equal, rows, plain_rows))


@pytest.mark.parametrize(
    "optimizer",
    [
        {"learning_rate": 0.3},
        {"learning_rate": 0.3, "momentum": 0.9, "weight_decay": 0.01},
        {"name": "adam", "learning_rate": 0.02},
    ],
)
@pytest.mark.parametrize("model", ["logistic", "mlp"])
def test_synchronous_workers_are_one_worker_with_a_batch_as_large_as_theirs(
    model: str, optimizer: dict[str, Any]
) -> None:
    """M workers with batch N, synchronous, against one worker with batch M·N on the same samples."""
    workers, rounds, batch_size = 3, 12, 5
    common = {"optimizer": optimizer, "probe": {"every_s": 0.4}}
    problem = {**PROBLEMS[model], "model": {k: v for k, v in PROBLEMS[model]["model"].items() if k != "dropout"}}
    together = only_arm(
        algorithm={"name": "allreduce"},
        workers=workers,
        problem=problem,
        until={"gradient_steps": workers * rounds},
        **common,
    )
    alone = only_arm(
        algorithm=PLAIN,
        workers=1,
        problem={**problem, "batch_size": workers * batch_size},
        until={"gradient_steps": rounds},
        **common,
    )
    _, facts, rows = trajectory(together)
    small: Any = build(present(together.problem), workers, 0, "float64", CPU)
    of_all = small.minibatches
    large: Any = build(present(alone.problem), 1, 0, "float64", CPU)

    class Joined:
        def indices(self, _: Any, steps: Any) -> tuple[np.ndarray, np.ndarray]:
            parts = [of_all.indices([worker] * len(steps), steps) for worker in range(workers)]
            samples, views = zip(*parts, strict=True)
            return np.concatenate(samples, axis=1), np.concatenate(views, axis=1)

    large.minibatches = Joined()
    _, single_facts, single_rows = trajectory(alone, Reference, problem=large)
    assert facts[-1].gradient_steps == workers * rounds
    assert single_facts[-1].gradient_steps == rounds
    for row in rows[-1]:
        torch.testing.assert_close(row, single_rows[-1][0], rtol=1e-9, atol=1e-12)
    assert not torch.equal(rows[-1], rows[0])


def test_synchronous_workers_always_agree_exactly() -> None:
    arm = only_arm(algorithm={"name": "allreduce"}, workers=7, dtype="float32")
    _, facts, rows = trajectory(arm)
    for probed in rows:
        assert all(torch.equal(row, probed[0]) for row in probed)
    assert facts[-1].gradient_steps == 42  # the first whole round with at least 40


def test_the_quadratic_reaches_its_optimum(algorithm: dict[str, Any]) -> None:
    """Without gradient noise all algorithms go to x⋆ = (1, …, 1): gossip of points that move towards it as well."""
    arm = only_arm(
        algorithm=algorithm,
        problem={"model": {"name": "quadratic", "dim": 5, "condition_number": 5.0}},
        until={"gradient_steps": 1200},
        optimizer={"learning_rate": 0.2},
        probe={"every_s": 1000.0},
    )
    _, _, rows = trajectory(arm)
    torch.testing.assert_close(rows[-1], torch.ones_like(rows[-1]), rtol=0, atol=1e-8)
    assert not rows[0].any()
