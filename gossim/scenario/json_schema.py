"""The JSON schema of the scenario file, by which editors complete and check it while it is written.

It says less than `gossim validate`: rules that tie several keys together, files and a user's own code are left to that.
"""

from __future__ import annotations

from typing import Any

from .scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a file that `gossim run` or `gossim sweep` takes.

    A section of an arm may be in parts, because it is laid over the shared one. So may every section of a file with a
    `sweep`, whose points complete it.
    """
    model = Scenario.model_json_schema()
    definitions: dict[str, Any] = model["$defs"]
    arm = definitions.pop("Arm")
    sections: dict[str, Any] = model["properties"]
    del sections["arms"]
    algorithm = arm["properties"]["algorithm"]
    own = {key: value for key, value in arm["properties"].items() if key != "algorithm"}
    in_parts = {f"{name}_in_parts": _in_parts(each) for name, each in definitions.items()}
    whole_arm = {**_in_parts({**arm, "properties": own}), "required": ["algorithm"]}
    whole_arm["properties"] = {"algorithm": algorithm, **whole_arm["properties"]}
    required = [key for key in model["required"] if key != "arms"]
    return {
        "$schema": DIALECT,
        "title": "A gossim scenario",
        "type": "object",
        "properties": {
            **_in_parts(sections),
            "arms": _mapping_of(_in_parts(arm)),
            "sweep": _mapping_of({"type": "array", "minItems": 1}),
        },
        "required": ["arms"],
        "additionalProperties": False,
        "if": {"not": {"required": ["sweep"]}},
        "then": {"properties": {**sections, "arms": _mapping_of({"$ref": "#/$defs/Arm"})}, "required": required},
        "$defs": {**definitions, **in_parts, "Arm": whole_arm},
    }


def _mapping_of(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "additionalProperties": values}


def _in_parts(schema: Any) -> Any:
    """Return the same schema with nothing required, also in what it refers to."""
    if isinstance(schema, list):
        return [_in_parts(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _in_parts(value) for key, value in schema.items() if not _is_required(key, value)}
    if isinstance(parts.get("oneOf"), list):  # a part may be one of several
        parts["anyOf"] = parts.pop("oneOf")
    if isinstance(parts.get("$ref"), str):
        parts["$ref"] += "_in_parts"
    return parts


def _is_required(key: str, value: Any) -> bool:
    return key == "required" and isinstance(value, list)  # a parameter of that name would be a mapping
