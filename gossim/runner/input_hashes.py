"""What decides a run's numbers beside its scenario: the files that it names, and the user's modules, by content."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..files.csv_columns import remembered
from ..scenario.scenario import Scenario


def inputs(scenario: Scenario) -> dict[str, str]:
    """Return the SHA-256 of each such file by its path: as written in the scenario, or relative to its package's folder
    for a module. A file that cannot be read is left out, because the run itself reports it.

    Any text of an arm that is the path of a file names one, parameters of users' algorithms and models included; of
    a `directory`, its `*.bin` and idx files; of a data set its `files`. Of a module `package.module:Name` it is
    the whole package, and what that imports from the folder in which it is.
    """
    files: dict[str, Path] = {}
    for arm in scenario.arms.values():
        for key, text in _texts(arm.model_dump(mode="json")):
            if key in ("name", "loss", "metrics"):
                files |= _sources(text.partition(":")[0]) if ":" in text else {}
            elif key == "directory":
                found = (path for kind in ("*.bin", "*-ubyte", "*-ubyte.gz") for path in Path(text).rglob(kind))
                files |= {path.as_posix(): path for path in found}
            elif os.path.isfile(text):
                files[text] = Path(text)
        if arm.problem is not None and arm.problem.data is not None:
            files |= arm.problem.data.files()
    return {name: digest for name, path in sorted(files.items()) if (digest := _digest(str(path))) is not None}


def _texts(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Return each text in `data` with its key."""
    if isinstance(data, str):
        yield key, data
    elif isinstance(data, Mapping):
        for inner, value in data.items():
            yield from _texts(value, inner)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value, key)


def _sources(module: str) -> dict[str, Path]:
    """Return the files of the package of `module`, and of neighbouring packages that it imports."""
    found: dict[str, Path] = {}
    home, known, todo = None, set(), [module.partition(".")[0]]
    while todo:
        known.add(name := todo.pop())
        files = _files(name)
        if not files or (home is not None and files[0] != home):
            continue
        home = files[0]
        found |= {path.relative_to(home).as_posix(): path for path in files[1]}
        if home not in _installed():
            todo += {top for path in files[1] for top in _imported(str(path))} - known
    return found


def _files(package: str) -> tuple[Path, list[Path]] | None:
    """Return the folder of a package or module and its files, or None if it does not exist as files."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    folders = list((spec and spec.submodule_search_locations) or [])
    if folders:
        folder = Path(folders[0]).absolute()
        return folder.parent, sorted(folder.rglob("*.py"))
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return Path(spec.origin).absolute().parent, [Path(spec.origin).absolute()]


def _installed() -> Iterable[Path]:
    """Return where packages are installed; what is imported from there has a version."""
    return {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib", "platstdlib")}


@remembered
def _digest(file: str) -> str | None:
    try:
        with open(file, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None


@remembered
def _imported(file: str) -> frozenset[str]:
    """Return the packages that a Python file imports by name, anywhere in it."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    return frozenset(name.partition(".")[0] for name in names if name)
