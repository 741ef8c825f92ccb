"""How long the first byte is under way on each directed link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag, model_validator

from ..errors import InputError
from ..files import trust
from ..files.csv_columns import SECONDS, Rule, number, read_lines, remembered
from ..rng import Purpose
from ..schema.fields import AS_TUPLE, Frozen, Indices, Quantity
from ..schema.violations import broken
from .durations import AnyLaw, Law


class LatencyMatrix(Frozen):
    """Latencies from a CSV file without a header: row s, column r is the latency in seconds from worker s to worker r.

    The diagonal is not looked at. An arm with fewer workers takes the first rows and columns.
    """

    matrix: str

    @model_validator(mode="after")
    def _is_a_matrix(self) -> LatencyMatrix:
        if not trust.present().files:
            return self
        try:
            read_matrix(self.matrix)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def between(self, sender: int, receiver: int, seed: int) -> float:
        return read_matrix(self.matrix)[sender][receiver]

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        rows = read_lines(self.matrix)
        return f"{self.matrix}, line {rows[workers][0]}: is a row of worker {workers}" if len(rows) > workers else None

    def unfit(self, workers: int) -> str | None:
        size = len(read_matrix(self.matrix))
        return f"has {size} rows, and there are {workers} workers" if size < workers else None


class Regions(Frozen):
    """Workers in groups, with the latency `within_s` inside a group and `between_s` groups.

    Every worker is in one region. An arm with fewer workers than another has the first of them.
    """

    regions: Annotated[tuple[Indices, ...], AS_TUPLE]
    within_s: Quantity
    between_s: Quantity

    @model_validator(mode="after")
    def _nobody_twice(self) -> Regions:
        refuse_two_regions(self.regions)
        return self

    def between(self, sender: int, receiver: int, seed: int) -> float:
        together = any(sender in region and receiver in region for region in self.regions)
        return self.within_s if together else self.between_s

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        return beyond_regions(self.regions, workers)

    def unfit(self, workers: int) -> str | None:
        return in_no_region(self.regions, workers)


def refuse_two_regions(regions: Sequence[Sequence[int]]) -> None:
    """Raise pydantic's error where a worker is in two regions."""
    counts = Counter(worker for region in regions for worker in region)
    twice = sorted(worker for worker, count in counts.items() if count > 1)
    if twice:
        raise broken(f"worker {twice[0]} is in two regions")


def beyond_regions(regions: Sequence[Sequence[int]], workers: int) -> str | None:
    """Name a member of a region outside of 0 … workers − 1, in words; None if there is no such member."""
    first = next((worker for region in regions for worker in region if worker >= workers), None)
    return None if first is None else f"regions has {first}"


def in_no_region(regions: Sequence[Sequence[int]], workers: int) -> str | None:
    """Name a worker that is in no region, in words; None if there is no such worker."""
    members = {worker for region in regions for worker in region}
    missing = next((worker for worker in range(workers) if worker not in members), None)
    return None if missing is None else f"worker {missing} is in no region"


def latency_s(model: float | Law | LatencyMatrix | Regions, sender: int, receiver: int, seed: int) -> float:
    """Return the latency of that link. With a distribution, each link draws its own once."""
    if isinstance(model, LatencyMatrix | Regions):
        return model.between(sender, receiver, seed)
    if isinstance(model, Law):
        return next(model.draws(seed, Purpose.NETWORK, sender, receiver))
    return model


@remembered
def read_matrix(file: str, rule: Rule = SECONDS) -> tuple[tuple[float, ...], ...]:
    """Return a square matrix, `(workers, workers)`, of numbers that obey the rule; the diagonal is 0, whatever the file
    has.

    Raises InputError, naming file, line and column.
    """
    rows, matrix = read_lines(file), []
    if not rows:
        raise InputError(f"{file}: is empty")
    for own, (line, row) in enumerate(rows, start=1):
        if len(row) != len(rows):
            raise InputError(f"{file}, line {line}: has {len(row)} columns, and the file has {len(rows)} rows")
        matrix.append(
            tuple(
                0.0 if n == own else number(text, rule, f"{file}, line {line}, column {n}: ")
                for n, text in enumerate(row, start=1)
            )
        )
    return tuple(matrix)


def _kind(value: Any) -> str:
    # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
    if isinstance(value, dict):
        return "a matrix" if "matrix" in value else "some regions" if "regions" in value else "a law"
    if isinstance(value, LatencyMatrix):
        return "a matrix"
    return "some regions" if isinstance(value, Regions) else "a law" if isinstance(value, Law) else "a number"


if TYPE_CHECKING:
    Latency = float | Law | LatencyMatrix | Regions
else:
    Latency = Annotated[
        Annotated[Quantity, Tag("a number")]
        | Annotated[AnyLaw, Tag("a law")]
        | Annotated[LatencyMatrix, Tag("a matrix")]
        | Annotated[Regions, Tag("some regions")],
        Discriminator(_kind),
    ]
