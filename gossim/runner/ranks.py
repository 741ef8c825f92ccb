"""The processes of torchrun: they share out the work of one command, whose results come to rank 0."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from ..errors import InputError, RunError, told
from .process_pool import HEARTBEAT_S, Given, Name, Outcome

END = "end"
"""What rank 0 publishes when there is nothing more to do."""


class Ranks:
    """The processes of torchrun, of which this one is `rank`. All of them are connected by torchrun's key-value store.

    Work comes in batches. Each process, rank 0 too, takes the next item of the batch from a counter in the store until
    all are taken, and puts what came of it into the store, where rank 0 finds it.
    """

    def __init__(self, store: dist.Store, rank: int, slots: int):
        self.store, self.rank, self.slots = store, rank, slots
        self.batches = 0

    @classmethod
    def of_torchrun(cls) -> Ranks:
        """Connect to the others. Each process takes one of the GPUs of its machine, if there are any."""
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        with _lost():
            store, rank, slots = next(iter(dist.rendezvous("env://")))
        return cls(store, rank, slots)

    def ended(
        self, work: Callable[[Given], Outcome], given: Mapping[Name, Given], on_gpu: bool
    ) -> Generator[dict[Name, Outcome], None, None]:
        """Do `work` with all that is `given`, as `Elsewhere` has it, in all processes; called on rank 0."""
        if on_gpu and not torch.cuda.is_available():
            raise InputError("device = cuda: torch finds no CUDA device here; use --device cpu")
        names, values = list(given), list(given.values())
        batch = _Batch(self.store, self.batches, len(names))
        self.batches += 1
        with _lost():
            batch.publish((work, values))
        over = 0
        try:
            while over < len(names):
                if (place := batch.take()) is not None:
                    batch.put(place, work(values[place]))
                arrived = {names[place]: outcome for place, outcome in batch.arrived(over)}
                over += len(arrived)
                yield arrived
                if place is None and not arrived:
                    time.sleep(HEARTBEAT_S)
        finally:
            batch.close()

    def end(self) -> None:
        """Let the others end; called on rank 0."""
        with _lost():
            _Batch(self.store, self.batches, 0).publish(END)

    def follow(self) -> None:
        """Do what rank 0 gives to do until it says that this is all; called on the other ranks.

        Raises:
            RunError: If rank 0 is gone.
        """
        while True:
            batch = _Batch(self.store, self.batches, 0)
            self.batches += 1
            if (published := batch.read()) == END:
                return
            work, values = published
            batch.count = len(values)
            while (place := batch.take()) is not None:
                batch.put(place, work(values[place]))


class _Batch:
    """Items of work in the store: a counter of those taken, another of those that have ended, and what came of each."""

    def __init__(self, store: dist.Store, number: int, count: int):
        self.store, self.name, self.count = store, f"gossim/{number}", count

    def publish(self, what: Any) -> None:
        """Let the others have it."""
        self.store.set(self.name, pickle.dumps(what))  # type: ignore[arg-type]

    def read(self) -> Any:
        """Wait for what is published, however long rank 0 takes."""
        with _lost():
            while not self.store.check([self.name]):
                time.sleep(HEARTBEAT_S)
            return pickle.loads(self.store.get(self.name))

    def take(self) -> int | None:
        """The place of an item that nobody has taken yet, or None."""
        with _lost():
            place = self.store.add(f"{self.name}/taken", 1) - 1
        return place if place < self.count else None

    def put(self, place: int, outcome: Any) -> None:
        """Say what came of the item at that place."""
        with _lost():
            number = self.store.add(f"{self.name}/over", 1) - 1
            self.store.set(f"{self.name}/over/{number}", pickle.dumps((place, outcome)))  # type: ignore[arg-type]

    def arrived(self, over: int) -> Iterator[tuple[int, Any]]:
        """What came of items, after the first `over` of them to end."""
        with _lost():
            while self.store.check([key := f"{self.name}/over/{over}"]):
                yield pickle.loads(self.store.get(key))
                self.store.delete_key(key)
                over += 1

    def close(self) -> None:
        """Let nobody take another item."""
        with _lost():
            self.store.add(f"{self.name}/taken", self.count)


@contextmanager
def _lost() -> Iterator[None]:
    """Say in words that the others are gone."""
    try:
        yield
    except RuntimeError as error:  # of which torch.distributed's are kinds
        raise RunError(
            f"torchrun's other processes are gone: {told(error)}. What has ended is kept, and the same command goes on "
            "from there"
        ) from None
