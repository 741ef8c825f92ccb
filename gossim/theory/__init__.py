"""Closed forms that the simulator is tested against, each with its source.

There is one file per subject. Import every name from `gossim.theory`.
"""

from .averaging import contact_consensus_after, mixing_consensus, mixing_consensus_after
from .consensus import local_sgd_consensus, pairwise_consensus, pairwise_consensus_after, push_decay
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
from .moments import (
    decaying_part,
    kinds_of_pairs,
    pairwise_event,
    push_event,
    second_moment_map,
    spectral_radius,
    symmetric_map,
)
from .order_statistics import (
    expected_maximum_exponential,
    expected_maximum_pareto,
    expected_order_statistic_exponential,
    harmonic,
    maximum_moments,
    slowest_moments,
)
from .push_paths import push_consensus_paths
from .queues import md1_waiting_s
from .throughput import pull_steps_per_s, push_steps_per_s, ring_allreduce_s, synchronous_steps_per_s
from .weights import push_weights

__all__ = [
    "complete_pairwise_second_eigenvalue",
    "contact_consensus_after",
    "decaying_part",
    "down_share",
    "expected_maximum_exponential",
    "expected_maximum_pareto",
    "expected_order_statistic_exponential",
    "exponential_second_eigenvalue",
    "gilbert_elliott_loss",
    "gilbert_elliott_loss_spread",
    "harmonic",
    "hypercube_second_eigenvalue",
    "kinds_of_pairs",
    "local_sgd_consensus",
    "maximum_moments",
    "md1_waiting_s",
    "mixing_consensus",
    "mixing_consensus_after",
    "pairwise_averaging",
    "pairwise_consensus",
    "pairwise_consensus_after",
    "pairwise_event",
    "pull_steps_per_s",
    "push_consensus_paths",
    "push_decay",
    "push_event",
    "push_steps_per_s",
    "push_weights",
    "random_regular_second_eigenvalue",
    "ring_allreduce_s",
    "ring_second_eigenvalue",
    "second_moment_map",
    "slow_share",
    "slow_share_deviation",
    "slowest_moments",
    "spectral_radius",
    "star_second_eigenvalue",
    "symmetric_map",
    "synchronous_steps_per_s",
    "torus_second_eigenvalue",
]
