"""The mean of what the members of an all-reduce have brought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .context import Context
from .peers import Member


def share_weights(workers: Iterable[Member]) -> None:
    """Give each of these workers the mean of their α."""
    # In the order of the workers, as below.
    sharing = sorted(workers, key=lambda worker: worker.index)
    total = sum(worker.alpha for worker in sharing)
    for worker in sharing:
        worker.alpha = total / len(sharing)


def mean_row(context: Context, brought: Mapping[Member, int], weighted: bool) -> int:
    """Return a new row with the mean of these rows, which are given back.

    Args:
        context: Of the cluster.
        brought: The row of each member.
        weighted: Whether it is weighted by α.
    """
    # In the order of the workers, not of their arrival: the sum's rounding must not depend on who was late.
    arrived = sorted(brought, key=lambda worker: worker.index)
    program = context.program
    mean = program.rows.allocate()
    weights = [worker.alpha if weighted else worker.counts_for for worker in arrived]
    total = sum(weights)
    # Those that have all lost all weight beside the others' count as much as each other.
    shares = [float(weight / total) if total else 1 / len(arrived) for weight in weights]
    program.combine(mean, [(share, brought[w]) for share, w in zip(shares, arrived, strict=True)])
    for worker in arrived:
        worker.give_back(brought[worker])
    return mean
