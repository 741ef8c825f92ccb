"""How much memory a run takes does not depend on how long it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

from support.commands import ROOT
from support.processes import ran

WORKERS = 512
LONG: dict[str, Any] = {
    "title": "long",
    "workers": WORKERS,
    "problem": "none",
    "compute": {"time_s": {"distribution": "expon", "scale": 8.0}},
    "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": None, "message_bytes": 100},
    "probe": {"every_s": 0.4},
    "device": "cpu",
    "arms": {"push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.1}}},
}
LEARNING = {"problem": {"model": {"name": "noise", "dim": 4}}, "optimizer": {"learning_rate": 0.1}}


def peaks_mb(folder: Path, time_s: float, jobs: int, more: dict[str, Any]) -> list[float]:
    """Peaks of the first process and of the largest of the others, of a run that ends at `time_s`."""
    path, out = folder / "long.yaml", folder / f"{time_s:g}-{jobs}"
    path.write_text(yaml.safe_dump({**LONG, **more, "until": {"time_s": time_s}}))
    command = [sys.executable, str(ROOT / "tests" / "support" / "measured.py"), "run", str(path)]
    done = ran([*command, "--out", str(out), "--jobs", str(jobs), "--quiet"], folder)
    assert done.returncode == 0, done.stderr
    rows = pyarrow.parquet.read_metadata(out / "workers.parquet").num_rows
    assert rows == WORKERS * more.get("repeats", 1) * (round(time_s / LONG["probe"]["every_s"]) + 1)
    return [float(each) for each in done.stdout.split()[-2:]]


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "more"), [(1, {}), (2, {"repeats": 2}), (1, LEARNING)], ids=["1", "2", "learning"])
def test_ten_times_as_long_takes_no_more_memory(jobs: int, more: dict[str, Any], tmp_path: Path) -> None:
    """From 128,000 rows to 1.3 million, of each seed; its tables and figures included."""
    short, long = (peaks_mb(tmp_path, time_s, jobs, more) for time_s in (100.0, 1000.0))
    assert all(many <= 1.1 * few for few, many in zip(short, long, strict=True)), (short, long)
