"""Sources of Python's own library, as a text that is always there."""

from __future__ import annotations

import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ...errors import InputError
from ._base import Dataset
from ._bytes import BytesSpec, windows


class PythonSource(BytesSpec):
    """The sources of Python's standard library as a text: about 700,000 bytes, the same for one version of Python.

    They are the files of argparse, ast, configparser, difflib, fractions, functools, heapq, random, shutil, statistics,
    tempfile, textwrap and threading, in this order, as installed with the Python that runs. The manifest has the
    SHA-256 of each. The last fifth, most of it tempfile, textwrap and threading, is held out.
    """

    MODULES: ClassVar[tuple[str, ...]] = (
        "argparse",
        "ast",
        "configparser",
        "difflib",
        "fractions",
        "functools",
        "heapq",
        "random",
        "shutil",
        "statistics",
        "tempfile",
        "textwrap",
        "threading",
    )
    name: Literal["python_source"] = "python_source"

    def files(self) -> dict[str, Path]:
        folder = sysconfig.get_path("stdlib")
        found = {module: PathFinder.find_spec(module, [folder]) for module in self.MODULES}
        return {
            f"python_source/{module}.py": Path(spec.origin) for module, spec in found.items() if spec and spec.origin
        }

    def load(self) -> Dataset:
        files = self.files()
        try:
            texts = [files[f"python_source/{module}.py"].read_bytes() for module in self.MODULES]
        except (KeyError, OSError) as error:
            raise InputError(
                f"problem.data = python_source: this Python is installed without the source of a module ({error}); "
                "use text with a file of yours"
            ) from None
        return windows("problem.data = python_source", np.frombuffer(b"".join(texts), np.uint8), self.context)
