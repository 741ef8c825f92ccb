"""What a scenario names as `package.module:name`."""

from __future__ import annotations

from typing import Any

from ..errors import InputError, told
from ..files import trust
from ..files.process_state import module_named


def imported(path: str, name: str) -> Any:
    """Return what `name` stands for; `path` is the key of it. Raises InputError where it cannot be imported, or may not
    be."""
    if not trust.present().imports:
        raise InputError(f"{path} = {name!r}: has to be imported; {trust.ASK}")
    module_name, _, attribute = name.partition(":")
    try:
        return getattr(module_named(module_name), attribute)
    except (Exception, SystemExit) as error:  # a user's module may do anything
        raise InputError(f"{path} = {name!r}: cannot be imported: {told(error)}") from None
