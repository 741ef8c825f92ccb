"""Clusters drawn by hypothesis: reliable ones, and ones in which everything fails."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from support.optimizers import OPTIMIZERS

TIMES = st.sampled_from(
    [
        0.1,
        {"distribution": "expon", "scale": 0.1},
        {"distribution": "lognorm", "s": 1.0, "scale": 0.1},
        {"distribution": "uniform", "loc": 0.05, "scale": 0.1},
        {"distribution": "pareto", "b": 1.5, "scale": 0.05},
    ]
)
LATENCIES = st.sampled_from([0.0, 0.02, 0.5, {"distribution": "gamma", "a": 2.0, "scale": 0.02}])


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    workers = draw(st.integers(1, 5))
    slow = draw(st.lists(st.integers(0, workers - 1), max_size=2))
    return {
        "workers": workers,
        "until": {"gradient_steps": draw(st.integers(1, 30))},
        "compute": {"time_s": draw(TIMES), "stragglers": [{"workers": [w], "factor": 4} for w in slow]},
        "network": {
            "latency_s": draw(LATENCIES),
            "bandwidth_bytes_per_s": draw(st.sampled_from([None, 1e4])),
            "sharing": "none",
        },
        "probe": {"every_s": draw(st.sampled_from([0.07, 0.4, 1000.0]))},
        "optimizer": draw(st.sampled_from(list(OPTIMIZERS.values()))),
    }


@st.composite
def failing_clusters(draw: st.DrawFn, until_s: float = 2.5) -> dict[str, Any]:
    """Loss, partitions, crashes, churn and queues at once. Ends by time, for nobody may be left to take a step."""
    cluster = draw(clusters())
    workers = cluster["workers"]
    some = st.lists(st.integers(0, workers - 1), max_size=2, unique=True)
    returns = st.sampled_from(["kept", "reset", "fetched"])
    faults: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2))):
        back = draw(st.sampled_from([0.05, 0.5, 1e-9]))
        crash = {"workers": draw(some), "at_s": draw(st.floats(0, until_s - 0.5)), "back_after_s": back}
        faults.append({"name": "crash", **crash, "parameters": draw(returns)})
    if draw(st.booleans()):
        faults.append({"name": "churn", "mean_up_s": 0.4, "mean_down_s": 0.2, "parameters": draw(returns)})
    if workers > 1 and draw(st.booleans()):
        faults.append(
            {"name": "crash", "workers": [draw(st.integers(1, workers - 1))], "at_s": draw(st.floats(0, until_s - 0.5))}
        )
    burst = {"name": "gilbert_elliott", "good_to_bad": 0.2, "bad_to_good": 0.3}
    network = {
        **cluster["network"],
        "sharing": draw(st.sampled_from(["none", "fifo", "fair"])),
        "loss": draw(st.sampled_from([None, 0.3, burst])),
        "resend": draw(st.booleans()),
        "resend_timeout_s": 0.05,
        "jitter_s": draw(st.sampled_from([None, {"distribution": "expon", "scale": 0.02}])),
    }
    if workers > 1 and draw(st.booleans()):
        network["partitions"] = [{"from_s": 0.3, "until_s": 0.9, "groups": [[0], list(range(1, workers))]}]
    return {**cluster, "faults": faults, "network": network, "until": {"time_s": until_s}}
