"""Transfers on a network alone, without workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from gossim.cluster.network import NetworkSettings
from gossim.sim.clock import Clock
from gossim.sim.network import Network
from gossim.sim.timeline import Timeline


def arrivals(settings: dict[str, Any], flows: Sequence[tuple[int, int, float, float]], seed: int = 0) -> list[float]:
    """Return when each `(sender, receiver, bytes, start_s)` has arrived, in seconds; NaN for what is lost."""
    clock = Clock()
    network = Network(clock, NetworkSettings.model_validate(settings), seed, Timeline(clock, 0))
    ended = [math.nan] * len(flows)

    def begin(number: int) -> None:
        sender, receiver, size_bytes, _ = flows[number]
        network.transfer(sender, receiver, size_bytes, lambda: ended.__setitem__(number, clock.now_s))

    for number, (*_, start_s) in enumerate(flows):
        clock.after(start_s, partial(begin, number))
    clock.run()
    return ended
