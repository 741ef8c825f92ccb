"""How many arms and seeds a command runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # slow to import, and not needed for help
    from rich.console import Console

    from ..scenario.scenario import Scenario


def affordable(settings: Scenario, gradients: bool, jobs: int, notes: Console) -> int:
    """Return as many of `jobs` as memory allows."""
    from ..estimates.limits import affordable_jobs

    most = affordable_jobs(settings, gradients, jobs)
    if most < jobs:
        notes.print(f"{most} at a time, and not {jobs}: there is no memory for more", highlight=False)
    return min(most, jobs)


def likely_device(settings: Scenario) -> str:
    """Return the kind of device that a run will probably use, as far as known without torch."""
    asked = {arm.device for arm in settings.arms.values()}
    return "cuda" if "cuda" in asked or ("auto" in asked and Path("/dev/nvidiactl").exists()) else "cpu"
