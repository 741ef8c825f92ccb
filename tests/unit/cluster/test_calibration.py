"""The network section that is fitted to measured times."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from gossim.cluster.calibration import fit, network_section, read_times
from gossim.cluster.collectives import Tree
from support.commands import ROOT, gossim_command
from support.processes import ran
from support.scenarios import scenario

A_S, O_S, B_S, I_S, G_S = 0.005, 0.0003, 1 / 6e6, 0.013, 2e-9
SIZES = (1_000, 20_000, 500_000, 4_000_000)
HEADER = "operation,workers,size_bytes,seconds\n"


def times(p: int = 4, spread: float = 0.0, repeats: int = 1) -> list[tuple[str, int, int, float]]:
    """What each operation takes, by hand: a ring's 2(p - 1) rounds of n/p bytes, and p - 1 of them add up."""
    noise = np.random.default_rng(5)
    rows = [("request", p, 8, A_S + 8 * B_S), ("after_idle", p, SIZES[-1], A_S + O_S + SIZES[-1] * B_S + I_S)]
    for n in SIZES:
        rows.append(("point_to_point", p, n, A_S + O_S + n * B_S))
        rows.append(("allreduce", p, n, 2 * (p - 1) * (A_S + O_S) + 2 * (p - 1) / p * n * B_S + (p - 1) / p * n * G_S))
    return [(*row[:3], row[3] * float(np.exp(spread * noise.normal()))) for row in rows for _ in range(repeats)]


def written(folder: Path, rows: list[tuple[str, int, int, float]]) -> Path:
    (folder / "times.csv").write_text(HEADER + "".join(f"{o},{p},{n},{s!r}\n" for o, p, n, s in rows))
    return folder / "times.csv"


def test_exact_times_give_back_what_they_are_made_of(tmp_path: Path) -> None:
    own = fit(read_times(str(written(tmp_path, times()))))
    assert own == pytest.approx((A_S, O_S, B_S, I_S, G_S), rel=1e-5)


def test_noise_of_five_percent_is_averaged_out(tmp_path: Path) -> None:
    own = fit(read_times(str(written(tmp_path, times(spread=0.05, repeats=41)))))
    assert (own.latency_s, own.s_per_byte) == pytest.approx((A_S, B_S), rel=0.03)
    assert own.after_idle_s == pytest.approx(I_S, rel=0.5)  # 13 ms of 685 that stray by 5 %/√41, three times over


def test_a_tree_is_not_taken_for_a_ring(tmp_path: Path) -> None:
    rows = [("allreduce", 8, n, 3 * (2 * A_S + 2 * n * B_S)) for n in SIZES]
    own = fit(read_times(str(written(tmp_path, rows))), Tree())
    assert own[:3] == (pytest.approx(A_S, rel=1e-6), None, pytest.approx(B_S, rel=1e-6))
    assert own.reduction_s_per_byte is None


def test_the_command_states_residuals_and_a_section_that_a_scenario_takes(tmp_path: Path) -> None:
    rows = times()
    rows[2] = (*rows[2][:3], rows[2][3] * 1.5)
    done = gossim_command("calibrate", written(tmp_path, rows), "--bandwidth", "6.25e6")
    assert done.returncode == 0, done.stderr
    assert "at the worst" in done.stderr
    section: dict[str, Any] = yaml.safe_load(done.stdout)["network"]
    assert scenario(network=section).arms["arm"].network is not None
    exact = gossim_command("calibrate", written(tmp_path, times()), "--bandwidth", "6.25e6")
    found = yaml.safe_load(exact.stdout)["network"]
    assert found == {
        "latency_s": 0.005, "bandwidth_bytes_per_s": 6.25e6, "efficiency": 0.96, "message_overhead_s": 0.0003,
        "after_idle_s": 0.013, "sharing": "fair",
    }  # fmt: skip
    assert "0.0% r.m.s." in exact.stderr
    assert "reduction_s_per_byte: 2e-09" in exact.stderr


def test_without_requests_the_overhead_is_part_of_the_latency(tmp_path: Path) -> None:
    rows = [row for row in times() if row[0] == "point_to_point"]
    done = gossim_command("calibrate", written(tmp_path, rows))
    assert "latency_s holds message_overhead_s too" in done.stderr
    assert yaml.safe_load(done.stdout)["network"] == {
        "latency_s": 0.0053, "bandwidth_bytes_per_s": 6e6, "sharing": "fair",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("size,seconds\n1,1\n", "has no column 'operation'"),
        (
            HEADER + "allreduces,4,1000,1\n",
            "line 2: operation = 'allreduces': unknown operation; did you mean 'allreduce'",
        ),
        (HEADER + "allreduce,1,1000,1\n", "line 2: workers = '1': must be a whole number >= 2"),
        (HEADER + "allreduce,4,1.5,1\n", "line 2: size_bytes = '1.5': must be a whole number of bytes >= 1"),
        (HEADER + "allreduce,4,1000,0\n", "line 2: seconds = '0': must be a number > 0"),
        (HEADER + "allreduce,4,1000,1\n", "has 1 sizes of point_to_point and allreduce, and a fit needs two"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "times.csv"
    if content is not None:
        file.write_text(content)
    done = gossim_command("calibrate", file)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_options_that_cannot_be_used(tmp_path: Path) -> None:
    file = written(tmp_path, times())
    for options, message in [
        (["--bandwidth", "0"], "--bandwidth 0.0: must be > 0"),
        (["--bandwidth", "1e6"], "were measured, more than the 1e+06 of the link"),
        (["--collective", "rings"], "unknown collective; did you mean 'ring'"),
        (["--collective", "hierarchical"], "unknown collective"),
    ]:
        done = gossim_command("calibrate", file, *options)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    with pytest.raises(Exception, match="no bandwidth can be fitted"):
        network_section(fit(read_times(str(file)))._replace(s_per_byte=0.0))


def test_measuring_needs_torchrun(tmp_path: Path) -> None:
    done = ran([sys.executable, "-m", "gossim.measure", "--out", tmp_path / "times.csv"])
    assert (done.returncode, "run it under torchrun" in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_what_torchrun_measures_can_be_calibrated(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "gossim.measure"]
    done = ran([*run, "--out", str(tmp_path / "times.csv"), "--repeats", "4", "--sizes", "1000", "1000000"], ROOT)
    assert done.returncode == 0, done.stderr
    found = read_times(str(tmp_path / "times.csv"))
    assert {(case.operation, case.size_bytes) for case in found} == {
        ("request", 8), ("point_to_point", 1000), ("point_to_point", 1_000_000), ("after_idle", 1_000_000),
        ("allreduce", 1000), ("allreduce", 1_000_000),
    }  # fmt: skip
    assert {case.workers for case in found} == {2}
    assert gossim_command("calibrate", tmp_path / "times.csv").returncode == 0
