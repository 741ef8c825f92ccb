"""What the simulated cluster asks of the algorithm that its workers run."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Protocol

import simpy


class DistributedAlgorithm(Protocol):
    """The sequential code of one worker, and what the cluster must know of it before it begins.

    `weighted`: whether workers carry weights α that sum to 1. `servers`: nodes that it needs beside the workers.
    `brings_back`: whether it gives a worker that comes back the parameters that it needs.
    """

    weighted: ClassVar[bool]
    brings_back: ClassVar[bool]
    servers: ClassVar[int]

    @property
    def name(self) -> str: ...

    def worker(self, w: Any) -> Generator[simpy.Event, Any, None]: ...
