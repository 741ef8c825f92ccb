"""Who may talk to whom."""

from __future__ import annotations


class Complete:
    """Every worker can reach every other; a peer is drawn uniformly from the M − 1 others, as in GoSGD."""

    def __init__(self, workers: int):
        self.workers = workers

    def random_peer(self, worker: int, uniform: float) -> int:
        """A neighbour of `worker`, chosen by one uniform number in [0, 1)."""
        drawn = int(uniform * (self.workers - 1))
        return drawn if drawn < worker else drawn + 1


TOPOLOGIES = {"complete": Complete}
