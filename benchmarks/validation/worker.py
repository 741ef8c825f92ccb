"""One real process of M: gloo over loopback, compute times slept, what it draws drawn by gossim.

    torchrun --nproc-per-node 4 -m benchmarks.validation.worker --out FOLDER

Each rank writes what it saw as FOLDER/RANK.json; rank 0 also the measured messages, FOLDER/times.csv.
"""

from __future__ import annotations

import argparse
import json
import queue
import threading
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from gossim.files.atomic import write_text
from gossim.measure import measured
from gossim.rng import PeerRandom
from gossim.scenario.arm import Arm

from .cases import CASES, ROUNDS, SEEDS, SIZE_BYTES, UNTIL_S, arm_for

SIZES = (SIZE_BYTES // 16, SIZE_BYTES // 4, SIZE_BYTES)
VECTOR, REQUEST, STOP = 1, 2, -1.0
NUMBERS = SIZE_BYTES // 8
Found = dict[str, Any]


def main() -> None:
    """Run each case with each seed, one after the other, and measure the messages before and after."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    arm_for("push", {"latency_s": 0.0, "bandwidth_bytes_per_s": None}).gradient_s(0, 0)(0.0)  # imports scipy
    rows = list(measured(SIZES, repeats=12))
    found: dict[str, Found] = {}
    for name in CASES:
        for seed in SEEDS:
            arm = arm_for(name, {"latency_s": 0.0, "bandwidth_bytes_per_s": None})
            begin_s = _together()
            found[f"{name}/{seed}"] = (in_rounds if name in ROUNDS else in_pairs)(name, arm, seed, begin_s)
            dist.barrier()
    rows += measured(SIZES, repeats=12)  # before and after, for the machine may have other work
    if dist.get_rank() == 0:
        lines = ["operation,workers,size_bytes,seconds", *(f"{o},{w},{n},{s:.9g}" for o, w, n, s in rows)]
        write_text(out / "times.csv", "\n".join(lines) + "\n")
    write_text(out / f"{dist.get_rank()}.json", json.dumps(found))
    dist.destroy_process_group()


def _together() -> float:
    """An instant that is the same for all, shortly from now: the processes share one machine's clock."""
    begin = torch.tensor([time.monotonic() + 0.3], dtype=torch.float64)
    dist.broadcast(begin, 0)
    return float(begin)


def _sleep_until(instant_s: float) -> None:
    time.sleep(max(0.0, instant_s - time.monotonic()))


def in_rounds(name: str, arm: Arm, seed: int, begin_s: float) -> Found:
    """An all-reduce after each gradient, or after some: when it came to each round and when the round ended."""
    pace, vector = arm.gradient_s(seed, dist.get_rank()), torch.zeros(NUMBERS, dtype=torch.float64)
    period = getattr(arm.algorithm, "period", 1)
    _sleep_until(begin_s)
    arrived, ended, slept_s = [], [], 0.0
    for _ in range(ROUNDS[name]):
        for _ in range(period):
            slept_s += _computed(pace(0.0))
        arrived.append(time.monotonic() - begin_s)
        dist.all_reduce(vector)
        ended.append(time.monotonic() - begin_s)
    return {"arrived": arrived, "ended": ended, "computing_s": slept_s}


def _computed(seconds: float) -> float:
    begun_s = time.monotonic()
    _sleep_until(begun_s + seconds)
    return time.monotonic() - begun_s


class Gossip:
    """The messages of one rank: a thread for each other rank sends, and one receives, so that nobody waits for it."""

    def __init__(self) -> None:
        self.rank, self.lock = dist.get_rank(), threading.Lock()
        self.others = [rank for rank in range(dist.get_world_size()) if rank != self.rank]
        self.alpha = 1 / dist.get_world_size()
        self.inbox: queue.SimpleQueue[tuple[float, float]] = queue.SimpleQueue()
        self.outboxes: dict[int, queue.SimpleQueue[tuple[float, float]]] = {
            rank: queue.SimpleQueue() for rank in self.others
        }
        pairs = [(act, rank) for rank in self.others for act in (self._send, self._receive, self._answer)]
        self.threads = [threading.Thread(target=act, args=(rank,), daemon=True) for act, rank in pairs]
        for thread in self.threads:
            thread.start()

    def give_half(self, peer: int) -> None:
        """Halve α, and send the other half with the vector."""
        with self.lock:
            self.alpha /= 2
            half = self.alpha
        self.outboxes[peer].put((half, time.monotonic()))

    def ask(self, peer: int) -> None:
        """Ask for half of its α and its vector."""
        dist.send(torch.zeros(1, dtype=torch.float64), peer, tag=REQUEST)

    def merge(self, alpha: float) -> None:
        """Add what came."""
        with self.lock:
            self.alpha += alpha

    def stop(self) -> list[float]:
        """End all threads, here and elsewhere; return the α that came after the end."""
        for rank in self.others:
            self.outboxes[rank].put((STOP, 0.0))
            dist.send(torch.full((1,), STOP, dtype=torch.float64), rank, tag=REQUEST)
        for thread in self.threads:
            thread.join()
        late = []
        while not self.inbox.empty():
            late.append(self.inbox.get()[0])
        return late

    def _send(self, peer: int) -> None:
        vector = torch.zeros(NUMBERS, dtype=torch.float64)
        while True:
            vector[0], vector[1] = self.outboxes[peer].get()
            dist.send(vector, peer, tag=VECTOR)
            if vector[0] == STOP:
                return

    def _receive(self, peer: int) -> None:
        vector = torch.zeros(NUMBERS, dtype=torch.float64)
        while True:
            dist.recv(vector, peer, tag=VECTOR)
            if vector[0] == STOP:
                return
            self.inbox.put((float(vector[0]), float(vector[1])))

    def _answer(self, peer: int) -> None:
        request = torch.zeros(1, dtype=torch.float64)
        while True:
            dist.recv(request, peer, tag=REQUEST)
            if request[0] == STOP:
                return
            self.give_half(peer)


def in_pairs(name: str, arm: Arm, seed: int, begin_s: float) -> Found:
    """Push or pull until the end, as `gosgd_push` and `gosgd_pull` do."""
    own, rank = Gossip(), dist.get_rank()
    pace, random, topology = arm.gradient_s(seed, rank), PeerRandom(seed, rank), arm.topology.build(arm.workers, seed)
    pulls, end_s = name == "pull", begin_s + UNTIL_S
    probability: float = getattr(arm.algorithm, f"{name}_probability")
    steps = sent = 0
    ages: list[float] = []
    computing_s = 0.0
    _sleep_until(begin_s)
    while True:
        while not pulls and not own.inbox.empty():
            alpha, sent_s = own.inbox.get()
            own.merge(alpha)
            ages.append(time.monotonic() - sent_s)
        begun_s, needed_s = time.monotonic(), pace(0.0)
        if begun_s + needed_s > end_s:
            computing_s += max(0.0, end_s - begun_s)
            break
        computing_s += _computed(needed_s)
        steps += 1
        if random.random() >= probability:
            continue
        peer = topology.random_peer(rank, random.random(), steps)
        assert peer is not None
        sent += 1
        if not pulls:
            own.give_half(peer)
            continue
        own.ask(peer)
        alpha, sent_s = own.inbox.get()
        own.merge(alpha)
        if time.monotonic() < end_s:
            ages.append(time.monotonic() - sent_s)
    _sleep_until(end_s + 0.5)
    dist.barrier()
    alpha = own.alpha + sum(own.stop())
    return {"steps": steps, "sent": sent, "ages": ages, "computing_s": computing_s, "alpha": alpha}


if __name__ == "__main__":
    main()
