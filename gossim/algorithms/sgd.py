from __future__ import annotations

from typing import ClassVar, Literal

from ..sim.worker import Worker
from ._base import Algorithm, Process


class SGD(Algorithm):
    """Plain SGD: each worker trains alone, x ← x − η ∇L(x). With one worker, the reference for all others.

    Cost: nothing is sent. With M > 1 workers, M independent runs from one starting point.
    Source: Robbins and Monro 1951 (doi:10.1214/aoms/1177729586).
    """

    counts_samples: ClassVar[bool] = True
    family: ClassVar[str] = "alone"
    uncompressed: ClassVar[str] = "sends nothing"
    name: Literal["sgd"] = "sgd"

    def worker(self, w: Worker) -> Process:
        yield from w.local_steps()
