"""How cost grows with workers, dimension and p: time and memory on one figure, with slopes fitted.

    python -m benchmarks.growth            runs everything (twenty minutes, 8 GB) and writes docs/figures/growth.png
    python -m benchmarks.growth M DIM P    runs one, and prints seconds and bytes

Each run is a process of its own, so that its peak of memory is its own. The noise problem, GoSGD push, 20 steps a
worker, probes at the beginning and the end; what is told is the time of the run without imports, and the growth of the
process.
"""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

STEPS = 20
"""Of each worker."""

GRIDS: dict[str, list[tuple[int, int, float]]] = {
    "workers M": [*((8 * 8**k, 16, 0.1) for k in range(6)), (10**6, 16, 0.1)],
    "dimension": [(8, 10**k, 0.1) for k in range(2, 8)],
    "probability p": [(2000, 16, p) for p in (0.01, 0.03, 0.1, 0.3, 1.0)],
}
"""By what grows: workers, dimension, p."""

FIGURE = Path(__file__).resolve().parent.parent / "docs" / "figures" / "growth.png"

FITTED = 3
"""Largest points through which the slope goes: small runs cost what they cost whatever they do."""


def run_one(workers: int, dim: int, probability: float) -> None:
    """Print seconds, and the bytes by which the process grew at its peak."""
    import torch

    import gossim

    torch.set_num_threads(1)
    scenario = {
        "until": {"gradient_steps": STEPS * workers},
        "workers": workers,
        "problem": {"model": {"name": "noise", "dim": dim}},
        "optimizer": {"learning_rate": 0.1},
        "compute": {"time_s": {"distribution": "lognorm", "s": 0.25, "scale": 1.0}},
        "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": None},
        "probe": {"every_s": 1e6},
        "device": "cpu",
        "arms": {"gossip": {"algorithm": {"name": "gosgd_push", "push_probability": probability}}},
    }
    described = gossim.Scenario.parse(scenario, "growth")
    gossim.run(described.override({"workers": 2, "until": {"gradient_steps": 4}, "problem.model.dim": 2}))  # imports
    before = _peak_bytes()
    began = time.perf_counter()
    gossim.run(described)
    print(time.perf_counter() - began, max(_peak_bytes() - before, 1))


def _peak_bytes() -> int:
    """Linux counts in kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure() -> pd.DataFrame:
    """A row for each run: `grows`, `value`, `seconds`, `megabytes`."""
    rows = []
    for grows, points in GRIDS.items():
        for place, point in enumerate(points):
            command = [sys.executable, "-m", "benchmarks.growth", *map(str, point)]
            seconds, size = map(
                float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            )
            varied = {"workers M": point[0], "dimension": point[1], "probability p": point[2]}[grows]
            rows.append({"grows": grows, "value": varied, "seconds": seconds, "megabytes": size / 1e6})
            print(
                f"{grows} {place + 1} of {len(points)}: {varied:g}, {seconds:.2f} s, {size / 1e6:.0f} MB",
                file=sys.stderr,
            )
    return pd.DataFrame(rows)


def slope(values: pd.Series, costs: pd.Series) -> float:
    """Of the logarithms, through the largest FITTED points."""
    from scipy import stats

    return float(stats.linregress(np.log(values[-FITTED:]), np.log(costs[-FITTED:])).slope)


def draw(measured: pd.DataFrame) -> None:
    import seaborn as sns
    from matplotlib.figure import Figure

    from gossim.plots.figure_files import save
    from gossim.plots.style import style

    with style():
        figure = Figure(figsize=(16, 9))
        grid = figure.subplots(2, len(GRIDS), sharex="col", sharey="row")
        for (row, cost), (column, grows) in itertools.product(enumerate(["seconds", "megabytes"]), enumerate(GRIDS)):
            own, axes = measured[measured["grows"] == grows], grid[row][column]
            sns.lineplot(own, x="value", y=cost, marker="o", markersize=11, linewidth=3, ax=axes)
            axes.set(xscale="log", yscale="log", xlabel=grows if row else "", ylabel=cost if not column else "")
            axes.set_title(f"slope {slope(own['value'], own[cost]):.2f} at the end")
        figure.suptitle(f"What a run of {STEPS} steps a worker costs (noise, GoSGD push, one thread)")
        save(figure, FIGURE)


def main() -> None:
    if len(sys.argv) == 4:
        run_one(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
        return
    measured = measure()
    print(measured.to_string(index=False))
    draw(measured)


if __name__ == "__main__":
    main()
