"""The data sets, one file each, with the name that scenarios use. A new file in this folder is found by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.by_file import classes_by_file
from ...schema.chosen import chosen_by
from ._base import Dataset, DataSpec, assigned, loaded, outputs_of, task_of
from ._factory import DataFactory

DATA: dict[str, type[DataSpec]] = classes_by_file(__name__, __path__, DataSpec)
"""Every built-in data set by the name that scenarios use."""


if TYPE_CHECKING:
    AnyData = DataSpec
else:
    AnyData = chosen_by("name", DATA, DataFactory.model_validate, when=lambda name: ":" in name)

__all__ = ["DATA", "AnyData", "DataFactory", "DataSpec", "Dataset", "assigned", "loaded", "outputs_of", "task_of"]
