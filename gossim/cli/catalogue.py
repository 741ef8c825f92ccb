"""The names that a scenario can use, as tables for the terminal."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_args

from rich import box
from rich.markup import escape
from rich.table import Table

from ..errors import RunError
from ..schema.describe import parameters

if TYPE_CHECKING:
    from pydantic import BaseModel


def catalogue(topic: str, workers: int = 16) -> Table:
    """Return the names that a scenario can use for `topic`, each with its parameters, one line about it and its source;
    for a topology also the spectral gap for that number of workers.
    """
    shown = Table(title=topic, title_justify="left", box=box.HORIZONTALS, pad_edge=False, show_lines=True)
    if topic == "algorithms":
        shown.caption = "or a class of your own, `package.module:Class`: see docs/write_your_own_algorithm.md"
    shown.add_column("name", no_wrap=True)
    shown.add_column("parameters", overflow="fold")
    shown.add_column("what it is", overflow="fold")
    if topic == "topologies":
        shown.add_column(f"spectral gap of W, {workers} workers", overflow="fold")
    if topic == "data":
        shown.add_column("task; outputs; shape of a sample; samples to train on", overflow="fold")
    for name, lines, meaning in _entries(topic):
        more = {
            "topologies": lambda name=name: [_spectral_gap(name, workers)],
            "data": lambda name=name: [_task(name)],
        }
        shown.add_row(name, lines, meaning, *more.get(topic, list)())
    return shown


def needs() -> Table:
    """Every algorithm by its family, with whom it waits for and what it needs of a cluster."""
    from ..algorithms import ALGORITHMS

    shown = Table(title="what algorithms need", title_justify="left", box=box.HORIZONTALS, pad_edge=False)
    for column in ("family", "name", "waits for", "needs"):
        shown.add_column(column, overflow="fold")
    before = None
    for kind, name in sorted((kind.family, name) for name, kind in ALGORITHMS.items()):
        if before not in (None, kind):
            shown.add_section()
        of = ALGORITHMS[name]
        shown.add_row("" if kind == before else kind, name, of.waits_for, ", ".join(of.requirements()))
        before = kind
    return shown


def _task(name: str) -> str:
    """Return what a data set asks of a network, as far as known without reading it, one line each."""
    from ..problems import DATA
    from ..problems.data import DataFactory, DataSpec
    from ..problems.data._bytes import BytesSpec

    kind: type[DataSpec] = DATA.get(name, DataFactory)
    task = kind.model_fields.get("task")
    own = [" or ".join(get_args(task.annotation)) if task else getattr(kind, "task", "classification")]
    classes, samples = getattr(kind, "classes", None), getattr(kind, "train_samples", None)
    if task is not None:
        return "\n".join([*own, "as the data have it" if name == "package.module:factory" else "as the file has it"])
    own.append(f"{classes} classes" if classes else "1 number")
    own.append("(context,)" if issubclass(kind, BytesSpec) else f"{kind(name=name).shape}")
    return "\n".join([*own, f"{samples:,} samples" if isinstance(samples, int) else "samples as its length gives"])


def _entries(topic: str) -> list[tuple[str, str, str]]:
    if topic == "distributions":
        from ..cluster.durations import LAWS, continuous_distributions

        known = sorted(continuous_distributions().items())
        scipys = [(n, ", ".join(filter(None, [law.shapes, "loc", "scale"])), _first_line(law)) for n, law in known]
        return [(name, _parameters(law), _first_line(law)) for name, law in LAWS.items()] + scipys
    if topic == "collectives":
        from ..cluster.collectives import COLLECTIVES

        return [(name, _parameters(collective), _first_line(collective)) for name, collective in COLLECTIVES.items()]
    if topic == "topologies":
        from ..cluster.topology import TOPOLOGIES

        return [(name, _parameters(topology), _first_line(topology)) for name, topology in TOPOLOGIES.items()]
    from ..algorithms import ALGORITHMS
    from ..optimizers import OPTIMIZERS, SCHEDULES
    from ..problems import DATA, MODELS
    from ..problems.data import DataFactory
    from ..problems.models import Factory

    entries: dict[str, dict[str, type[BaseModel]]] = {
        "algorithms": dict(ALGORITHMS),
        "models": {**MODELS, "package.module:factory": Factory},
        "data": {**DATA, "package.module:factory": DataFactory},
        "optimizers": dict(OPTIMIZERS),
        "schedules": dict(SCHEDULES),
    }
    return [(name, _parameters(cls), _first_line(cls)) for name, cls in entries[topic].items()]


def _spectral_gap(name: str, workers: int) -> str:
    """Return the spectral gap with the kind's example parameters and seed 0, or the reason why it is missing."""
    from ..cluster.topology import TOPOLOGIES

    kind = TOPOLOGIES[name]
    if any(field.is_required() and key not in kind.example for key, field in kind.model_fields.items()):
        return "depends on the file"
    settings = kind.model_validate(kind.example)
    unfit = settings.unfit(workers)
    if unfit:
        return unfit
    try:
        topology = settings.build(workers, seed=0)
        gap = f"{topology.spectral_gap():.3g}"
    except RunError as error:
        return str(error)
    if topology.spectrum_of != "W":
        gap += f", that of {topology.spectrum_of}"
    return "\n".join([gap, *(f"{key}: {value}" for key, value in kind.example.items())])


def _parameters(cls: type[BaseModel]) -> str:
    return escape("\n".join(parameters(cls)))


def _first_line(thing: Any) -> str:
    """Return the docstring's first paragraph, and its source."""
    paragraph, *more = (inspect.getdoc(thing) or "").split("\n\n")
    _, _, source = "\n\n".join(more).partition("\nSource: ")
    told = [paragraph, f"Source: {source}"] if source else [paragraph]
    return escape("\n".join(" ".join(text.split()) for text in told))
