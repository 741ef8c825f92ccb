"""What an algorithm is: its parameters, and the sequential code of one worker."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from ..fields import Frozen

if TYPE_CHECKING:
    import simpy

    from ..sim.worker import Worker

    Process = Generator[simpy.Event, Any, None]


class Algorithm(Frozen):
    """A way to train together. Fields are the parameters that a scenario sets; `name` is a `Literal` with a default.

    `weighted`: whether workers carry weights α that start at 1/M and always sum to 1, in flight included.
    """

    weighted: ClassVar[bool] = False
    name: str

    def unfit(self, workers: int) -> str | None:
        """Why so many workers cannot run this, as a rule for the scenario; None if they can."""
        return None

    def worker(self, w: Worker) -> Process:
        """The life of worker `w`, told with the verbs of `gossim.sim.worker.Worker`."""
        raise NotImplementedError
