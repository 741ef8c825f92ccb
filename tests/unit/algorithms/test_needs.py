"""What `gossim list algorithms` says that an algorithm needs is what scenarios are refused for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gossim.algorithms import ALGORITHMS as REGISTRY
from gossim.cli.catalogue import needs
from gossim.errors import ScenarioError
from support.algorithms import ALGORITHMS, UNRELIABLE, on_a_ring
from support.commands import ROOT
from support.scenarios import only_arm

FAMILIES = {"alone", "synchronous", "local steps", "groups", "gossip", "server"}
CRASH = {"faults": [{"name": "crash", "workers": [1], "at_s": 0.5, "back_after_s": 0.1, "parameters": "kept"}]}
NETWORK = {"latency_s": 0.01, "bandwidth_bytes_per_s": None}


def refused(algorithm: dict[str, Any], **sections: Any) -> bool:
    try:
        only_arm(
            algorithm=algorithm, **{"topology": on_a_ring(algorithm["name"]), "until": {"time_s": 3.0}, **sections}
        )
    except ScenarioError:
        return True
    return False


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_an_algorithm_is_refused_without_what_its_needs_say(name: str) -> None:
    cls, reliable, unreliable = REGISTRY[name], ALGORITHMS[name], UNRELIABLE[name]
    assert not refused(reliable)
    assert refused(unreliable, **CRASH) == cls.all_up
    assert refused(unreliable, network={**NETWORK, "loss": 0.1}) == cls.all_messages
    assert not refused(unreliable, network={**NETWORK, "loss": 0.1, "resend": True})
    mixing = {"mixing": "lazy"} if name == "d2" else {}
    assert refused(reliable, topology={"name": "static_exponential", **mixing}) == cls.undirected
    assert (
        refused(reliable, topology={"name": "matchings", "base": "ring", "activation_probability": 0.5, **mixing})
        == cls.static
    )
    assert (cls.servers > 0) == ("a server" in cls.requirements())


def test_every_algorithm_belongs_to_a_known_family() -> None:
    assert {cls.family for cls in REGISTRY.values()} == FAMILIES


def test_needs_are_listed_for_every_algorithm() -> None:
    families, names, waits, wanted = ([str(cell) for cell in column.cells] for column in needs().columns)
    assert sorted(names) == sorted(REGISTRY)
    assert set(families) - {""} == FAMILIES
    shown = dict(zip(names, zip(waits, wanted, strict=True), strict=True))
    assert shown["gosgd_push"] == ("nobody", "")
    assert shown["ringmaster"] == ("the server", "a server")
    all_of_it = "all workers up, every message, an undirected graph, a graph that does not change"
    assert shown["extra"] == ("its neighbours", all_of_it)


def test_the_page_says_for_whom_each_waits() -> None:
    page = (ROOT / "docs" / "algorithms.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([^|]*) \|$", page, flags=re.M)
    assert dict(rows) == {name: cls.waits_for for name, cls in REGISTRY.items()}
