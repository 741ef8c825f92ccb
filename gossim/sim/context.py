"""What all parts of one simulated cluster share: its settings, its clock, its network and its ledgers."""

from __future__ import annotations

from collections.abc import Callable

from ..cluster.network import NetworkSettings
from ..program import NoProgram, Program
from ..settings import Settings
from .clock import Clock
from .network import Network
from .peers import DistributedAlgorithm
from .step_count import Steps
from .ties import Lottery, Ties, Turns
from .timeline import Timeline
from .watches import Watches


class Context:
    """What every node holds instead of the world, which builds and runs the nodes; it knows no node.

    `program` takes the operations on rows, and `steps` counts gradient steps. `ties`, `turns` and `lottery` break ties
    at one tick; `watches` belong to those that wait with a timeout.

    Args:
        settings: The sections of the scenario.
        algorithm: What the workers run.
        seed: Of all random numbers.
        message_bytes: The size of one parameter vector on the network.
        learns: Whether there are gradients; without, the program holds probes only.
        stepwise: Whether every local step is an event of its own.
        gradient_steps: How many steps of all workers together end the run, or None.
        timeline_limit: How many intervals of the timeline are kept.
        finish: Called with the time, in seconds, at which the last of the `gradient_steps` was taken.
    """

    def __init__(
        self,
        settings: Settings,
        algorithm: DistributedAlgorithm,
        seed: int,
        message_bytes: int,
        *,
        learns: bool,
        stepwise: bool,
        gradient_steps: int | None,
        timeline_limit: int,
        finish: Callable[[float], None],
    ):
        self.settings = settings
        self.algorithm = algorithm
        self.seed = seed
        self.message_bytes = message_bytes
        self.learns = learns
        self.clock = Clock()
        self.program = Program() if learns else NoProgram()
        self.topology = settings.topology.build(settings.workers, seed)
        self.timeline = Timeline(self.clock, timeline_limit)
        # A worker that is alone has no network, and sends nothing through this one.
        links = settings.network or NetworkSettings(latency_s=0.0, bandwidth_bytes_per_s=None)
        devices = settings.trace.devices() if settings.trace else ()
        self.network = Network(self.clock, links, seed, self.timeline, self.program.rows.release, devices)
        self.steps = Steps(self.clock, self.network, self.timeline, gradient_steps, stepwise, finish)
        self.watches = Watches(self.clock)
        self.ties = Ties(seed)
        self.turns = Turns(self.clock, self.ties)
        self.lottery = Lottery(self.clock, self.ties)
        self.counts_for = _counts_for(settings, seed) if learns else None
        self.weights_due = 0  # the count of steps at which `enlarge_weights` looks again


def _counts_for(settings: Settings, seed: int) -> list[float] | None:
    """Return M n_m/n of each worker where workers count by the size of their share of the samples, otherwise None."""
    if settings.problem is None or settings.problem.weighting != "samples":
        return None
    counts = settings.problem.sample_counts(settings.workers, seed)
    return [settings.workers * count / sum(counts) for count in counts]
