"""What an algorithm is: its parameters, and the sequential code of one worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from ..schema.fields import Frozen
from ..schema.violations import broken_at
from ..settings import Settings
from ..sim.message import Message
from ..sim.questions import Reply
from ..sim.worker import Worker

if TYPE_CHECKING:
    import simpy  # belongs to the timing plane

Process = Generator["simpy.Event", Any, None]


class Algorithm(Frozen):
    """A distributed training algorithm. Its fields are the parameters that a scenario sets.

    `name` is a `Literal` with a default in a built-in algorithm. A class in a user's own file needs none: its name is
    the path from which it is imported, `package.module:Class`.

    `weighted`: whether workers carry weights α that start at 1/M and always sum to 1, in flight and lost included.

    `counts_samples`: whether each worker counts for `w.counts_for` average ones, as `problem.weighting: samples` asks.

    `one_rate`: why all workers must have one learning rate, as a sentence goes on; empty if each may have its own.
    `servers`: how many nodes it needs beside the workers.
    `brings_back`: whether it gives a worker that comes back the parameters that it needs, whatever the fault says.

    `family` and `waits_for` are shown by `gossim list`, as are its needs, which its `unfit` must say too: `all_up`, no
    faults; `all_messages`, no message lost for good; `undirected` and `static`, of the topology.

    What a node does when it is asked is a method too, named in the call: `w.ask(peer, "average", [w.row])` has
    `average(self, other, message, reply)` called with the node that was asked, when the message has reached it.
    """

    weighted: ClassVar[bool] = False
    brings_back: ClassVar[bool] = False
    counts_samples: ClassVar[bool] = False
    one_rate: ClassVar[str] = ""
    servers: ClassVar[int] = 0
    family: ClassVar[str] = ""
    waits_for: ClassVar[str] = "nobody"
    all_up: ClassVar[bool] = False
    all_messages: ClassVar[bool] = False
    undirected: ClassVar[bool] = False
    static: ClassVar[bool] = False
    uncompressed: ClassVar[str] = ""
    """Why it has no `compression`, as a rule for the scenario."""
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _only_some_compress(cls, data: Any) -> Any:
        if isinstance(data, dict) and "compression" in data and cls.uncompressed:
            raise broken_at(("compression",), data["compression"], cls.uncompressed)
        return data

    @model_validator(mode="before")
    @classmethod
    def _name_says_where_it_is(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data and not cls.model_fields["name"].default:
            return {"name": f"{cls.__module__}:{cls.__qualname__}", **data}
        return data

    def unfit(self, settings: Settings) -> str | None:
        """Return why these settings cannot run this algorithm, as a rule for the scenario; None if they can."""
        return None

    @classmethod
    def requirements(cls) -> list[str]:
        """Return what it needs of a cluster, a phrase each."""
        needs = {
            "a server": cls.servers > 0,
            "all workers up": cls.all_up,
            "every message": cls.all_messages,
            "an undirected graph": cls.undirected,
            "a graph that does not change": cls.static,
        }
        return [need for need, needed in needs.items() if needed]

    def worker(self, w: Worker) -> Process:
        """Run worker `w`, in the verbs of `gossim.sim.worker.Worker`."""
        raise NotImplementedError

    def give_half(self, other: Worker, message: Message | None, reply: Reply) -> None:
        """Answer with x and half of α: to `w.pull`, and to a worker that comes back and fetches its parameters."""
        reply(other.row, alpha=other.halved())
