"""The split of the data sets is scikit-learn's, and so are the digits, without its import."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from gossim.problems.data import DATA
from gossim.problems.stratified import stratified_split
from support.processes import ran


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("samples", [50, 101, 1797])
@pytest.mark.parametrize("share", [0.2, 0.37, 0.5])
def test_the_stratified_split_is_scikit_learns(samples: int, share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 1 + seed, samples) * 7
    train, test = train_test_split(np.arange(samples), test_size=share, random_state=seed, stratify=labels)
    found = stratified_split(labels, share, seed)
    np.testing.assert_array_equal(found[0], train)
    np.testing.assert_array_equal(found[1], test)


def test_digits_are_scikit_learns_to_the_byte() -> None:
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    parts = train_test_split(images, labels.astype(np.int64), test_size=0.2, random_state=0, stratify=labels)
    data = DATA["digits"].model_validate({}).load()
    for mine, theirs in zip((data.train_x, data.test_x, data.train_y, data.test_y), parts, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.tobytes() == theirs.tobytes()


def test_scikit_learn_is_not_imported() -> None:
    load = "from gossim.problems.data import DATA; DATA['digits']().load()"
    code = f"import sys; {load}; assert 'sklearn' not in sys.modules"
    assert ran([sys.executable, "-c", code]).returncode == 0
