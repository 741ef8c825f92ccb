"""Everything that the timing plane records."""

from __future__ import annotations

from typing import Any

from gossim.errors import RunError
from gossim.program import Probe
from gossim.scenario.arm import Arm
from gossim.scenario.derived import message_bytes, steps_limit
from gossim.sim.world import World
from gossim.tables.probe_rows import activities, exchanges


def ledger(arm: Arm, seed: int, learns: bool, window: int) -> Any:
    """Everything that the timing plane records of a run, or the error in which it ends. No program is executed."""
    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), timeline_limit=60, learns=learns)
    facts: list[Any] = []
    error = None
    try:
        for ops in world.windows(window, 10**9):
            facts += [op.facts for op in ops if isinstance(op, Probe)]
    except RunError as broken:
        error = str(broken)
    return (error, facts, world.timeline.intervals, *recorded(world))


def recorded(world: World) -> tuple[Any, ...]:
    """What a world has recorded when its run is over, besides probes and intervals."""
    return list(exchanges(world)), list(activities(world)), world.network.messages_lost, world.staleness()
