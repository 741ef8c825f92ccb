"""An arm: one way to do it, complete."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from ..algorithms import ALGORITHMS, AnyAlgorithm
from ..cluster.collectives import Collective
from ..cluster.link_rates import PAIRED
from ..files import trust
from ..schema.violations import broken_at
from ..settings import Settings


class Arm(Settings):
    """One of the things to compare: an algorithm and the complete settings under which it runs."""

    algorithm: AnyAlgorithm

    @property
    def nodes(self) -> int:
        """The workers, and the servers after them: the algorithm's, and one that a collective's messages go to."""
        if self.workers == 1:
            return 1
        return self.workers + self.algorithm.servers + self._collective_servers()

    def _collective_servers(self) -> int:
        collective = getattr(self.algorithm, "collective", None)
        if not isinstance(collective, Collective):
            return 0
        paired = self.network is not None and isinstance(self.network.bandwidth_bytes_per_s, PAIRED)
        return collective.servers if collective.sends or paired else 0

    @model_validator(mode="after")
    def _algorithm_fits(self) -> Self:
        if not trust.present().files:
            return self
        self._network_fits(self.nodes)
        if self.trace is not None and self.uses_trace and self.trace.unfit(self.nodes):
            raise broken_at(("trace",), self.trace.file, f"{self.trace.unfit(self.nodes)} and a server")
        if self.problem is not None and self.problem.weighting == "samples" and self.workers > 1:
            self._algorithm_counts_samples()
        if self.algorithm.one_rate and self.optimizer is not None and not self.optimizer.one_rate:
            rule = f"'{self.algorithm.name}' {self.algorithm.one_rate}, and has one learning rate; give it a number"
            raise broken_at(("optimizer", "learning_rate"), list(self.optimizer.learning_rate), rule)
        unfit = self.algorithm.unfit(self)
        if unfit:
            raise broken_at(("algorithm",), self.algorithm.model_dump(mode="json"), unfit)
        return self

    def _algorithm_counts_samples(self) -> None:
        if not self.algorithm.counts_samples:
            those = ", ".join(name for name, algorithm in ALGORITHMS.items() if algorithm.counts_samples)
            rule = f"'{self.algorithm.name}' makes all workers count alike; those that count samples are {those}"
            raise broken_at(("problem", "weighting"), "samples", rule)
