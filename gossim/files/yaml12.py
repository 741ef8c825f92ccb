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


LARGEST_TEXT, MOST_VALUES, DEEPEST, MOST_DIGITS = 2**20, 50_000, 50, 1000
"""Of a file: characters, values with those that aliases repeat counted each time, levels of nesting, digits of a
number. A scenario of ten thousand workers, each with a bandwidth of its own, has a fifth of that."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers()

    def __init__(self, text: str):
        super().__init__(text)
        self._values = self._depth = 0
        self._sizes: dict[int, int] = {}  # by identity, of nodes that are complete

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node as PyYAML does, but refuse small files that expand to more than fits in memory."""
        alias = self.check_event(yaml.AliasEvent)
        event, before = self.peek_event(), self._values
        self._depth += 1
        if self._depth > DEEPEST:
            raise _error(f"more than {DEEPEST} levels of nesting", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if alias and id(node) not in self._sizes:
            raise _error("what an alias stands for cannot contain the alias", event)
        self._values += self._sizes[id(node)] if alias else 1
        if self._values > MOST_VALUES:
            raise _error(f"more than {MOST_VALUES:,} values, those that aliases repeat included", event)
        self._sizes[id(node)] = self._values - before
        return node

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
        if len(text) > MOST_DIGITS:
            raise _error(f"a number of {len(text):,} digits, more than {MOST_DIGITS:,}", node)
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)


class _Dumper(yaml.SafeDumper):
    # What a plain scalar means decides which texts need quotes: the same table as for reading.
    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes some line breaks of Unicode as they are, and reads them as spaces; in double quotes it escapes them.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _represent_text)


def _error(message: str, node: yaml.Node | yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


def _refuse_many_values(text: str) -> None:
    """Count values without aliases before reading, which takes a tenth of the time with PyYAML's parser in C.

    What else is wrong with the text is left to who reads it.
    """
    values = depth = 0
    try:
        for event in yaml.parse(text, getattr(yaml, "CLoader", yaml.SafeLoader)):
            values += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if values > MOST_VALUES or depth > DEEPEST:
                break
    except yaml.YAMLError:
        return
    if values > MOST_VALUES:
        raise yaml.YAMLError(f"has more than {MOST_VALUES:,} values")


def read(text: str) -> Any:
    """Return the value of a YAML text. Raises `yaml.YAMLError`, whose `problem_mark`, if any, gives the place."""
    if len(text) > LARGEST_TEXT:
        raise yaml.YAMLError(f"has {len(text):,} characters, and a scenario at most {LARGEST_TEXT:,}")
    if len(text) > MOST_VALUES:
        _refuse_many_values(text)
    try:
        return yaml.load(text, _Loader)
    except (ValueError, RecursionError, OverflowError, KeyError, AttributeError) as error:
        # Scalars with an explicit tag, and nesting without end: PyYAML lets Python's own errors through.
        raise yaml.YAMLError(f"{type(error).__name__}: {error}") from None


def write(value: Any) -> str:
    """Return a YAML text from which `read` returns `value`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
