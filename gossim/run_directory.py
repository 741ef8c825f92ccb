"""A run directory: the files of one run, on the disk."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import manifest as manifests
from . import parquet, trust
from .columns import TABLES
from .errors import InputError
from .files import drafts, whole, write_text
from .scenario import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .results import Results
    from .scenario import Scenario

COMPARED_WITH = "compared_with_"

LOCK = ".lock"
"""A file that is there while somebody writes. The operating system knows who: one that a kill leaves stops nobody."""

LOOKS, PAUSE_S = 20, 0.05
"""How often, and how far apart, tables and manifest are read that do not belong together: they are being replaced."""

UNDER_WAY = "another gossim is writing here; wait for its end or choose another directory with --out"


def refuse_unwritable(path: Path) -> None:
    """Raise InputError for a path that no table can be written to: pyarrow takes UTF-8 alone."""
    try:
        ok = str(path).encode("utf-8").find(0) < 0
    except UnicodeEncodeError:
        ok = False
    if not ok:
        raise InputError(f"{str(path)!a}: cannot be used: the path must be in UTF-8, without NUL")


class RunDirectory:
    """The files of one run. Each is written whole or not at all, and tables and manifest are replaced together.

    The tables say of how many runs they hold the rows, and so does the manifest, which is written last: what a kill
    left half replaced is refused. Nothing is written or read through a symbolic link inside the directory.
    """

    def __init__(self, path: Path):
        self.path = path
        self._reserved = False

    @contextmanager
    def reserved(self, create: bool = True) -> Iterator[None]:
        """Let nobody else write here until the block ends, in this process or another. With `create`, make the
        directory if there is none. Raises InputError if somebody is writing here."""
        if self._reserved:
            yield
            return
        from filelock import FileLock, Timeout

        with self._telling():
            if create:
                self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise InputError(f"{self.path}: {UNDER_WAY}") from None
        self._reserved = True
        try:
            yield
        finally:
            self._reserved = False
            with suppress(OSError):  # Windows deletes no open file
                (self.path / LOCK).unlink()
            lock.release()

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
        if status is None and self._others():
            raise InputError(f"{self.path}: holds other files and no run; choose another directory with --out")
        if (self.path / LOCK).exists():
            with self.reserved():
                pass
        if status in ("complete", "running") and not force:
            what = "a complete run" if status == "complete" else "a run that is under way or was cut off"
            raise InputError(f"{self.path}: holds {what}; replace it with --force or choose another with --out")
        refuse_links(self.figures)

    def _others(self) -> bool:
        """Whether anything is here that is not what a gossim that was killed at once leaves behind."""
        with self._telling():
            left = {self.path / LOCK, *drafts(self.path)}
            return any(path not in left for path in self.path.iterdir())

    def begin(self, scenario: Scenario, manifest: Mapping[str, Any], empty: Results) -> None:
        """Make the directory ready for a new run: what an earlier one left here goes. Raises InputError."""
        with self._telling():
            refuse_links(self.figures)
            self.figures.mkdir(parents=True, exist_ok=True)
            # From here on nobody takes what is left of an earlier run for this one.
            self.write_manifest({**manifest, "recorded": None})
            self._clear()
            write_text(self.path / "scenario.yaml", scenario.to_yaml())
            self.write(manifest, empty)

    def _clear(self) -> None:
        """Delete the figures and the trace of an earlier run, and drafts. Links go, and what they point to stays."""
        folders = [self.figures, *(f for f in self.figures.glob(f"{COMPARED_WITH}*") if not f.is_symlink())]
        for folder in (folder for folder in folders if folder.is_dir()):
            for path in [*folder.glob("*.png"), *folder.glob("*.svg"), *drafts(folder)]:
                if path.is_symlink() or path.is_file():
                    path.unlink()
        for path in (self.trace, *drafts(self.path)):
            path.unlink(missing_ok=True)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest alone."""
        write_text(self.path / "manifest.json", _json(manifest))

    def write(self, manifest: Mapping[str, Any], results: Results) -> None:
        """Replace tables and manifest together: all are written before the first takes its place, the manifest last.
        What it calls `recorded` the tables say too."""
        with ExitStack() as places:  # which are taken in reverse order
            places.enter_context(whole(self.path / "manifest.json")).write_text(_json(manifest), encoding="utf-8")
            for name in TABLES:
                draft = places.enter_context(whole(self.path / f"{name}.parquet"))
                parquet.write(getattr(results, name), draft, manifest["recorded"])

    def write_figures(self, figures: Mapping[str, Figure], folder: Path | None = None) -> list[Path]:
        """Each as PNG and SVG, here or in another `folder`. Returns the paths."""
        from .plots import FORMATS, save

        folder, written = folder or self.figures, []
        with self._telling(folder):
            if folder == self.figures or self.figures in folder.parents:
                refuse_links(self.figures, folder)
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

    @classmethod
    def refuse_own_file(cls, path: Path) -> None:
        """Raise InputError where writing to `path` would replace what a run recorded."""
        own = {"manifest.json", "scenario.yaml", *(f"{name}.parquet" for name in TABLES)}
        if path.name in own and cls(path.resolve().parent)._status():
            raise InputError(f"--out {path}: is a file of a run's own; choose another")

    def compared_with(self, name: str) -> Path:
        """Where the figures stand that show this run beside the one of that name."""
        return self.figures / f"{COMPARED_WITH}{name.replace('/', '_')}"

    @property
    def trace(self) -> Path:
        return self.path / "trace.json"

    def manifest(self) -> dict[str, Any]:
        """What manifest.json says. Raises InputError, also where there is none."""
        if self._status() is None:
            raise InputError(f"{self.path}: is not a run directory (it has no readable manifest.json)")
        return manifests.read(self.path / "manifest.json")

    def read(self, imports: bool = False) -> Results:
        """The results of the run. With `imports`, the algorithms of one's own that its scenario names are imported;
        the files that it names are not opened. Raises InputError."""
        for look in range(LOOKS):
            if look:
                time.sleep(PAUSE_S)
            manifest = self.manifest()
            begun = manifest.get("recorded", parquet.UNKNOWN)
            if begun is None:
                continue
            try:
                tables = {name: parquet.read(name, self._own(f"{name}.parquet")) for name in TABLES}
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from None
            marks = {mark for _, mark in tables.values()} - {parquet.UNKNOWN}
            if begun == parquet.UNKNOWN or marks <= {begun}:
                return self._checked(manifest, {name: frame for name, (frame, _) in tables.items()}, imports)
        what = "began" if begun is None else "wrote its tables, which are not those that manifest.json speaks of"
        raise InputError(f"{self.path}: cannot be read: the run was killed while it {what}; run it again with --force")

    def _checked(self, manifest: dict[str, Any], tables: dict[str, Any], imports: bool) -> Results:
        """The results, if scenario, manifest and tables are of one run."""
        from .results import Results

        path = self._own("scenario.yaml")
        with trust.trusting(trust.Trust(imports=imports, files=False)):
            scenario = load(path)
        if strangers := manifests.strangers(manifest, scenario.arms, scenario.seeds):
            raise InputError(f"{self.path}: manifest.json does not fit scenario.yaml: there is no {strangers[0]}")
        results = Results(scenario=scenario, manifest=manifest, **tables)
        try:
            parquet.check(results)
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None
        return results

    def read_recorded(self, imports: bool = False) -> Results:
        """The same. Raises InputError also for a run that recorded nothing."""
        results = self.read(imports)
        if results.probes.empty:
            raise InputError(f"{self.path}: the run was stopped before it recorded anything")
        return results

    def _own(self, name: str) -> Path:
        """The path of that file. Raises InputError where it leads out of the directory, or is no file."""
        path = self.path / name
        if not self._is_own(path):
            raise InputError(f"{path}: is not a file of this directory, and is not followed out of it")
        return path

    def _is_own(self, path: Path) -> bool:
        """Whether `path` is a file in this directory, or is not there at all."""
        with self._telling():
            try:
                found = path.resolve(strict=True)
            except FileNotFoundError:
                return not path.is_symlink()
            except RuntimeError:  # links that lead in a circle
                return False
            return found.is_relative_to(self.path.resolve()) and stat.S_ISREG(found.stat().st_mode)

    @contextmanager
    def _telling(self, path: Path | None = None) -> Iterator[None]:
        """What the operating system refuses is told as a mistake in the path."""
        try:
            yield
        except OSError as error:
            raise InputError(f"{path or self.path}: cannot be used: {error.strerror or error}") from None

    def _status(self) -> str | None:
        path = self.path / "manifest.json"
        try:
            return manifests.status(path) if self._is_own(path) else None
        except InputError:
            return None


def refuse_links(*paths: Path) -> None:
    """Raise InputError for the first of `paths` that is a symbolic link: files elsewhere would be replaced."""
    for path in paths:
        if path.is_symlink():
            raise InputError(f"{path}: is a symbolic link, which is not followed; remove it")


def _json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
