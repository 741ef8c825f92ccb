"""`sharing: fair` against SimGrid's flows: figures that benchmarks/simgrid_flows.py has stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gossim.testing import transfer_times
from support.transfers import arrivals

STORED = json.loads(Path(__file__).with_name("simgrid_flows.json").read_text(encoding="utf-8"))["clusters"]


@pytest.mark.parametrize("regions", [False, True])
def test_messages_arrive_when_they_do_in_simgrid(regions: bool) -> None:
    """25 random clusters of workers, and 25 with rates of pairs and uplinks of regions, all messages to a billionth."""
    clusters = [made for made in STORED if ("regions" in made["bandwidth"]) == regions]
    assert len(clusters) == 25
    for made in clusters:
        bandwidth, flows = made["bandwidth"], [tuple(flow) for flow in made["flows"]]
        settings = {"latency_s": 0.0, "bandwidth_bytes_per_s": bandwidth, "sharing": "fair"}
        assert arrivals(settings, flows) == pytest.approx(made["ended"], rel=1e-9)
        if not regions:
            rates = list(zip(bandwidth["up"], bandwidth["down"], strict=True))
            assert transfer_times(rates, flows) == pytest.approx(made["ended"], rel=1e-9)
