"""Compression of gradients and changes: which algorithms have it, the rule in NumPy, and the bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.algorithms._compressing import Compressing
from gossim.algorithms._compression import QuantizeFunction
from gossim.errors import ScenarioError
from gossim.execute.functions import apply
from gossim.testing import check_executors
from support.algorithms import ALGORITHMS
from support.ledger import ledger
from support.published import ETA, IMMEDIATE, K, M, Run
from support.scenarios import only_arm, world_of
from support.several import DIM

TOP = {"name": "top_k", "fraction": 0.4}
KINDS: list[Any] = [TOP, {"name": "random_k", "fraction": 0.4}, "sign", {"name": "quantize", "bits": 4}]
COMPRESSING = sorted(name for name, cls in REGISTRY.items() if issubclass(cls, Compressing))
WHOLE = {"decoupled_diloco": {"fragments": 1}}
"""What compresses whole vectors only."""


def with_compression(name: str, **keys: Any) -> dict[str, Any]:
    return {**ALGORITHMS[name], **WHOLE.get(name, {}), **keys}


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - set(COMPRESSING) - {"choco"}))
def test_the_others_say_why_not(name: str) -> None:
    assert REGISTRY[name].uncompressed
    with pytest.raises(ScenarioError, match=r"algorithm.compression = \{name: top_k, fraction: 0.4\}: (\w+) "):
        only_arm(algorithm={**ALGORITHMS[name], "compression": TOP})


@pytest.mark.parametrize("name", COMPRESSING)
def test_executors_and_clock_agree(name: str) -> None:
    for feedback, kind in zip((0.0, 1.0, 0.9, 0.5), KINDS, strict=True):
        arm = only_arm(algorithm=with_compression(name, compression=kind, error_feedback=feedback))
        check_executors(arm)
        assert ledger(arm, 0, True, 50) == ledger(arm, 0, False, 50)


@pytest.mark.parametrize("name", COMPRESSING)
def test_without_compression_nothing_changes(name: str) -> None:
    plain, none = (
        ledger(only_arm(algorithm={**ALGORITHMS[name], **more}), 0, True, 50) for more in ({}, {"compression": "none"})
    )
    assert plain == none


def largest(v: np.ndarray, fraction: float) -> np.ndarray:
    """The rows of v with all but the largest numbers set to 0."""
    kept = np.zeros_like(v)
    for row, out in zip(v, kept, strict=True):
        places = np.argsort(abs(row))[len(row) - math.ceil(fraction * len(row)) :]
        out[places] = row[places]
    return kept


@pytest.mark.parametrize("feedback", [0.0, 1.0, 0.7])
def test_allreduce_with_error_feedback(feedback: float) -> None:
    """Karimireddy et al. 2019 (β = 1): e ← βe + g; x ← x − η mean Q(e); e ← e − Q(e)."""
    run = Run({"name": "allreduce", "compression": TOP, "error_feedback": feedback})
    x, memory = run.start, np.zeros((M, DIM))
    for k in range(K):
        memory = feedback * memory + run.gradients(k, x)
        sent = largest(memory, 0.4)
        memory = memory - sent
        x = x - ETA * sent.mean(axis=0)


def test_sparse_loco() -> None:
    """arXiv:2508.15706: e ← βe + (θ − θ_m), of which the largest are sent and the rest is kept."""
    rate, mu, period, feedback = 0.7, 0.5, 3, 0.95
    outer = {"learning_rate": rate, "momentum": mu, "nesterov": True}
    run = Run({"name": "diloco", "period": period, "outer": outer, "compression": TOP, "error_feedback": feedback})
    theta, velocity, memory, x = run.start[0], np.zeros(DIM), np.zeros((M, DIM)), run.start
    for k in range(K):
        x = x - ETA * run.gradients(k, x)
        if (k + 1) % period == 0:
            memory = feedback * memory + theta - x
            sent = largest(memory, 0.4)
            memory, delta = memory - sent, sent.mean(axis=0)
            velocity = mu * velocity + delta
            theta = theta - rate * (delta + mu * velocity)
            x = np.tile(theta, (M, 1))


def rows_of(bits: int, count: int, v: np.ndarray, chunk: int = 512) -> np.ndarray:
    functions = [QuantizeFunction(bits, chunk, 3, step) for step in range(count)]
    return apply(functions, torch.tensor(np.tile(v, (count, 1)))).numpy()


@pytest.mark.parametrize("bits", [2, 5])
def test_quantized_numbers_are_right_in_the_mean(bits: int) -> None:
    """Each is m/s · (⌊·⌋ or ⌈·⌉), and the mean is v within five standard errors."""
    v, levels, count = np.random.default_rng(2).standard_normal(12), 2 ** (bits - 1) - 1, 4000
    drawn = rows_of(bits, count, v)
    size = abs(v).max()
    whole = drawn / size * levels
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
    assert (abs(drawn - v) <= size / levels * (1 + 1e-9)).all()
    assert (abs(drawn.mean(axis=0) - v) <= 5 * drawn.std(axis=0) / math.sqrt(count) + 1e-12).all()


def test_each_chunk_has_its_own_scale() -> None:
    v = np.array([1e3, -5e2, 1e-3, 1e-3, 0.0, 0.0, 7.0])
    drawn = rows_of(2, 50, v, chunk=2)
    assert set(np.unique(abs(drawn[:, 1]))) == {0.0, 1e3}
    np.testing.assert_array_equal(drawn[:, [2, 3, 4, 5, 6]], np.tile(v[2:], (50, 1)))


SHARES = {"top_k": 0.8, "random_k": 0.4, "sign": 1 / 32, "quantize": 4 / 32 + 1 / 50}


def sent(name: str, seconds: float, **keys: Any) -> int:
    """Bytes after that time, of 8 workers with a gradient of 200 numbers of 4 bytes every 0.1 s."""
    arm = only_arm(
        algorithm=with_compression(name, **keys), workers=8, compute={"time_s": 0.1}, network=IMMEDIATE,
        until={"time_s": seconds}, dtype="float32",
    )  # fmt: skip
    world = world_of(arm)
    list(world.windows(100, 10**9))
    return world.network.bytes_sent


@pytest.mark.parametrize(
    "kind", [TOP, {"name": "random_k", "fraction": 0.4}, "sign", {"name": "quantize", "bits": 4, "chunk": 50}]
)
def test_what_is_sent(kind: Any) -> None:
    """To a server compressed, and back whole; in an average from each to all the others, p(p − 1) vectors."""
    share = SHARES[kind if isinstance(kind, str) else kind["name"]]
    assert sent("downpour", 0.55, compression=kind) == pytest.approx(5 * 8 * 800 * (1 + share), abs=40)
    assert sent("ssp", 0.55, compression=kind) == pytest.approx(5 * 8 * 800 * (1 + share), abs=40)
    for name, rounds in (("allreduce", 5), ("eager_sgd", 5), ("diloco", 1)):
        assert sent(name, 0.55, compression=kind) == pytest.approx(rounds * 8 * 7 * 800 * share, abs=8 * 7 * 5)


def test_what_is_passed_on_whole_takes_its_time() -> None:
    """p − 1 rounds of a tenth of 1,000 numbers, whose places count as much: 7 · (0.01 + 800/10⁴) s, formula or not."""
    for events in (False, True):
        ring = {"name": "ring", "events": events}
        network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e4, "sharing": "fair"}
        top = {"name": "top_k", "fraction": 0.1}
        arm = only_arm(
            algorithm={"name": "allreduce", "collective": ring, "compression": top}, workers=8, network=network,
            compute={"time_s": 1.0}, until={"gradient_steps": 8}, dtype="float32",
        )  # fmt: skip
        world = world_of(arm, message_bytes=4000)
        list(world.windows(100, 10**9))
        assert world.clock.now_s == pytest.approx(1 + 7 * (0.01 + 0.08))


@pytest.mark.parametrize(
    ("algorithm", "more", "rule"),
    [
        ({"name": "allreduce", "collective": "tree"}, {}, "needs collective: ring"),
        ({"name": "allreduce", "buckets": 2}, {}, "buckets = 2: are of whole gradients"),
        ({"name": "eager_sgd", "collective": "ring_events"}, {}, "needs collective: ring"),
        ({**ALGORITHMS["diloco"], "fragments": 3}, {}, "compression = top_k: cannot be had with fragments"),
        ({**ALGORITHMS["diloco"], "timeout_s": 1.0}, {}, "changes since a θ that all must have"),
        ({**ALGORITHMS["decoupled_diloco"]}, {}, "fragments = 2: must be 1 with compression"),
        ({"name": "downpour", "compression": "none", "error_feedback": 1.0}, {}, "needs a compression"),
        ({"name": "downpour", "error_feedback": 1.5}, {}, "error_feedback = 1.5"),
        ({"name": "downpour", "compression": {"name": "quantize", "bits": 1}}, {}, "bits = 1: must be a whole number"),
    ],
)
def test_what_is_refused(algorithm: dict[str, Any], more: dict[str, Any], rule: str) -> None:
    with pytest.raises(ScenarioError, match=rule):
        only_arm(algorithm={"compression": TOP, **algorithm}, **more)
