"""Optimizers under which every algorithm is tested."""

from __future__ import annotations

from typing import Any

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1},
    "sgd with decay": {"learning_rate": 0.1, "weight_decay": 0.01, "schedule": {"name": "step", "over_s": 0.5}},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "nesterov": {
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "schedule": {"name": "warmup", "over_steps": 4, "then": {"name": "cosine", "over_steps": 12}},
    },
    "adam": {"name": "adam", "learning_rate": 0.05},
    "adam with decay": {"name": "adam", "learning_rate": 0.05, "beta1": 0.8, "weight_decay": 0.02},
    "adamw": {
        "name": "adamw",
        "learning_rate": 0.05,
        "beta2": 0.9,
        "epsilon": 1e-6,
        "weight_decay": 0.1,
        "schedule": {"name": "cosine", "over_s": 2.0, "final_factor": 0.1},
    },
}
"""Every kind of optimizer, and every kind of schedule."""
