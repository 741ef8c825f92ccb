"""How often the workers of an arm step, and how many messages each step sends: who waits for whom decides that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..algorithms._compressing import Compressing
from ..algorithms._families import InRounds, WithCollective, WithServer
from ..cluster.bandwidth import UpDown
from ..cluster.collectives import Collective, Link
from ..cluster.durations import Law
from ..cluster.latency import LatencyMatrix, Regions, read_matrix
from ..cluster.pair_rates import BandwidthMatrix, RegionBandwidth
from ..scenario.arm import Arm
from .paces import Paces, mean_s

MANY = 10**6
"""Workers, beyond which a collective is not reckoned exactly."""

SAMPLED = 64
"""Rows and columns of a matrix that are looked at."""


class Rhythm(NamedTuple):
    """`step_s`: mean seconds between two steps of a worker. `messages`: per step, including resent ones."""

    step_s: float
    messages: float


def rhythm(arm: Arm, paces: Paces, size_bytes: float) -> Rhythm:
    """Estimate the rhythm of an arm with parameter vectors of that size."""
    own_s, algorithm = 1 / paces.per_s() if paces.per_s() else math.inf, arm.algorithm
    if arm.workers == 1 or algorithm.name == "sgd":
        return Rhythm(own_s, 0.0)
    links = _links(arm)
    if isinstance(algorithm, InRounds):
        found = _in_rounds(arm, paces, links, size_bytes)
    elif isinstance(algorithm, WithCollective):
        found = _with_collective(arm, paces, links, size_bytes)
    elif isinstance(algorithm, WithServer):
        found = _with_server(arm, paces, links, size_bytes)
    else:
        found = _in_pairs(arm, own_s, links, size_bytes)
    return found._replace(messages=found.messages * _sendings(arm))


def _in_rounds(arm: Arm, paces: Paces, links: Link, size_bytes: float) -> Rhythm:
    algorithm: Any = arm.algorithm
    peers = algorithm.peers_each(arm)
    size_bytes *= _share(arm)
    on_the_way_s = links.latency_s + size_bytes * links.s_per_byte * (1 if _unshared(arm) else peers)
    # A slow worker holds up its neighbours, they theirs, and in the end everybody; chance holds up a few.
    computing_s = max(paces.longest_s(min(arm.workers, peers + 1)), _slowest_mean_s(paces))
    overlaps = getattr(algorithm, "order", "") == "combine_then_adapt" or hasattr(algorithm, "overlap")
    step_s = max(computing_s, on_the_way_s) if overlaps else computing_s + on_the_way_s
    if isinstance(algorithm, WithCollective):
        step_s += _cost_s(arm, arm.workers, links, size_bytes) / getattr(algorithm, "period", 1)
    return Rhythm(step_s, peers)


def _with_collective(arm: Arm, paces: Paces, links: Link, size_bytes: float) -> Rhythm:
    algorithm: Any = arm.algorithm
    fragments = getattr(algorithm, "fragments", 1)
    period, size_bytes = getattr(algorithm, "period", 1) // fragments, _share(arm) * size_bytes / fragments
    members = min(arm.workers, getattr(algorithm, "group_size", arm.workers))
    round_s = paces.longest_s(members, getattr(algorithm, "backup", 0), period)
    others = not hasattr(algorithm, "push_probability") and getattr(algorithm, "lead", None) is None
    if members < arm.workers and others:  # other groups each time, of slow workers too
        round_s = max(round_s, period * _slowest_mean_s(paces))
    if algorithm.timeout_s is not None:
        round_s = min(round_s, period * paces.mean_s + algorithm.timeout_s)
    hidden_s = getattr(algorithm, "overlap_steps", 0) * paces.mean_s
    round_s += max(0.0, _cost_s(arm, members, links, size_bytes) - hidden_s)
    sent = _messages(_collective(arm), members, links) / members if algorithm.collective.sends else 0
    return Rhythm(round_s / period, sent / period + getattr(algorithm, "push_probability", 0.0))


def _messages(collective: Collective, members: int, links: Link) -> float:
    """Return how many it sends among all members together."""
    known = min(members, MANY)
    return collective.cost(known, 1, links).messages * members / known


def _with_server(arm: Arm, paces: Paces, links: Link, size_bytes: float) -> Rhythm:
    algorithm: Any = arm.algorithm
    period = getattr(algorithm, "period", getattr(algorithm, "local_steps", 1) if hasattr(algorithm, "arrived") else 1)
    own_s = 1 / paces.per_s() if not isinstance(getattr(algorithm, "staleness", None), int) else _slowest_mean_s(paces)
    answer_s = 2 * links.latency_s + (1 + _share(arm)) * size_bytes * links.s_per_byte
    if algorithm.timeout_s is not None and hasattr(algorithm, "moving_rate"):
        answer_s = min(answer_s, algorithm.timeout_s)
    # Of gradients that are under way together, the server takes some only: more than these, and less than all.
    taken = getattr(algorithm, "delay_bound", getattr(algorithm, "batch_gradients", arm.workers))
    exchange_s = period * own_s + answer_s * math.sqrt(max(1.0, arm.workers / taken))
    if not _unshared(arm):  # all go through the server's link
        exchange_s = max(exchange_s, arm.workers * size_bytes * links.s_per_byte)
    return Rhythm(exchange_s / period, 2 / period)


def _in_pairs(arm: Arm, own_s: float, links: Link, size_bytes: float) -> Rhythm:
    """Estimate workers that work alone and exchange with another now and then. A user's algorithm is assumed to be one
    of these.
    """
    algorithm: Any = arm.algorithm
    answer_s = 2 * links.latency_s + size_bytes * links.s_per_byte
    timeout_s = getattr(algorithm, "timeout_s", None)
    if timeout_s is not None:
        answer_s = min(answer_s, timeout_s)
    if algorithm.name == "acid":
        each_s = algorithm.exchanges_per_gradient * (answer_s + size_bytes * links.s_per_byte)
        return Rhythm(max(own_s, each_s), 2 * algorithm.exchanges_per_gradient)
    if algorithm.name == "decoupled_diloco":
        return Rhythm(own_s, 2 * algorithm.fragments / algorithm.period)
    if algorithm.name == "adpsgd":
        return Rhythm(max(own_s, answer_s + size_bytes * links.s_per_byte), 2.0)
    if hasattr(algorithm, "pull_probability"):
        return Rhythm(own_s + algorithm.pull_probability * answer_s, 2 * algorithm.pull_probability)
    return Rhythm(own_s, getattr(algorithm, "push_probability", getattr(algorithm, "peers", 1.0)))


def _slowest_mean_s(paces: Paces) -> float:
    """Return the mean seconds of a gradient of permanently slow workers."""
    return paces.mean_s * max((g.factor for g in paces.groups if g.share * paces.workers >= 0.5), default=1.0)


def _cost_s(arm: Arm, members: int, links: Link, size_bytes: float) -> float:
    algorithm: Any = arm.algorithm
    link = links._replace(reduction_s_per_byte=getattr(algorithm, "reduction_s_per_byte", 0.0))
    size = int(min(size_bytes, 2.0**62))
    return float(_collective(arm).cost(min(members, MANY), size, link).seconds)


def _share(arm: Arm) -> float:
    """Return the size of what a worker sends, as a share of whole vectors."""
    compression = getattr(arm.algorithm, "compression", None)
    return 1.0 if compression is None else min(1.0, compression.size_share(arm.number_bits))


def _collective(arm: Arm) -> Collective:
    algorithm: Any = arm.algorithm
    found: Collective = algorithm.collective
    return algorithm.gathering(found) if isinstance(algorithm, Compressing) else found


def _unshared(arm: Arm) -> bool:
    return arm.network is None or arm.network.shared == "none"


def _links(arm: Arm) -> Link:
    """Return the mean latency of a message, with jitter, and the narrower bandwidth of its two ends."""
    network = arm.network
    if network is None:
        return Link(0.0, 0.0, 0.0)
    latency_s = _latency_s(network.latency_s, arm.workers)
    latency_s += 0.0 if network.jitter_s is None else mean_s(network.jitter_s)
    width = network.bandwidth_bytes_per_s
    if isinstance(width, str):
        assert arm.trace is not None
        rates = [min(device[1:]) for device in arm.trace.devices()[: arm.workers]]
        s_per_byte = sum(1 / rate for rate in rates) / len(rates)
    elif isinstance(width, BandwidthMatrix | RegionBandwidth):
        s_per_byte = _mean_s_per_byte(width, arm.workers)
    elif isinstance(width, UpDown):
        s_per_byte = max(_s_per_byte(width.up, arm.workers), _s_per_byte(width.down, arm.workers))
    else:
        s_per_byte = 1 / width if width else 0.0
    return Link(latency_s + network.message_overhead_s, s_per_byte / network.efficiency, 0.0)


def _mean_s_per_byte(pairs: BandwidthMatrix | RegionBandwidth, workers: int) -> float:
    """Return the mean seconds per byte over ordered pairs, without the workers' own limits."""
    if isinstance(pairs, RegionBandwidth):
        inside = _inside(pairs.regions)
        return inside / pairs.within + (1 - inside) / pairs.between
    some = range(min(workers, SAMPLED))
    apart = [1 / pairs.between(sender, receiver) for sender in some for receiver in some if sender != receiver]
    return sum(apart) / max(1, len(apart))


def _inside(regions: Sequence[Sequence[int]]) -> float:
    """Return the share of pairs whose workers are in one region."""
    return sum(len(region) ** 2 for region in regions) / max(1, sum(map(len, regions))) ** 2


def _s_per_byte(rate: Any, workers: int) -> float:
    if isinstance(rate, Law):
        return 1 / max(rate.quantile(0.5), 1e-300)
    if isinstance(rate, tuple):
        return sum(1 / each for each in rate[:workers]) / len(rate[:workers])
    return 1 / rate if rate else 0.0


def _latency_s(latency: float | Law | LatencyMatrix | Regions, workers: int) -> float:
    if isinstance(latency, LatencyMatrix):
        rows = [row[:SAMPLED] for row in read_matrix(latency.matrix)[: min(workers, SAMPLED)]]
        return sum(map(sum, rows)) / max(1, sum(map(len, rows)))
    if isinstance(latency, Regions):
        inside = _inside(latency.regions)
        return inside * latency.within_s + (1 - inside) * latency.between_s
    return mean_s(latency)


def _sendings(arm: Arm) -> float:
    """Return how often a message is sent until it arrives, if lost ones are sent again."""
    network, algorithm = arm.network, arm.algorithm
    again = getattr(getattr(algorithm, "collective", None), "sends", False) or (network and network.resend)
    lost = network.share_lost if network and again else 0.0
    return 1 / (1 - lost) if lost < 1 else math.inf
