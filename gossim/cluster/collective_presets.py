"""All-reduces of libraries, and those that were measured: formulas, whose messages are not known one by one."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil
from statistics import median
from typing import Literal, NamedTuple

from pydantic import model_validator

from ..errors import InputError
from ..files import trust
from ..files.csv_columns import POSITIVE, Rule, number, read_columns, read_lines, remembered
from ..schema.fields import Count
from ..schema.violations import broken
from .collective import Collective, CollectiveCost, Link, ring_cost

WHOLE = Rule("a whole number > 0, at most 2**62", lambda x: 0 < x <= 2**62 and x.is_integer())


class Gloo(Collective):
    """torch.distributed's gloo, for CPUs: a ring whose reduce-scatter and gather each pass on m messages of s bytes,
    2 max(2a + msb, ⌈m/2⌉(2a + sb) + [m even] sb) + ((p−1)/p)ng.

    Two messages are under way at once: each is sent when its receiver's notice has come, a after the one two before it
    was received. s is n/2p, at most 1 MiB, and m = pk − 2, k ≥ 2 being the messages for each p-th of the vector: those
    of long vectors are more than the ring's.
    Source: gloo's `allreduce.cc`; over TCP within 5% of 4 and 8 real processes at 500 kB, slow start included.
    On buckets, torch runs `threads` of them at once (two for each device, `ProcessGroupGloo.cpp`); one that begins
    while k others are under way has a (k+1)-th of the bandwidth.
    """

    name: Literal["gloo"] = "gloo"
    threads: Count = 2

    @property
    def at_once(self) -> int:
        return self.threads

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        a, b, g = link
        size = min(ceil(n / (2 * p)), GLOO_LONGEST)
        count = p * max(2, ceil(ceil(n / size) / p)) - 2
        size_bytes = min(n / (2 * p), GLOO_LONGEST)
        in_turn_s = ceil(count / 2) * (2 * a + size_bytes * b) + (size_bytes * b if count % 2 == 0 else 0.0)
        phase_s = max(2 * a + count * size_bytes * b, in_turn_s)
        messages = 2 * p * count
        return CollectiveCost(2 * phase_s + (p - 1) / p * n * g, messages, ceil(messages * size_bytes))


GLOO_LONGEST = 2**20
"""Bytes of a message of gloo's, at the most."""


class Protocol(NamedTuple):
    """A protocol of NCCL: seconds of a ring's start, of a step over NVLink and over the network (with one worker a node
    and with several), how often the network's latency counts, and the share of the bandwidth that is payload."""

    base_s: float
    inside_s: float
    alone_s: float
    between_s: float
    latencies: int
    payload: float


PROTOCOLS = {
    "LL": Protocol(6.6e-6, 0.6e-6, 5.0e-6, 2.7e-6, 1, 0.5),
    "LL128": Protocol(14.0e-6, 1.9e-6, 8.5e-6, 4.0e-6, 1, 0.92),
    "Simple": Protocol(8.4e-6, 3.4e-6, 14.0e-6, 14.0e-6, 2, 1.0),
}
"""Source: `src/graph/tuning.cc` of NCCL (commit 5067397), `ncclTunerConstantsDefault` and `ncclTopoTuneModel`."""


class Nccl(Collective):
    """NCCL's ring, for GPUs, by the model with which NCCL itself chooses: base + 2(p−k)·inside + 2(k−1)·between +
    2((p−1)/p)nb / payload + ((p−1)/p)ng, of its protocols the fastest.

    k is the number of nodes, of `workers_per_node` workers each, which NVLink connects. A step inside takes 0.6, 1.9 or
    3.4 µs (LL, LL128, Simple), one between 2.7, 4.0 or 14 µs, or 5.0, 8.5 or 14 µs with one worker a node, and a, or 2a
    with Simple; base is 6.6, 14 or 8.4 µs; payload 0.5, 0.92 or 1. NCCL's tree, which it takes for small vectors among
    many nodes, is not modelled.
    Source: NCCL's `src/graph/tuning.cc` (commit 5067397).
    """

    name: Literal["nccl"] = "nccl"
    workers_per_node: Count = 1

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        seconds = min(self._seconds(protocol, p, n, link) for protocol in PROTOCOLS.values())
        return ring_cost(p, n, link)._replace(seconds=seconds)

    def _seconds(self, protocol: Protocol, p: int, n: int, link: Link) -> float:
        a, b, g = link
        nodes = -(-p // self.workers_per_node)
        between_s = (protocol.alone_s if nodes == p else protocol.between_s) + protocol.latencies * a
        steps_s = 2 * (p - nodes) * protocol.inside_s + (2 * (nodes - 1) * between_s if nodes > 1 else 0.0)
        return protocol.base_s + steps_s + (p - 1) / p * n * (2 * b / protocol.payload + g)


class Measured(Collective):
    """All-reduces that were measured: a CSV file with the columns `size_bytes` and `seconds`, and perhaps `workers` and
    `operation`, as `python -m gossim.measure` writes it.

    Of several rows of one size it is the median; between sizes lie straight lines; a vector smaller than all takes what
    the smallest took, and one larger than all is refused. Where there is a column `workers`, rows of p workers count;
    where there is an `operation`, those of `allreduce`. Bytes and messages are counted as those of a ring. Latency and
    bandwidth of the network change nothing.
    """

    name: Literal["measured"] = "measured"
    file: str

    @model_validator(mode="after")
    def _is_a_table(self) -> Measured:
        if not trust.present().files:
            return self
        try:
            read_times(self.file)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def among_several(self, p: int, n: int, link: Link) -> CollectiveCost:
        """Raise InputError where the file has no rows of p workers, or none as large."""
        return ring_cost(p, n, link)._replace(seconds=self.seconds(p, n))

    def seconds(self, p: int, n: int) -> float:
        """Return what p workers took for n bytes."""
        by_workers = read_times(self.file)
        times = by_workers.get(p, by_workers.get(None))
        if times is None:
            known = ", ".join(str(count) for count in sorted(filter(None, by_workers)))
            raise InputError(f"{self.file}: has no all-reduce of {p} workers, but of {known}")
        sizes = list(times)
        if n > sizes[-1]:
            raise InputError(f"{self.file}: has all-reduces of up to {sizes[-1]:,} bytes, and a vector has {n:,}")
        place = bisect_left(sizes, n)
        if place == 0:
            return times[sizes[0]]
        low, high = sizes[place - 1], sizes[place]
        return times[low] + (times[high] - times[low]) * (n - low) / (high - low)


@remembered
def read_times(file: str) -> dict[int | None, dict[int, float]]:
    """Return the median seconds of each size, in order, by the number of workers; None where the file has no such
    column. Raises InputError, naming file, line and column."""
    header = [name.strip() for name in (read_lines(file) or [(1, [""])])[0][1]]
    more = [name for name in ("workers", "operation") if name in header]
    found: dict[int | None, dict[int, list[float]]] = {}
    for line, row in read_columns(file, ["size_bytes", "seconds", *more]):
        texts = dict(zip(["size_bytes", "seconds", *more], row, strict=True))
        if texts.get("operation", "allreduce") != "allreduce":
            continue
        where = f"{file}, line {line}: "
        size = int(number(texts["size_bytes"], WHOLE, f"{where}size_bytes = "))
        seconds = number(texts["seconds"], POSITIVE, f"{where}seconds = ")
        workers = int(number(texts["workers"], WHOLE, f"{where}workers = ")) if "workers" in texts else None
        found.setdefault(workers, {}).setdefault(size, []).append(seconds)
    if not found:
        raise InputError(f"{file}: has no all-reduces")
    return {workers: {size: median(own[size]) for size in sorted(own)} for workers, own in found.items()}
