"""Results: the tables of a run, in memory and as a run directory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .columns import LATER, TABLES
from .errors import InputError
from .files import whole, write_text
from .frames import table
from .scenario import Scenario, load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .gradient_weights import GradientWeights
    from .pair import Pair


@dataclass(frozen=True, eq=False)
class Results:
    """What a run recorded: its `scenario`, its `manifest`, and its tables as pandas DataFrames.

    `probes`, `workers`, `timeline`, `exchanges`, `activities`, `gaps` and `layers` are those of the run directory;
    `gossim.columns` has the type, the unit and the meaning of each column. What was not asked for is empty.
    """

    scenario: Scenario
    manifest: dict[str, Any]
    probes: pd.DataFrame
    workers: pd.DataFrame
    timeline: pd.DataFrame
    exchanges: pd.DataFrame
    activities: pd.DataFrame
    gaps: pd.DataFrame
    layers: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """One row an arm, as it was in the end: mean over seeds and, in columns that end in `_se`, its standard error.

        The time to the target is given only where every seed reached it.
        """
        from .summary import summarise

        return summarise(self)

    def weights(self, arm: str, seed: int | None = None) -> GradientWeights:
        """With which weight each gradient of that arm, with the first or another seed, enters the final model. Its
        clock is run again for it. Raises InputError where gradients have no weights, the run did not come to its end,
        or it is not repeated."""
        from .gradient_weights import of_run

        return of_run(self, arm, self.scenario.seed if seed is None else seed)

    def compare(self) -> pd.DataFrame:
        """One row a pair of arms and measure: the difference within seeds, with its 95% interval.

        For the time to the target, the ratio: how many times sooner the first arm arrives.
        """
        from .paired import compare

        return compare(self)

    def sentences(self) -> list[str]:
        """What `compare` says, in words: a sentence a pair, or, of many arms, each against the first."""
        from .sentences import sentences

        return sentences(self)

    def plot(self, theory: bool = False) -> dict[str, Figure]:
        """The matplotlib figures by name; with `theory`, its prediction is dashed in that of the consensus distance."""
        from .plots import draw

        return draw(self, theory)

    def beside(self, other: Results, names: tuple[str, str]) -> Pair:
        """This run and another one, which have such names: `plot()` and `summary()` of the arms of both."""
        from .pair import Pair

        return Pair((self, other), names)

    @classmethod
    def open(cls, directory: str | Path) -> Results:
        """The results in a run directory. Raises InputError if it is none."""
        return RunDirectory(Path(directory)).read()


def refuse_unwritable(path: Path) -> None:
    """Raise InputError for a path that no table can be written to: pyarrow takes UTF-8 alone."""
    try:
        ok = str(path).encode("utf-8").find(0) < 0
    except UnicodeEncodeError:
        ok = False
    if not ok:
        raise InputError(f"{str(path)!a}: cannot be used: the path must be in UTF-8, without NUL")


COMPARED_WITH = "compared_with_"


class RunDirectory:
    """The files of one run. Each is written whole or not at all."""

    def __init__(self, path: Path):
        self.path = path

    def refuse_overwriting(self, force: bool) -> None:
        """Raise InputError if a run cannot be written here, or would replace what it must not."""
        refuse_unwritable(self.path)
        with self._telling():
            folder = next(folder for folder in [self.path, *self.path.absolute().parents] if folder.exists())
        if folder != self.path and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise InputError(f"{self.path}: cannot be made, for {folder} is no directory one may write to")
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is not a directory; choose another with --out")
        status = self._status()
        if status is None and any(self.path.iterdir()):
            raise InputError(f"{self.path}: holds other files and no run; choose another directory with --out")
        if status in ("complete", "running") and not force:
            what = "a complete run" if status == "complete" else "a run that is under way or was cut off"
            raise InputError(f"{self.path}: holds {what}; replace it with --force or choose another with --out")

    def begin(self, scenario: Scenario, manifest: Mapping[str, Any], empty: Results) -> None:
        """Make the directory ready for a new run: what an earlier one left here goes. Raises InputError."""
        with self._telling():
            self.figures.mkdir(parents=True, exist_ok=True)
            self.write_manifest(manifest)
            for kind in ("*.png", "*.svg"):
                for figure in [*self.figures.glob(kind), *self.figures.glob(f"{COMPARED_WITH}*/{kind}")]:
                    figure.unlink()
            self.trace.unlink(missing_ok=True)
            write_text(self.path / "scenario.yaml", scenario.to_yaml())
            self.write_tables(empty)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        write_text(self.path / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")

    def write_tables(self, results: Results) -> None:
        for name in TABLES:
            with whole(self.path / f"{name}.parquet") as draft:
                getattr(results, name).to_parquet(draft, engine="pyarrow", index=False)

    def write_figures(self, figures: Mapping[str, Figure], folder: Path | None = None) -> list[Path]:
        """Each as PNG and SVG, here or in another `folder`. Returns the paths."""
        from .plots import FORMATS, save

        folder, written = folder or self.figures, []
        with self._telling(folder):
            folder.mkdir(parents=folder != self.figures, exist_ok=True)
            for name, figure in figures.items():
                for suffix in FORMATS:
                    path = folder / f"{name}.{suffix}"
                    with whole(path) as draft:
                        save(figure, draft)
                    written.append(path)
        return written

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @classmethod
    def refuse_figures(cls, folder: Path) -> None:
        """Raise InputError where figures written to `folder` would replace those of a run, or lie among its tables."""
        inside = folder.resolve()
        if any(cls(run)._status() for run in (inside, inside.parent if inside.name == "figures" else inside)):
            raise InputError(f"--out {folder}: is where a run keeps its own files; choose another directory")

    def compared_with(self, name: str) -> Path:
        """Where the figures stand that show this run beside the one of that name."""
        return self.figures / f"{COMPARED_WITH}{name.replace('/', '_')}"

    @property
    def trace(self) -> Path:
        return self.path / "trace.json"

    def read(self) -> Results:
        if self._status() is None:
            raise InputError(f"{self.path}: is not a run directory (it has no readable manifest.json)")
        manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        try:
            tables = {name: self._read_table(name) for name in TABLES}
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path}: the run's tables cannot be read: {error}") from None
        return Results(scenario=load(self.path / "scenario.yaml"), manifest=manifest, **tables)

    def read_recorded(self) -> Results:
        """The same. Raises InputError also for a run that recorded nothing."""
        results = self.read()
        if results.probes.empty:
            raise InputError(f"{self.path}: the run was stopped before it recorded anything")
        return results

    def _read_table(self, name: str) -> pd.DataFrame:
        """As it was written, with what earlier versions did not write left empty."""
        path, columns = self.path / f"{name}.parquet", [column.name for column in TABLES[name]]
        later = LATER.get(name, set())
        if later == set(columns) and not path.exists():
            return table(name, [])
        frame = pd.read_parquet(path, engine="pyarrow")
        if later and list(frame.columns) == [column for column in columns if column not in later]:
            dtypes = {column.name: column.dtype for column in TABLES[name] if column.name in later}
            frame = frame.assign(**dict.fromkeys(dtypes)).astype(dtypes)
        if list(frame.columns) != columns:
            raise InputError(f"{self.path}: {name}.parquet does not have the columns that this gossim writes")
        return frame

    @contextmanager
    def _telling(self, path: Path | None = None) -> Iterator[None]:
        """What the operating system refuses is told as a mistake in the path."""
        try:
            yield
        except OSError as error:
            raise InputError(f"{path or self.path}: cannot be used: {error.strerror}") from None

    def _status(self) -> str | None:
        try:
            return str(json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))["status"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
