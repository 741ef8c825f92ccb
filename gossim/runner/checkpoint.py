"""Where one arm with one seed stands, kept now and then, so that it can go on from there."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..program import Op, Probe
from ..sim.world import World
from ..tables.parts import ABOUT, PROBED, Parts, RecordedTables, frame_in, parquet_of

SHARE = 0.02
"""Of the time, which keeping checkpoints takes at most: where one takes long, the next one comes later."""


class Checkpoint(NamedTuple):
    """The state of an arm with a seed after a number of `windows` of its program.

    `digest` is that of the windows. `rows` are the numbers of the rows of the bank that are in use, and `values`,
    `(rows, dim)`, what they hold; the optimizers' are among them. `probed` are the tables that probes have filled: of
    those on the disk a checkpoint keeps how many pieces there are. `seconds` of wall time it took to come there.
    """

    windows: int
    digest: int
    rows: list[int]
    values: np.ndarray
    probed: RecordedTables
    seconds: float


class Checkpoints:
    """The last checkpoint of one arm with one seed, in a file beside those of arms that have ended.

    Args:
        parts: The folder of these files.
        place: The place of the arm in the scenario.
        arm: The arm's name.
        seed: The seed.
        every_s: Seconds of wall time from one checkpoint to the next.
    """

    def __init__(self, parts: Parts, place: int, arm: str, seed: int, every_s: float):
        self.parts, self.place, self.arm, self.seed, self.every_s = parts, place, arm, seed, every_s
        self.path: Path = parts.path(place, seed).with_stem(f"{place}-{seed}-under-way")
        self._due_s = time.monotonic() + every_s

    def load(self) -> Checkpoint | None:
        """Return the last checkpoint, or None if none can be used."""
        archive = self.parts.read(self.path)
        if archive is None:
            return None
        try:
            about = json.loads(archive[ABOUT])
            values = np.load(io.BytesIO(archive["values.npy"]), allow_pickle=False)
            frames = {name: frame_in(name, archive[f"{name}.parquet"]) for name in PROBED}
            pieces = self.parts.pieces(self.place, self.arm, self.seed, int(about["pieces"]))
            if pieces is None or len(values) != len(about["rows"]):
                return None
            probed = RecordedTables(pieces, frames)
            windows, digest, seconds = int(about["windows"]), int(about["digest"]), float(about["seconds"])
            return Checkpoint(windows, digest, list(about["rows"]), values, probed, seconds)
        except (InputError, KeyError, TypeError, ValueError):
            return None

    def is_due(self) -> bool:
        """Return whether it is time for another checkpoint."""
        return time.monotonic() >= self._due_s

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep `checkpoint` in place of the last one. Where the disk is full, the last one stands."""
        begun_s = time.monotonic()
        windows, digest, rows, values, probed, seconds = checkpoint
        about = {"windows": windows, "digest": str(digest), "rows": rows, "pieces": len(probed.pieces)}
        about["seconds"] = seconds
        with suppress(OSError), self.parts.written(self.path) as archive:
            archive.writestr(ABOUT, json.dumps({"identity": self.parts.identity, **about}))
            with archive.open("values.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
            for name in PROBED:
                archive.writestr(f"{name}.parquet", parquet_of(probed.frames[name]))
        ended_s = time.monotonic()
        self._due_s = ended_s + max(self.every_s, (ended_s - begun_s) / SHARE)

    def clear(self) -> None:
        """Remove the checkpoints of an arm that has ended."""
        self.path.unlink(missing_ok=True)

    def refuse(self) -> InputError:
        """Say what is wrong if the clock has not reached the place of the checkpoint."""
        return InputError(
            f"{self.path}: the clock does not repeat the run that this was kept of: has code changed? "
            "--force begins anew"
        )


def digest_with(digest: int, window: Sequence[Op], world: World) -> int:
    """Return the digest of all windows up to `window`, given that of the earlier ones.

    Numbers have the same hash in every process.
    """
    ops = tuple([op for op in window if type(op) is not Probe])
    probes = tuple([op.facts[:4] for op in window if type(op) is Probe])
    network = world.network
    return hash((digest, ops, probes, world.clock.now, network.bytes_sent, network.messages_sent))


def rows_in_use(world: World) -> list[int]:
    """Return the rows of the bank that will still be read."""
    rows = world.program.rows
    return [row for row, held in enumerate(rows.holders) if held and rows.written[row]]
