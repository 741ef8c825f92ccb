"""Where a run came from: what the manifest says."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

PACKAGES = ("gossim", "torch", "numpy", "scipy", "simpy", "pandas", "pyarrow", "scikit-learn", "pydantic")
"""The packages whose version can change a number in the tables."""


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def manifest(command: list[str], device: str, device_name: str, seed: int, repeats: int) -> dict[str, Any]:
    """The manifest of a run that begins now."""
    return {
        "status": "running",
        "command": command,
        "seed": seed,
        "repeats": repeats,
        "device": device,
        "device_name": device_name,
        "started": now(),
        "ended": None,
        "error": None,
        "runs": [],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "platform": platform.platform(),
    }
