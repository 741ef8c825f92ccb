"""Join the parts of a sweep that ran apart, such as the jobs of a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.trust import ASK, Trust, trusting
from ..results import SweepResults
from ..scenario.sweep import Point, Sweep
from ..schema.violations import short
from .sweep import draw
from .sweep_directory import ENDED, SweepDirectory


def merge(directories: Sequence[str | Path], out: str | Path, imports: bool = False) -> SweepResults:
    """Join the sweep directories that `gossim sweep --part` wrote into one. They stay as they are.

    The table and the figures are those that one sweep of all points writes. A point that is in several directories is
    taken from the first of them.

    Args:
        directories: The sweep directories, of all parts.
        out: The sweep directory to write.
        imports: Whether the user's own algorithms and models may be imported, which runs their code. A sweep that
            names some needs it.

    Returns:
        The table of the whole sweep, and what went wrong at its points.

    Raises:
        InputError: If a directory holds no sweep, or another one, a point is missing, or the parts ran with different
            versions or files. Nothing is written then.
        RunError: If the figures cannot be written; the table is whole.
    """
    stores = [SweepDirectory(Path(directory)) for directory in directories]
    if not stores:
        raise InputError("no sweep directory is given")
    target = SweepDirectory(Path(out))
    for store in stores:
        if target.path.exists() and store.path.exists() and target.path.samefile(store.path):
            raise InputError(f"--out {target.path}: is one of the directories to be merged")
    with trusting(Trust(imports=imports, files=False)):
        described = _common(stores)
        if not imports and (own := sorted({name for point in described.points for name in point.scenario.own_code()})):
            raise InputError(f"{stores[0].path}: names {', '.join(own)}, which has not been imported: {ASK}")
        found = _found(described, stores)
    _refuse_mixtures(found)
    with target.begin(described):
        rows: dict[str, list[dict[str, Any]]] = {}
        errors: dict[str, str] = {}
        for point, (store, manifest) in zip(described.points, found, strict=True):
            _copy(store.run_directory(point).path, target.run_directory(point).path)
            error = manifest.get("error") or ""
            rows[point.name] = target.rows(point, error)
            errors |= {point.name: error} if error else {}
        results = SweepResults(described, target.write(described, rows), errors)
        draw(results, target)
    return results


def _common(stores: Sequence[SweepDirectory]) -> Sweep:
    """Return the sweep that all of the directories hold."""
    first, *others = [(store, store.sweep()) for store in stores]
    for store, sweep in others:
        differing = [key for key in {**first[1].data, **sweep.data} if first[1].data.get(key) != sweep.data.get(key)]
        if differing:
            rule = f"holds another sweep than {first[0].path}: they differ in {', '.join(differing)}"
            raise InputError(f"{store.path}: {rule}")
    return first[1]


def _found(described: Sweep, stores: Sequence[SweepDirectory]) -> list[tuple[SweepDirectory, dict[str, Any]]]:
    """Return for each point the directory in which it has ended, and its manifest."""
    found: list[tuple[SweepDirectory, dict[str, Any]]] = []
    missing: list[Point] = []
    for point in described.points:
        ended = ((store, manifest) for store in stores if (manifest := _manifest(store, point)) is not None)
        there = next(ended, None)
        if there is None:
            missing.append(point)
        else:
            found.append(there)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"{len(missing)} of {len(described.points)} points are not done in any of these directories: "
            f"{missing[0]}{more}; run the missing parts, or the same commands again"
        )
    return found


def _manifest(store: SweepDirectory, point: Point) -> dict[str, Any] | None:
    """Return the manifest of a point, or None if it has not ended."""
    directory = store.run_directory(point)
    if not directory.path.is_dir() or directory.path.is_symlink():
        return None
    try:
        manifest = directory.manifest()
    except InputError:
        return None
    ended = manifest["status"] in ENDED and len(manifest["runs"]) == len(point.scenario.arms) * point.scenario.repeats
    return manifest if ended else None


def _refuse_mixtures(found: Iterable[tuple[SweepDirectory, dict[str, Any]]]) -> None:
    """Raise InputError unless all points ran with the same versions, and on the same content of each file."""
    seen: dict[tuple[str, str], tuple[str, Path]] = {}
    for store, manifest in found:
        for what in ("versions", "inputs"):
            for name, value in (manifest.get(what) or {}).items():
                before, where = seen.setdefault((what, name), (value, store.path))
                if before != value:
                    told = f"{name} {value}" if what == "versions" else f"another content of {name}"
                    other = f"{before}" if what == "versions" else "the first"
                    raise InputError(f"{store.path}: ran with {told}, and {where} with {other}: run one of them again")


def _copy(source: Path, target: Path) -> None:
    """Copy a run directory without its links, in place of what is there."""
    draft = target.with_name(f".{target.name}.merging")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(source, draft, ignore=_links)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise InputError(f"{source}: cannot be copied to {target}: {short(str(error))}") from None


def _links(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if (Path(folder) / name).is_symlink()}
