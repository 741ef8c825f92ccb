"""What theory says of an arm's consensus distance, where it says something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...algorithms._by_path import Unimported
from ...cluster.durations import Distribution
from ...errors import InputError
from ...optimizers.schedules import Constant
from ...optimizers.sgd import SGDSettings
from ...problems.models.noise import Noise
from ...scenario.arm import Arm
from ...tables.run_data import RunData
from .formulas import FORMULAS
from .times import mean_compute_s

POINTS = 200
"""Instants at which a prediction is drawn."""


class Prediction(NamedTuple):
    """√E‖x_m − x̄‖² at `time_s`; the mean distance that is measured is below it. `assumed`: what the formula takes for
    granted and this arm does not have. `average`: over what the mean of squares is, besides workers and seeds."""

    time_s: np.ndarray
    distance: np.ndarray
    assumed: str
    average: str


def predictions(results: RunData) -> tuple[dict[str, Prediction], dict[str, str]]:
    """Return, by arm, the prediction, or the reason why it is missing.

    Raises:
        InputError: For an algorithm that was not imported.
    """
    found, without = {}, {}
    for name, arm in results.scenario.arms.items():
        if isinstance(arm.algorithm, Unimported):
            raise InputError(f"arm '{name}': {arm.algorithm.refused()}")
        probed = results.probes[results.probes["arm"] == name]
        reason = unfit(arm)
        if reason or probed.empty:
            without[name] = reason or "nothing was recorded"
        else:
            time_s = np.linspace(0.0, float(probed["time_s"].max()), POINTS)
            found[name] = predict(arm, time_s, sorted(set(probed["seed"])))
    return found, without


def unfit(arm: Arm) -> str | None:
    """Return why no formula applies to the arm, or None if one does."""
    plain, network, own = arm.optimizer, arm.network, arm.compute.time_s
    formula = FORMULAS.get(type(arm.algorithm))
    checks = [
        (arm.problem is not None and isinstance(arm.problem.model, Noise), "the problem is not 'noise'"),
        (formula is not None, f"no formula for '{arm.algorithm.name}'"),
        (arm.workers > 1, "there is one worker"),
        (not arm.compute.stragglers and not arm.uses_trace, "the workers are not equal"),
        (
            isinstance(plain, SGDSettings) and not (plain.momentum or plain.weight_decay),
            "the optimizer is not plain SGD",
        ),
        (plain is not None and plain.one_rate, "the learning rates differ"),
        (plain is not None and isinstance(plain.schedule, Constant), "the learning rate is not constant"),
        (not arm.faults and not (network and network.uneven), "workers fail, or messages are lost or late"),
        (isinstance(own, float | int | Distribution), "the mean compute time is not known"),
    ]
    for holds, reason in checks:
        if not holds:
            return reason
    if not math.isfinite(mean_compute_s(arm)):
        return "the mean compute time is not finite"
    assert formula is not None
    return formula.unfit(arm)


def predict(arm: Arm, time_s: np.ndarray, seeds: Sequence[int] = (0,)) -> Prediction:
    """Return the prediction at these times, for an arm that is not `unfit`. If its graph is random, this is the mean
    over the graphs of the `seeds`.
    """
    assert arm.problem is not None
    assert isinstance(arm.problem.model, Noise)
    assert arm.optimizer is not None
    variance = arm.optimizer.of_worker(0).learning_rate ** 2 * arm.problem.model.dim
    formula = FORMULAS[type(arm.algorithm)]
    squared = variance * formula.squared(arm, time_s, seeds)
    return Prediction(time_s, np.sqrt(squared), ", ".join(formula.assumed(arm)), formula.average)
