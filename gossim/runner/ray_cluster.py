"""A Ray cluster: points of a sweep, or arms with their seeds, as its tasks."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from ..errors import InputError, RunError, told
from ..files.atomic import ENDING
from .cores import cores, under_torchrun
from .elsewhere import Elsewhere
from .process_pool import HEARTBEAT_S, Given, Name, Outcome

RETRIES = 3
"""How often a task runs again whose process or machine was lost."""

ANSWER_S = 10.0
"""How long the machine of an address may take to answer."""

STORE_BYTES = 100_000_000
"""Shared memory of a cluster that is started here: what tasks return is small."""


def refuse_unusable(cluster: str | Elsewhere | None, jobs: int | None = None) -> None:
    """Raise InputError where a cluster cannot be used, before anything is connected or written."""
    if cluster is None:
        return
    if jobs is not None:
        where = "a cluster, which has its cores" if isinstance(cluster, str) else "torchrun, which has its processes"
        raise InputError(f"jobs = {jobs}: not with {where}")
    if not isinstance(cluster, str):
        return
    if cluster != "auto" and not re.fullmatch(r"[\w.-]+:\d{1,5}", cluster):
        raise InputError(f"cluster = {cluster}: must be auto, or HOST:PORT of a Ray cluster, as in 192.0.2.1:6379")
    if find_spec("ray") is None:
        raise InputError(f"cluster = {cluster}: needs the package 'ray', which `pip install gossim[ray]` brings")
    if under_torchrun():
        raise InputError(f"cluster = {cluster}: not under torchrun, whose processes share the work; use one of them")


@contextmanager
def reached(cluster: str | Elsewhere | None) -> Iterator[Elsewhere | None]:
    """Connect to a Ray cluster until the block ends; what is no address is handed on.

    Args:
        cluster: `auto` joins the cluster that runs on this machine, else starts one of this machine alone, which ends
            with the block; an address joins that cluster.

    Raises:
        InputError: If no such cluster can be joined.
    """
    if not isinstance(cluster, str):
        yield cluster
        return
    import ray

    with _own_signals():
        _connect(cluster)
    try:
        yield RayCluster()
    finally:
        ray.shutdown()


class RayCluster:
    """The cluster to which this process is connected."""

    def __init__(self) -> None:
        import ray

        has = ray.cluster_resources()
        self.slots, self.gpus = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        if self.slots < 1:
            raise InputError("cluster: has no core on which anything could run")

    def ended(
        self, work: Callable[[Given], Outcome], given: Mapping[Name, Given], on_gpu: bool
    ) -> Generator[dict[Name, Outcome], None, None]:
        """Do `work` with all that is `given`, as `Elsewhere` has it. Tasks under way when the caller stops listening
        are ended."""
        import ray

        if on_gpu and not self.gpus:
            raise InputError("device = cuda: the cluster has no GPU; use --device cpu")
        remote: Any = ray.remote(work)
        task = remote.options(num_cpus=1, num_gpus=int(on_gpu), max_retries=RETRIES)
        running = {task.remote(each): name for name, each in given.items()}
        try:
            while running:
                over, _ = ray.wait(list(running), num_returns=len(running), timeout=HEARTBEAT_S)
                yield {running.pop(each): ray.get(each) for each in over}
        except ray.exceptions.RayError as error:
            raise RunError(
                f"the cluster lost a task {RETRIES + 1} times, or was lost itself: {told(error)}. What has ended is "
                "kept, and the same command goes on from there"
            ) from None
        finally:
            for each in running:
                ray.cancel(each, force=True)


def _connect(cluster: str) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        if cluster != "auto":
            host, port = cluster.split(":")
            socket.create_connection((host, int(port)), ANSWER_S).close()  # Ray would try for minutes
            ray.init(address=cluster, **quiet)
            return
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent from here
            own: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
            ray.init(address="local", num_cpus=cores(), include_dashboard=False, **own, **quiet)
    except (OSError, OverflowError, RuntimeError, ValueError, SystemExit) as error:  # Ray ends itself when it gives up
        raise InputError(f"cluster = {cluster}: cannot be joined: {told(error)}") from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray sets what SIGTERM does, which stays as it was."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
