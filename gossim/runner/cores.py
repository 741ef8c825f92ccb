"""How many processes at a time: as many as there are cores for, and memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..estimates.limits import work_s
from ..scenario.scenario import Scenario

CGROUP = Path("/sys/fs/cgroup")

OWN_CGROUP = Path("/proc/self/cgroup")
"""Where Linux says which control group this process is in."""

LAUNCHED = ("TORCHELASTIC_RUN_ID", "LOCAL_RANK")
"""Set by torchrun, which starts a process for each core or device itself."""

SHORT_S = 2.0
"""Of work, by the estimate, below which one process is sooner done."""


def cores() -> int:
    """Return the number of cores that this process may use, by its affinity and the quota of its control groups."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(own, *(math.floor(quota) for quota in [*_quotas(), float(own)])))


def default_jobs(scenario: Scenario, gradients: bool, device: str) -> int:
    """Return how many arms and seeds the command line runs at the same time: one per core.

    One under torchrun, which starts a process for each core itself; on a GPU, which they would share; and where all
    work is likely to take less than it takes to start processes.
    """
    if under_torchrun() or device == "cuda" or work_s(scenario, gradients) < SHORT_S:
        return 1
    return min(cores(), len(scenario.arms) * scenario.repeats)


def under_torchrun() -> bool:
    """Return whether torchrun started this process."""
    return any(name in os.environ for name in LAUNCHED)


def _quotas() -> Iterator[float]:
    """Return the quotas of the control groups above this process, in cores, without groups that have none or cannot be
    read.
    """
    for folder in _groups():
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue
        if quota.isdecimal() and period.isdecimal():
            yield int(quota) / int(period)
    try:
        v1 = [int((CGROUP / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="ascii")) for name in ("quota", "period")]
    except (OSError, ValueError):
        return
    if v1[0] > 0:
        yield v1[0] / v1[1]


def _groups() -> list[Path]:
    """Return the folders of this process's control group and of all above it."""
    try:
        lines = OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return [CGROUP]
    paths = [PurePosixPath(line.removeprefix("0::")) for line in lines if line.startswith("0::/")]
    return [CGROUP / part.relative_to("/") for path in paths for part in (path, *path.parents)] or [CGROUP]
