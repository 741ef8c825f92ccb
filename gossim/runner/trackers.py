"""The scalars of a run for TensorBoard, Weights & Biases or a spreadsheet, against simulated time."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..errors import InputError, RunError, nearest
from ..files.guards import refuse_links
from ..tables.frames import write_frames
from ..tables.run_data import RunData
from ..tables.run_directory import RunDirectory


class Curve(NamedTuple):
    """What one arm with one seed measured: a row a probe, with `time_s`, `gradient_steps` and the scalars."""

    arm: str
    seed: int
    probes: pd.DataFrame

    @property
    def folder(self) -> str:
        """A name for its folder, the same for no two arms."""
        safe = re.sub(r"[^\w.=,()+-]+", "-", self.arm)
        other = "" if safe == self.arm else f"-{hashlib.sha256(self.arm.encode()).hexdigest()[:8]}"
        return f"{safe}{other}/seed_{self.seed}"

    def rows(self) -> Iterator[dict[str, float]]:
        """Yield the measured scalars of each probe."""
        for row in self.probes.drop(columns=["arm", "seed"]).astype(float).to_dict("records"):
            yield {name: value for name, value in row.items() if value == value}


def tensorboard(results: RunData, folder: Path) -> None:
    """Write event files, a run for each arm and seed. The step is the number of gradient steps; the time of an event,
    TensorBoard's axis "relative", is simulated time."""
    from torch.utils.tensorboard import SummaryWriter

    for curve in _curves(results):
        with SummaryWriter(str(folder / curve.folder)) as writer:
            for row in curve.rows():
                time_s = row.pop("time_s")
                for name, value in row.items():
                    writer.add_scalar(name, value, int(row["gradient_steps"]), walltime=time_s)


def wandb(results: RunData, folder: Path) -> None:
    """Write offline runs, one for each arm and seed, whose axis is `time_s`: `wandb sync` uploads them. Nothing is sent
    from here."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb as library

    folder.mkdir(parents=True)
    for curve in _curves(results):
        run = library.init(
            mode="offline",
            project="gossim",
            group=results.scenario.title or None,
            name=f"{curve.arm}, seed {curve.seed}",
            dir=str(folder),
            config={"arm": curve.arm, "seed": curve.seed, "scenario": results.scenario.to_data()},
            settings=library.Settings(console="off", silent=True, x_disable_stats=True, x_disable_meta=True),
            reinit="create_new",
        )
        run.define_metric("time_s")
        run.define_metric("*", step_metric="time_s")
        for row in curve.rows():
            run.log(row)
        run.finish()


def csv(results: RunData, folder: Path) -> None:
    """Write one table, `scalars.csv`: the probes of all arms and seeds."""
    folder.mkdir(parents=True)
    write_frames([results.probes], folder / "scalars.csv")


class Tracker(NamedTuple):
    """`write` writes the scalars of a run into a folder that is not there yet; it needs the `package`."""

    write: Callable[[RunData, Path], None]
    package: str | None = None


TRACKERS = {"tensorboard": Tracker(tensorboard, "tensorboard"), "wandb": Tracker(wandb, "wandb"), "csv": Tracker(csv)}


def refuse_unusable(names: Iterable[str]) -> None:
    """Raise InputError for a tracker that there is not, or whose package is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise InputError(f"--log {name}: unknown tracker{nearest(name, TRACKERS)}")
        package = TRACKERS[name].package
        if package and find_spec(package) is None:
            rule = f"needs the package '{package}', which `pip install gossim[trackers]` brings"
            raise InputError(f"--log {name}: {rule}")


def log(results: RunData, names: Iterable[str], store: RunDirectory) -> list[Path]:
    """Write the scalars of a run into folders of its directory, in place of those of before.

    Args:
        results: What the run recorded.
        names: Some of TRACKERS.
        store: Its directory.

    Returns:
        The folders.

    Raises:
        RunError: Where they cannot be written.
    """
    written = []
    for name in names:
        folder = store.logs / name
        try:
            refuse_links(store.logs, folder)
            shutil.rmtree(folder, ignore_errors=True)
            TRACKERS[name].write(results, folder)
        except (OSError, InputError) as error:
            raise RunError(f"{folder}: cannot be written: {error}; the tables are whole") from None
        written.append(folder)
    return written


def _curves(results: RunData) -> Iterator[Curve]:
    for (arm, seed), probes in results.probes.groupby(["arm", "seed"], sort=False):
        yield Curve(str(arm), int(seed), _numeric(probes))


def _numeric(probes: pd.DataFrame) -> pd.DataFrame:
    """Drop columns that hold no number of this arm and seed."""
    kept: Any = probes.loc[:, probes.notna().any()]
    return kept
