"""From arrays of the user's to a data set: what they must be, and what is held out."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import trust
from ._base import TEST_SHARE, Dataset

Pair = tuple[Any, Any]
"""Inputs, `(n, ...)`, and labels, `(n,)`."""


def refuse_unreadable(file: str) -> None:
    """Raise InputError unless that file is there and may be opened."""
    if not trust.present().files:
        raise InputError(f"problem.data.file = {file!r}: has to be opened; {trust.ASK}")
    if not os.path.exists(file):
        raise InputError(f"problem.data.file = {file!r}: there is no such file")
    if not os.path.isfile(file):
        raise InputError(f"problem.data.file = {file!r}: is no ordinary file")


def file_version(file: str) -> object:
    """Return what changes when the file does; None where there is no such file."""
    try:
        stat = os.stat(file)
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def classified(place: str, train: Pair, test: Pair | None) -> Dataset:
    """Return the data set of these arrays.

    Without a test part a fifth of the samples is held out, drawn by scikit-learn's `train_test_split` with
    `test_size=0.2, random_state=0`: the same for every seed of the scenario.

    Args:
        place: What the arrays are from, for errors.
        train: Inputs and labels.
        test: The same, or None.

    Raises:
        InputError: They are no samples with labels from 0 to C − 1, each of which occurs.
    """
    train_x, train_y = _checked(place, "train", *train)
    if test is None:
        from sklearn.model_selection import train_test_split

        if len(train_y) < 2:
            raise InputError(f"{place}: one sample is too few to hold a fifth out")
        kept, held_out = train_test_split(np.arange(len(train_y)), test_size=TEST_SHARE, random_state=0)
        test_x, test_y = train_x[held_out], train_y[held_out]
        train_x, train_y = train_x[kept], train_y[kept]
    else:
        test_x, test_y = _checked(place, "test", *test)
    if train_x.shape[1:] != test_x.shape[1:] or train_x.dtype.kind != test_x.dtype.kind:
        raise InputError(
            f"{place}: test samples are {test_x.dtype} of shape {test_x.shape[1:]}, and those to train on "
            f"{train_x.dtype} of shape {train_x.shape[1:]}"
        )
    found = np.unique(np.concatenate([train_y, test_y]))
    if len(found) != found[-1] + 1:
        missing = int(np.setdiff1d(np.arange(found[-1]), found)[0])
        raise InputError(f"{place}: labels are up to {found[-1]}, and no sample has {missing}; labels are 0 to C - 1")
    return Dataset(train_x, train_y, test_x, test_y, int(found[-1]) + 1)


def _checked(place: str, part: str, inputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays, floats as they are and labels in 64 bits, in memory of their own. Raises InputError."""
    x, y = np.array(inputs), np.array(labels)
    if x.ndim < 2 or x.dtype.kind not in "fiu" or 0 in x.shape:
        raise InputError(
            f"{place}: {part}_x is {x.dtype} of shape {x.shape}; it must hold numbers, samples along the first axis, "
            "and have an axis more"
        )
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise InputError(
            f"{place}: {part}_y is {y.dtype} of shape {y.shape}; it must hold the labels, whole numbers from 0, of "
            "shape (samples,)"
        )
    if len(x) != len(y):
        raise InputError(f"{place}: {part}_x has {len(x)} samples, and {part}_y {len(y)}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        sample = int(np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))[0])
        raise InputError(f"{place}: sample {sample} of {part}_x, counted from 0, has a value that is not finite")
    if y.min() < 0:
        raise InputError(f"{place}: {part}_y has the label {y.min()}; labels are 0 to C - 1")
    return x.astype(np.int64) if x.dtype.kind in "iu" else x, y.astype(np.int64)
