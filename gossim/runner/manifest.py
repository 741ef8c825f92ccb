"""Where a run came from: what the manifest says."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from ..files.schema_version import SCHEMA_VERSION

PACKAGES = ("gossim", "torch", "numpy", "scipy", "simpy", "pandas", "pyarrow", "scikit-learn", "pydantic")
"""The packages whose version can change a number in the tables."""


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def versions() -> dict[str, str]:
    """Return the installed versions of Python and of PACKAGES."""
    return dict(_versions())


def manifest(
    command: list[str], device: str, device_name: str, seed: int, repeats: int, inputs: Mapping[str, str]
) -> dict[str, Any]:
    """Return the manifest of a run that begins now. `inputs` is the SHA-256 of the files that it depends on, by
    path.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "command": [os.fsencode(word).decode("utf-8", "backslashreplace") for word in command],
        "seed": seed,
        "repeats": repeats,
        "device": device,
        "device_name": device_name,
        "started": now(),
        "ended": None,
        "error": None,
        "runs": [],
        "recorded": 0,
        "figures_drawn": False,
        "inputs": dict(inputs),
        "versions": versions(),
        "platform": platform.platform(),
    }
