"""`gossim import`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError


class Profiler(StrEnum):
    KINETO = "kineto"
    NSYS = "nsys"


def import_(
    profiler: Annotated[Profiler, typer.Argument(help="The profiler: kineto (PyTorch) or nsys (nsys stats).")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="The profiler's files, one per rank.")],
    out: Annotated[Path, typer.Option(metavar="CSV", help="Where to write columns rank, step and seconds.")],
    name: Annotated[
        str | None, typer.Option("--range", metavar="NAME", help="The NVTX range that encloses a step; nsys only.")
    ] = None,
) -> None:
    """Convert a profiler's step times to a CSV file.

    A scenario uses it as `compute.time_s: {replay: CSV, …}`.
    """
    from ..files.atomic import write_text
    from ..files.profiler_steps import by_rank, read_kineto, read_nsys, steps_csv

    if (name is None) == (profiler is Profiler.NSYS):
        raise InputError("--range NAME: is required for nsys" if name is None else f"--range {name}: is for nsys alone")
    if out.exists() and not out.is_file():
        raise InputError(f"--out {out}: is no ordinary file")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    for place, file in enumerate(files):
        if file in files[:place]:
            raise InputError(f"{file}: is given twice, and each rank has a file of its own")
        if out.exists() and file.exists() and out.samefile(file):
            raise InputError(f"--out {out}: is one of the files to be read")
    found = by_rank([read_kineto(str(file)) if name is None else read_nsys(str(file), name) for file in files])
    write_text(out, steps_csv(found))
    for profile in found:
        steps = profile.steps
        mean_s = sum(step.seconds for step in steps) / len(steps)
        print(f"rank {profile.rank}: {len(steps)} steps of {mean_s:.4g} s in the mean, {profile.file}")
        if profile.communicates:
            told = f"{profile.file}: steps include communication ({profile.communicates})"
            print(f"warning: {told}; compute.time_s should not", file=sys.stderr)
    print(out)
