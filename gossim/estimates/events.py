"""How much happens in a run: gradient steps, messages, rows of probes, failures and slow spells."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..algorithms._families import InRounds, WithCollective, WithServer
from ..cluster.faults import Churn
from ..cluster.replay import Replay
from ..cluster.stragglers import Bursty
from ..scenario.arm import Arm
from ..scenario.derived import steps_limit
from .paces import Paces, concerned
from .rhythm import rhythm
from .survivors import departures, reached

EVENT_S, PLANNED_STEP_S, SENT_S, ROW_S = 2e-5, 1e-5, 5e-5, 1e-5
"""Of the machine's time, for what is an event of the clock's, a step that may be planned with others, a message, and a
worker at a probe."""


class Events(NamedTuple):
    """Events of one arm with one seed, which simulates `time_s`. `probe_rows`: probes times workers; `resent`: messages
    that a partition holds up, counted each time they are sent; `spells`: of bursty stragglers.
    """

    time_s: float
    steps: float
    messages: float
    probe_rows: float
    failures: float
    spells: float
    resent: float

    @property
    def total(self) -> float:
        return sum(self[1:])

    def drivers(self, arm: Arm) -> str:
        """Return the largest contributions and the keys that decide them."""
        keys = {
            "gradient steps": (self.steps, "until, workers, compute.time_s"),
            "messages": (self.messages, "until, workers, compute.time_s, algorithm"),
            "measurements of a worker": (self.probe_rows, "until, workers, probe.every_s"),
            "failures": (self.failures, "until, workers, faults"),
            "slow spells": (self.spells, "until, workers, compute.stragglers"),
            "messages sent again": (self.resent, "network.partitions, network.resend_timeout_s"),
        }
        most = sorted(((count, what, why) for what, (count, why) in keys.items()), reverse=True)
        told = [f"{said(count)} {what} ({why})" for count, what, why in most if count >= self.total / 10]
        return ", ".join(told)


def events(arm: Arm, size_bytes: float) -> Events:
    """Estimate the events of an arm with parameter vectors of that size, as far as its settings determine them."""
    end_s = math.inf if arm.until.time_s is None else arm.until.time_s
    paces = Paces(arm, end_s)
    step_s, messages = rhythm(arm, paces, size_bytes)
    # A law whose draws are 0 ends the run with its first step.
    per_s = arm.workers * _up_share(arm) / step_s if step_s else 0.0
    limit = _fewer(steps_limit(arm), _recorded_steps(arm))
    steps = end_s * per_s if per_s else 0.0
    if limit is not None and limit < steps:
        steps, end_s = reached(limit, per_s, departures(arm), end_s)
    failures = spells = 0.0
    for fault in arm.faults:
        each = 2 * end_s / (fault.mean_up_s + fault.mean_down_s) if isinstance(fault, Churn) else 2.0
        failures += arm.workers * concerned(fault, arm.workers) * each
    for rule in arm.compute.stragglers:
        if isinstance(rule, Bursty):
            each = 2 * end_s / (rule.mean_length_s + rule.mean_between_s)
            spells += arm.workers * concerned(rule, arm.workers) * each
    rows = arm.workers * (end_s / arm.probe.every_s + 2)
    # A worker that has begun a gradient has an event, whether it ends or not.
    resent = _resent(arm, end_s, steps * messages)
    return Events(end_s, steps + arm.workers, steps * messages, rows, failures, spells, resent)


def _fewer(limit: int | None, recorded: int | None) -> int | None:
    return min((each for each in (limit, recorded) if each is not None), default=None)


def _recorded_steps(arm: Arm) -> int | None:
    """Return the steps in a recording of all workers, if the run ends with them."""
    own = arm.compute.time_s
    if not isinstance(own, Replay) or own.at_end == "wrap":
        return None
    return sum(len(times) for rank, times in own.recorded().items() if rank < arm.workers)


def _up_share(arm: Arm) -> float:
    """Return the mean share of the time that workers are up."""
    share = 1.0
    for fault in arm.faults:
        if isinstance(fault, Churn):
            down = fault.mean_down_s / (fault.mean_up_s + fault.mean_down_s)
            share *= 1 - concerned(fault, arm.workers) * down
    return share


def _resent(arm: Arm, end_s: float, messages: float) -> float:
    """Estimate resent messages: each one that meets a partition, half of those sent meanwhile, is resent until it ends.
    If workers wait for their messages, each has one at a time.
    """
    network = arm.network
    if network is None or arm.workers == 1:
        return 0.0
    latency_s = network.latency_s if isinstance(network.latency_s, float) else 0.0
    waits = isinstance(arm.algorithm, InRounds | WithCollective | WithServer)
    resent = 0.0
    for part in network.partitions:
        parted_s = max(0.0, min(part.until_s, end_s) - part.from_s)
        held = float(arm.workers) if waits or not end_s else messages * parted_s / end_s / 4
        resent += held * parted_s / (network.resend_timeout_s + latency_s)
    return resent


def wall_s(arm: Arm, counted: Events) -> float:
    """Estimate how long the events take without any arithmetic on parameters. The speed is a constant, whatever the
    machine.
    """
    plain = getattr(arm.optimizer, "momentum", 0.0) == 0.0
    each_s = PLANNED_STEP_S if plain and hasattr(arm.algorithm, "push_probability") else EVENT_S
    rest = counted.total - counted.steps - counted.messages - counted.probe_rows
    return counted.steps * each_s + counted.messages * SENT_S + counted.probe_rows * ROW_S + rest * EVENT_S


def said(count: float) -> str:
    """Return a count as text: 1,200 or 3.4e+12."""
    return f"{count:,.0f}" if count < 1e6 else f"{count:.2g}"
