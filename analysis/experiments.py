"""Run the experiments of docs/experiments.md; write their figures, and their numbers between the markers.

The prose of that page is written by hand and describes the numbers of its time: read it again afterwards.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure
from rich.console import Console
from scipy import stats

import gossim
from gossim.analysis.comparison import interval
from gossim.analysis.shown_table import shown_table
from gossim.analysis.summary import TIME_TO_TARGET, per_seed
from gossim.cli.progress import LiveProgress, SweepBar
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
    """A scenario by its name, the figures on the page, and what the page says besides the table of the arms."""

    scenario: str
    figures: tuple[str, ...]
    besides: Callable[[gossim.Results], str] = lambda results: ""

    def run(self, keep: bool) -> None:
        described, out = gossim.load(ROOT / "scenarios" / f"{self.scenario}.yaml"), RUNS / self.scenario
        results = gossim.Results.open(out) if keep and (out / "manifest.json").exists() else None
        if results is None or results.manifest["status"] != "complete" or results.scenario != described:
            with LiveProgress(described, Console(stderr=True), arms_s(described)) as progress:
                results = gossim.run(described, out=out, force=True, progress=progress)
        drawn = results.plot()
        written = [arms_table(results), _bullets(results.sentences()), self.besides(results)]
        _publish(self.scenario, written, {name: drawn[name] for name in self.figures})


@dataclass(frozen=True)
class Swept:
    """The same for a scenario with a `sweep:` and a target. With `keep`, finished points are not run again."""

    scenario: str
    figures: tuple[str, ...]

    def run(self, keep: bool) -> None:
        out = RUNS / self.scenario
        if not keep:
            shutil.rmtree(out, ignore_errors=True)
        with SweepBar(Console(stderr=True)) as progress:
            results = gossim.sweep(
                ROOT / "scenarios" / f"{self.scenario}.yaml", out=out, progress=progress
            )
        found, (rows, columns), first = (
            speedups(results),
            results.sweep.keys,
            next(iter(results.scenario.arms)),
        )
        written = []
        for arm, own in found.groupby("arm", sort=False):
            logs = own.assign(log=own["speedup"].map(math.log)).groupby([rows, columns])["log"]
            intervals = logs.apply(
                lambda values: "{:.2f}<br>{:.2f}–{:.2f}".format(*map(math.exp, interval(values)))
            )
            written.append(
                f"How many times sooner {first} reaches the target than {arm}, by `{rows}` (rows) and "
                f"`{columns}` (columns), with 95% CI over {results.scenario.repeats} paired seeds:"
            )
            shown = intervals.unstack(columns).rename_axis(rows.rpartition(".")[2])
            written.append(table(shown))
        drawn = results.plot()
        _publish(self.scenario, written, {name: drawn[name] for name in self.figures})


def arms_table(results: gossim.Results) -> str:
    """Return the table of a run as the command prints it, in Markdown."""
    caption, headings, rows = shown_table(results.summary(), results.scenario)
    names, cells = [label for label, _ in rows], [cells for _, cells in rows]
    shown = pd.DataFrame(cells, index=pd.Index(names, name="arm"), columns=headings)
    return f"{table(shown)}\n\n{caption[0].upper()}{caption[1:]}."


def table(shown: pd.DataFrame) -> str:
    """Return a table of texts in Markdown, its index as the first column. Line breaks become `<br>`."""
    lines = [[shown.index.name, *shown.columns], ["---"] + ["---:"] * len(shown.columns)]
    lines += [[name, *row] for name, row in zip(shown.index, shown.to_numpy().tolist(), strict=True)]
    return "\n".join(
        f"| {' | '.join(str(cell).replace(chr(10), '<br>') for cell in line)} |" for line in lines
    )


def level(results: gossim.Results) -> str:
    """Return the consensus distance once it has levelled off: its mean over the probes after SETTLED_S."""
    settled = results.probes[results.probes["time_s"] > SETTLED_S]
    of_each = (
        settled.groupby(["arm", "seed"], sort=False)["consensus_distance"]
        .mean()
        .groupby("arm", sort=False)
    )
    means = of_each.agg(["mean", "sem"]).map("{:.2f}".format).rename(columns={"sem": "standard error"})
    return f"Consensus distance, mean over the time after {SETTLED_S} s:\n\n{table(means)}"


def gap_and_loss(results: gossim.Results) -> str:
    """Return the mean gap of each arm, early and over the whole run, and its rank correlation with learning.

    No p-value: the runs of one seed share their random numbers.
    """
    gaps = results.gaps.groupby(["arm", "seed", "time_s"])["gradient_gap"].mean().reset_index()
    early = (
        gaps[gaps["time_s"] <= EARLY_S]
        .groupby(["arm", "seed"])["gradient_gap"]
        .mean()
        .rename("early_gap")
    )
    whole = gaps.groupby(["arm", "seed"])["gradient_gap"].mean().rename("mean_gap")
    measures = ["test_loss", TIME_TO_TARGET]
    runs = per_seed(results).set_index(["arm", "seed"])[measures].join([early, whole])
    means = runs.groupby("arm", sort=False).mean()
    names = {
        "early_gap": f"gap to {EARLY_S} s",
        "mean_gap": "mean gap",
        TIME_TO_TARGET: "time to target [s]",
    }
    lines = []
    for gap, label in (("early_gap", f"The gap to {EARLY_S} s"), ("mean_gap", "The mean gap")):
        for measure in measures:
            rank = stats.spearmanr(runs[gap], runs[measure]).statistic
            words = measure.removesuffix("_s").replace("_", " ")
            lines.append(f"{label} and {words}: Spearman's rho {rank:.2f} over {len(runs)} runs.")
    shown = means.map("{:.3f}".format).rename(columns={**names, "test_loss": "test loss"})
    return f"Means over the seeds:\n\n{table(shown)}\n\n{_bullets(lines)}"


EXPERIMENTS = (
    Experiment("batch_size", ("loss_by_steps",)),
    Experiment("gosgd_experiment", ("loss_by_steps", "loss")),
    Experiment("consensus_noise", ("consensus_distance",), level),
    Experiment("gradient_gap", ("gradient_gap", "loss"), gap_and_loss),
    Swept("straggler_sweep", ("speedup",)),
)


def _bullets(sentences: list[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _publish(scenario: str, written: list[str], figures: dict[str, Figure]) -> None:
    """Write the figures, and the texts in `written` between the page's markers for the scenario."""
    for name, figure in figures.items():
        save(figure, FIGURES / f"{scenario}_{name}.png")
    begin, end = f"<!-- measured: {scenario} -->", "<!-- end -->"
    block = "\n\n".join(text for text in written if text)
    page, found = re.subn(
        rf"({re.escape(begin)}\n).*?({re.escape(end)})",
        lambda place: f"{place[1]}{block}\n\n{place[2]}",
        PAGE.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if found != 1:
        raise SystemExit(f"{PAGE}: has {found} places between {begin} and {end}, not one")
    PAGE.write_text(page, encoding="utf-8")


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios to run  [default: all]")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Use complete runs of the same scenarios in runs/.")
    ] = False,
) -> None:
    """Run the experiments of docs/experiments.md again, and write their figures and numbers into it."""
    known = [experiment.scenario for experiment in EXPERIMENTS]
    unknown = set(names or []) - set(known)
    if unknown:
        raise typer.BadParameter(
            f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(known)}"
        )
    for experiment in EXPERIMENTS:
        if not names or experiment.scenario in names:
            experiment.run(keep)


if __name__ == "__main__":
    typer.run(main)
