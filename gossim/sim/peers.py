"""What the parts of a simulated cluster ask of each other and of the algorithm: protocols, and who is on the network.

No module of `gossim.sim` imports a class that reaches back to it: it names here what it needs of that class.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, ClassVar, Protocol

import simpy

from ..optimizers import Optimizer
from .message import Message
from .timeline import Activity


class DistributedAlgorithm(Protocol):
    """The sequential code of one worker, and what the cluster must know of it before it begins.

    `weighted`: whether workers carry weights α that sum to 1. `servers`: nodes that it needs beside the workers.
    `brings_back`: whether it gives a worker that comes back the parameters that it needs.

    Its other methods `(self, node, message, reply)` are what a node does when it is asked: see `gossim.sim.questions`.
    """

    weighted: ClassVar[bool]
    brings_back: ClassVar[bool]
    servers: ClassVar[int]

    @property
    def name(self) -> str: ...

    def worker(self, w: Any) -> Generator[simpy.Event, Any, None]: ...


class Planned(Protocol):
    """Local steps that are planned ahead: `gossim.sim.planned_steps.Stretch`."""

    def settle(self) -> None: ...

    def cut(self) -> None: ...


class Stepping(Protocol):
    """A worker whose steps are counted."""

    @property
    def optimizer(self) -> Optimizer | None: ...

    @property
    def stretch(self) -> Planned | None: ...


class Answering(Protocol):
    """A node that can be asked: a worker or a server."""

    index: int
    takes_part: bool

    def pack(
        self,
        receiver: int,
        *rows: int,
        alpha: Any = None,
        round: int | None = None,
        version: int | None = None,
        note: Any = None,
    ) -> Message: ...


class Peer(Answering, Protocol):
    """A worker, as the other nodes see it."""

    up: bool
    gone: bool
    alpha: Any

    @property
    def round(self) -> int: ...

    def take_in(self, message: Message) -> None: ...

    def count_step(self) -> None: ...


class Member(Peer, Protocol):
    """A worker, as its all-reduce sees it."""

    activity: Activity
    spell: tuple[int, int]

    @property
    def row(self) -> int: ...

    @property
    def drafts(self) -> dict[int, None]: ...

    @property
    def counts_for(self) -> float: ...

    def combine(self, out: int, *terms: tuple[float, int]) -> None: ...

    def drop(self, row: int) -> None: ...

    def give_back(self, row: int) -> None: ...

    def step(self, gradient: int, own: bool = True, scale: float = 1.0) -> None: ...

    def begin_alone(self) -> None: ...

    def take_over(self, other: Any) -> None: ...


class Averaging(Protocol):
    """An all-reduce, as a worker sees it: `gossim.sim.allreduce.AllReduceMean` says what its methods do."""

    def enter(self, worker: Any) -> Any: ...

    def computes(self, worker: Any) -> None: ...

    def arrive(
        self,
        now: Any,
        worker: Any,
        row: int,
        weighted: bool = False,
        size_bytes: int | None = None,
        meanwhile: bool = False,
    ) -> simpy.Event: ...

    def wait_for(self, now: Any, worker: Any) -> simpy.Event: ...

    def includes(self, worker: Any) -> bool: ...

    def join(self, worker: Any) -> simpy.Event: ...

    def crashed(self, worker: Any) -> None: ...


class Serving(Answering, Protocol):
    """A server, as the workers see it."""

    def catch_up(self, worker: int) -> None: ...


class Peers:
    """All nodes on the network of one cluster. A node's number is its place: the workers come first, then the servers.

    Args:
        workers: Filled while the world is built.
        servers: The same.
    """

    __slots__ = ("servers", "workers")

    def __init__(self, workers: Sequence[Peer], servers: Sequence[Serving]):
        self.workers = workers
        self.servers = servers

    def node(self, number: int) -> Answering:
        """Return the worker or server of that number."""
        count = len(self.workers)
        return self.workers[number] if number < count else self.servers[number - count]
