"""YAML as people write it: numbers like `1e-3` and `1.25e8` are numbers, and no key counts twice.

PyYAML follows YAML 1.1, where these are strings, and lets the last of two equal keys win in silence.
"""

from __future__ import annotations

import re
from typing import Any

import yaml


def _error(message: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 (the shape of this table is PyYAML's)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be a word or a number", key_node)
            key = self.construct_object(key_node)
            if key in seen:
                raise _error(f"the key '{key}' stands here a second time", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)


def read(text: str) -> Any:
    """The value of a YAML text. Raises `yaml.YAMLError`, whose `problem_mark` says where."""
    return yaml.load(text, _Loader)


def write(value: Any) -> str:
    """A YAML text that `read` gives back as `value`."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
