"""Closed forms that the simulator is tested against, each with its source. A room a subject; all names stand here."""

from .losses import down_share, gilbert_elliott_loss, gilbert_elliott_loss_spread, slow_share, slow_share_deviation
from .mixing import (
    complete_pairwise_second_eigenvalue,
    exponential_second_eigenvalue,
    hypercube_second_eigenvalue,
    pairwise_averaging,
    random_regular_second_eigenvalue,
    ring_second_eigenvalue,
    star_second_eigenvalue,
    torus_second_eigenvalue,
)
from .order_statistics import (
    expected_maximum_exponential,
    expected_maximum_pareto,
    expected_order_statistic_exponential,
    harmonic,
    maximum_moments,
)
from .queues import md1_waiting_s
from .throughput import ring_allreduce_s
from .weights import push_weights

__all__ = [
    "complete_pairwise_second_eigenvalue",
    "down_share",
    "expected_maximum_exponential",
    "expected_maximum_pareto",
    "expected_order_statistic_exponential",
    "exponential_second_eigenvalue",
    "gilbert_elliott_loss",
    "gilbert_elliott_loss_spread",
    "harmonic",
    "hypercube_second_eigenvalue",
    "maximum_moments",
    "md1_waiting_s",
    "pairwise_averaging",
    "push_weights",
    "random_regular_second_eigenvalue",
    "ring_allreduce_s",
    "ring_second_eigenvalue",
    "slow_share",
    "slow_share_deviation",
    "star_second_eigenvalue",
    "torus_second_eigenvalue",
]
