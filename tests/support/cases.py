"""Many cases in one test."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def case(name: object) -> Iterator[None]:
    """What fails in here says for which case."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"case: {name}")
        raise


def in_turn(names: Collection[Any], others: Collection[Any], quick: int = 1) -> list[Any]:
    """Every pair, for `parametrize`: each name with `quick` of the others, by turns; the remaining pairs are slow."""
    return [
        pytest.param(name, other, marks=[] if (at - place) % len(others) < quick else pytest.mark.slow)
        for place, name in enumerate(names)
        for at, other in enumerate(others)
    ]
