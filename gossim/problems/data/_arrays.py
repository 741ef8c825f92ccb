"""From arrays of the user's to a data set: what they must be, and what is held out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import trust
from ..task import Task
from ._base import TEST_SHARE, Dataset

Pair = tuple[Any, Any]
"""Inputs, `(n, ...)`, and labels, `(n,)`, real targets, `(n,)` or `(n, outputs)`, or tokens, `(n, length)`."""


BLOCK = 2**20
"""Numbers that are looked at at once: they may be in a file that is larger than memory."""


def is_mapped(array: Any) -> bool:
    """Whether that is an array in a file that is mapped into memory, and nobody here writes to it."""
    return isinstance(array, np.memmap) and not array.flags.writeable


def native(dtype: np.dtype) -> np.dtype:
    """What torch takes of such numbers: real ones in the byte order of this machine, whole ones in 64 bits."""
    return dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.int64)


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


def from_arrays(
    place: str, train: Pair, test: Pair | None, task: Task, columns: Mapping[str, np.ndarray] = MappingProxyType({})
) -> Dataset:
    """Return the data set of these arrays.

    Without a test part a fifth of the samples is held out, drawn by scikit-learn's `train_test_split` with
    `test_size=0.2, random_state=0`: the same for every seed of the scenario.

    Args:
        place: What the arrays are from, for errors.
        train: Inputs and labels.
        test: The same, or None.
        task: Of a regression targets may be whole numbers. Of tokens there are as many kinds as the largest says,
            be it an input or a target.
        columns: What is known of each training sample beside these, `(n,)`.

    Raises:
        InputError: They are no samples with labels from 0 to C − 1, each of which occurs, with real targets, or with
            tokens.
    """
    train_x, train_y = _checked(place, "train", *train, task)
    columns = {name: _column(place, name, values, len(train_y)) for name, values in columns.items()}
    if test is None:
        from sklearn.model_selection import train_test_split

        if len(train_y) < 2:
            raise InputError(f"{place}: one sample is too few to hold a fifth out")
        kept, held_out = train_test_split(np.arange(len(train_y)), test_size=TEST_SHARE, random_state=0)
        test_x, test_y = train_x[held_out], train_y[held_out]
        train_x, train_y = train_x[kept], train_y[kept]
        columns = {name: values[kept] for name, values in columns.items()}
    else:
        test_x, test_y = _checked(place, "test", *test, task)
    if train_x.shape[1:] != test_x.shape[1:] or train_x.dtype.kind != test_x.dtype.kind:
        raise InputError(
            f"{place}: test samples are {test_x.dtype} of shape {test_x.shape[1:]}, and those to train on "
            f"{train_x.dtype} of shape {train_x.shape[1:]}"
        )
    if task == "regression":
        if train_y.shape[1] != test_y.shape[1]:
            raise InputError(f"{place}: {train_y.shape[1]} targets to train on, and {test_y.shape[1]} to test")
        return Dataset(train_x, train_y, test_x, test_y, columns=columns)
    if task == "tokens":
        return _tokens(place, Dataset(train_x, train_y, test_x, test_y, columns=columns))
    found = np.unique(np.concatenate([train_y, test_y]))
    if len(found) != found[-1] + 1:
        missing = int(np.setdiff1d(np.arange(found[-1]), found)[0])
        raise InputError(f"{place}: labels are up to {found[-1]}, and no sample has {missing}; labels are 0 to C - 1")
    return Dataset(train_x, train_y, test_x, test_y, int(found[-1]) + 1, columns)


def _checked(place: str, part: str, inputs: Any, targets: Any, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays in their own memory, floats unchanged and whole numbers in 64 bits; mapped inputs stay in their
    file. Raises InputError."""
    x, y = inputs if is_mapped(inputs) else np.array(inputs), np.array(targets)
    if x.ndim < 2 or x.dtype.kind not in "fiu" or 0 in x.shape:
        raise InputError(
            f"{place}: {part}_x is {x.dtype} of shape {x.shape}; it must hold numbers, samples along the first axis, "
            "and have an axis more"
        )
    if y.ndim == 0 or len(x) != len(y):
        count = len(y) if y.ndim else "no axis"
        raise InputError(f"{place}: {part}_x has {len(x)} samples, and {part}_y {count}")
    _refuse_not_finite(place, f"{part}_x", x)
    if x.dtype == np.uint64 and x.max() > np.iinfo(np.int64).max:
        raise InputError(f"{place}: {part}_x has the number {x.max()}, and torch has whole numbers up to 2**63 - 1")
    if not is_mapped(x):
        x = x.astype(native(x.dtype), copy=False)
    check = {"regression": _real, "classification": _labels, "tokens": _positions}[task]
    return x, check(place, part, y)


def _column(place: str, name: str, values: np.ndarray, samples: int) -> np.ndarray:
    if values.shape != (samples,) or values.dtype.kind not in "iubSU":
        raise InputError(
            f"{place}: '{name}', by which samples are shared out, is {values.dtype} of shape {values.shape}; it must "
            f"hold a whole number or a text for each sample of train_x, ({samples},)"
        )
    return values


def _refuse_not_finite(place: str, name: str, values: np.ndarray) -> None:
    """Raise InputError for real numbers that torch does not have, or that are not finite."""
    if values.dtype.kind != "f":
        return
    if values.dtype.itemsize > np.dtype(np.float64).itemsize:
        raise InputError(f"{place}: {name} is {values.dtype}, and torch has at most float64")
    at_once = max(1, BLOCK // max(1, values[0].size))
    for first in range(0, len(values), at_once):
        finite = np.isfinite(values[first : first + at_once])
        if not finite.all():
            sample = first + int(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1))[0])
            raise InputError(f"{place}: sample {sample} of {name}, counted from 0, has a value that is not finite")


def _real(place: str, part: str, y: np.ndarray) -> np.ndarray:
    """Return the targets of a regression as floats, `(n, outputs)`."""
    if y.dtype.kind not in "fiu" or y.ndim > 2 or 0 in y.shape:
        raise InputError(
            f"{place}: {part}_y is {y.dtype} of shape {y.shape}; it must hold numbers, of shape (samples,) or "
            "(samples, targets)"
        )
    _refuse_not_finite(place, f"{part}_y", y)
    y = y.reshape(len(y), -1)
    return y.astype(native(y.dtype) if y.dtype.kind == "f" else np.float64, copy=False)


def _labels(place: str, part: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise InputError(
            f"{place}: {part}_y is {y.dtype} of shape {y.shape}; it must hold the labels, whole numbers from 0, of "
            "shape (samples,); real numbers are for task: regression, a label at each position for task: tokens"
        )
    if y.min() < 0:
        raise InputError(f"{place}: {part}_y has the label {y.min()}; labels are 0 to C - 1")
    return y.astype(np.int64)


def _positions(place: str, part: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind not in "iu" or y.ndim != 2 or 0 in y.shape:
        raise InputError(
            f"{place}: {part}_y is {y.dtype} of shape {y.shape}; with task: tokens it must hold whole numbers from 0, "
            "of shape (samples, length)"
        )
    if y.min() < 0:
        raise InputError(f"{place}: {part}_y has the token {y.min()}; tokens are numbered from 0")
    return y.astype(np.int64)


def _tokens(place: str, data: Dataset) -> Dataset:
    """Return the arrays with one set of tokens for inputs and targets. Raises InputError."""
    if data.train_y.shape[1] != data.test_y.shape[1]:
        lengths = data.train_y.shape[1], data.test_y.shape[1]
        raise InputError(f"{place}: targets to train on have {lengths[0]} positions, and those to test {lengths[1]}")
    if data.train_x.dtype.kind == "f":
        return data
    for part, x in (("train", data.train_x), ("test", data.test_x)):
        if x.min() < 0:
            raise InputError(f"{place}: {part}_x has the token {x.min()}; tokens are numbered from 0")
    classes = max(data.classes, int(data.train_x.max()) + 1, int(data.test_x.max()) + 1)
    return replace(data, classes=classes)


def standardized(place: str, data: Dataset, columns: list[str]) -> Dataset:
    """Shift and scale each of the `columns` of the inputs by its mean and standard deviation over the training part.

    Raises:
        InputError: One of them is the same in all samples.
    """
    mean, deviation = data.train_x.mean(axis=0), data.train_x.std(axis=0)
    for column, scale in zip(columns, deviation, strict=True):
        if scale == 0:
            raise InputError(
                f"{place}: column '{column}' is the same on all lines to train on, and cannot be standardized"
            )
    train_x, test_x = ((x - mean) / deviation for x in (data.train_x, data.test_x))
    return replace(data, train_x=train_x, test_x=test_x)
