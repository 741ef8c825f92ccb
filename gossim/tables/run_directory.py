"""A run directory: the files of one run, on the disk."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import trust
from ..files.atomic import drafts, whole, write_text
from ..files.guards import refuse_links, refuse_unwritable, usable
from ..files.lock import LOCK, locked
from ..scenario.scenario import Scenario, load
from . import manifest as manifests
from . import parquet
from .columns import TABLES
from .frames import with_metrics
from .parts import Parts
from .run_data import RunData
from .stored_table import StoredTable, only

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[str, Iterable["pd.DataFrame"]]
"""The tables of a run by name, each as frames that belong one below the other."""

COMPARED_WITH = "compared_with_"

TRIALS = "trials"
"""The folder with the runs by which a run's values were chosen: it is there before the run."""

LOOKS, PAUSE_S = 20, 0.05
"""How often, and how far apart, tables and manifest are read that do not belong together: they are being replaced."""


class RunDirectory:
    """The files of one run. Each is written completely or not at all, and the manifest after the tables.

    The manifest says of which arms and seeds the tables hold the rows. Those that a kill left half replaced hold more,
    which is left out when they are read. Nothing is written or read through a symbolic link inside the directory.

    Args:
        path: The directory.
        lasting: Whether tables that are there outlive a power cut. It costs some milliseconds for each.
    """

    def __init__(self, path: Path, lasting: bool = True):
        self.path = path
        self.lasting = lasting
        self._reserved = False

    @contextmanager
    def reserved(self, create: bool = True) -> Iterator[None]:
        """Keep all others from writing here until the block ends, in this process or another. With `create`, make the
        directory if necessary. Raises InputError if another process is writing here.
        """
        if self._reserved:
            yield
            return
        with ExitStack() as lock:
            with usable(self.path):
                if create:
                    self.path.mkdir(parents=True, exist_ok=True)
                lock.enter_context(locked(self.path))
            self._reserved = True
            try:
                yield
            finally:
                self._reserved = False

    def refuse_unusable(self) -> None:
        """Raise InputError if no run can be written here, whatever becomes of the one that may be here."""
        refuse_unwritable(self.path)
        with usable(self.path):
            folder = next(folder for folder in [self.path, *self.path.absolute().parents] if folder.exists())
        if folder != self.path and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise InputError(f"{self.path}: cannot be made, for {folder} is no directory one may write to")
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is not a directory; choose another with --out")
        if self._status() is None and self._others():
            raise InputError(f"{self.path}: holds other files and no run; choose another directory with --out")
        if (self.path / LOCK).exists():
            with self.reserved():
                pass
        refuse_links(self.figures)

    def _others(self) -> bool:
        """Return whether anything is here except the remains of a killed gossim."""
        with usable(self.path):
            left = {self.path / LOCK, self.path / TRIALS, *drafts(self.path)}
            return any(path not in left for path in self.path.iterdir())

    def begin(self, scenario: Scenario, manifest: Mapping[str, Any], empty: Tables) -> None:
        """Make the directory ready for a new run: what an earlier one left here goes. Raises InputError.

        Args:
            scenario: What is run.
            manifest: That of the new run.
            empty: Its tables, which have no rows yet.
        """
        with usable(self.path):
            refuse_links(self.figures)
            self.figures.mkdir(parents=True, exist_ok=True)
            # From here on nobody takes what is left of an earlier run for this one.
            self.write_manifest({**manifest, "recorded": None})
            self._clear()
            write_text(self.path / "scenario.yaml", scenario.to_yaml(), self.lasting)
            self.write(manifest, empty)

    def go_on(self, manifest: Mapping[str, Any], tables: Tables) -> None:
        """Make the directory ready for the same run to go on, of which `tables` are known. Raises InputError."""
        with usable(self.path):
            refuse_links(self.figures)
            self.figures.mkdir(parents=True, exist_ok=True)
            for path in drafts(self.path):
                path.unlink(missing_ok=True)
            self.write_manifest(manifest)  # first: of arms that are begun again the tables hold rows still
            self.write(manifest, tables)

    def _clear(self) -> None:
        """Delete figures, trace and report of an earlier run, and drafts. Links go, and what they point to stays."""
        folders = [self.figures, *(f for f in self.figures.glob(f"{COMPARED_WITH}*") if not f.is_symlink())]
        for folder in (folder for folder in folders if folder.is_dir()):
            for path in [*folder.glob("*.png"), *folder.glob("*.svg"), *folder.glob("*.pdf"), *drafts(folder)]:
                if path.is_symlink() or path.is_file():
                    path.unlink()
        for path in (self.trace, self.report, *drafts(self.path)):
            path.unlink(missing_ok=True)
        if self.logs.is_symlink():
            self.logs.unlink()
        elif self.logs.is_dir():
            shutil.rmtree(self.logs)
        self.parts("").clear()

    @property
    def begun(self) -> dict[str, Any] | None:
        """Return the manifest of the run that is here, finished or not; None if no run has recorded anything."""
        if self._status() is None:
            return None
        manifest = self.manifest()
        return None if manifest.get("recorded", 0) is None else manifest

    def parts(self, identity: str) -> Parts:
        """Return what an unfinished run with this identity keeps in order to continue."""
        return Parts(self.path / "unfinished", identity, self.lasting)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest alone."""
        write_text(self.path / "manifest.json", _json(manifest), self.lasting)

    def write(self, manifest: Mapping[str, Any], tables: Tables) -> None:
        """Replace tables and manifest together: all are written before the first takes its place, the manifest last.
        What it calls `recorded` the tables say too."""
        ended = manifest["status"] != "running"  # until then tables can be made again from the parts
        with ExitStack() as places:  # which are taken in reverse order
            file = self.path / "manifest.json"
            places.enter_context(whole(file, self.lasting)).write_text(_json(manifest), encoding="utf-8")
            for name in TABLES:
                draft = places.enter_context(whole(self.path / f"{name}.parquet", self.lasting and ended))
                parquet.write_table(tables[name], draft, manifest["recorded"])

    def table(self, name: str) -> pd.DataFrame | StoredTable:
        """The table of that name, which stays on the disk if it is long. Raises InputError."""
        try:
            return parquet.read_table(name, self.own(f"{name}.parquet"))[0]
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @classmethod
    def refuse_figures(cls, folder: Path) -> None:
        """Raise InputError where figures written to `folder` would replace those of a run, or lie among its tables."""
        inside = folder.resolve()
        if any(cls(run)._status() for run in (inside, inside.parent if inside.name == "figures" else inside)):
            raise InputError(f"--out {folder}: is where a run keeps its own files; choose another directory")

    @classmethod
    def refuse_own_file(cls, path: Path) -> None:
        """Raise InputError where writing to `path` would replace what a run recorded."""
        own = {"manifest.json", "scenario.yaml", *(f"{name}.parquet" for name in TABLES)}
        if path.name in own and cls(path.resolve().parent)._status():
            raise InputError(f"--out {path}: is a file of a run's own; choose another")

    def compared_with(self, name: str) -> Path:
        """Return the directory of the figures that compare this run with the one of that name."""
        return self.figures / f"{COMPARED_WITH}{name.replace('/', '_')}"

    @property
    def trace(self) -> Path:
        return self.path / "trace.json"

    @property
    def logs(self) -> Path:
        """Where the files of trackers stand."""
        return self.path / "logs"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def manifest(self) -> dict[str, Any]:
        """Read manifest.json. Raises InputError, also if it is missing."""
        path = self._manifest_file()
        if path:
            manifests.refuse_other_version(path)
        if path is None or manifests.status(path) is None:
            raise InputError(f"{self.path}: is not a run directory (it has no readable manifest.json)")
        return manifests.read_manifest(path)

    def read(self, imports: bool = False) -> RunData:
        """Return the results of the run. With `imports`, the user's algorithms that its scenario names are imported;
        the files that it names are not opened. Raises InputError.
        """
        for look in range(LOOKS):
            if look:
                time.sleep(PAUSE_S)
            manifest = self.manifest()
            begun = manifest.get("recorded", parquet.UNKNOWN)
            if begun is None:
                continue
            try:
                tables = {name: parquet.read_table(name, self.own(f"{name}.parquet")) for name in TABLES}
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from None
            if found := _of_one_moment(manifest, tables):
                return self._checked(manifest, found, imports)
        if begun is None:
            raise InputError(f"{self.path}: the run was stopped before it recorded anything; run it again")
        raise InputError(f"{self.path}: cannot be read: its tables are older than manifest.json; run it again")

    def _checked(self, manifest: dict[str, Any], tables: dict[str, Any], imports: bool) -> RunData:
        """Return the results if scenario, manifest and tables belong to one run."""
        path = self.own("scenario.yaml")
        with trust.trusting(trust.Trust(imports=imports, files=False)):
            scenario = load(path)
        if strangers := manifests.strangers(manifest, scenario.arms, scenario.seeds):
            raise InputError(f"{self.path}: manifest.json does not fit scenario.yaml: there is no {strangers[0]}")
        try:
            if isinstance(tables["probes"], StoredTable):
                tables["probes"] = tables["probes"].frame()
            tables["probes"] = with_metrics(tables["probes"], scenario.metric_columns)
            data = RunData(scenario=scenario, manifest=manifest, **tables)
            parquet.check(data)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None
        return data

    def read_recorded(self, imports: bool = False) -> RunData:
        """Return the results of the run. Raises InputError also for a run that recorded nothing."""
        data = self.read(imports)
        if data.probes.empty:
            raise InputError(f"{self.path}: the run was stopped before it recorded anything")
        return data

    def own(self, name: str) -> Path:
        """Return the path of that file. Raises InputError if it leads out of the directory, or is no file."""
        path = self.path / name
        if not self._is_own(path):
            raise InputError(f"{path}: is not a file of this directory, and is not followed out of it")
        return path

    def _is_own(self, path: Path) -> bool:
        """Return whether `path` is a file in this directory, or does not exist."""
        with usable(self.path):
            try:
                found = path.resolve(strict=True)
            except FileNotFoundError:
                return not path.is_symlink()
            except RuntimeError:  # links that lead in a circle
                return False
            return found.is_relative_to(self.path.resolve()) and stat.S_ISREG(found.stat().st_mode)

    def _status(self) -> str | None:
        """Return the status in the manifest, or None without a manifest."""
        path = self._manifest_file()
        return manifests.status(path) if path else None

    def _manifest_file(self) -> Path | None:
        """Return the path of manifest.json, or None if it leads out of the directory or cannot be read."""
        path = self.path / "manifest.json"
        try:
            return path if self._is_own(path) else None
        except InputError:
            return None


def _of_one_moment(manifest: Mapping[str, Any], tables: Mapping[str, tuple[Any, int]]) -> dict[str, Any] | None:
    """Return the tables with the rows that the manifest describes, or None if a table lacks some.

    The manifest is written last. A reader that comes before that, or after a kill in between, finds longer tables.
    """
    recorded = manifest.get("recorded", parquet.UNKNOWN)
    if any(mark not in (parquet.UNKNOWN, recorded) and mark < recorded for _, mark in tables.values()):
        return None
    of = {(entry["arm"], entry["seed"]) for entry in manifest["runs"][:recorded]}
    newer = {name for name, (_, mark) in tables.items() if recorded != parquet.UNKNOWN and mark > recorded}
    return {name: _only(held, of) if name in newer else held for name, (held, _) in tables.items()}


def _only(held: pd.DataFrame | StoredTable, runs: set[tuple[str, int]]) -> pd.DataFrame | StoredTable:
    return held.only(runs) if isinstance(held, StoredTable) else only(held, runs)


def _json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
