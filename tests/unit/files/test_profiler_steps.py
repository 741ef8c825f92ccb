"""Step times from what torch.profiler and nsys write."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.profiler import ProfilerActivity, profile, schedule
from torch.testing._internal.distributed.fake_pg import FakeStore

from support.commands import gossim_command


def profiled(file: Path, pause_s: float, rank: int | None = None, ranks: int = 2) -> list[float]:
    """Write what torch.profiler records of three steps after one of warm-up. Returns their times by its own reckoning,
    in seconds."""
    if rank is not None:
        dist.init_process_group("fake", rank=rank, world_size=ranks, store=FakeStore())
    try:
        with profile(activities=[ProfilerActivity.CPU], schedule=schedule(wait=0, warmup=1, active=3)) as own:
            for step in range(4):
                torch.ones(3).sum()
                if rank is not None:
                    dist.all_reduce(torch.ones(3))
                time.sleep(pause_s)
                if step == 3:
                    break
                own.step()
        own.export_chrome_trace(str(file))
    finally:
        if rank is not None:
            dist.destroy_process_group()
    assert own.profiler is not None
    found = {event.name(): event.duration_ns() for event in own.profiler.kineto_results.events()}
    return [found[f"ProfilerStep#{step}"] * 1e-9 for step in (1, 2, 3)]


def rows(csv: Path) -> list[tuple[int, int, float]]:
    header, *lines = csv.read_text().splitlines()
    assert header == "rank,step,seconds"
    return [(int(rank), int(step), float(seconds)) for rank, step, seconds in (line.split(",") for line in lines)]


@pytest.mark.filterwarnings("ignore:.*Profiler clears events:UserWarning")
def test_files_that_torch_writes_one_for_each_rank(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow.json", tmp_path / "fast.json"
    own = [*profiled(slow, 0.01), *profiled(fast, 0.001)]
    done = gossim_command("import", "kineto", "slow.json", "fast.json", "--out", "steps.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "steps.csv")
    assert [(rank, step) for rank, step, _ in found] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert [seconds for *_, seconds in found] == pytest.approx(own, abs=2e-9)
    assert all(seconds >= 0.01 for rank, _, seconds in found if rank == 0)
    assert "rank 0: 3 steps of 0.01" in done.stdout
    assert not done.stderr


@pytest.mark.filterwarnings("ignore:.*Profiler clears events:UserWarning")
def test_ranks_are_those_that_torch_distributed_has_written(tmp_path: Path) -> None:
    times = {rank: profiled(tmp_path / f"{rank}.json.gz", 0.001 + 0.004 * rank, rank) for rank in (0, 1)}
    done = gossim_command("import", "kineto", "1.json.gz", "0.json.gz", "--out", "steps.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [seconds for *_, seconds in rows(tmp_path / "steps.csv")] == pytest.approx(times[0] + times[1], abs=2e-9)
    assert "1.json.gz: steps include communication (c10d::allreduce_)" in done.stderr
    gossim_command("import", "kineto", "0.json.gz", "--out", "one.csv", cwd=tmp_path)
    wrong = {
        ("0.json.gz",): "no file is of rank 1, and there are 2 ranks",
        ("0.json.gz", "./0.json.gz"): "0.json.gz: is given twice",
        ("0.json.gz", "again.json.gz"): "again.json.gz: is of rank 0, and so is 0.json.gz",
    }
    (tmp_path / "again.json.gz").write_bytes((tmp_path / "0.json.gz").read_bytes())
    for files, message in wrong.items():
        done = gossim_command("import", "kineto", *files, "--out", "one.csv", cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "one.csv").exists()


def event(number: int, ts: float, dur: Any = 5.0, **more: Any) -> dict[str, Any]:
    step = {"ph": "X", "cat": "user_annotation", "name": f"ProfilerStep#{number}", "ts": ts, "dur": dur}
    return {**step, **more}


def trace(*events: dict[str, Any], **more: Any) -> str:
    return json.dumps({"traceEvents": list(events), **more})


RANK_0 = {"distributedInfo": {"rank": 0, "world_size": 2}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "a.json: cannot be read: No such file"),
        (b"\xff\xfe", "a.json: cannot be read"),
        ("rank,seconds\n", "a.json: is no JSON"),
        ("[" * 100_000, "a.json: is no JSON"),
        ("[1]", "a.json: is no trace of PyTorch's profiler"),
        ('{"traceEvents": 1}', "a.json: is no trace of PyTorch's profiler"),
        (trace(), "a.json: has no ProfilerStep# event"),
        (trace(event(1, 0.0, cat="gpu_user_annotation")), "a.json: has no ProfilerStep# event"),
        (trace(event(1, 0.0), event(1, 9.0)), "a.json: has step 1 twice"),
        (trace(event(1, 9.0), event(2, 0.0)), "a.json: step 2 begins before step 1 has ended"),
        (trace(event(1, 0.0, dur=0)), "a.json, ProfilerStep#1: dur = '0': must be a number > 0"),
        (trace(event(1, 0.0, dur=None)), "a.json, ProfilerStep#1: dur = 'None': must be a number > 0"),
        (trace(event(1, 0.0), distributedInfo={"rank": 2, "world_size": 2}), "must say a rank below its world_size"),
        (trace(event(1, 0.0), distributedInfo=7), "must say a rank below its world_size"),
        (trace(event(1, 0.0), **RANK_0), "b.json: does not say its rank, and a.json does"),
    ],
)
def test_wrong_profiles_are_refused_in_words(tmp_path: Path, content: str | bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "b.json").write_text(trace(event(1, 0.0)))
    done = gossim_command("import", "kineto", "a.json", "b.json", "--out", "steps.csv", cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "steps.csv").exists()


def test_steps_stand_in_their_order_and_copies_on_the_gpu_do_not_count(tmp_path: Path) -> None:
    on_gpu = event(9, 11.0, 3.0, cat="gpu_user_annotation")
    (tmp_path / "a.json").write_text(trace(event(10, 20.0, 6.0), on_gpu, event(9, 10.0, 5.0), {"ph": "M"}))
    assert gossim_command("import", "kineto", "a.json", "--out", "steps.csv", cwd=tmp_path).returncode == 0
    assert rows(tmp_path / "steps.csv") == [(0, 9, 5e-6), (0, 10, 6e-6)]


def test_a_damaged_gzip_file_and_an_output_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(trace(event(1, 0.0)))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(trace(event(1, 0.0)).encode())[:-9])
    for files, out, message in [
        (["a.json.gz"], "steps.csv", "a.json.gz: cannot be read"),
        (["a.json"], "a.json", "--out a.json: is one of the files to be read"),
        (["a.json"], ".", "--out .: is no ordinary file"),
        (["a.json"], "absent/steps.csv", "--out absent/steps.csv: there is no folder absent"),
    ]:
        done = gossim_command("import", "kineto", *files, "--out", out, cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr


NSYS = (
    "Start (ns),End (ns),Duration (ns),DurChild (ns),DurNonChild (ns),Name,PID,TID,Lvl,NumChild,"
    "RangeId,ParentId,RangeStack,NameTree\n"
)


def ranges(*named: tuple[str, int, int], pid: int = 53) -> str:
    """The CSV of `nsys stats --report nvtx_pushpop_trace --format csv`: of each range the name, begin and duration."""
    lines = [
        f"{begin},{begin + lasts},{lasts},0,{lasts},{name},{pid},{pid},0,0,{place},,:{place},{name}\n"
        for place, (name, begin, lasts) in enumerate(named, start=1)
    ]
    return NSYS + "".join(lines)


def test_nvtx_ranges_from_nsys(tmp_path: Path) -> None:
    plain = ranges((":step", 5_000_000_000, 2_000_000), (":forward", 5_000_000_100, 9), (":step", 1_000, 1_500_000))
    numbered = ranges(("step 10", 9_000_000, 3_000_000), ("step 9", 1_000, 2_500_000))
    (tmp_path / "a.csv").write_text(plain)
    (tmp_path / "b.csv").write_text(numbered)
    done = gossim_command("import", "nsys", "a.csv", "b.csv", "--range", "step", "--out", "steps.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "steps.csv") == [(0, 0, 0.0015), (0, 1, 0.002), (1, 9, 0.0025), (1, 10, 0.003)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rank,seconds\n0,1\n", "a.csv: has no column 'Start (ns)'"),
        (ranges((":forward", 0, 9)), "a.csv: has no range 'step'; it has forward"),
        (ranges(("step", 0, 9)) + ranges(("step", 99, 9), pid=54).partition("\n")[2], "of 2 threads"),
        (ranges(("step", 0, 9000), ("step", 5000, 9000)), "step 1 begins before step 0 has ended"),
        (ranges(("step 1", 0, 9), ("step", 50, 9)), "some are numbered and some are not"),
        (ranges(("step", 0, 0)), "line 2: Duration (ns) = '0': must be a number > 0"),
    ],
)
def test_wrong_files_of_nsys(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    done = gossim_command("import", "nsys", "a.csv", "--range", "step", "--out", "steps.csv", cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "steps.csv").exists()


def test_the_range_is_for_nsys(tmp_path: Path) -> None:
    for arguments, message in [(["nsys"], "is required for nsys"), (["kineto", "--range", "x"], "is for nsys alone")]:
        done = gossim_command("import", *arguments, "a", "--out", "steps.csv", cwd=tmp_path)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
