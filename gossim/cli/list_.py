"""`gossim list`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .options import new_console


class Topic(StrEnum):
    ALGORITHMS = "algorithms"
    MODELS = "models"
    DATA = "data"
    OPTIMIZERS = "optimizers"
    SCHEDULES = "schedules"
    DISTRIBUTIONS = "distributions"
    COLLECTIVES = "collectives"
    TOPOLOGIES = "topologies"


def list_(
    topic: Annotated[Topic | None, typer.Argument(help="What to list  [default: all except distributions]")] = None,
    workers: Annotated[
        int, typer.Option(metavar="M", min=1, max=1024, help="Number of workers for which spectral gaps are shown")
    ] = 16,
) -> None:
    """List what a scenario can name, with its parameters."""
    from .catalogue import catalogue, needs

    topics = [topic] if topic else [each for each in Topic if each is not Topic.DISTRIBUTIONS]
    for each in topics:
        new_console().print(catalogue(each.value, workers))
        if each is Topic.ALGORITHMS:
            new_console().print(needs())
