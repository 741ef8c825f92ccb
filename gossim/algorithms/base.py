"""What an algorithm is: its parameters, and the sequential code of one worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from ..fields import Frozen

if TYPE_CHECKING:
    import simpy

    from ..scenario import Settings
    from ..sim.worker import Worker

    Process = Generator[simpy.Event, Any, None]


class Algorithm(Frozen):
    """A way to train together. Fields are the parameters that a scenario sets; `name` is a `Literal` with a default.

    `weighted`: whether workers carry weights α that start at 1/M and always sum to 1, in flight and lost included.

    `servers`: how many nodes it needs beside the workers.
    `brings_back`: whether it gives a worker that comes back the parameters that it needs, whatever the fault says.
    """

    weighted: ClassVar[bool] = False
    brings_back: ClassVar[bool] = False
    servers: ClassVar[int] = 0
    name: str

    def unfit(self, settings: Settings) -> str | None:
        """Why these settings cannot run this, as a rule for the scenario; None if they can."""
        return None

    def worker(self, w: Worker) -> Process:
        """The life of worker `w`, told with the verbs of `gossim.sim.worker.Worker`."""
        raise NotImplementedError
