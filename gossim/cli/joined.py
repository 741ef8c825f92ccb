"""Where a command's work is done, if not in processes that it begins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from ..errors import InputError
from .options import INTERRUPTED

if TYPE_CHECKING:  # slow to import, and not needed for help
    from ..runner.elsewhere import Elsewhere
    from ..scenario.scenario import Scenario

SHARED = ("run", "sweep", "tune")
"""The commands whose work the processes of torchrun share out."""


def processes() -> int:
    """How many processes torchrun started, this one among them; 1 if it was not torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def joined(cluster: str | None, jobs: int | None, context: typer.Context) -> str | Elsewhere | None:
    """What `--cluster` says, or the processes of torchrun, which end with the command; None if it works by itself.

    Raises:
        InputError: If it cannot be used, or not with `--jobs`.
    """
    if cluster is None and processes() == 1:
        return None
    from ..runner.ray_cluster import refuse_unusable

    if cluster is not None:
        refuse_unusable(cluster, jobs)
        return cluster
    from ..runner.ranks import Ranks

    ranks = Ranks.of_torchrun()
    context.call_on_close(ranks.end)
    refuse_unusable(ranks, jobs)
    return ranks


def refuse_too_many(settings: Scenario, gradients: bool) -> None:
    """Raise InputError if this machine has no memory for as many arms and seeds as torchrun started processes on it."""
    if processes() == 1:
        return
    from ..estimates.limits import affordable_jobs

    here = int(os.environ["LOCAL_WORLD_SIZE"])
    if (most := affordable_jobs(settings, gradients, here)) < here:
        raise InputError(
            f"torchrun --nproc-per-node {here}: there is memory for {most} at a time; --no-limits runs it all the same"
        )


def followed(arguments: list[str]) -> bool:
    """Do what the first of torchrun's processes gives to do, if this is another one. Returns whether it is.

    Raises:
        InputError: If torchrun started several processes of a command that works by itself.
    """
    if processes() == 1 or not arguments or arguments[0].startswith("-") or "--help" in arguments:
        return False
    is_first = os.environ["RANK"] == "0"
    if arguments[0] not in SHARED:
        if not is_first:
            sys.exit(2)
        raise InputError(f"gossim {arguments[0]} works by itself; call it without torchrun")
    if is_first:
        return False
    from ..runner.ranks import Ranks

    try:
        Ranks.of_torchrun().follow()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    return True
