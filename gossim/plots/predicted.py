"""What theory says of an arm's consensus distance, where it says something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import theory
from ..algorithms.adpsgd import ADPSGD
from ..algorithms.gosgd_push import GoSGDPush
from ..algorithms.local_sgd import LocalSGD
from ..optimizers.schedules import Constant
from ..optimizers.sgd import SGDSettings
from ..problems.models import Noise
from ..sim.collectives import Link
from ..sim.delays import Distribution, continuous_distributions
from ..sim.topology import Complete

if TYPE_CHECKING:
    from ..scenario import Arm
    from .style import Recorded

PATHS, PATH_STEPS = 200, 3000
"""Of the mean over orders of events that stands for the expectation under `gosgd_push`."""


class Prediction(NamedTuple):
    """√E‖x_m − x̄‖² at `time_s`; the mean distance that is measured is below it. `assumed`: what the formula takes for
    granted and this arm does not have."""

    time_s: np.ndarray
    distance: np.ndarray
    assumed: str


def predictions(results: Recorded) -> tuple[dict[str, Prediction], dict[str, str]]:
    """By arm: the prediction, or why there is none."""
    found, without = {}, {}
    for name, arm in results.scenario.arms.items():
        probed = results.probes.loc[results.probes["arm"] == name, "time_s"]
        reason = unfit(arm)
        if reason or probed.empty:
            without[name] = reason or "nothing was recorded"
        else:
            found[name] = predict(arm, np.linspace(0.0, float(probed.max()), 200))
    return found, without


def unfit(arm: Arm) -> str | None:
    """Why no formula applies to the arm; None if one does."""
    plain, network, own = arm.optimizer, arm.network, arm.compute.time_s
    exact_type = type(arm.algorithm)
    checks = [
        (arm.problem is not None and isinstance(arm.problem.model, Noise), "the problem is not 'noise'"),
        (exact_type in (GoSGDPush, ADPSGD, LocalSGD), f"no formula for '{arm.algorithm.name}'"),
        (arm.workers > 1, "there is one worker"),
        (isinstance(arm.topology, Complete), "the topology is not 'complete'"),
        (not arm.compute.stragglers and not arm.uses_trace, "the workers are not equal"),
        (
            isinstance(plain, SGDSettings) and not (plain.momentum or plain.weight_decay),
            "the optimizer is not plain SGD",
        ),
        (plain is not None and isinstance(plain.schedule, Constant), "the learning rate is not constant"),
        (not arm.faults and not (network and network.uneven), "workers fail, or messages are lost or late"),
        (isinstance(own, float | int | Distribution), "the mean compute time is not known"),
    ]
    for holds, reason in checks:
        if not holds:
            return reason
    if not math.isfinite(mean_s(arm)):
        return "the mean compute time is not finite"
    if isinstance(arm.algorithm, GoSGDPush) and not arm.algorithm.push_probability:
        return "nobody pushes"
    return None if exact_type is not LocalSGD else _unfit_rounds(arm)


def predict(arm: Arm, time_s: np.ndarray) -> Prediction:
    """At these times, for an arm that is not `unfit`."""
    assert arm.problem is not None
    assert isinstance(arm.problem.model, Noise)
    assert arm.optimizer is not None
    variance = arm.optimizer.learning_rate**2 * arm.problem.model.dim
    if isinstance(arm.algorithm, LocalSGD):
        squared = np.full(len(time_s), local(arm, arm.algorithm.period, variance))
        return Prediction(time_s, np.sqrt(squared), "")
    steps = arm.workers * time_s / mean_s(arm)
    if isinstance(arm.algorithm, GoSGDPush):
        squared = variance * push(arm.workers, arm.algorithm.push_probability, steps)
    else:
        squared = theory.pairwise_consensus_after(arm.workers, 1.0, variance, steps)
    network = arm.network
    free = network is not None and network.latency_s == 0 and network.bandwidth_bytes_per_s is None
    missing = ["exponential times"] * (not exponential(arm.compute.time_s)) + ["no latency"] * (not free)
    return Prediction(time_s, np.sqrt(squared), ", ".join(missing))


def push(workers: int, probability: float, steps: np.ndarray) -> np.ndarray:
    """E‖x_m − x̄‖² for σ² = 1 when so many steps are expected: a mean over paths, and over their later half where the
    run is longer than they are."""
    count = min(PATH_STEPS, math.ceil(steps.max()))
    mean = theory.push_consensus_paths(workers, probability, count, PATHS, np.random.default_rng(0)).mean(axis=0)
    inside = np.interp(steps, np.arange(count + 1), mean)
    return np.where(steps <= count / 2, inside, mean[count // 2 :].mean()) if count == PATH_STEPS else inside


def local(arm: Arm, period: int, variance: float) -> float:
    """E‖x_m − x̄‖² of local SGD, mean over time."""
    own, network = arm.compute.time_s, arm.network
    assert network is not None
    assert isinstance(arm.algorithm, LocalSGD)
    from ..experiment import message_bytes

    longest_s = period * mean_s(arm)
    if isinstance(own, Distribution):
        longest_s, _ = theory.maximum_moments(sum_of(own, period), arm.workers)
    bandwidth = network.bandwidth_bytes_per_s
    link = Link(float(network.latency_s), 1 / float(bandwidth) if bandwidth else 0.0, 0.0)  # type: ignore[arg-type]
    collective_s = arm.algorithm.collective.cost(arm.workers, message_bytes(arm), link).seconds
    return theory.local_sgd_consensus(arm.workers, period, variance, mean_s(arm), longest_s, collective_s)


def mean_s(arm: Arm) -> float:
    """Mean compute time in seconds."""
    own = arm.compute.time_s
    return float(frozen(own).mean()) if isinstance(own, Distribution) else float(own)  # type: ignore[arg-type]


def frozen(own: Distribution) -> Any:
    return continuous_distributions()[own.distribution](**own.__pydantic_extra__)


def exponential(own: Any) -> bool:
    return isinstance(own, Distribution) and own.distribution == "expon" and not own.__pydantic_extra__.get("loc")


def sum_of(own: Distribution, count: int) -> Any:
    """The law of the sum of so many: of exponential and gamma times, a gamma law."""
    given = own.__pydantic_extra__
    shape = given["a"] if own.distribution == "gamma" else 1.0
    return continuous_distributions()["gamma"](a=shape * count, scale=given.get("scale", 1.0))


def _unfit_rounds(arm: Arm) -> str | None:
    own, network = arm.compute.time_s, arm.network
    if isinstance(own, Distribution) and (
        own.distribution not in ("expon", "gamma") or own.__pydantic_extra__.get("loc")
    ):
        return f"the law of a sum of '{own.distribution}' times is not known"
    uniform = network and isinstance(network.latency_s, float | int) and network.sharing == "none"
    if not uniform or not isinstance(network.bandwidth_bytes_per_s, float | int | None):  # type: ignore[union-attr]
        return "the network is not uniform"
    return None
