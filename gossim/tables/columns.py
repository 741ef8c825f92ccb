"""The tables of a run: every column, its type and unit, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Column(NamedTuple):
    """`dtype` is pandas' (and, with null for missing, Parquet's)."""

    name: str
    dtype: str
    unit: str
    meaning: str


_ARM = Column("arm", "str", "", "the arm of the scenario")
_SEED = Column("seed", "int64", "", "the seed; arms with the same seed saw the same random numbers")
_TIME = Column("time_s", "float64", "s", "simulated time")

PROBES = (
    _ARM,
    _SEED,
    _TIME,
    Column("gradient_steps", "int64", "steps", "gradient steps taken so far, all workers together"),
    Column(
        "bytes_sent",
        "int64",
        "bytes",
        "parameters sent so far, all workers together; headers are not counted",
    ),
    Column(
        "bytes_carried",
        "Int64",
        "bytes",
        "those of them that have crossed their links and arrived, or, of a collective, are at its end",
    ),
    Column("messages_sent", "int64", "messages", "messages with parameters sent so far"),
    Column(
        "consensus_distance",
        "float64",
        "parameters",
        "mean of the Euclidean norm of x_m - mean(x) over workers that are not down, as is mean(x) itself",
    ),
    Column("consensus_max", "float64", "parameters", "the largest of these norms"),
    Column(
        "alpha_sum",
        "float64",
        "",
        "sum of the weights alpha, those in flight included; alpha_sum + alpha_lost = 1; empty without weights",
    ),
    Column("alpha_in_flight", "float64", "", "the part of it inside messages that are not merged yet"),
    Column("alpha_lost", "float64", "", "weight lost with messages and crashed workers"),
    Column(
        "train_loss",
        "float64",
        "nats",
        "mean cross-entropy, or of a regression the mean squared error, in the target's unit squared (or the problem's "
        "own loss, or the user's) of mean(x), or of a server's parameters, on the training set",
    ),
    Column("test_loss", "float64", "nats", "the same on the test set"),
    Column(
        "test_accuracy", "float64", "", "share of the test set that mean(x) classifies rightly; empty if not measured"
    ),
)

WORKERS = (
    _ARM,
    _SEED,
    _TIME,
    Column("worker", "int64", "", "number of the worker, from 0"),
    Column("steps", "int64", "steps", "gradient steps that this worker has taken"),
    Column("alpha", "float64", "", "its weight; empty without weights"),
    Column(
        "distance",
        "float64",
        "parameters",
        "Euclidean norm of x_m - mean(x); empty while it is down or on its way back",
    ),
    Column("busy_s", "float64", "s", "time spent computing gradients so far"),
    Column("waiting_s", "float64", "s", "all other time so far, down or not: busy_s + waiting_s = time_s"),
)

TIMELINE = (
    _ARM,
    _SEED,
    Column("worker", "int64", "", "number of the worker, from 0; of a message, its sender"),
    Column("activity", "str", "", "computing, waiting, sending (a collective), down, or message (under way meanwhile)"),
    Column("start_s", "float64", "s", "simulated time at which it began"),
    Column("end_s", "float64", "s", "simulated time at which it ended"),
    Column(
        "receiver",
        "Int64",
        "",
        "of a message, who gets it (a server is the node after the last worker); empty for a bucket of an all-reduce",
    ),
    Column("size_bytes", "Int64", "bytes", "of a message, its size"),
    Column("alpha", "float64", "", "of a message, the weight that travels in it; empty without weights"),
)

EXCHANGES = (
    _ARM,
    _SEED,
    Column("sender", "int64", "", "number of the worker, or of the server, the node after the last worker"),
    Column("receiver", "Int64", "", "the same; empty where there were too many pairs to tell apart"),
    Column(
        "messages",
        "int64",
        "messages",
        "messages with parameters sent, and sent again; not those of collectives that are formulas, nor the x that "
        "allreduce gives a worker that comes back",
    ),
    Column("size_bytes", "int64", "bytes", "their bytes"),
    Column("bytes_carried", "Int64", "bytes", "those of them that have crossed their links and arrived"),
    Column(
        "utilisation",
        "float64",
        "",
        "bytes_carried over what the narrower end of this link can carry in the time of the run; above 1 only where "
        "links are not shared; empty where nothing limits it, or pairs are not distinguished",
    ),
    Column("merged", "int64", "messages", "those of them that were merged, or applied by a server"),
    Column(
        "staleness_steps",
        "float64",
        "steps",
        "mean over these of the gradient steps, all workers together, taken since they were sent; empty without any",
    ),
    Column("staleness_s", "float64", "s", "the same in simulated time"),
)

ACTIVITIES = (
    _ARM,
    _SEED,
    Column("worker", "int64", "", "number of the worker, from 0"),
    Column("computing_s", "float64", "s", "time spent computing gradients, over the whole run"),
    Column("waiting_s", "float64", "s", "time spent waiting for others"),
    Column("sending_s", "float64", "s", "time spent in collectives"),
    Column("down_s", "float64", "s", "time spent down"),
    Column(
        "up_utilisation",
        "float64",
        "",
        "bytes that it sent and that arrived, over what it can send in the time of the run, collectives included; "
        "empty where nothing limits it",
    ),
    Column(
        "down_utilisation",
        "float64",
        "",
        "the same of what it received; empty also where pairs are not distinguished",
    ),
)

GAPS = (
    _ARM,
    _SEED,
    _TIME,
    Column("worker", "int64", "", "number of the worker, from 0; only those that take part"),
    Column(
        "gradient_gap",
        "float64",
        "nats per parameter",
        "Euclidean norm of grad L_m(x_m) - grad L_m(mean(x)), both on the worker's next minibatch",
    ),
    Column("gradient_norm", "float64", "nats per parameter", "Euclidean norm of grad L_m(mean(x)) on that minibatch"),
    Column("ratio", "float64", "", "gradient_gap / gradient_norm; empty where the latter is 0"),
)

LAYERS = (
    _ARM,
    _SEED,
    _TIME,
    Column("layer", "str", "", "the model's name of a parameter tensor; x where there is but one vector"),
    Column(
        "consensus_distance",
        "float64",
        "parameters",
        "mean of the Euclidean norm of this tensor's part of x_m - mean(x) over workers that are not down",
    ),
)

TABLES = {
    "probes": PROBES,
    "workers": WORKERS,
    "timeline": TIMELINE,
    "exchanges": EXCHANGES,
    "activities": ACTIVITIES,
    "gaps": GAPS,
    "layers": LAYERS,
}
"""The tables of a run directory, each a Parquet file of that name. `timeline` holds the start of the first seed;
`gaps` and `layers` are empty unless the scenario asks for them."""

METRIC = re.compile(r"test_\w+")
"""The names of columns of `probes` for metrics that not every run has; they stand after the others."""


def columns_of(name: str, present: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of a table in which these are present: those of every run, and those of its own metrics."""
    columns = TABLES[name]
    if name != "probes":
        return columns
    known = {column.name for column in columns}
    own = dict.fromkeys(each for each in present if each not in known and METRIC.fullmatch(each))
    return (*columns, *(Column(each, "float64", "", "this metric of mean(x) on the test set") for each in own))


LATER = {
    "probes": {"bytes_carried"},
    "timeline": {"receiver", "size_bytes", "alpha"},
    **{name: {c.name for c in TABLES[name]} for name in ("exchanges", "activities", "gaps", "layers")},
}
"""Columns that runs of earlier versions do not have; such a run is read as if they were empty."""

GRADIENT_WEIGHTS = (
    _ARM,
    _SEED,
    Column("worker", "int64", "", "number of the worker, from 0"),
    Column("step", "int64", "", "tau, the worker's own number of this gradient, from 0"),
    Column("time_s", "float64", "s", "simulated time at which the worker read the parameters for it"),
    Column("used_s", "float64", "s", "simulated time at which parameters first moved by it; empty if none did"),
    Column("eta_a", "float64", "", "minus its coefficient in the final model"),
    Column("a", "float64", "", "the same over the learning rate that is due at tau and used_s; empty if that is 0"),
)

GRADIENT_WEIGHT_SUMS = (
    _ARM,
    _SEED,
    Column("step", "int64", "", "tau"),
    Column("workers", "int64", "", "how many workers' tau-th gradient was used"),
    Column("eta_a_sum", "float64", "", "sum over workers of eta_a"),
    Column("a_sum", "float64", "", "sum over workers of a"),
)

DERIVED = {"gradient_weights": GRADIENT_WEIGHTS, "gradient_weight_sums": GRADIENT_WEIGHT_SUMS}
"""Tables that no run writes: they are computed when somebody asks."""
