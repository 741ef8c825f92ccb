"""Tables of classes that are found by their files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gossim.problems import DATA, MODELS, DataSpec, ModelSpec
from gossim.problems import data as data_sets
from gossim.schema.by_file import classes_by_file

ONE = """
from typing import Literal

from gossim.problems.models.logistic import Logistic


class Mine(Logistic):
    name: Literal["{name}"] = "{name}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "found_here"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return package


def test_a_new_file_is_found_by_itself(folder: Path) -> None:
    (folder / "mine.py").write_text(ONE.format(name="mine"))
    (folder / "_helper.py").write_text("raise RuntimeError('not imported')")
    found = classes_by_file("found_here", [str(folder)], ModelSpec)
    assert list(found) == ["mine"]
    assert found["mine"].__name__ == "Mine"


def test_a_file_must_define_what_it_is_named_after(folder: Path) -> None:
    (folder / "other.py").write_text(ONE.format(name="mine"))
    with pytest.raises(ImportError, match="must define a subclass of ModelSpec with the name 'other'"):
        classes_by_file("found_here", [str(folder)], ModelSpec)


def test_each_data_set_and_model_stands_in_its_own_file() -> None:
    assert classes_by_file("gossim.problems.data", data_sets.__path__, DataSpec) == DATA
    for name, kind in {**DATA, **MODELS}.items():
        assert kind.__module__.rpartition(".")[2] == name
