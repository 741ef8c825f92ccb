"""A table of the user's: one line a sample."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...errors import InputError, nearest
from ...files.csv_columns import read_lines
from ._arrays import file_version, from_arrays, refuse_unreadable, standardized
from ._base import Dataset, ReadSpec


class CSV(ReadSpec):
    """A CSV file with a header. The column `target` is a label 0 to C − 1, or any number.

    The other columns are the inputs, all of them numbers. `task` is classification or regression.

    A fifth of the lines is held out, drawn by scikit-learn's `train_test_split` with `random_state=0`. With
    `standardize` each column is shifted and scaled by its mean and standard deviation over the lines to train on.
    """

    name: Literal["csv"] = "csv"
    file: str
    target: str
    task: Literal["classification", "regression"]
    standardize: bool = False

    def version(self) -> object:
        return file_version(self.file)

    def load(self) -> Dataset:
        refuse_unreadable(self.file)
        header, numbers, columns = self._numbers()
        place = header.index(self.target)
        targets, inputs = numbers[:, place], np.delete(numbers, place, axis=1)
        targets = targets if self.task == "regression" else targets.astype(np.int64)
        data = from_arrays(self.file, (inputs, targets), None, self.task, columns)
        if not self.standardize:
            return data
        return standardized(self.file, data, [column for column in header if column != self.target])

    def _numbers(self) -> tuple[list[str], np.ndarray, dict[str, np.ndarray]]:
        """Return the names of the numeric columns, the numbers `(lines, columns)` in float64, and the column that
        divides the lines among workers, if any, as texts.
        """
        lines = read_lines(self.file)
        if len(lines) < 2:
            raise InputError(f"{self.file}: has no lines after its header")
        header = [cell.strip() for cell in lines[0][1]]
        for column in header:
            if header.count(column) > 1:
                raise InputError(f"{self.file}: has two columns '{column}'")
        if self.target not in header:
            raise InputError(f"{self.file}: has no column '{self.target}'{nearest(self.target, header)}")
        groups = self.partition.groups
        if groups is not None and (groups not in header or groups == self.target):
            others = [column for column in header if column != self.target]
            raise InputError(f"{self.file}: has no column '{groups}' beside the target{nearest(groups, others)}")
        if len(header) < 2 + (groups is not None):
            raise InputError(f"{self.file}: has no column beside '{self.target}'")
        numbers = [self._line(number, cells, header) for number, cells in lines[1:]]
        if groups is None:
            return header, np.array(numbers), {}
        place = header.index(groups)
        texts = np.array([cells[place].strip() for _, cells in lines[1:]])
        return [column for column in header if column != groups], np.array(numbers), {groups: texts}

    def _line(self, number: int, cells: list[str], header: list[str]) -> list[float]:
        where = f"{self.file}, line {number}"
        if len(cells) != len(header):
            raise InputError(f"{where}: has {len(cells)} values, and the header {len(header)} columns")
        named = [(cell, name) for cell, name in zip(cells, header, strict=True) if name != self.partition.groups]
        found = [_number(cell, f"{where}, column '{name}'") for cell, name in named]
        label = found[[name for _, name in named].index(self.target)]
        if self.task != "regression" and (label < 0 or label != int(label) or label > 2**31):
            raise InputError(f"{where}, column '{self.target}': {label:g} is no label; labels are 0 to C - 1")
        return found


def _number(text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"{place}: {text!r} is no number") from None
    if not np.isfinite(number):
        raise InputError(f"{place}: {text!r} is not finite")
    return number
