"""How many cores the arithmetic uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..problems.problem import Problem


@contextmanager
def threads_for(problem: Problem) -> Iterator[None]:
    """All that torch was given for problems whose operations are large, one for the others; put back afterwards.

    Small operations lose more by handing work to a second thread than it does (docs/performance.md), and on one
    thread the rounding of a sum does not depend on how many cores the machine has.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(threads if problem.large_operations else 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
