"""Bandwidth of ordered pairs of workers: by regions, or from a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag, model_validator

from ..errors import InputError
from ..files import trust
from ..files.csv_columns import POSITIVE, read_lines
from ..schema.fields import AS_TUPLE, Frozen, Indices, PositiveQuantity
from ..schema.violations import broken, broken_at
from .bandwidth import Rate, too_few, too_many
from .durations import Law, LawOfRates
from .latency import beyond_regions, in_no_region, read_matrix, refuse_two_regions

FASTEST = "fastest"
"""Of `up` and `down`: as fast as the fastest of the worker's pairs."""


def _kind(value: Any) -> str:
    # These names stand in pydantic's error paths: they must not be keys that can stand in the data.
    if isinstance(value, str):
        return "a word"
    if isinstance(value, list | tuple):
        return "one each"
    return "a law" if isinstance(value, dict | Law) else "the same for all"


if TYPE_CHECKING:
    OwnRate = Rate | Literal["fastest"]
    Uplink = float | tuple[float, ...] | None
else:
    OwnRate = Annotated[
        Annotated[PositiveQuantity | None, Tag("the same for all")]
        | Annotated[tuple[PositiveQuantity, ...], AS_TUPLE, Tag("one each")]
        | Annotated[LawOfRates, Tag("a law")]
        | Annotated[Literal["fastest"], Tag("a word")],
        Discriminator(_kind),
    ]
    Uplink = Annotated[
        Annotated[PositiveQuantity | None, Tag("the same for all")]
        | Annotated[tuple[PositiveQuantity, ...], AS_TUPLE, Tag("one each")],
        Discriminator(_kind),
    ]


class BandwidthMatrix(Frozen):
    """Bandwidths from a CSV file without a header: row s, column r is the bandwidth in bytes per second from worker s
    to worker r.

    The diagonal is not looked at. An arm with fewer workers takes the first rows and columns. `up` and `down` limit
    what a worker sends and receives altogether; `fastest` is the highest rate in its row, or its column, of the file.
    """

    matrix: str
    up: OwnRate = "fastest"
    down: OwnRate = "fastest"

    @model_validator(mode="after")
    def _is_a_matrix(self) -> BandwidthMatrix:
        if not trust.present().files:
            return self
        try:
            read_matrix(self.matrix, POSITIVE)
        except InputError as error:
            raise broken(str(error)) from None
        return self

    def between(self, sender: int, receiver: int) -> float:
        """Return the rate of that pair, in bytes per second."""
        return read_matrix(self.matrix, POSITIVE)[sender][receiver]

    def fastest(self, worker: int) -> tuple[float, float]:
        """Return the highest rate of any pair at which a worker sends, and at which it receives."""
        rows = read_matrix(self.matrix, POSITIVE)
        others = [other for other in range(len(rows)) if other != worker]
        own = rows[worker]
        return max((own[o] for o in others), default=0.0), max((rows[o][worker] for o in others), default=0.0)

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        rows = read_lines(self.matrix)
        if len(rows) > workers:
            return f"{self.matrix}, line {rows[workers][0]}: is a row of worker {workers}"
        return too_many(self, workers)

    def unfit(self, workers: int) -> str | None:
        size = len(read_matrix(self.matrix, POSITIVE))
        return f"has {size} rows, and there are {workers} workers" if size < workers else too_few(self, workers)


class RegionBandwidth(Frozen):
    """Workers in groups, with one bandwidth `within` a group and another `between` groups, each of an ordered pair.

    Every worker is in one region. `uplink`: what all workers of a region together can send to other regions, and what
    they can receive from them: one number, a list with one for each region, or null for unlimited. `up` and `down`
    limit what a worker sends and receives altogether; `fastest` is the highest rate of its pairs.
    """

    regions: Annotated[tuple[Indices, ...], AS_TUPLE]
    within: PositiveQuantity
    between: PositiveQuantity
    uplink: Uplink = None
    up: OwnRate = "fastest"
    down: OwnRate = "fastest"

    @model_validator(mode="after")
    def _regions_are_whole(self) -> RegionBandwidth:
        refuse_two_regions(self.regions)
        if isinstance(self.uplink, tuple) and len(self.uplink) != len(self.regions):
            rule = f"has {len(self.uplink)} numbers, and there are {len(self.regions)} regions"
            raise broken_at(("uplink",), list(self.uplink), rule)
        return self

    def region_of(self) -> dict[int, int]:
        """Return the number of each worker's region."""
        return {worker: number for number, region in enumerate(self.regions) for worker in region}

    def uplink_of(self, region: int) -> float | None:
        """Return what a region can send to others, in bytes per second; None where it is unlimited."""
        return self.uplink[region] if isinstance(self.uplink, tuple) else self.uplink

    def beyond(self, workers: int) -> str | None:
        """Say in words what concerns a worker outside of 0 … workers − 1; None if nothing does."""
        return beyond_regions(self.regions, workers) or too_many(self, workers)

    def unfit(self, workers: int) -> str | None:
        return in_no_region(self.regions, workers) or too_few(self, workers)
