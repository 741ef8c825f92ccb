"""The wall time that is left of a run, against runs whose length is known."""

from __future__ import annotations

import heapq

import pytest

from gossim.cli.time_left import TimeLeft, told
from support.scenarios import scenario

TAKES_S = {"long": 100.0, "middle": 30.0, "short": 5.0}
ARMS = {name: {"algorithm": {"name": "dpsgd"}} for name in TAKES_S}


def watched(jobs: int, estimated_s: dict[str, float]) -> tuple[list[tuple[float, float | None]], float]:
    """What is said in all at each of 1,000 moments of a run of that many at a time, and its length."""
    described, now_s = scenario(arms=ARMS, repeats=3), 0.0
    left = TimeLeft(described, estimated_s, jobs, lambda: now_s)
    ends, spans = [0.0] * jobs, []
    for seed in described.seeds:
        for name in described.arms:
            begin_s = heapq.heappop(ends)
            heapq.heappush(ends, begin_s + TAKES_S[name])
            spans.append(((name, seed), begin_s, begin_s + TAKES_S[name]))
    whole_s, said, over = max(ends), [], set()
    for moment in range(1000):
        now_s = whole_s * moment / 1000
        for key, begin_s, end_s in spans:
            if begin_s <= now_s and key not in over:
                left.begin(key)
                left.advance(key, min(1.0, (now_s - begin_s) / (end_s - begin_s)))
                if end_s <= now_s:
                    left.end(key)
                    over.add(key)
        said.append((now_s, left.in_all()))
    return said, whole_s


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("factor", [1.0, 0.2, 7.0])
def test_within_a_fifth_after_a_tenth(jobs: int, factor: float) -> None:
    """However wrong the estimates are, if all are wrong by one factor."""
    said, whole_s = watched(jobs, {name: factor * seconds for name, seconds in TAKES_S.items()})
    for now_s, left_s in said[100:]:
        assert left_s is not None
        assert abs(left_s - (whole_s - now_s)) <= 0.2 * whole_s


def test_with_wrong_estimates_it_is_right_once_each_arm_has_been_seen() -> None:
    said, whole_s = watched(1, dict.fromkeys(TAKES_S, 1.0))
    for now_s, left_s in said[340:]:
        assert left_s == pytest.approx(whole_s - now_s, abs=0.02 * whole_s)


def test_what_ended_in_an_earlier_run_takes_no_time() -> None:
    now_s = 0.0
    left = TimeLeft(scenario(arms=ARMS), TAKES_S, 1, lambda: now_s)
    left.skip(("long", 0))
    left.begin(("middle", 0))
    now_s = 15.0
    left.advance(("middle", 0), 0.5)
    assert left.of_arm("long") == 0
    assert left.of_arm("middle") == pytest.approx(15.0)
    assert left.of_arm("short") == pytest.approx(5.0)
    assert left.in_all() == pytest.approx(20.0)


def test_a_run_that_goes_on_knows_at_once_how_long_it_takes() -> None:
    """Of 100 s an arm had come to 40 s when it was cut off; its clock repeats them in one."""
    now_s = 0.0
    left = TimeLeft(scenario(arms={"long": ARMS["long"]}), TAKES_S, 1, lambda: now_s)
    left.begin(("long", 0))
    now_s = 1.0
    left.resume(("long", 0), 40.0)
    left.advance(("long", 0), 0.4)
    assert left.of_arm("long") == pytest.approx(60.0)
    now_s = 11.0
    left.advance(("long", 0), 0.5)
    assert left.in_all() == pytest.approx(50.0)
    now_s = 61.0
    left.end(("long", 0))
    assert left.in_all() == pytest.approx(0.0)


def test_as_a_clock_has_it() -> None:
    assert [told(seconds) for seconds in (None, 0.4, 65.2, 7384.0)] == ["", "0:00", "1:05", "2:03:04"]
