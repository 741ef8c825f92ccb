"""Measures messages and all-reduces of a real cluster, for `gossim calibrate`.

    torchrun --nproc-per-node 4 -m gossim.measure --out times.csv

Run under torchrun, on as many machines as are to be measured; rank 0 writes the file. Times are those of gloo over TCP,
or of another `--backend` of torch.distributed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
import torch.distributed as dist

from .errors import InputError
from .files.atomic import write_text

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
IDLE_S = 0.5
"""Longer than TCP's retransmission timeout, after which a connection starts slowly again."""

LEAST_S = 1e-9
"""Of a message that takes no longer than a request."""


class Timing(NamedTuple):
    """One row of the file of measurements."""

    operation: str
    workers: int
    size_bytes: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the file. Raises SystemExit with status 2 for bad input."""
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        dist.init_process_group(options.backend)
        try:
            rows = list(measured(options.sizes, options.repeats, options.backend))
            if dist.get_rank() == 0:
                _write(options.out, rows)
        finally:
            dist.destroy_process_group()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def measured(sizes: Sequence[int], repeats: int, backend: str = "gloo") -> Iterator[Timing]:
    """Yield, on rank 0, `repeats` times of each operation; other ranks take part and yield times of no meaning.

    A request is a message of 8 bytes, whose time is half of there and back between ranks 0 and 1. For a point-to-point
    time a vector goes there and a request comes back, whose time is taken off; after idle, once it was silent.
    An all-reduce takes from when the last rank has begun.
    """
    on_gpu = backend == "nccl"
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    workers, request = dist.get_world_size(), torch.zeros(1, dtype=torch.float64, device=device)
    requests: list[float] = []
    for _ in range(repeats):
        requests.append(_round_trip_s(request, request) / 2)
        yield Timing("request", workers, 8, requests[-1])
    for size in sizes:
        vector = torch.zeros(max(1, size // 8), dtype=torch.float64, device=device)
        for _ in range(repeats):
            yield Timing("point_to_point", workers, vector.numel() * 8, _there_s(vector, request, requests))
    vector = torch.zeros(max(1, max(sizes) // 8), dtype=torch.float64, device=device)
    for _ in range(max(1, repeats // 4)):
        yield Timing("after_idle", workers, vector.numel() * 8, _there_s(vector, request, requests, IDLE_S))
    for size in sizes:
        vector = torch.zeros(max(1, size // 4), dtype=torch.float32, device=device)
        for _ in range(repeats):
            yield Timing("allreduce", workers, vector.numel() * 4, _all_reduce_s(vector))


def _round_trip_s(there: torch.Tensor, back: torch.Tensor, idle_s: float = 0.0) -> float:
    """Return the seconds in which, on rank 0, one vector goes to rank 1 and another comes back, after a round trip of
    both and `idle_s` of silence.
    """
    rank, begun_s = dist.get_rank(), 0.0
    for silence_s in (0.0, idle_s):
        if rank == 0:
            time.sleep(silence_s)
            begun_s = time.perf_counter()
            dist.send(there, 1)
            dist.recv(back, 1)
        elif rank == 1:
            dist.recv(there, 0)
            dist.send(back, 0)
        _settle(there)
    return time.perf_counter() - begun_s


def _there_s(vector: torch.Tensor, request: torch.Tensor, requests: list[float], idle_s: float = 0.0) -> float:
    """Return the seconds of `vector` from rank 0 to rank 1: there, and a request back, minus the time of `requests`."""
    return max(_round_trip_s(vector, request, idle_s) - median(requests), LEAST_S)


def _all_reduce_s(vector: torch.Tensor) -> float:
    """Return the seconds of an all-reduce since the last rank began: the shortest time of any rank."""
    dist.barrier()
    begun_s = time.perf_counter()
    dist.all_reduce(vector)
    _settle(vector)
    shortest = torch.tensor([time.perf_counter() - begun_s], dtype=torch.float64, device=vector.device)
    dist.all_reduce(shortest, op=dist.ReduceOp.MIN)
    return float(shortest)


def _settle(vector: torch.Tensor) -> None:
    """Wait for what a GPU has still to do."""
    if vector.is_cuda:
        torch.cuda.synchronize(vector.device)


def _write(path: Path, rows: Sequence[Timing]) -> None:
    lines = [",".join(Timing._fields), *(f"{o},{w},{n},{s:.9g}" for o, w, n, s in rows)]
    write_text(path, "\n".join(lines) + "\n")


def _check(options: argparse.Namespace) -> None:
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        raise InputError("run it under torchrun: torchrun --nproc-per-node 4 -m gossim.measure --out times.csv")
    if int(os.environ["WORLD_SIZE"]) < 2:
        raise InputError("there is one process, and so nothing to measure: --nproc-per-node 2 or more")
    if options.repeats < 1 or min(options.sizes) < 8:
        raise InputError("--repeats must be at least 1, and each of --sizes at least 8 bytes")
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gossim.measure", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a CSV file for gossim calibrate")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="BYTES", help="of the vectors")
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="of each measurement")
    parser.add_argument("--backend", choices=["gloo", "nccl"], default="gloo", help="of torch.distributed")
    return parser


if __name__ == "__main__":
    main()
