"""GoSGD written a second time, from the pseudo-code of the slides and papers, in NumPy, for one linear model."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from gossim.problems.build import build
from gossim.rng import Purpose, stream
from gossim.testing import trajectory
from support.present import present
from support.scenarios import CPU, DIGITS, only_arm

WORKERS, STEPS, BATCH, RATE, P, SEED = 5, 300, 6, 0.2, 0.4, 11


class Draws:
    """The numbers that the run was given, from the streams by their names."""

    def __init__(self) -> None:
        images, labels = load_digits(return_X_y=True)
        self.x, _, self.y, _ = train_test_split(
            (images / 16).astype(np.float32).astype(float), labels, test_size=0.2, random_state=0, stratify=labels
        )
        self.batches = [
            np.concatenate(
                [stream(SEED, Purpose.DATA, m, block).integers(len(self.x), size=(64, BATCH)) for block in range(8)]
            )
            for m in range(WORKERS)
        ]
        self.uniform = [iter(stream(SEED, Purpose.PEERS, m).random(4096)) for m in range(WORKERS)]
        self.seconds = [
            iter(0.1 * np.exp(0.4 * stream(SEED, Purpose.COMPUTE, m).standard_normal(256))) for m in range(WORKERS)
        ]

    def peer(self, worker: int) -> int:
        others = [m for m in range(WORKERS) if m != worker]
        return others[int(next(self.uniform[worker]) * len(others))]

    def gradient(self, weights: np.ndarray, worker: int, step: int) -> np.ndarray:
        """Of the mean cross-entropy of softmax regression: ((softmax(Wx + b) − onehot)ᵀ x, its mean)."""
        chosen = self.batches[worker][step]
        x, y = self.x[chosen], self.y[chosen]
        matrix, bias = weights[:640].reshape(10, 64), weights[640:]
        error = (softmax(x @ matrix.T + bias, axis=1) - np.eye(10)[y]) / BATCH
        return np.concatenate([(error.T @ x).ravel(), error.sum(axis=0)])


def rewritten(form: str, start: np.ndarray, draws: Draws) -> tuple[np.ndarray, list[float]]:
    """Parameters `(workers, dim)` and weights after STEPS gradient steps in all, messages taking no time."""
    mailbox: list[list[Any]] = [[] for _ in range(WORKERS)]
    x, alpha = [start.copy() for _ in range(WORKERS)], [1 / WORKERS] * WORKERS
    taken, gradients = [0] * WORKERS, [draws.gradient(start, m, 0) for m in range(WORKERS)]
    finishing = [(next(draws.seconds[m]), m) for m in range(WORKERS)]
    heapq.heapify(finishing)
    for _ in range(STEPS):
        now, i = heapq.heappop(finishing)
        x[i] = x[i] - RATE * gradients[i]
        taken[i] += 1
        if next(draws.uniform[i]) < P:
            j = draws.peer(i)
            if form == "pull":
                alpha[j] = alpha[j] / 2
                x[i] = (alpha[i] * x[i] + alpha[j] * x[j]) / (alpha[i] + alpha[j])
                alpha[i] = alpha[i] + alpha[j]
            else:
                alpha[i] = alpha[i] / 2
                mailbox[j].append((x[i].copy(), alpha[i]))
        for sent, weight in mailbox[i]:
            x[i] = (alpha[i] * x[i] + weight * sent) / (alpha[i] + weight)
            alpha[i] = alpha[i] + weight
        mailbox[i] = []
        gradients[i] = draws.gradient(x[i], i, taken[i])
        heapq.heappush(finishing, (now + next(draws.seconds[i]), i))
    return np.stack(x), alpha


@pytest.mark.parametrize("form", ["pull", "push"])
def test_same_trajectory_as_the_pseudo_code(form: str) -> None:
    algorithm: dict[str, Any] = {"name": f"gosgd_{form}", f"{form}_probability": P}
    arm = only_arm(
        algorithm=algorithm,
        workers=WORKERS,
        until={"gradient_steps": STEPS},
        problem={"model": {"name": "logistic"}, "data": DIGITS, "batch_size": BATCH},
        optimizer={"learning_rate": RATE},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    )
    _, facts, rows = trajectory(arm, seed=SEED)
    start = build(present(arm.problem), WORKERS, SEED, "float64", CPU).initial().numpy()
    x, alpha = rewritten(form, start, Draws())
    assert facts[-1].messages_sent > 80
    np.testing.assert_allclose([worker.alpha for worker in facts[-1].workers], alpha, rtol=1e-12)
    np.testing.assert_allclose(rows[-1].numpy(), x, rtol=1e-9, atol=1e-12)
