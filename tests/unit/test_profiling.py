"""Where the wall time goes: every second has its share, and looking changes no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import gossim
from gossim.errors import RunError
from gossim.execute.batched import Batched
from gossim.profiling import SHARES, Stopwatch
from gossim.runner.experiment import Experiment
from gossim.tables.columns import TABLES
from support.algorithms import ALGORITHMS
from support.cases import in_turn
from support.commands import gossim_command
from support.problems import PROBLEMS
from support.scenarios import BASE, scenario

WITHOUT_GRADIENTS = {"preparing", "events", "probes", "writing", "rest"}
LEARNING = {*WITHOUT_GRADIENTS, "gradients", "combining"}


class Clock:
    """Shows what it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_block_inside_of_another_has_its_own_time() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 1
    with watch.share("combining"):
        clock.now += 2
        with watch.share("gradients"):
            clock.now += 4
        clock.now += 8
    clock.now += 16
    assert watch.read() == {"gradients": 4, "combining": 10, "rest": 17}
    assert watch.total_s == 31


def test_what_a_generator_takes_is_told_from_what_is_done_with_its_items() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def made() -> Any:
        for number in range(3):
            clock.now += 1
            yield number
        clock.now += 5

    for _ in watch.each("events", made()):
        with watch.share("probes"):
            clock.now += 10
    assert watch.read() == {"events": 8, "probes": 30, "rest": 0}


def test_an_error_ends_the_blocks_it_leaves() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    with pytest.raises(RunError), watch.share("combining"), watch.share("probes"):
        clock.now += 2
        raise RunError("diverged")
    clock.now += 3
    assert watch.read() == {"combining": 0, "probes": 2, "rest": 3}


def test_what_a_gpu_has_been_given_is_waited_for_before_the_time_is_read() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def settle() -> None:
        clock.now += 1

    watch.settle = settle
    with watch.share("gradients"):
        pass
    assert watch.read() == {"gradients": 1, "rest": 2}


@pytest.mark.parametrize("executor", ["batched", "reference"])
def test_the_shares_add_up_to_the_run(executor: str, tmp_path: Path) -> None:
    watch = Stopwatch()
    gossim.run(scenario(), out=tmp_path / "out", executor=executor, stopwatch=watch)
    seconds = watch.read()
    assert set(seconds) == (LEARNING | {"scheduling"} if executor == "batched" else LEARNING)
    assert list(seconds) == [name for name in SHARES if name in seconds]
    assert all(share_s > 0 for share_s in seconds.values())
    assert sum(seconds.values()) == pytest.approx(watch.total_s, rel=1e-9)


@pytest.mark.parametrize("how", ["no gradients", "problem: none"])
def test_where_nothing_is_learned_there_are_no_gradients(how: str, tmp_path: Path) -> None:
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "none", "message_bytes": 40}
    alone = scenario(problem="none", optimizer=None, network=network) if how == "problem: none" else scenario()
    watch = Stopwatch()
    gossim.run(alone, out=tmp_path / "out", gradients=False, stopwatch=watch)
    assert set(watch.read()) == WITHOUT_GRADIENTS


@pytest.mark.parametrize(("name", "executor"), in_turn(sorted(ALGORITHMS), ["batched", "reference"]))
def test_profiling_changes_no_number(name: str, executor: str, tmp_path: Path) -> None:
    looked_at = scenario(algorithm=ALGORITHMS[name], problem=PROBLEMS["quadratic"])
    plain = Experiment(looked_at, executor=executor).run()
    timed = Experiment(looked_at, executor=executor, stopwatch=Stopwatch()).run()
    for table in TABLES:
        for results, place in ((plain, "plain"), (timed, "timed")):
            getattr(results, table).to_parquet(tmp_path / place)
        assert (tmp_path / "plain").read_bytes() == (tmp_path / "timed").read_bytes(), table


def test_without_it_the_executor_is_the_plain_one() -> None:
    (plane,) = Experiment(scenario()).planes.values()
    assert plane.executor is Batched  # type: ignore[union-attr]


def test_the_command_shows_the_shares_and_writes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    arms = {name: {"algorithm": ALGORITHMS[name]} for name in ("gosgd_push", "allreduce")}
    path.write_text(yaml.safe_dump({**BASE, "arms": arms}))
    for place, options in (("plain", ()), ("timed", ("--profile",))):
        done = gossim_command("run", path, "--out", tmp_path / place, *options)
        assert done.returncode == 0, done.stderr
    assert "[s]" in done.stdout
    lines = done.stdout[done.stdout.index("where the wall time went") :].splitlines()
    cells = {line.split()[0]: line.split()[1:3] for line in lines if line.split()[:1] and line.split()[0] in SHARES}
    assert set(cells) == set(SHARES)
    assert sum(float(percent) for _, percent in cells.values()) == pytest.approx(100, abs=0.1 * len(cells))
    (total,) = (line.split() for line in lines if line.split()[:1] == ["all"])
    assert sum(float(seconds) for seconds, _ in cells.values()) == pytest.approx(
        float(total[1]), abs=0.005 * len(cells)
    )
    for name in TABLES:
        file = f"{name}.parquet"
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "timed" / file).read_bytes()
    assert "wall time" not in gossim_command("run", path, "--out", tmp_path / "plain", "--force").stdout
