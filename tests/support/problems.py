"""Problems under which every algorithm is tested."""

from __future__ import annotations

from typing import Any

from support.scenarios import DIGITS

PROBLEMS: dict[str, dict[str, Any]] = {
    "quadratic": {"model": {"name": "quadratic", "dim": 5, "gradient_noise": 0.3}},
    "noise": {"model": {"name": "noise", "dim": 7}},
    "logistic": {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 5},
    "mlp": {"model": {"name": "mlp", "hidden": [6, 5], "dropout": 0.3}, "data": DIGITS, "batch_size": 5},
    "conv": {"model": {"name": "support.networks:small_cnn"}, "data": DIGITS, "batch_size": 3},
}
