"""YAML 1.2 as its core schema has it: `1e-3`, `1.25e8` are numbers, `yes` and `010` are not truth and eight.

PyYAML follows YAML 1.1, and lets the last of two equal keys win in silence; here that is an error.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_SCALARS = {
    "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": ("null|Null|NULL|~|", ["n", "N", "~", ""]),
    "int": ("[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": ("<<", "<"),
}
"""Which plain scalars are what: a pattern, and the characters that one can begin with."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for kind, (pattern, beginnings) in _SCALARS.items():
        for beginning in beginnings:
            table.setdefault(beginning, []).append((f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$")))
    return table


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers()

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be a word or a number", key_node)
            key = self.construct_object(key_node)
            if key in seen:
                raise _error(f"the key '{key}' stands here a second time", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_int(self, node: Any) -> int:
        text = self.construct_scalar(node)
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)


class _Dumper(yaml.SafeDumper):
    # What a plain scalar means decides which texts need quotes: the same table as for reading.
    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes some line breaks of Unicode as they are, and reads them as spaces; in double quotes it escapes them.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _represent_text)


def _error(message: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


def read(text: str) -> Any:
    """The value of a YAML text. Raises `yaml.YAMLError`, whose `problem_mark`, if it has one, says where."""
    try:
        return yaml.load(text, _Loader)
    except (ValueError, RecursionError, OverflowError, KeyError, AttributeError) as error:
        # Scalars with an explicit tag, and nesting without end: PyYAML lets Python's own errors through.
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from None


def write(value: Any) -> str:
    """A YAML text that `read` gives back as `value`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
