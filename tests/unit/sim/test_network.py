"""The network by itself: queues, fair shares, loss, partitions, against closed forms and worked examples."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gossim import theory
from gossim.cluster.bandwidth import UpDown, rates_of
from gossim.cluster.message_loss import LOSSES, GilbertElliott, Independent
from gossim.cluster.network import NetworkSettings
from gossim.errors import ScenarioError
from gossim.scenario.scenario import Scenario
from gossim.sim.clock import Clock
from gossim.sim.max_min import max_min_rates
from gossim.sim.network import SHARING, Network
from gossim.sim.timeline import Timeline
from support.scenarios import BASE, only_arm, scenario, world_of

SEEDS = (0, 1, 2)


def links(**settings: Any) -> tuple[Clock, Network]:
    clock = Clock()
    full = {"latency_s": 0.0, "bandwidth_bytes_per_s": None, **settings}
    return clock, Network(clock, NetworkSettings.model_validate(full), 0, Timeline(clock, 0))


def arrivals(network: Network, clock: Clock, sends: list[tuple[float, int, int, float]]) -> list[float]:
    """Seconds at which transfers `(at_s, sender, receiver, bytes)` have arrived; infinite for those that are lost."""
    came = [math.inf] * len(sends)
    for number, (at_s, sender, receiver, size_bytes) in enumerate(sends):

        def send(
            number: int = number, sender: int = sender, receiver: int = receiver, size_bytes: float = size_bytes
        ) -> None:
            network.transfer(sender, receiver, size_bytes, lambda: came.__setitem__(number, clock.now_s), lambda: None)

        clock.after(at_s, send)
    clock.run()
    return came


@pytest.mark.parametrize("sharing", sorted(SHARING))
def test_alone_on_its_way_a_transfer_takes_latency_and_bytes_over_the_slower_end(sharing: str) -> None:
    clock, network = links(
        latency_s=0.25, bandwidth_bytes_per_s={"up": [100.0, 40.0], "down": [20.0, 50.0]}, sharing=sharing
    )
    sends = [(0.0, 0, 1, 200.0), (50.0, 1, 0, 200.0), (100.0, 0, 1, 0.0)]
    assert arrivals(network, clock, sends) == pytest.approx([0.25 + 4, 50.25 + 10, 100.25])


def test_fifo_queues_agree_with_hand_arithmetic() -> None:
    """Two from worker 0 follow each other; what comes to worker 2 from two sides is received byte by byte."""
    clock, network = links(latency_s=0.5, bandwidth_bytes_per_s=10.0, sharing="fifo")
    sends = [(0.0, 0, 1, 20.0), (1.0, 0, 2, 20.0), (1.5, 1, 2, 10.0)]
    # 0→1: 0 to 2. 0→2 waits for it: out 2 to 4, comes 2.5 to 4.5. 1→2 comes 2 to 3: by then 5 bytes are left behind,
    # for half a second, and so many they stay until the last byte of 0→2 has come.
    assert arrivals(network, clock, sends) == pytest.approx([2.5, 5.0, 3.5])
    clock, network = links(latency_s=0.5, bandwidth_bytes_per_s=10.0)
    assert arrivals(network, clock, sends) == pytest.approx([2.5, 3.5, 3.0]), "unshared, nobody waits"


def test_slow_senders_fill_a_fast_link_together() -> None:
    """Ten of 1 byte a second into one of 10: nobody waits; with one more, who is no slower, the backlog is a byte a
    second."""
    rates = {"up": [1.0] * 11 + [5.0], "down": 10.0}
    for senders, seconds in ((10, 10.0), (11, 11.0)):
        clock, network = links(bandwidth_bytes_per_s=rates, sharing="fifo")
        came = arrivals(network, clock, [(0.0, sender, 11, 10.0) for sender in range(senders)])
        assert came == pytest.approx([seconds] * senders)
    clock, network = links(bandwidth_bytes_per_s=rates, sharing="fifo")
    came = arrivals(network, clock, [(0.0, 0, 11, 10.0), (2.0, 1, 11, 0.0), (3.0, 11, 1, 5.0)])
    assert came == pytest.approx([10.0, 2.0, 4.0]), "a request passes by, and what is sent leaves what comes alone"


@pytest.mark.parametrize("sharing", ["fifo", "fair"])
def test_what_does_not_get_through_leaves_the_receiver_alone(sharing: str) -> None:
    """Sent from another group, or by one that crashes: neither keeps others from the receiver's link."""
    part = {"from_s": 0.0, "until_s": 9.0, "groups": [[0, 3], [1, 2]]}
    clock, network = links(bandwidth_bytes_per_s=10.0, sharing=sharing, partitions=[part])
    came = arrivals(network, clock, [(0.0, 0, 1, 20.0), (0.0, 3, 1, 20.0), (0.0, 2, 1, 10.0)])
    assert came == pytest.approx([math.inf, math.inf, 1.0])
    clock, network = links(bandwidth_bytes_per_s=10.0, sharing=sharing)
    clock.after(1.0, lambda: network.crashed(0))
    came = arrivals(network, clock, [(0.0, 0, 2, 100.0), (1.5, 1, 2, 10.0), (1.5, 0, 3, 10.0)])
    assert came == pytest.approx([math.inf, 2.5, 2.5])


def test_a_partition_concerns_what_is_on_its_way_meanwhile() -> None:
    """Queued during the partition and sent after it, a message arrives; queued before and sent in it, it does not."""
    for from_s, until_s, arrives in ((0.5, 1.0, 2.1), (1.9, 2.05, math.inf)):
        part = {"from_s": from_s, "until_s": until_s, "groups": [[0], [1]]}
        clock, network = links(bandwidth_bytes_per_s=10.0, sharing="fifo", partitions=[part])
        assert arrivals(network, clock, [(0.0, 0, 2, 20.0), (0.6, 0, 1, 1.0)]) == pytest.approx([2.0, arrives])


@pytest.mark.parametrize(
    ("end", "load"),
    [
        ("up", 0.3),
        ("down", 0.8),
        pytest.param("up", 0.8, marks=pytest.mark.slow),
        pytest.param("down", 0.3, marks=pytest.mark.slow),
    ],
)
def test_fifo_is_an_m_d_1_queue(end: str, load: float) -> None:
    """Messages of one size that begin at the instants of a Poisson process wait ρ/(2μ(1 − ρ)) on average."""
    service_s, count, batches = 0.1, 40_000, 20
    starts = np.cumsum(np.random.default_rng(7).exponential(service_s / load, count))
    other = {"up": "down", "down": "up"}[end]
    clock, network = links(bandwidth_bytes_per_s={end: 10.0, other: None}, sharing="fifo", latency_s=0.02)
    # Other ends are different for each message, so that none but this one is ever busy.
    sends = [(t, 0, n + 1, 1.0) if end == "up" else (t, n + 1, 0, 1.0) for n, t in enumerate(starts.tolist())]
    waits = np.array(arrivals(network, clock, sends)) - starts - service_s - 0.02
    means = waits.reshape(batches, -1).mean(axis=1)
    error = means.std(ddof=1) / math.sqrt(batches)
    assert waits.min() > -1e-9
    assert waits.mean() == pytest.approx(theory.md1_waiting_s(load / service_s, service_s), abs=5 * error)
    assert error < 0.2 * waits.mean()


def test_fair_shares_agree_with_hand_arithmetic() -> None:
    """Two flows from worker 0 (10 a second) share it; when the first is through, the second has all of it."""
    clock, network = links(bandwidth_bytes_per_s=10.0, sharing="fair", latency_s=0.5)
    sends = [(0.0, 0, 1, 20.0), (1.0, 0, 2, 30.0)]
    # 0→1: 10 by 1 s, then 5 a second: through at 3 s. 0→2: 10 by 3 s, then 10 a second: through at 5 s.
    assert arrivals(network, clock, sends) == pytest.approx([3.5, 5.5])
    clock, network = links(bandwidth_bytes_per_s={"up": 10.0, "down": [10.0, 2.0, 10.0]}, sharing="fair")
    # 0→1 can have but 2; what it leaves, 8, is for 0→2.
    assert arrivals(network, clock, [(0.0, 0, 1, 20.0), (0.0, 0, 2, 40.0)]) == pytest.approx([10.0, 5.0])


def test_max_min_rates_by_hand() -> None:
    """Three flows share link 2, a third each; the one of them that also uses link 1 leaves the other there 2/3."""
    paths = {
        "short": [("link", 1)],
        "both": [("link", 1), ("link", 2)],
        "second": [("link", 2)],
        "more": [("link", 2)],
    }
    rates = max_min_rates(paths, lambda end: 1.0)
    assert rates == pytest.approx({"both": 1 / 3, "second": 1 / 3, "more": 1 / 3, "short": 2 / 3})


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12),
    st.lists(st.floats(0.1, 100), min_size=10, max_size=10),
)
def test_max_min_rates_are_max_min(flows: list[tuple[int, int]], capacities: list[float]) -> None:
    """No end carries more than it can, and each flow meets a full end at which nobody has more than it."""
    paths = {number: (("up", s), ("down", r)) for number, (s, r) in enumerate(flows)}
    capacity = dict(zip(itertools.product(("up", "down"), range(5)), capacities, strict=True))
    rates = max_min_rates(paths, capacity.__getitem__)
    carried = {end: sum(rates[flow] for flow in paths if end in paths[flow]) for end in capacity}
    assert all(carried[end] <= capacity[end] * (1 + 1e-9) for end in capacity)
    for flow, ends in paths.items():
        assert any(
            carried[end] >= capacity[end] * (1 - 1e-9)
            and all(rates[other] <= rates[flow] * (1 + 1e-9) for other in paths if end in paths[other])
            for end in ends
        )


@given(
    sends=st.lists(
        st.tuples(st.floats(0, 5), st.integers(0, 3), st.integers(4, 6), st.floats(0.5, 50)), min_size=1, max_size=10
    ),
    sharing=st.sampled_from(["fifo", "fair"]),
)
def test_no_link_carries_more_than_it_can(sends: list[tuple[float, int, int, float]], sharing: str) -> None:
    """From the first send of a busy spell to the last arrival, what one worker sent fits into its bandwidth."""
    clock, network = links(bandwidth_bytes_per_s=10.0, sharing=sharing)
    came = arrivals(network, clock, sends)
    assert max(came) < math.inf
    for end in (1, 2):
        for worker in range(7):
            mine = [n for n, send in enumerate(sends) if send[end] == worker]
            for last in mine:
                within = [n for n in mine if came[n] <= came[last] + 1e-9]
                begun = min((sends[n][0] for n in within), default=0.0)
                assert sum(sends[n][3] for n in within) <= 10 * (came[last] - begun) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "law",
    [
        {"name": "independent", "probability": 0.2},
        {"name": "gilbert_elliott", "good_to_bad": 0.05, "bad_to_good": 0.25},
        {"name": "gilbert_elliott", "good_to_bad": 0.1, "bad_to_good": 0.1, "loss_good": 0.02, "loss_bad": 0.7},
    ],
)
def test_messages_are_lost_at_the_stated_rate(law: dict[str, Any], seed: int) -> None:
    model = LOSSES[law["name"]].model_validate(law)
    lost = np.array(list(itertools.islice(model.losses(seed, 0, 1), 40_000)), dtype=float)
    if isinstance(model, Independent):
        expected, spread = model.probability, model.probability * (1 - model.probability)
        assert abs(np.corrcoef(lost[1:], lost[:-1])[0, 1]) < 5 / math.sqrt(len(lost))
    else:
        assert isinstance(model, GilbertElliott)
        chain = model.good_to_bad, model.bad_to_good, model.loss_good, model.loss_bad
        expected, spread = theory.gilbert_elliott_loss(*chain), theory.gilbert_elliott_loss_spread(*chain)
    assert lost.mean() == pytest.approx(expected, abs=5 * math.sqrt(spread / len(lost)))


def test_bursts_of_loss_are_geometric() -> None:
    """With loss in the bad state only, bursts are as long as bad spells: geometric of mean 1/b."""
    model = GilbertElliott(good_to_bad=0.05, bad_to_good=0.25)
    lost = list(itertools.islice(model.losses(0, 0, 1), 100_000))
    bursts = np.array([len(list(run)) for gone, run in itertools.groupby(lost) if gone])
    assert bursts.mean() == pytest.approx(4.0, abs=5 * math.sqrt(0.75) / 0.25 / math.sqrt(len(bursts)))
    first = [next(model.losses(0, 0, receiver)) for receiver in range(1, 2001)]
    assert np.mean(first) == pytest.approx(1 / 6, abs=5 * math.sqrt(5 / 36 / 2000)), "begun in the stationary state"


def test_messages_wait_at_partitions_as_by_hand() -> None:
    part = {"from_s": 1.0, "until_s": 2.0, "groups": [[0, 1], [2]]}
    sends = [(t, 0, r, 1.0) for t in (0.0, 0.8, 1.5, 1.9, 2.0) for r in (1, 2, 3)]
    clock, network = links(latency_s=0.3, partitions=[part])
    came = arrivals(network, clock, sends)
    lost = [sends[n][0] for n, at in enumerate(came) if at == math.inf]
    assert lost == [0.8, 1.5, 1.9], "those of 0 to 2 that were sent or would arrive in between"
    clock, network = links(latency_s=0.3, partitions=[part], resend=True, resend_timeout_s=0.25)
    came = arrivals(network, clock, sends)
    # Sent again 0.25 s after it should have arrived: 0.8 at 1.35 and 1.9 and 2.45; 1.5 at 2.05; 1.9 at 2.45.
    assert [came[n] for n, send in enumerate(sends) if send[2] == 2] == pytest.approx([0.3, 2.75, 2.35, 2.75, 2.3])


def test_what_waits_to_be_sent_again_holds_nobody_up() -> None:
    """Cut off from 1, worker 0 goes on sending to 2."""
    part = {"from_s": 0.0, "until_s": 5.0, "groups": [[0], [1]]}
    clock, network = links(bandwidth_bytes_per_s=10.0, sharing="fifo", partitions=[part], resend=True)
    came = arrivals(network, clock, [(0.0, 0, 1, 10.0), *((t, 0, 2, 1.0) for t in (1.1, 2.0, 3.0, 4.0))])
    assert came[0] > 5.0
    assert all(at - t <= 1.1 for at, t in zip(came[1:], (1.1, 2.0, 3.0, 4.0), strict=True))


def test_what_is_sent_again_costs_bytes() -> None:
    clock, network = links(loss=0.5, resend=True, resend_timeout_s=0.1, latency_s=0.1, message_bytes=7)
    came = arrivals(network, clock, [(float(n), 0, 1, 7.0) for n in range(4000)])
    tries = np.round((np.array(came) - np.arange(4000) - 0.1) / 0.2).astype(int)
    assert network.bytes_sent == 7 * tries.sum()
    assert tries.mean() == pytest.approx(1.0, abs=5 * math.sqrt(2 / 4000)), "geometric with mean p/(1 − p)"


@pytest.mark.parametrize("seed", SEEDS)
def test_jitter_comes_on_top_of_the_links_own_latency(seed: int) -> None:
    jitter = {"distribution": "expon", "scale": 0.2}
    clock = Clock()
    settings = {"latency_s": {"distribution": "uniform", "scale": 1.0}, "jitter_s": jitter}
    network = Network(
        clock, NetworkSettings.model_validate({**settings, "bandwidth_bytes_per_s": None}), seed, Timeline(clock, 0)
    )
    came = np.array(arrivals(network, clock, [(10.0 * n, 0, 1, 0.0) for n in range(2000)])) - 10 * np.arange(2000)
    assert scipy.stats.kstest(came - network.latency_s(0, 1), scipy.stats.expon(scale=0.2).cdf).pvalue > 1e-6


def test_each_worker_draws_its_own_bandwidth() -> None:
    law = {"distribution": "lognorm", "s": 0.5, "scale": 1e6}
    rates = rates_of(UpDown.model_validate({"up": law, "down": None}), 3, ())
    ups = [rates(worker).up for worker in range(2000)]
    assert ups[:5] == [rates(worker).up for worker in range(5)]
    assert scipy.stats.kstest(ups, scipy.stats.lognorm(0.5, scale=1e6).cdf).pvalue > 1e-6
    assert rates(0).down == math.inf


NETWORK = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none"}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"sharing": "fare"}, "network.sharing = fare: unknown sharing; did you mean 'fair'"),
        ({"loss": 1.5}, r"network.loss = 1.5: must be in \[0, 1\]"),
        ({"loss": {"name": "gilbert"}}, "network.loss.name = gilbert: unknown name; did you mean 'gilbert_elliott'"),
        (
            {"loss": {"name": "gilbert_elliott", "good_to_bad": -0.1, "bad_to_good": 0.1}},
            r"network.loss.good_to_bad = -0.1: must be in \[0, 1\]",
        ),
        (
            {"loss": {"name": "gilbert_elliott", "good_to_bad": 0, "bad_to_good": 0}},
            "network.loss.bad_to_good = 0.0: must be > 0 where good_to_bad is 0",
        ),
        ({"loss": 1.0, "resend": True}, "network.loss = 1.0: loses everything, and here messages are sent until they"),
        (
            {"loss": {"name": "gilbert_elliott", "good_to_bad": 0.1, "bad_to_good": 0}, "resend": True},
            "network.loss = .*: loses everything",
        ),
        ({"resend": "yes"}, "network.resend = 'yes'|network.resend = yes"),
        ({"jitter_s": 0.1}, "network.jitter_s = 0.1: must be a mapping"),
        ({"bandwidth_bytes_per_s": -1}, "network.bandwidth_bytes_per_s = -1.*: must be > 0"),
        ({"bandwidth_bytes_per_s": "1 Gbit/s"}, "network.bandwidth_bytes_per_s = 1 Gbit/s: must be a number"),
        ({"bandwidth_bytes_per_s": {"up": 1e6}, "sharing": "none"}, "network.bandwidth_bytes_per_s.down: is required"),
        (
            {"bandwidth_bytes_per_s": {"up": 0, "down": 1}, "sharing": "none"},
            r"network.bandwidth_bytes_per_s.up = 0.*: must be > 0",
        ),
        (
            {"bandwidth_bytes_per_s": {"up": [1e6, 1e6], "down": 1}, "sharing": "none"},
            "up has 2 numbers, and there are 4 workers",
        ),
        (
            {"bandwidth_bytes_per_s": "trace", "sharing": "none"},
            "bandwidth_bytes_per_s = trace: there is no `trace: {file: ...}`",
        ),
        ({"latency_s": -0.1}, "network.latency_s = -0.1: must be >= 0"),
        (
            {"partitions": [{"from_s": 2, "until_s": 1, "groups": [[0], [1]]}]},
            "network.partitions.0.until_s = 1.*: must be above from_s, 2",
        ),
        (
            {"partitions": [{"from_s": 0, "until_s": 1, "groups": [[0]]}]},
            "network.partitions.0 = .*: must have two groups or more",
        ),
        (
            {"partitions": [{"from_s": 0, "until_s": 1, "groups": [[0], [0, 1]]}]},
            "network.partitions.0 = .*: worker 0 is in two groups",
        ),
    ],
)
def test_impossible_networks_are_refused(network: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(network={**NETWORK, **network})


def test_a_formula_does_not_pretend_to_know_an_uneven_network() -> None:
    for uneven in ({"loss": 0.1}, {"jitter_s": {"distribution": "expon", "scale": 0.1}}):
        with pytest.raises(ScenarioError, match="ring: is a formula, which knows no jitter, loss or partitions"):
            scenario(algorithm={"name": "allreduce"}, network={**NETWORK, **uneven})
    with pytest.raises(ScenarioError, match="must have a timeout_s where workers fail or messages are lost"):
        scenario(algorithm={"name": "gosgd_pull", "pull_probability": 0.1}, network={**NETWORK, "loss": 0.1})


TRACE = "device,ms_per_sample,upload_bits_per_s,download_bits_per_s\n" + "".join(
    f"d{m},{m + 1},{8e5 * (m + 1)},{8e6}\n" for m in range(5)
)


def traced(tmp_path: Path, content: str = TRACE, **trace: Any) -> dict[str, Any]:
    path = tmp_path / "devices.csv"
    path.write_text(content)
    return {
        "trace": {"file": str(path), **trace},
        "compute": {"time_s": "trace"},
        "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": "trace", "sharing": "none"},
    }


def test_a_trace_sets_compute_times_and_bandwidths(tmp_path: Path) -> None:
    world = world_of(only_arm(**traced(tmp_path, samples_per_gradient=20)))
    assert [world.context.settings.gradient_s(0, m)(0.0) for m in range(4)] == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert [world.network.rates(m).up for m in range(4)] == pytest.approx([1e5, 2e5, 3e5, 4e5])
    assert world.network.rates(3).down == pytest.approx(1e6)
    problem = {"model": {"name": "logistic"}, "data": {"name": "digits"}, "batch_size": 7}
    assert only_arm(**traced(tmp_path), problem=problem).gradient_s(0, 1)(0.0) == pytest.approx(0.014)


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        (TRACE.replace("upload_bits_per_s", "upload"), {}, "has no column 'upload_bits_per_s'; did you mean"),
        (TRACE.replace("\nd1,2,", "\nd1,-2,"), {}, r"line 3: ms_per_sample = '-2': must be a number > 0"),
        (TRACE.replace("\nd1,2,", "\nd1,2 ms,"), {}, r"line 3: ms_per_sample = '2 ms': must be a number > 0"),
        (TRACE.split("d3")[0], {}, "has 3 rows, and there are 4 workers"),
        (TRACE, {"upload_bits_per_s": "up_kbps"}, "trace.upload_bits_per_s = up_kbps: says another unit than bits per"),
        (TRACE, {"download_bits_per_s": "down_bytes_per_s"}, "says another unit than bits per second"),
        (TRACE, {"ms_per_sample": "seconds_per_sample"}, "says another unit than milliseconds"),
        (TRACE, {"samples_per_gradient": None}, "trace.samples_per_gradient: is required where there is no batch_size"),
        (TRACE, {"sample": 3}, "trace.sample = 3: unknown key; did you mean"),
    ],
)
def test_traces_that_cannot_be_used(tmp_path: Path, content: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(**traced(tmp_path, content, **{"samples_per_gradient": 5, **more}))


def test_a_trace_that_nothing_uses_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="trace = .*: is not used: write `trace` for compute.time_s"):
        scenario(trace=traced(tmp_path)["trace"])
    with pytest.raises(ScenarioError, match="compute.time_s = trace: there is no `trace: {file: ...}`"):
        scenario(compute={"time_s": "trace"})
    with pytest.raises(ScenarioError, match="compute.time_s = fast: must be a number"):
        scenario(compute={"time_s": "fast"})
    assert BASE["network"]["bandwidth_bytes_per_s"] == 1e5


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    for size in (1, 3):
        content = "device,ms_per_sample,upload_bits_per_s,download_bits_per_s\n" + f"d,{size},8e5,8e6\n" * (3 + size)
        arm = only_arm(**traced(tmp_path, content, samples_per_gradient=10))
        assert arm.gradient_s(0, 1)(0.0) == pytest.approx(size / 100)


def test_an_arm_may_do_without_the_trace(tmp_path: Path) -> None:
    data = {**BASE, **traced(tmp_path, samples_per_gradient=20)}
    ideal = {"algorithm": {"name": "sgd"}, "compute": {"time_s": 0.1}, "network": {"bandwidth_bytes_per_s": None}}
    parsed = Scenario.parse({**data, "arms": {"traced": {"algorithm": {"name": "sgd"}}, "ideal": ideal}})
    assert parsed.arms["ideal"].gradient_s(0, 3)(0.0) == 0.1
    assert parsed.arms["traced"].gradient_s(0, 3)(0.0) == pytest.approx(0.08)
    alone = {
        **BASE,
        "trace": data["trace"],
        "arms": {"traced": {"algorithm": {"name": "sgd"}, "compute": {"time_s": "trace"}}},
    }
    assert Scenario.parse(alone).arms["traced"].gradient_s(0, 0)(0.0) == pytest.approx(0.02)
    assert Scenario.parse(parsed.to_data()) == parsed
