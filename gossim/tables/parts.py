"""What an unfinished run keeps to go on with: a file for each arm and seed that has ended, until all have, and files
with the rows of those that have many."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from ..errors import InputError, RunError
from ..files.atomic import whole
from .columns import TABLES
from .manifest import Entry
from .parquet import read_frame, write_table

ABOUT = "about.json"
"""In each file: whose it is, and what the manifest says of the arm and seed."""

SUFFIX = ".part"


PROBED = ("probes", "workers", "gaps", "layers")
"""The tables that grow as a run goes. The others are known when it has ended, from the clock."""

Frames = dict[str, pd.DataFrame]
"""Tables by their names."""


class TablePiece(NamedTuple):
    """A file with rows of these tables of one arm with one seed."""

    parts: Parts
    path: Path
    tables: Collection[str]

    def frame(self, name: str) -> pd.DataFrame:
        """Read the rows of a table. Raises RunError if they are gone."""
        found = self.parts.read(self.path, f"{name}.parquet")
        if found is None:
            raise RunError(f"{self.path}: what was recorded is gone, or damaged")
        return frame_in(name, found[f"{name}.parquet"])


class RecordedTables(NamedTuple):
    """The tables of one arm with one seed: the rows in `pieces`, on the disk, and below them those of `frames`."""

    pieces: tuple[TablePiece, ...]
    frames: Frames

    def of(self, name: str) -> Iterator[pd.DataFrame]:
        """The rows of the table of that name, piece by piece."""
        yield from (piece.frame(name) for piece in self.pieces if name in piece.tables)
        if name in self.frames:
            yield self.frames[name]


class Part(NamedTuple):
    """An arm with a seed that has ended: its `entry` in the manifest, and its tables."""

    entry: dict[str, Any]
    recorded: RecordedTables


class Parts:
    """The folder `unfinished/` of a run directory. Each file in it is complete, and on disk once it exists.

    Nothing in it is trusted: a file of another run, a damaged one or a symbolic link counts as not there.

    Args:
        folder: The folder; it is made with the first file.
        identity: What decides the run's numbers, as a digest: files with another one belong to another run.
        lasting: Whether a file that is there outlives a power cut.
    """

    def __init__(self, folder: Path, identity: str, lasting: bool = True):
        self.folder, self.identity, self.lasting = folder, identity, lasting

    def path(self, place: int, seed: int) -> Path:
        """Return the file of the arm at that place in the scenario, with that seed."""
        return self.folder / f"{place}-{seed}{SUFFIX}"

    def save(self, place: int, part: Part) -> None:
        """Keep an arm with a seed that has ended. Raises OSError."""
        with self.written(self.path(place, part.entry["seed"])) as archive:
            about = {"identity": self.identity, "entry": part.entry, "pieces": len(part.recorded.pieces)}
            archive.writestr(ABOUT, json.dumps(about))
            for name, frame in part.recorded.frames.items():
                archive.writestr(f"{name}.parquet", parquet_of(frame))

    def load(self, place: int, arm: str, seed: int) -> Part | None:
        """Return what was kept of an arm with a seed, or None if nothing can be used."""
        archive = self.read(self.path(place, seed))
        if archive is None:
            return None
        try:
            about = json.loads(archive[ABOUT])
            Entry.model_validate(about["entry"])
            frames = {name: frame_in(name, archive[f"{name}.parquet"]) for name in TABLES}
            pieces = self.pieces(place, arm, seed, int(about["pieces"]))
        except (InputError, ValidationError, KeyError, TypeError, ValueError):
            return None
        entry = about["entry"]
        if pieces is None or (entry["arm"], entry["seed"]) != (arm, seed) or not _are_of(frames, arm, seed):
            return None
        return Part(entry, RecordedTables(pieces, frames))

    def ended(self, place: int, seed: int) -> TablePiece:
        """The tables of an arm with a seed that has been kept, apart from its pieces."""
        return TablePiece(self, self.path(place, seed), tuple(TABLES))

    def save_piece(self, place: int, seed: int, number: int, frames: Frames) -> TablePiece:
        """Keep rows of the PROBED tables of an arm with a seed that is under way. Raises OSError."""
        piece = self._piece(place, seed, number)
        with self.written(piece.path) as archive:
            archive.writestr(ABOUT, json.dumps({"identity": self.identity}))
            for name in PROBED:
                archive.writestr(f"{name}.parquet", parquet_of(frames[name]))
        return piece

    def pieces(self, place: int, arm: str, seed: int, count: int) -> tuple[TablePiece, ...] | None:
        """The first `count` pieces of an arm with a seed; None if one of them cannot be used. They are read once."""
        found = tuple(self._piece(place, seed, number) for number in range(count))
        try:
            usable = all(_are_of({name: piece.frame(name) for name in PROBED}, arm, seed) for piece in found)
        except (InputError, RunError):
            return None
        return found if usable else None

    def _piece(self, place: int, seed: int, number: int) -> TablePiece:
        return TablePiece(self, self.path(place, seed).with_stem(f"{place}-{seed}-rows-{number}"), PROBED)

    @contextmanager
    def written(self, path: Path) -> Iterator[zipfile.ZipFile]:
        """Yield an archive to write to, which becomes that file once it is complete."""
        self.folder.mkdir(exist_ok=True)
        with whole(path, self.lasting) as draft, zipfile.ZipFile(draft, "w") as archive:
            yield archive

    def read(self, path: Path, member: str | None = None) -> dict[str, bytes] | None:
        """Return the members of the archive in that file of the folder, or one of them, if it belongs to this run."""
        if self.folder.is_symlink() or path.is_symlink() or not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(archive.read(ABOUT))
                if not isinstance(about, Mapping) or about.get("identity") != self.identity:
                    return None
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    return None  # none of ours is compressed, and a small file may be made to hold terabytes
                return {name: archive.read(name) for name in ([member] if member else archive.namelist())}
        except (OSError, ValueError, zipfile.BadZipFile, KeyError):
            return None

    def any(self) -> bool:
        """Return whether there are files, of any run."""
        return self.folder.is_dir() and any(self.folder.glob(f"[0-9]*{SUFFIX}"))

    def clear(self) -> None:
        """Delete the files, of whatever run, and the folder if nothing else is in it."""
        if self.folder.is_symlink() or not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.suffix == SUFFIX and (path.is_symlink() or path.is_file()):
                path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def _are_of(frames: Frames, arm: str, seed: int) -> bool:
    """Whether all rows are of that arm and seed."""
    return all((frame["arm"] == arm).all() and (frame["seed"] == seed).all() for frame in frames.values())


def parquet_of(frame: pd.DataFrame) -> bytes:
    """Return a table as the content of a file."""
    content = io.BytesIO()
    write_table([frame], content, 1)
    return content.getvalue()


def frame_in(name: str, content: bytes) -> pd.DataFrame:
    """Return the table of that name from the content of a file. Raises InputError."""
    return read_frame(name, io.BytesIO(content))[0]
