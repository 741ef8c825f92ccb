"""A data set split in two with the classes in proportion, as scikit-learn does it, whose import takes a second."""

from __future__ import annotations

import math

import numpy as np


def stratified_split(labels: np.ndarray, test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split samples as `sklearn.model_selection.train_test_split(stratify=labels)` does, to the last one.

    The split is part of a data set: it stays as it was drawn. Source: scikit-learn, StratifiedShuffleSplit.

    Args:
        labels: The class of each sample, `(n,)`.
        test_share: The share of the samples that is held out.
        seed: What scikit-learn calls `random_state`.

    Returns:
        The indices of the training samples and of the test samples, each shuffled.
    """
    random = np.random.RandomState(seed)
    held_out = math.ceil(test_share * len(labels))
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    kept = _shares(counts, len(labels) - held_out, random)
    out = _shares(counts - kept, held_out, random)
    train, test = [], []
    for own, first, second in zip(members, kept, out, strict=True):
        shuffled = own[random.permutation(len(own))]
        train.append(shuffled[:first])
        test.append(shuffled[first : first + second])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def _shares(counts: np.ndarray, total: int, random: np.random.RandomState) -> np.ndarray:
    """Return a number for each class in proportion to its `counts`, `total` in sum; ties are broken at random."""
    exact = counts / counts.sum() * total
    shares = np.floor(exact)
    missing = int(total - shares.sum())
    rest = exact - shares
    for value in np.unique(rest)[::-1]:
        if not missing:
            break
        (tied,) = np.where(rest == value)
        chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(int)
