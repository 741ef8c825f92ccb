"""The unit of the weights α, which keeps them from vanishing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from .context import Context


class Weighted(Protocol):
    """Something that holds weight: a worker or a message."""

    alpha: Any


def enlarge_weights(context: Context, workers: Sequence[Weighted]) -> None:
    """Write all weights in a smaller unit where so much weight was lost that hardly any is left.

    Only the ratios of weights count, and they stay the same to the bit.
    """
    if context.steps.taken < context.weights_due:
        return
    network = context.network
    holders: list[Weighted] = [*workers, *network.in_flight]
    context.weights_due = context.steps.taken + len(holders)  # so that looking costs no more than the steps
    total = sum(float(holder.alpha) for holder in holders)
    if isinstance(holders[0].alpha, float) and 0 < total < 2.0**-100:
        factor = 2.0 ** -math.frexp(total)[1]
        network.unit /= factor
        for holder in holders:
            holder.alpha *= factor
