"""What compression leaves of a vector, against NumPy, and that it loses no more than theory allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from gossim.algorithms._compression import COMPRESSIONS, QuantizeFunction, RandomKFunction, SignFunction, TopKFunction
from gossim.execute.batched import Batched
from gossim.execute.functions import apply
from gossim.execute.reference import Reference
from gossim.testing import trajectory
from support.scenarios import only_arm, world_of
from support.several import Several

FRACTIONS = st.sampled_from([0.01, 0.07, 0.1, 0.3, 0.55, 0.7, 1.0])


def rows(seed: int, count: int, dim: int) -> np.ndarray:
    """Of very different sizes, the largest numbers first or last or anywhere."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, dim)) * 10.0 ** generator.integers(-6, 6, size=(count, 1))


def compressed(functions: list[Any], v: np.ndarray) -> np.ndarray:
    before = torch.tensor(v)
    after = apply(functions, before)
    assert np.array_equal(before.numpy(), v), "what is compressed is not touched"
    return after.numpy()


@given(seed=st.integers(0, 2**32), count=st.integers(1, 6), dim=st.integers(1, 200), fraction=FRACTIONS)
def test_top_k_keeps_the_largest(seed: int, count: int, dim: int, fraction: float) -> None:
    v = rows(seed, count, dim)
    kept = math.ceil(round(fraction * 100) * dim / 100)
    expected = np.zeros_like(v)
    for row, out in zip(v, expected, strict=True):
        places = np.argsort(abs(row))[dim - kept :]
        out[places] = row[places]
    assert np.array_equal(compressed([TopKFunction(fraction)] * count, v), expected)


@given(seed=st.integers(0, 2**32), count=st.integers(1, 6), dim=st.integers(1, 200))
def test_sign_keeps_the_mean_modulus(seed: int, count: int, dim: int) -> None:
    v = rows(seed, count, dim)
    v[0, 0] = 0
    expected = np.sign(v) * abs(v).sum(axis=1, keepdims=True) / dim
    np.testing.assert_allclose(compressed([SignFunction()] * count, v), expected, rtol=1e-12)


@given(seed=st.integers(-(2**63), 2**63 - 1), step=st.integers(0, 10**6), dim=st.integers(1, 200), fraction=FRACTIONS)
def test_random_k_keeps_so_many_as_they_are(seed: int, step: int, dim: int, fraction: float) -> None:
    v = rows(step, 1, dim)
    (after,) = compressed([RandomKFunction(fraction, seed, step)], v)
    assert np.count_nonzero(after) == math.ceil(round(fraction * 100) * dim / 100)
    assert np.array_equal(after[after != 0], v[0][after != 0])


@pytest.mark.parametrize("fraction", [0.07, 0.14, 0.28, 0.55, 0.56, 0.57, 0.58])
def test_a_rounding_keeps_no_number_more(fraction: float) -> None:
    """0.07 · 100 is 7.000000000000001 in floating point, and 7 numbers are to be kept."""
    assert np.count_nonzero(compressed([TopKFunction(fraction)], rows(0, 1, 100))) == round(100 * fraction)


@given(seed=st.integers(0, 2**32), dim=st.integers(1, 100), fraction=FRACTIONS)
def test_compressions_contract_as_published(seed: int, dim: int, fraction: float) -> None:
    """‖Q(v) − v‖² ≤ (1 − δ) ‖v‖²: top_k with δ = k/d for every v, sign with δ = ‖v‖₁²/(d ‖v‖²), where it is equal.

    Source: Stich, Cordonnier, Jaggi 2018; Karimireddy et al. 2019 for the sign.
    """
    v = rows(seed, 1, dim)
    size = (v**2).sum()
    kept = math.ceil(round(fraction * 100) * dim / 100)
    assert ((compressed([TopKFunction(fraction)], v) - v) ** 2).sum() <= (1 - kept / dim) * size * (1 + 1e-12)
    left = ((compressed([SignFunction()], v) - v) ** 2).sum()
    assert left == pytest.approx(size - abs(v).sum() ** 2 / dim, rel=1e-9, abs=1e-12 * size)


DRAWS, D, KEPT = 20_000, 20, 5


def drawn(seed: int = 5) -> np.ndarray:
    """Which places are kept, `(DRAWS, D)`."""
    functions = [RandomKFunction(KEPT / D, seed, step) for step in range(DRAWS)]
    return compressed(functions, np.ones((DRAWS, D)))


@pytest.mark.parametrize("seed", [0, 5, -(2**62)])
def test_random_k_draws_all_places_evenly(seed: int) -> None:
    """k of d without putting back: counts have the variance n p(1 − p) and, each two, −1/(d − 1) of it as covariance,
    so that (d − 1)/d Σ (count − np)²/(np(1 − p)) is χ² with d − 1 degrees of freedom."""
    counts, p = drawn(seed).sum(axis=0), KEPT / D
    statistic = (D - 1) / D * ((counts - DRAWS * p) ** 2).sum() / (DRAWS * p * (1 - p))
    assert scipy.stats.chi2.sf(statistic, D - 1) > 1e-6
    assert scipy.stats.chi2.cdf(statistic, D - 1) > 1e-6


def test_random_k_draws_pairs_of_places_evenly() -> None:
    """Each two places are kept together with probability k(k − 1)/(d(d − 1)), within 5 standard errors (of 190)."""
    kept = drawn()
    together, p = (kept.T @ kept)[np.triu_indices(D, 1)] / DRAWS, KEPT * (KEPT - 1) / (D * (D - 1))
    assert abs(together - p).max() < 5 * math.sqrt(p * (1 - p) / DRAWS)


def test_random_k_draws_anew_for_each_step_and_worker() -> None:
    """Two draws have k²/d places in common on average, as the hypergeometric law says."""
    mean, law = KEPT**2 / D, scipy.stats.hypergeom(D, KEPT, KEPT)
    for one, other in ((drawn()[:-1], drawn()[1:]), (drawn(5), drawn(6))):
        common = (one * other).sum(axis=1)
        assert common.mean() == pytest.approx(mean, abs=5 * law.std() / math.sqrt(len(common)))


def test_random_k_contracts_on_average() -> None:
    """E ‖Q(v) − v‖² = (1 − k/d) ‖v‖², within 5 standard errors."""
    v = np.random.default_rng(1).standard_normal(D)
    left = (((drawn() - 1) * v) ** 2).sum(axis=1)
    error = left.std() / math.sqrt(DRAWS)
    assert left.mean() == pytest.approx((1 - KEPT / D) * (v**2).sum(), abs=5 * error)


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_one_at_a_time_and_many_at_once(name: str) -> None:
    """The functions on one row and on many, and whole runs of CHOCO-SGD under both executors."""
    needed: dict[str, Any] = {"fraction": 0.3, "bits": 4}
    compression = {"name": name, **{key: needed[key] for key in needed.keys() & COMPRESSIONS[name].model_fields.keys()}}
    functions: dict[str, list[Any]] = {
        "top_k": [TopKFunction(f) for f in (0.1, 0.3, 0.3, 1.0)],
        "random_k": [RandomKFunction(f, s, s + 7) for s, f in enumerate((0.1, 0.3, 0.3, 1.0))],
        "sign": [SignFunction()] * 4,
        "quantize": [QuantizeFunction(b, 10, b, b + 7) for b in (2, 3, 3, 16)],
    }
    if name in functions:
        v = rows(3, 4, 37)
        alone = [compressed([f], row[None])[0] for f, row in zip(functions[name], v, strict=True)]
        np.testing.assert_allclose(compressed(functions[name], v), alone, rtol=1e-13)
    arm = only_arm(algorithm={"name": "choco", "compression": compression, "consensus_step": 0.3}, topology="ring")
    plain, fast = (trajectory(arm, executor, problem=Several(4)) for executor in (Reference, Batched))
    for one, other in zip(plain[2], fast[2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    assert not torch.equal(plain[2][-1], plain[2][0])


@pytest.mark.parametrize(("name", "numbers_each"), [("random_k", 1), ("top_k", 2)])
def test_bytes_that_are_whole_are_not_rounded_up(name: str, numbers_each: int) -> None:
    """Of 100 numbers of 8 bytes; 0.07 · 800 is 56.00000000000001 in floating point."""
    for hundredths in range(1, 100):
        compression = {"name": name, "fraction": hundredths / 100}
        arm = only_arm(algorithm={"name": "choco", "compression": compression, "consensus_step": 0.3}, topology="ring")
        worker = world_of(arm).workers[0]
        algorithm: Any = arm.algorithm
        share = algorithm.compression.size_share(arm.number_bits)
        assert worker._size(1, share) == min(800, 8 * numbers_each * hundredths)
