"""The version of the files of a run: of its manifest and of its resolved scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 1
"""Raised only where an older file would be misread: a key, column or unit keeps its name and changes its meaning."""

RULE = f"must be {SCHEMA_VERSION}, the version that this gossim reads"


def other_version(data: Mapping[Any, Any]) -> int | None:
    """Return the version that a file states if it differs from the current one; None otherwise, and without a valid
    version.
    """
    version = data.get("schema_version", SCHEMA_VERSION)
    return version if type(version) is int and version != SCHEMA_VERSION else None
