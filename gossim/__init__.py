"""gossim simulates workers that train one model by gossip or in synchrony, when some are slow.

results = gossim.run("scenarios/straggler.yaml")
results.summary()
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from .errors import InputError, RunError, ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

    from .algorithms import Algorithm
    from .results import Results, SweepResults
    from .scenario.scenario import Scenario, load
    from .scenario.sweep import Sweep

__all__ = ["Algorithm", "InputError", "Results", "RunError", "Scenario", "ScenarioError", "lab", "load", "run", "sweep"]
__version__ = "0.1.0"

os.environ.setdefault("MKL_CBWR", "AUTO")
"""By default the rounding of MKL depends on where matrices lie in memory: one more probe could change a last bit. MKL
reads this at its first product: a program that computes with torch before it imports gossim has to set it itself."""

_ELSEWHERE = {
    "Algorithm": "algorithms",
    "Results": "results",
    "Scenario": "scenario.scenario",
    "load": "scenario.scenario",
}
"""The module that each of these is in. pandas, torch and pydantic are slow to import: only what is used is paid for."""


def run(scenario: Scenario | str | Path, out: str | Path | None = None, **options: Any) -> Results:
    """Run a scenario.

    Args:
        scenario: A `Scenario`, or the path of its file.
        out: The run directory to write, figures included. Without it nothing is written.
        **options: The options of `gossim.runner.run.run`, such as `jobs=2`.

    Returns:
        What the run recorded.
    """
    from .runner import run as running

    return running.run(scenario, out, **options)


def sweep(
    scenario: Sweep | Scenario | str | Path, over: dict[str, list[Any]] | None = None, **options: Any
) -> SweepResults:
    """Run a scenario at every point of a sweep.

    Args:
        scenario: A `Sweep`, a `Scenario`, or the path of a file.
        over: Values to try for each key, in place of the scenario's `sweep:`.
        **options: The options of `gossim.runner.sweep.sweep`, such as `out="sweeps/mine"`.

    Returns:
        A table with one row for each point, arm and seed.
    """
    from .runner import sweep as sweeping

    return sweeping.sweep(scenario, over, **options)


def lab(scenario: Scenario | str | Path) -> Any:
    """Show a scenario in a notebook with sliders, and redraw its figures as they move.

    Each move runs a smaller version of the scenario. Needs the extra `lab`, `pip install 'gossim[lab]'`.

    Args:
        scenario: A `Scenario`, or the path of its file.

    Returns:
        A Panel object: the last expression of a notebook's cell shows it.
    """
    from .interactive import page

    return page.lab(scenario)


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(f".{_ELSEWHERE[name]}", __name__), name)
    raise AttributeError(f"module 'gossim' has no attribute '{name}'")
