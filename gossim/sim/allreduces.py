"""The all-reduces of one cluster."""

from __future__ import annotations

from collections.abc import Sequence

from ..cluster.buckets import Overlap
from ..cluster.collectives import Collective
from .allreduce import AllReduceMean
from .context import Context
from .groups import Groups
from .overlapped import OverlappedMean
from .partial import PartialMean
from .peers import Averaging, Member
from .unbarred import UnbarredMean


class AllReduces:
    """The all-reduces of one cluster, each with its own members."""

    def __init__(self, context: Context, workers: Sequence[Member]):
        self.context = context
        self.workers = workers
        self.by_members: dict[tuple[int, ...], Averaging] = {}
        self.groups = Groups(context, workers, self.new)
        self._partial: PartialMean | None = None

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
            found = self.new(members, collective, backup, reduction_s_per_byte, timeout_s, overlap)
            self.by_members[members] = found
        return found

    def new(
        self,
        members: Sequence[int],
        collective: Collective,
        backup: int = 0,
        reduction_s_per_byte: float = 0.0,
        timeout_s: float | None = None,
        overlap: Overlap | None = None,
    ) -> Averaging:
        """Return a new one among these workers."""
        own = (self.context, [self.workers[number] for number in members], collective)
        if not collective.in_front:
            return UnbarredMean(*own, reduction_s_per_byte, overlap)
        if overlap is not None:
            return OverlappedMean(*own, backup, reduction_s_per_byte, timeout_s, overlap=overlap)
        return AllReduceMean(*own, backup, reduction_s_per_byte, timeout_s)

    def partial(self, collective: Collective, majority: bool, size_bytes: int | None) -> PartialMean:
        """Return the partial one of all workers."""
        if self._partial is None:
            self._partial = PartialMean(self.context, self.workers, collective, majority, size_bytes)
        return self._partial

    def crashed(self, worker: Member) -> None:
        """Drop what `worker`, which is down, brought: see `AllReduceMean.crashed`."""
        for group in list(self.by_members.values()):
            group.crashed(worker)
        self.groups.crashed(worker)
