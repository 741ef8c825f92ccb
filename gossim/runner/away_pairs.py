"""Arms with their seeds on machines that need not see the run directory: the files that keep them come back."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..errors import InputError, RunError, told
from ..files.atomic import whole
from ..tables.parts import Parts
from .elsewhere import Elsewhere, Home
from .identity import Identity
from .pair_processes import FIELDS, PairProcess, Work
from .recording import Key


class AwayPair(NamedTuple):
    """An arm with a seed, and what every process is given."""

    work: Work
    home: Home
    key: Key


class PairFile(NamedTuple):
    """The file that keeps an arm with a seed, or what kept it from being run."""

    content: bytes
    refused: str | None = None
    broke: str | None = None


def run_away(away: AwayPair) -> PairFile:
    """Run an arm with a seed in a folder of this machine."""
    name, seed = away.key
    try:
        away.home.enter()
        with TemporaryDirectory(prefix="gossim-") as folder:
            work = away.work._replace(folder=folder)
            process = PairProcess(work, [0.0] * FIELDS)
            identity = Identity.of(process.scenario, work.gradients, work.executor)
            away.home.refuse_other(identity, process.device)
            process.run(0, name, seed)
            return PairFile(process.parts.path(process.places[name], seed).read_bytes())
    except InputError as error:
        return PairFile(b"", refused=f"arm '{name}', seed {seed}: {error}")
    except Exception as error:  # of a model of somebody's own, or no memory left
        return PairFile(b"", broke=f"arm '{name}', seed {seed}: {told(error)}")


def ended_away(
    elsewhere: Elsewhere, work: Work, home: Home, todo: Sequence[Key], parts: Parts, places: dict[str, int]
) -> Generator[list[int], None, None]:
    """Run each of `todo`, and put the file that keeps it among `parts`.

    Args:
        elsewhere: Where they are run.
        work: What every process is given.
        home: What it knows of this one.
        todo: The arms and seeds.
        parts: Where their files go.
        places: The place of each arm in the scenario.

    Yields:
        What has ended since the last time, by its place in `todo`.

    Raises:
        InputError: If a machine of the cluster refuses the scenario.
        RunError: If one breaks down, or a file cannot be written here.
    """
    given = {place: AwayPair(work, home, key) for place, key in enumerate(todo)}
    with closing(elsewhere.ended(run_away, given, home.device == "cuda")) as batches:
        for batch in batches:
            for place, file in batch.items():
                if file.refused is not None:
                    raise InputError(file.refused)
                if file.broke is not None:
                    raise RunError(file.broke)
                name, seed = todo[place]
                _put(parts, places[name], seed, file.content)
            yield list(batch)


def _put(parts: Parts, place: int, seed: int, content: bytes) -> None:
    path: Path = parts.path(place, seed)
    try:
        path.parent.mkdir(exist_ok=True)
        with whole(path, parts.lasting) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
