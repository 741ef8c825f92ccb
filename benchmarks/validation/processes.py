"""Real processes on this machine beside gossim, calibrated by what the same processes measured before and after.

On one machine links are memory and copies, which an all-reduce of four processes uses otherwise than a single message:
messages and collectives have a network section each, the same for all cases and seeds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

from gossim.cluster.calibration import fit, network_section, read_times
from gossim.cluster.collectives import COLLECTIVES

from .cases import CASES, ROUNDS, SEEDS, UNTIL_S, WORKERS, arm_for
from .recorded import ROOT
from .row import TOTAL, WAITING, Row
from .simulation import in_rounds, in_time

LONGEST_S = 300.0
QUANTITIES = {"steps": TOTAL, "sent": TOTAL, "total": TOTAL, "alpha": TOTAL}
"""Those with the goal of a total; the others are times of waiting and ages."""


def rows() -> Iterator[Row]:
    """Yield each figure of each case and seed; the processes have ended by then."""
    with tempfile.TemporaryDirectory() as folder:
        run_workers(Path(folder))
        ranks = [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(WORKERS)]
        times = read_times(str(Path(folder) / "times.csv"))
    of_messages = {case: seconds for case, seconds in times.items() if case.operation != "allreduce"}
    of_collectives = {case: seconds for case, seconds in times.items() if case.operation == "allreduce"}
    messages = network_section(fit(of_messages))
    collectives = network_section(fit(of_collectives, COLLECTIVES["gloo"](name="gloo")))
    for name in CASES:
        for seed in SEEDS:
            seen = [rank[f"{name}/{seed}"] for rank in ranks]
            arm = arm_for(name, collectives if name in ROUNDS else messages)
            real = of_rounds(seen) if name in ROUNDS else of_pairs(seen, name == "pull")
            found = in_rounds(arm, seed, ROUNDS[name]) if name in ROUNDS else in_time(arm, seed)
            for quantity, value in real.items():
                goal = QUANTITIES.get(quantity, WAITING)
                yield Row("processes on this machine", f"{name}, seed {seed}", quantity, value, found[quantity], goal)


def run_workers(folder: Path) -> None:
    """Run the processes to their end. All of them are ended, whatever happens.

    Raises:
        RuntimeError: If they fail, with what they printed.
    """
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(WORKERS)]
    command = [*run, "-m", "benchmarks.validation.worker", "--out", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **pipes)
    try:
        printed, _ = process.communicate(timeout=LONGEST_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # torchrun ends its processes, each of which leads a session
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise RuntimeError(f"the processes ended with status {process.returncode}:\n{printed[-4000:]}")


def of_rounds(seen: list[dict[str, Any]]) -> dict[str, float]:
    """The figures of rounds, from what each rank saw."""
    total_s = max(rank["ended"][-1] for rank in seen)
    rounds = range(len(seen[0]["ended"]))
    over = [max(rank["ended"][k] for rank in seen) - max(rank["arrived"][k] for rank in seen) for k in rounds]
    waiting = [1 - rank["computing_s"] / total_s for rank in seen]
    return {"total": total_s, "coll": median(over), "wait": mean(waiting[:-1]), "wait_slow": waiting[-1]}


def of_pairs(seen: list[dict[str, Any]], pulls: bool) -> dict[str, float]:
    """The figures of push, where nobody waits, or of pull, from what each rank saw."""
    waiting = [1 - rank["computing_s"] / UNTIL_S for rank in seen]
    ages = [age for rank in seen for age in rank["ages"]]
    found = {name: float(sum(rank[name] for rank in seen)) for name in ("steps", "sent", "alpha")}
    return {**found, "stale_s": mean(ages), **({"wait": mean(waiting[:-1])} if pulls else {})}
