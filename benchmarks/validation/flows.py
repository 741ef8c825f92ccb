"""Links that are shared fairly, against SimGrid's flow model, by figures that were stored where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gossim.testing import transfer_times

from .recorded import DATA
from .row import Row

STORED = DATA / "simgrid.json"
"""A list of clusters, each with `rates` and `flows` of `gossim.testing.transfer_times`, and SimGrid's `seconds`."""


def rows() -> Iterator[Row]:
    """Yield, of each stored cluster, the time at which the transfer completes that is farthest from SimGrid's."""
    if not STORED.exists():
        return
    for number, cluster in enumerate(json.loads(STORED.read_text())):
        found = transfer_times([tuple(each) for each in cluster["rates"]], [tuple(each) for each in cluster["flows"]])
        pairs = zip(cluster["seconds"], found, strict=True)
        stored, own = max(pairs, key=lambda pair: abs(pair[1] / pair[0] - 1))
        yield Row("SimGrid", f"cluster {number}, {len(found)} flows", "worst completion [s]", stored, own, 1e-6)
