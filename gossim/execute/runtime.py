"""How the process is set while a program runs; everything is put back afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..problems.problem import Problem


@contextmanager
def tuned_for(problem: Problem) -> Iterator[None]:
    """Threads: all that torch was given for problems whose operations are large, one for the others.

    Small operations lose more by handing work to a second thread than it does (docs/performance.md), and on one
    thread the rounding of a sum does not depend on how many cores the machine has. Python's cycle collector rests:
    a window is some hundred thousand small tuples without cycles, and it would walk through them again and again.
    """
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    torch.set_num_threads(threads if problem.large_operations else 1)
    gc.disable()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if collecting:
            gc.enable()
