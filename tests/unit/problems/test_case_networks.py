"""Networks for which `vmap` or other short cuts fail: a run on each is what torch's own loop gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

import gossim
from gossim.problems.build import build, check_gradients
from gossim.problems.dropout import drawing
from gossim.problems.norms import statistics_batches
from gossim.problems.supervised import SupervisedProblem, initialised
from gossim.scenario.derived import message_bytes
from gossim.testing import trajectory
from support.scenarios import CPU, DIGITS, scenario

STEPS = 5
LINEAR = 64 * 32 + 32 + 32 * 10 + 10
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "LSTM": ({"name": "rnn", "kind": "LSTM"}, 4 * 16 * (8 + 16 + 2) + 170),
    "GRU": ({"name": "rnn", "kind": "GRU"}, 3 * 16 * (8 + 16 + 2) + 170),
    "attention with dropout": ({"name": "trans", "dropout": 0.1}, 17 * 16 + 4 * 272 + 16 * 65 + 32 + 4 * 16 + 170),
    "activation checkpoint": ({"name": "checkpointed"}, 65 * 16 + 170),
    "activation checkpoint with dropout": ({"name": "checkpointed", "dropout": 0.4}, 65 * 16 + 170),
    "in-place operations": ({"name": "in_place"}, 65 * 16 + 170),
    "Embedding(padding_idx=0)": ({"name": "padded"}, 17 * 8 + 513 * 10),
    "requires_grad=False": ({"name": "frozen"}, LINEAR - 64 * 32),
    "LazyLinear": ({"name": "lazy"}, LINEAR),
    "BatchNorm with running statistics": ({"name": "batch_norm"}, 8 * 10 + 2 * 8 + 288 * 10 + 10),
}
"""The network's factory, and its parameters by hand, those that are frozen apart."""


def one_worker(model: dict[str, Any], steps: int, **more: Any) -> Any:
    """The base of all: batches of 10 digits, a gradient in 0.1 s."""
    own = {
        "model": {**model, "name": f"support.case_networks:{model['name']}"},
        "data": DIGITS,
        "batch_size": 10,
        "evaluate": {"train_samples": 40, "test_samples": 30},
    }
    return scenario(
        problem=own, probe={"every_s": 100.0}, until={"gradient_steps": steps}, compute={"time_s": 0.1},
        optimizer={"learning_rate": 0.3}, **{"workers": 1, "algorithm": {"name": "sgd"}, **more},
    )  # fmt: skip


def trained_by_torch(problem: SupervisedProblem, steps: int) -> tuple[float, float]:
    """The losses after torch's own loop, over a module in train mode, evaluated as for averaged weights."""
    network = initialised(problem.spec, (1, 8, 8), 10, 0).double().train()
    _, draws = problem.fresh()
    sgd = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.3)
    for step in range(steps):
        inputs, labels, keys = problem.batch([0], [step])
        sgd.zero_grad()
        with drawing(draws, keys[0]):
            cross_entropy(network(inputs[0].clone()), labels[0]).backward()
        sgd.step()
    samples = problem.samples
    train_x = samples.train_x[:]
    update_bn([train_x[indices] for indices in statistics_batches(len(samples.train_x))], network)
    network.eval()
    train, test = samples.measured
    with torch.no_grad():
        return float(cross_entropy(network(train[0][:]), train[1])), float(cross_entropy(network(test[0][:]), test[1]))


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_torchs_own_loop(case: str) -> None:
    """Of layers that draw it is with the draws of that seed, worker and step."""
    model, parameters = CASES[case]
    arm = one_worker(model, STEPS).arms["arm"]
    problem = build(arm.problem, 1, 0, "float64", CPU)
    assert isinstance(problem, SupervisedProblem)
    check_gradients(problem)
    assert (problem.dim, message_bytes(arm)) == (parameters, 8 * parameters)
    assert problem.from_torch == case.endswith("with dropout")
    _, _, rows = trajectory(arm, problem=problem)
    found = problem.losses(rows[-1][0])
    assert (found.train_loss, found.test_loss) == pytest.approx(trained_by_torch(problem, STEPS), rel=1e-9)


def test_four_workers_train_it_and_send_its_bytes() -> None:
    model, parameters = CASES["LazyLinear"]
    described = one_worker(model, 60, workers=4, algorithm={"name": "gosgd_push", "push_probability": 0.5})
    probes = gossim.run(described).probes
    last = probes.iloc[-1]
    assert last.bytes_sent == last.messages_sent * parameters * 8 > 0
    assert last.train_loss < probes.iloc[0].train_loss
    assert gossim.run(described, gradients=False).probes.iloc[-1].bytes_sent == last.bytes_sent
