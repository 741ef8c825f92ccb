"""Paths that are refused before anything is written to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError


def refuse_unwritable(path: Path) -> None:
    """Raise InputError for a path that no table can be written to: pyarrow takes UTF-8 alone."""
    try:
        ok = str(path).encode("utf-8").find(0) < 0
    except UnicodeEncodeError:
        ok = False
    if not ok:
        raise InputError(f"{str(path)!a}: cannot be used: the path must be in UTF-8, without NUL")


def refuse_links(*paths: Path) -> None:
    """Raise InputError for the first of `paths` that is a symbolic link: files elsewhere would be replaced."""
    for path in paths:
        if path.is_symlink():
            raise InputError(f"{path}: is a symbolic link, which is not followed; remove it")


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Raise InputError, naming `path`, where the operating system refuses what the block does."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be used: {error.strerror or error}") from None
