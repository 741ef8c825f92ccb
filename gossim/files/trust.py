"""What may be done with the modules and files that a scenario names: it may be somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Trust(NamedTuple):
    """`imports`: whether modules that a scenario names, `package.module:name`, may be imported, which runs their code.
    `files`: whether the files that it names may be opened."""

    imports: bool = True
    files: bool = True


OWN = Trust()
"""A scenario that is to be run."""

_present: ContextVar[Trust] = ContextVar("trust", default=OWN)


def present() -> Trust:
    """Return the trust that holds in this context."""
    return _present.get()


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """Trust scenarios that are read, and models that are built, inside the block this far."""
    before = _present.set(trust)
    try:
        yield
    finally:
        _present.reset(before)


ASK = "give --import, or imports=True to Results.open in Python, if you trust it"
"""What to do where a module has to be imported and may not be."""
