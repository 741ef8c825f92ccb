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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist

from .errors import InputError
from .files.atomic import write_text

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
IDLE_S = 0.5
"""Longer than TCP's retransmission timeout, after which a connection starts slowly again."""


class Timing(NamedTuple):
    """A row of the file."""

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

    A request is a message of 8 bytes. Point-to-point times are half of what there and back between ranks 0 and 1 takes,
    and an all-reduce takes until the last rank has it, from when all have begun.
    """
    workers, device = dist.get_world_size(), torch.device("cuda" if backend == "nccl" else "cpu")
    for operation, size, idle in [("request", 8, False), *(("point_to_point", size, False) for size in sizes)]:
        vector = torch.zeros(max(1, size // 8), dtype=torch.float64, device=device)
        for seconds in _times(lambda v=vector: _there_and_back(v), repeats, idle):  # type: ignore[misc]
            yield Timing(operation, workers, vector.numel() * 8, seconds / 2)
    vector = torch.zeros(max(1, max(sizes) // 8), dtype=torch.float64, device=device)
    for seconds in _times(lambda: _there(vector), max(1, repeats // 4), idle=True):
        yield Timing("after_idle", workers, vector.numel() * 8, seconds)
    for size in sizes:
        vector = torch.zeros(max(1, size // 4), dtype=torch.float32, device=device)
        for seconds in _times(lambda v=vector: dist.all_reduce(v), repeats):  # type: ignore[misc]
            yield Timing("allreduce", workers, vector.numel() * 4, seconds)


def _times(act: Callable[[], object], repeats: int, idle: bool = False) -> Iterator[float]:
    """Seconds that `act` takes, after one time that does not count; the longest of any rank."""
    act()
    for _ in range(repeats):
        if idle:
            time.sleep(IDLE_S)
        dist.barrier()
        if idle:
            time.sleep(IDLE_S)
        begun_s = time.perf_counter()
        act()
        longest = torch.tensor([time.perf_counter() - begun_s])
        dist.all_reduce(longest, op=dist.ReduceOp.MAX)
        yield float(longest)


def _there_and_back(vector: torch.Tensor) -> None:
    rank = dist.get_rank()
    if rank == 0:
        dist.send(vector, 1)
        dist.recv(vector, 1)
    elif rank == 1:
        dist.recv(vector, 0)
        dist.send(vector, 0)


def _there(vector: torch.Tensor) -> None:
    if dist.get_rank() == 0:
        dist.send(vector, 1)
    elif dist.get_rank() == 1:
        dist.recv(vector, 0)


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
    parser.add_argument("--backend", default="gloo", help="of torch.distributed")
    return parser


if __name__ == "__main__":
    main()
