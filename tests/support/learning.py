"""Arms that learn, and their lines on a figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from gossim.plots.style import arm_colours
from gossim.results import Results, ResultsSideBySide
from support.scenarios import BASE, DIGITS

LEARNING: dict[str, Any] = {
    **BASE,
    "until": {"time_s": 2.0},
    "repeats": 3,
    "problem": {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 8},
    "optimizer": {"learning_rate": 0.5},
    "target": {"test_loss": 1.5},
    "arms": {
        "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
        "together": {"algorithm": {"name": "allreduce"}},
        "alone": {"algorithm": {"name": "sgd"}, "workers": 1},
    },
}


def line(results: Results | ResultsSideBySide, axes: Any, arm: str) -> np.ndarray:
    """The points of an arm's line, `(points, 2)`: the one of its colour that has any."""
    colour = arm_colours(results)[arm]
    (found,) = [one for one in axes.get_lines() if one.get_color() == colour and len(one.get_xdata()) > 2]
    return found.get_xydata()
