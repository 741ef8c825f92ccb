"""What a scenario can name, listed from the registries: what is registered is on its page without being added to it.

`<!-- each of gossim.algorithms.ALGORITHMS -->`: all that a registry holds, under the names that scenarios use.
`<!-- each file of gossim.theory -->`: the modules of a package, with all that they define.
`<!-- one: gossim.settings.Until as until -->`: a single section of a scenario.

Of each there is its docstring and, where it has parameters, these with their rules and defaults, as `gossim list` tells
them.
"""

import re
from collections.abc import Callable
from pkgutil import iter_modules, resolve_name
from types import ModuleType

from pydantic import BaseModel

from gossim.schema.describe import parameters

PLACE = re.compile(r"^<!-- (each of|each file of|one:) (.+?)(?: as (.+))? -->$", re.MULTILINE)


def entry(name: str, path: str, level: int, options: str = "") -> str:
    """The block that mkdocstrings replaces by what stands in the docstring."""
    return f'''::: {path}
    options: {{heading: "{name}", toc_label: "{name}", heading_level: {level}{options}}}
'''


def member(name: str, thing: type | Callable, level: int) -> str:
    lines = parameters(thing) if isinstance(thing, type) and issubclass(thing, BaseModel) else []
    written = entry(name, f"{thing.__module__}.{thing.__qualname__}", level, ", members: false")
    return written + "".join(f"\n- `{line}`" for line in lines) + "\n"


def files(package: ModuleType, level: int) -> str:
    names = [module.name for module in iter_modules(package.__path__)]
    return "\n".join(entry(name.replace("_", " "), f"{package.__name__}.{name}", level) for name in names)


def on_page_markdown(markdown: str, **_: object) -> str:
    def expanded(place: re.Match) -> str:
        kind, path, name = place.groups()
        level = 3 if "\n## " in markdown[: place.start()] else 2
        if kind == "each of":
            return "\n".join(member(each, thing, level) for each, thing in resolve_name(path).items())
        return files(resolve_name(path), level) if kind == "each file of" else member(name, resolve_name(path), level)

    return PLACE.sub(expanded, markdown)
