"""What an unfinished run keeps to go on with: a file for each arm and seed that has ended, until all have."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from ..errors import InputError
from ..files.atomic import whole
from .columns import TABLES
from .manifest import Entry
from .parquet import read_table, write_table

ABOUT = "about.json"
"""In each file: whose it is, and what the manifest says of the arm and seed."""

SUFFIX = ".part"


class Part(NamedTuple):
    """An arm with a seed: its `entry` in the manifest, and its tables by name."""

    entry: dict[str, Any]
    frames: dict[str, pd.DataFrame]


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
            archive.writestr(ABOUT, json.dumps({"identity": self.identity, "entry": part.entry}))
            for name, frame in part.frames.items():
                archive.writestr(f"{name}.parquet", parquet_of(frame))

    def load(self, place: int, arm: str, seed: int) -> Part | None:
        """Return what was kept of an arm with a seed, or None if nothing can be used."""
        archive = self.read(self.path(place, seed))
        if archive is None:
            return None
        try:
            entry = json.loads(archive[ABOUT])["entry"]
            Entry.model_validate(entry)
            frames = {name: frame_in(name, archive[f"{name}.parquet"]) for name in TABLES}
        except (InputError, ValidationError, KeyError, TypeError, ValueError):
            return None
        of = [(entry["arm"], entry["seed"])] + [
            key for frame in frames.values() for key in frame[["arm", "seed"]].drop_duplicates().itertuples(index=False)
        ]
        return Part(entry, frames) if {*map(tuple, of)} == {(arm, seed)} else None

    @contextmanager
    def written(self, path: Path) -> Iterator[zipfile.ZipFile]:
        """Yield an archive to write to, which becomes that file once it is complete."""
        self.folder.mkdir(exist_ok=True)
        with whole(path, self.lasting) as draft, zipfile.ZipFile(draft, "w") as archive:
            yield archive

    def read(self, path: Path) -> dict[str, bytes] | None:
        """Return the members of the archive in that file of the folder, if it belongs to this run."""
        if self.folder.is_symlink() or path.is_symlink() or not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(archive.read(ABOUT))
                if not isinstance(about, Mapping) or about.get("identity") != self.identity:
                    return None
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    return None  # none of ours is compressed, and a small file may be made to hold terabytes
                return {name: archive.read(name) for name in archive.namelist()}
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


def parquet_of(frame: pd.DataFrame) -> bytes:
    """Return a table as the content of a file."""
    content = io.BytesIO()
    write_table(frame, content, 1)
    return content.getvalue()


def frame_in(name: str, content: bytes) -> pd.DataFrame:
    """Return the table of that name from the content of a file. Raises InputError."""
    return read_table(name, io.BytesIO(content))[0]
