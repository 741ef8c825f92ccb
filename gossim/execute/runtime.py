"""How the process computes during a run: on how many cores, and on a GPU with what rounding and in what order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..problems.problem import Problem


@contextmanager
def threads_for(problem: Problem) -> Iterator[None]:
    """Use all threads that torch was given for problems with large operations, and one for others; restore the number
    afterwards.

    Small operations lose more by handing work to a second thread than it does (docs/performance.md), and on one
    thread the rounding of a sum does not depend on how many cores the machine has.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(threads if problem.large_operations else 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def repeatable(device: torch.device, dtype: str) -> Iterator[None]:
    """Make GPU results repeatable inside the block: factors of float32 products are rounded to TF32 (10 bits instead of
    23) only if `dtype` is `tf32`, and sums are taken in one order. The previous settings are restored afterwards.

    By itself torch takes TF32 for convolutions, and whichever algorithm is fastest. An operation for which it has none
    but such as add up in the order of threads gives a warning of torch's.
    """
    if device.type != "cuda":
        yield
        return
    # cuBLAS reads this when it is first used, and torch asks for it: two buffers of fixed size for each stream.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # torch's stubs do not know these attributes
    backends: Any = torch.backends
    filling: Any = torch.utils.deterministic
    products = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
    rounding = [kind.fp32_precision for kind in products]
    ordered, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fills = filling.fill_uninitialized_memory
    for kind in products:
        kind.fp32_precision = "tf32" if dtype == "tf32" else "ieee"
    torch.use_deterministic_algorithms(True, warn_only=True)
    filling.fill_uninitialized_memory = False  # nothing is read here before it is written
    try:
        yield
    finally:
        for kind, before in zip(products, rounding, strict=True):
            kind.fp32_precision = before
        torch.use_deterministic_algorithms(ordered, warn_only=warns)
        filling.fill_uninitialized_memory = fills
