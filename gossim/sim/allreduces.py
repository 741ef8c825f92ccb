"""The all-reduces of one cluster."""

from __future__ import annotations

from collections.abc import Sequence

from ..cluster.buckets import Overlap
from ..cluster.collectives import Collective
from .allreduce import AllReduceMean
from .context import Context
from .overlapped import OverlappedMean
from .peers import Averaging, Member
from .unbarred import UnbarredMean


class AllReduces:
    """The all-reduces of one cluster, each with its own members."""

    def __init__(self, context: Context, workers: Sequence[Member]):
        self.context = context
        self.workers = workers
        self.by_members: dict[tuple[int, ...], Averaging] = {}

    def among(
        self,
        members: tuple[int, ...],
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
        overlap: Overlap | None = None,
    ) -> Averaging:
        """Return the one in which these workers take part, the same for each of them."""
        found = self.by_members.get(members)
        if found is None:
            those = [self.workers[number] for number in members]
            own = (self.context, those, collective)
            if not collective.in_front:
                found = UnbarredMean(*own, reduction_s_per_byte, overlap)
            elif overlap is not None:
                found = OverlappedMean(*own, backup, reduction_s_per_byte, timeout_s, overlap=overlap)
            else:
                found = AllReduceMean(*own, backup, reduction_s_per_byte, timeout_s)
            self.by_members[members] = found
        return found

    def crashed(self, worker: Member) -> None:
        """Drop what `worker`, which is down, brought: see `AllReduceMean.crashed`."""
        for group in list(self.by_members.values()):
            group.crashed(worker)
