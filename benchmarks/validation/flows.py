"""Links that are shared fairly, against SimGrid's flow model, by figures that `benchmarks/simgrid_flows.py` has stored.

Of its 50 clusters these are the 25 whose workers have rates of their own; the tests have the others too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from gossim.testing import transfer_times

from .recorded import ROOT
from .row import Row

STORED = ROOT / "tests" / "unit" / "sim" / "simgrid_flows.json"


def rows() -> Iterator[Row]:
    """Yield, of each cluster, the end of that transfer which is farthest from SimGrid's; nothing without the file."""
    if not STORED.exists():
        return
    for number, made in enumerate(json.loads(STORED.read_text(encoding="utf-8"))["clusters"]):
        rates = made["bandwidth"]
        if "regions" in rates:
            continue
        flows = [tuple(flow) for flow in made["flows"]]
        found = transfer_times(list(zip(rates["up"], rates["down"], strict=True)), flows)
        pairs = zip(made["ended"], found, strict=True)
        stored, own = max(pairs, key=lambda pair: abs(pair[1] / pair[0] - 1))
        yield Row("SimGrid", f"cluster {number}, {len(flows)} flows", "worst end [s]", stored, own, 1e-6)
