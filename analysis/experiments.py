"""Runs the experiments of docs/experiments.md, and writes their figures and the numbers between the page's markers.

The prose of that page is written by hand and says what these numbers were then: read it again afterwards.
"""

from __future__ import annotations

import io
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure
from rich.console import Console
from scipy import stats

import gossim
from gossim.analysis.comparison import interval
from gossim.analysis.summary import TIME_TO_TARGET, per_seed
from gossim.cli.progress import LiveProgress, SweepBar
from gossim.cli.tables import comparison, show
from gossim.estimates.limits import arms_s
from gossim.plots.figure_files import save
from gossim.plots.sweep_speedup import speedups

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "experiments.md"
FIGURES = ROOT / "docs" / "figures"
RUNS = ROOT / "runs"

SETTLED_S = 20
"""Simulated seconds after which the consensus distance under noise is level."""

EARLY_S = 5
"""Simulated seconds in which the gradient gap still follows p."""


@dataclass(frozen=True)
class Experiment:
    """A scenario by its name, the figures that the page shows, and what it tells beside the table of the arms."""

    scenario: str
    figures: tuple[str, ...]
    besides: Callable[[gossim.Results], str] = lambda results: ""

    def run(self, keep: bool) -> None:
        described, out = gossim.load(ROOT / "scenarios" / f"{self.scenario}.yaml"), RUNS / self.scenario
        results = gossim.Results.open(out) if keep and (out / "manifest.json").exists() else None
        if results is None or results.manifest["status"] != "complete" or results.scenario != described:
            with LiveProgress(described, Console(stderr=True), arms_s(described)) as progress:
                results = gossim.run(described, out=out, force=True, progress=progress)
        printed = io.StringIO()
        show(Console(file=printed, width=120), comparison(results))
        told = [_trimmed(printed.getvalue()), "\n".join(results.sentences()), self.besides(results)]
        drawn = results.plot()
        _publish(self.scenario, told, {name: drawn[name] for name in self.figures})


@dataclass(frozen=True)
class Swept:
    """The same for a scenario with a `sweep:` and a target; points that are done already are used if they are kept."""

    scenario: str
    figures: tuple[str, ...]

    def run(self, keep: bool) -> None:
        out = RUNS / self.scenario
        if not keep:
            shutil.rmtree(out, ignore_errors=True)
        with SweepBar(Console(stderr=True)) as progress:
            results = gossim.sweep(ROOT / "scenarios" / f"{self.scenario}.yaml", out=out, progress=progress)
        found, (rows, columns), first = speedups(results), results.sweep.keys, next(iter(results.scenario.arms))
        told = []
        for arm, own in found.groupby("arm", sort=False):
            logs = own.assign(log=own["speedup"].map(math.log)).groupby([rows, columns])["log"]
            intervals = logs.apply(lambda values: "{:.2f} ({:.2f} to {:.2f})".format(*map(math.exp, interval(values))))
            heading = f"{first}, times sooner than {arm} (95% interval, {results.scenario.repeats} paired seeds):"
            told.append(f"{heading}\n{intervals.unstack(columns).to_string()}")
        drawn = results.plot()
        _publish(self.scenario, told, {name: drawn[name] for name in self.figures})


def level(results: gossim.Results) -> str:
    """The consensus distance once it has levelled off, mean over the probes after SETTLED_S."""
    settled = results.probes[results.probes["time_s"] > SETTLED_S]
    of_each = settled.groupby(["arm", "seed"], sort=False)["consensus_distance"].mean().groupby("arm", sort=False)
    told = of_each.agg(["mean", "sem"]).round(2).to_string()
    return f"consensus distance, mean over time after {SETTLED_S} s, and its standard error over seeds:\n{told}"


def gap_and_loss(results: gossim.Results) -> str:
    """Of each arm the mean gap, early and over the whole run, beside how it learned; and whether one ranks the other.

    No p-value: the runs of one seed share their random numbers.
    """
    gaps = results.gaps.groupby(["arm", "seed", "time_s"])["gradient_gap"].mean().reset_index()
    early = gaps[gaps["time_s"] <= EARLY_S].groupby(["arm", "seed"])["gradient_gap"].mean().rename("early_gap")
    whole = gaps.groupby(["arm", "seed"])["gradient_gap"].mean().rename("mean_gap")
    measures = ["test_loss", TIME_TO_TARGET]
    runs = per_seed(results).set_index(["arm", "seed"])[measures].join([early, whole])
    means = runs.groupby("arm", sort=False).mean()
    lines = [means.rename(columns={"early_gap": f"gap to {EARLY_S} s", "mean_gap": "mean gap"}).round(3).to_string()]
    for gap, label in (("early_gap", f"The gap to {EARLY_S} s"), ("mean_gap", "The mean gap")):
        for measure in measures:
            rank = stats.spearmanr(runs[gap], runs[measure]).statistic
            lines.append(f"{label} and {measure.replace('_', ' ')}: Spearman's rho {rank:.2f} over {len(runs)} runs.")
    return "\n".join(lines)


EXPERIMENTS = (
    Experiment("batch_size", ("loss_by_steps",)),
    Experiment("gosgd_experiment", ("loss_by_steps", "loss")),
    Experiment("consensus_noise", ("consensus_distance",), level),
    Experiment("gradient_gap", ("gradient_gap", "loss"), gap_and_loss),
    Swept("straggler_sweep", ("speedup",)),
)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _publish(scenario: str, told: list[str], figures: dict[str, Figure]) -> None:
    """Write the figures, and what was told between the page's markers for the scenario."""
    for name, figure in figures.items():
        save(figure, FIGURES / f"{scenario}_{name}.png")
    begin, end = f"<!-- measured: {scenario} -->", "<!-- end -->"
    block = "\n\n".join(text for text in told if text)
    page, found = re.subn(
        rf"({re.escape(begin)}\n).*?({re.escape(end)})",
        lambda place: f"{place[1]}```text\n{block}\n```\n{place[2]}",
        PAGE.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if found != 1:
        raise SystemExit(f"{PAGE}: has {found} places between {begin} and {end}, not one")
    PAGE.write_text(page, encoding="utf-8")


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios to run  [default: all]")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Use complete runs of the same scenarios in runs/.")] = False,
) -> None:
    """Run the experiments of docs/experiments.md again, and write their figures and numbers into it."""
    known = [experiment.scenario for experiment in EXPERIMENTS]
    unknown = set(names or []) - set(known)
    if unknown:
        raise typer.BadParameter(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for experiment in EXPERIMENTS:
        if not names or experiment.scenario in names:
            experiment.run(keep)


if __name__ == "__main__":
    typer.run(main)
