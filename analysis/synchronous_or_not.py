"""Runs the experiment "Do we need asynchronous SGD?" of docs/experiments.md, and prints its two tables.

Each arm of scenarios/synchronous_or_not.yaml gets its own learning rate on a trial seed, in each regime of computing
times, and runs with it on three seeds. Beside the seconds to the target stand the ratios that arXiv:2602.03802 computes
for fixed times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import gossim
from gossim.analysis.summary import TIME_TO_TARGET, per_seed
from gossim.runner.tune import tune
from gossim.scenario.yaml_file import read

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "synchronous_or_not.yaml"
WORKERS = 16
RATES = [0.0025, 0.005, 0.01, 0.04, 0.08, 0.16]


def untuned() -> gossim.Scenario:
    """Return the scenario without the learning rates that its arms have."""
    data = read(SCENARIO)
    for arm in data["arms"].values():
        arm.pop("optimizer")
    return gossim.Scenario.parse(data, str(SCENARIO))


def slowed(factors: Sequence[float], **more: Any) -> dict[str, Any]:
    """Return the changes that make worker i take `factors[i]` times 0.1 s for a gradient."""
    rules = [
        {"workers": [worker], "factor": factor} for worker, factor in enumerate(factors) if factor != 1
    ]
    return {"compute.stragglers": rules, **more}


REGIMES: dict[str, tuple[list[float], dict[str, Any]]] = {
    "equal": ([1.0] * WORKERS, {}),
    "one 5× slower": ([1.0] * (WORKERS - 1) + [5.0], {}),
    "√i": ([math.sqrt(i) for i in range(1, WORKERS + 1)], {"probe.every_s": 0.2}),
    "i": ([float(i) for i in range(1, WORKERS + 1)], {"probe.every_s": 0.3}),
    "half 10× slower": ([1.0] * (WORKERS // 2) + [10.0] * (WORKERS // 2), {"probe.every_s": 0.2}),
    "messages take 10 gradients": ([1.0] * WORKERS, {"network.latency_s": 1.0, "probe.every_s": 1.0}),
}
"""The time of a gradient of each worker, in units of 0.1 s, and what else is changed."""


def ratios(times: Sequence[float], noise: float) -> tuple[float, float]:
    """Return the times of the best m-synchronous method and of full synchronisation over that of an optimal method.

    Args:
        times: τ_1 ≤ τ_2 ≤ …, of one gradient of each worker.
        noise: s = σ²/ε.
    """
    tau, count = sorted(times), range(1, len(times) + 1)
    optimal = min((sum(1 / t for t in tau[:m]) / m) ** -1 * (1 + noise / m) for m in count)
    best = min(tau[m - 1] * (1 + noise / m) for m in count)
    return best / optimal, tau[-1] * (1 + noise / len(tau)) / optimal


def main(
    only: Annotated[list[str] | None, typer.Option(help="Regimes; all by default")] = None,
) -> None:
    """Run all regimes and print the tables."""
    base = untuned()
    print("| times | best m, s = 10 | all | best m, s = 100 | all |\n|---|---|---|---|---|")
    for regime, (factors, _) in REGIMES.items():
        numbers = [f"{ratio:.2f}" for noise in (10, 100) for ratio in ratios(factors, noise)]
        print(f"| {regime} | {' | '.join(numbers)} |")
    print(f"\n| times | {' | '.join(base.arms)} |\n|---|{'---|' * len(base.arms)}", flush=True)
    for regime, (factors, changes) in REGIMES.items():
        if only and regime not in only:
            continue
        scenario = base.override(slowed(factors, **changes))
        tuned = tune(scenario, {"optimizer.learning_rate": RATES}, seeds=1, quiet=True)
        seconds = per_seed(tuned.results).set_index("arm")[TIME_TO_TARGET]
        cells = []
        for arm in base.arms:
            own, rate = seconds.loc[arm], tuned.chosen[arm]["optimizer.learning_rate"]
            reached = (
                f"{own.mean():.1f} ± {own.sem():.1f}"
                if own.notna().all()
                else f"{own.notna().sum()} of 3"
            )
            cells.append(f"{reached} ({rate:g})")
        print(f"| {regime} | {' | '.join(cells)} |", flush=True)
        for warning in tuned.warnings:
            typer.echo(f"{regime}: {warning}", err=True)


if __name__ == "__main__":
    typer.run(main)
