"""The published JSON schema: what gossim takes is valid under it, and what it refuses for a single key is not."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gossim.errors import ScenarioError
from gossim.files import yaml12
from gossim.scenario.json_schema import json_schema
from gossim.scenario.overrides import put
from gossim.scenario.scenario import Scenario
from support.commands import ROOT
from support.scenarios import BASE, DIGITS

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
LEARNED = {"model": {"name": "mlp", "hidden": [8]}, "data": {**DIGITS, "partition": "iid"}, "batch_size": 4}
FULL: dict[str, Any] = {
    **BASE,
    "problem": LEARNED,
    "compute": {"time_s": 0.1, "stragglers": [{"fraction": 0.5, "factor": 2}]},
    "faults": [{"name": "crash", "workers": [3], "at_s": 1.0}],
    "topology": {"name": "small_world", "neighbours": 2, "rewiring_probability": 0.5},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(FULL)
    put(data, path, value, "test")
    return data


def test_the_schema_is_a_valid_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_scenario_of_the_project_is_valid(path: Path) -> None:
    VALIDATOR.validate(yaml12.read(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_unknown_key_or_a_wrong_bound_in_any_of_them_is_invalid(path: Path) -> None:
    data = yaml12.read(path.read_text(encoding="utf-8"))
    arm = next(iter(data["arms"]))
    for place, value in (("steps", 4), ("probe.evry_s", 1), (f"arms.{arm}.algoritm", {}), ("workers", 0)):
        mutated = copy.deepcopy(data)
        put(mutated, place, value, "test")
        assert not VALIDATOR.is_valid(mutated), place


VALID = [
    ("workers", 1e3),
    ("problem", "none"),
    ("optimizer", {"name": "adam", "learning_rate": 0.1}),
    ("topology", "ring"),
    ("compute.time_s", {"distribution": "lognorm", "s": 0.4, "scale": 0.1}),
    ("network.latency_s", {"regions": [[0, 1], [2, 3]], "within_s": 0.1, "between_s": 0.2}),
    ("network.bandwidth_bytes_per_s", None),
    ("problem.model", {"name": "mine.nets:small", "width": 4}),
    ("arms.arm.algorithm", {"name": "mine:Push", "anything": "goes"}),
    ("arms.arm.optimizer", {"momentum": 0.9}),
    ("arms.arm.compute", {"stragglers": []}),
]


@pytest.mark.parametrize(("path", "value"), VALID, ids=[path for path, _ in VALID])
def test_other_ways_to_say_it_are_valid(path: str, value: Any) -> None:
    VALIDATOR.validate(changed(path, value))


REFUSED = [
    ("workers", 0),
    ("workers", 2.5),
    ("seed", -1),
    ("repeats", 0),
    ("schema_version", 2),
    ("until.time_s", 0),
    ("probe.every_s", 1e-10),
    ("optimizer.learning_rate", -0.1),
    ("optimizer.momentum", 1),
    ("topology.neighbours", 3),
    ("topology.rewiring_probability", 1.5),
    ("compute.stragglers.0.fraction", 1.5),
    ("compute.time_s", 0),
    ("network.message_bytes", 2**40 + 1),
    ("network.latency_s", -1),
    ("problem.batch_size", 0),
    ("problem.model.hidden", [8, 0]),
    ("arms.arm.algorithm.push_probability", 1.5),
    ("arms.arm.workers", 0),
    ("dtype", "float16"),
    ("network.sharing", "fare"),
    ("topology", "rink"),
    ("optimizer.name", "adm"),
    ("arms.arm.algorithm.name", "gosgd_psh"),
    ("problem.model.name", "mpl"),
    ("problem.data.name", "digit"),
    ("compute.time_s", {"distribution": "lognrm", "s": 0.4}),
    ("faults.0.name", "crsh"),
    ("faults.0.after_s", 1),
    ("topology.neighbors", 2),
    ("problem.model.depth", [8]),
    ("arms.arm.algorithm.probability", 0.5),
    ("arms.arm.topolgy", "ring"),
    ("until", None),
]


def test_what_is_mutated_is_valid_itself() -> None:
    Scenario.parse(copy.deepcopy(FULL))
    VALIDATOR.validate(FULL)


@pytest.mark.parametrize(("path", "value"), REFUSED, ids=[f"{path}={value}" for path, value in REFUSED])
def test_wrong_bounds_unknown_keys_and_misspelt_names_are_invalid(path: str, value: Any) -> None:
    data = changed(path, value)
    assert not VALIDATOR.is_valid(data)
    with pytest.raises(ScenarioError):
        Scenario.parse(data)


def test_a_sweep_may_complete_what_the_file_leaves_out() -> None:
    data = copy.deepcopy(FULL)
    del data["workers"], data["network"]["latency_s"]
    assert not VALIDATOR.is_valid(data)
    data["sweep"] = {"workers": [4, 8], "network.latency_s": [0.1, 0.2]}
    VALIDATOR.validate(data)
    assert not VALIDATOR.is_valid({**data, "sweep": {"workers": []}})
    assert not VALIDATOR.is_valid({**data, "sweep": {"workers": 4}})


def numbers(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number in a schema, by the path to it."""
    if isinstance(schema, dict):
        if schema.get("type") in ("number", "integer"):
            yield "/".join(path), schema
        for key, value in schema.items():
            yield from numbers(value, (*path, str(key)))
    elif isinstance(schema, list):
        for place, value in enumerate(schema):
            yield from numbers(value, (*path, str(place)))


def test_every_number_has_a_bound() -> None:
    """All but the parameters of scipy's laws, which may be anything, and the numbers that two values enumerate."""
    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const"}
    free = {path.rpartition("properties/")[2] for path, kind in numbers(SCHEMA) if not bounds & set(kind)}
    assert {path for path in free if not path.endswith("additionalProperties")} == set()
