"""Going on from a checkpoint: the clock runs again from the beginning, and the arithmetic from where it stood."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..execute.planes import Plane
from ..program import Op
from ..sim.world import World
from .checkpoint import Checkpoint, Checkpoints, digest_with, rows_in_use
from .recording import PairRecord


class GoingOn:
    """Follows the windows of a program, before and after the last checkpoint.

    Args:
        saved: The checkpoints; there may be none yet.
        world: The clock, which is at its beginning.
        plane: The numeric plane, which is too. It is brought to where it stood.
        record: What probes add to. It begins with what was recorded until then.
        resumed: Called with the seconds of wall time that it took to come to the checkpoint, when it is there again.
    """

    def __init__(
        self,
        saved: Checkpoints,
        world: World,
        plane: Plane,
        record: PairRecord,
        resumed: Callable[[float], None],
    ):
        self.resumed, self.begun_s = resumed, time.monotonic()
        self.saved, self.world, self.plane, self.record = saved, world, plane, record
        self.windows = self.digest = 0
        self.found = saved.load()
        if self.found:
            record.take_up(*self.found.probed)

    def is_new(self, window: Sequence[Op]) -> bool:
        """Return whether the next window was not carried out before the checkpoint. Raises InputError if it is a
        different one.
        """
        self.windows += 1
        self.digest = digest_with(self.digest, window, self.world)
        if self.found is None or self.windows > self.found.windows:
            return True
        if self.windows == self.found.windows:
            if self.digest != self.found.digest or rows_in_use(self.world) != self.found.rows:
                raise self.saved.refuse()
            self.plane.restore(self.found.rows, self.found.values)
            self.begun_s = time.monotonic() - self.found.seconds
            self.resumed(self.found.seconds)
            self.found = None
        return False

    def save(self) -> None:
        """Keep a checkpoint, unless the run has not come to the last one yet."""
        if self.found is None:
            rows = rows_in_use(self.world)
            values, probed = self.plane.values(rows), self.record.probed()
            seconds = time.monotonic() - self.begun_s
            self.saved.save(Checkpoint(self.windows, self.digest, rows, values, probed, seconds))

    def end(self) -> None:
        """Note the end of the program. Raises InputError if the last checkpoint was taken later."""
        if self.found is not None:
            raise self.saved.refuse()
