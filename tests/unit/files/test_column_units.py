"""Units that the names of columns state: the right one is taken, any other refused unless a key says which it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossim.errors import ScenarioError
from gossim.files.column_units import UNITS, named, refusal
from support.present import present
from support.scenarios import only_arm, scenario, world_of

COLUMNS = ("ms_per_sample", "upload_bits_per_s", "download_bits_per_s")


def traced(tmp_path: Path, names: tuple[str, ...] = COLUMNS, row: str = "4000,8,16", **trace: Any) -> dict[str, Any]:
    path = tmp_path / "devices.csv"
    path.write_text(",".join(("device", *names)) + "\n" + f"d,{row}\n" * 4)
    return {
        "trace": {"file": str(path), "samples_per_gradient": 1, **dict(zip(COLUMNS, names, strict=True)), **trace},
        "compute": {"time_s": "trace"},
        "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": "trace", "sharing": "none"},
    }


RIGHT = {
    "ms": [
        "ms_per_sample",
        "latency_ms",
        "ms/sample",
        "latencyMs",
        "inference time [ms]",
        "Milliseconds",
        "ms_p50",
        "t_ms",
    ],
    "bit/s": ["upload_bits_per_s", "bits/s", "up (bit/s)", "bps", "upload_bps", "bits per second", "uplinkBitsPerSec"],
}
WRONG = {
    "ms": [
        "us", "usec", "µs", "\u03bcs", "latency (us)", "ns_per_sample", "seconds_per_sample", "s", "min", "hours",
        "ms_per_batch", "samples_per_ms", "100_ms", "log_ms", "ms (x100)", "ms_us", "latency", "time", "fps",
        "log_time_ms", "normalized step ms", "log10 of ms", "relative_latency_ms", "cumulative_time_ms",
        "inverse_mean_ms", "ms_squared",
    ],
    "bit/s": [
        "MB/s", "Mbps", "mbps", "up_kbps", "down (Mbit/s)", "Kibit/s", "bytes_per_s", "B/s", "kB/s", "uploadMBps",
        "MBPS", "mb/s", "kilo_bits_per_s", "bits_per_ms", "upload", "bits", "10 bits/s", "ms", "bits_per_s_k", "t_bps",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "column"), [(unit, column) for unit in RIGHT for column in RIGHT[unit]])
def test_a_column_that_says_the_right_unit_is_taken(wanted: str, column: str) -> None:
    assert refusal(column, "f.csv", wanted, None, "unit: {}") is None


@pytest.mark.parametrize(("wanted", "column"), [(unit, column) for unit in WRONG for column in WRONG[unit]])
def test_any_other_is_refused_with_file_and_column(wanted: str, column: str, tmp_path: Path) -> None:
    names = (column, *COLUMNS[1:]) if wanted == "ms" else (COLUMNS[0], column, COLUMNS[2])
    key = COLUMNS[0] if wanted == "ms" else COLUMNS[1]
    with pytest.raises(ScenarioError) as caught:
        scenario(**traced(tmp_path, names))
    (problem,) = caught.value.problems
    assert problem.startswith(f"trace.{key} = ")
    assert column in problem
    assert "devices.csv" in problem
    assert UNITS[wanted].words in problem


def test_a_key_says_which_unit_it_is_and_numbers_are_converted(tmp_path: Path) -> None:
    """By hand: 4000 µs = 4 ms; 8 MB/s; 16 Mbit/s = 2 MB/s."""
    units = {"ms_per_sample": "µs", "upload_bits_per_s": "MB/s", "download_bits_per_s": "Mbps"}
    for names in (("usec", "up (MB/s)", "downMbps"), ("latency", "up", "down")):
        (first, *_) = present(only_arm(**traced(tmp_path, names, units=units)).trace).devices()
        assert first == pytest.approx((0.004, 8e6, 2e6))
    with pytest.raises(ScenarioError, match="trace.ms_per_sample = ns: says ns, in .*devices.csv, and `units: .*us}`"):
        scenario(**traced(tmp_path, ("ns", "up", "down"), units=units))
    for wrong in ("parsec", "MB/s", "mb", ""):
        with pytest.raises(
            ScenarioError, match="trace.units.ms_per_sample = .*: is not a unit that is known here; these"
        ):
            scenario(**traced(tmp_path, units={"ms_per_sample": wrong}))
    with pytest.raises(ScenarioError, match="trace.units.upload = MB/s: unknown key"):
        scenario(**traced(tmp_path, units={"upload": "MB/s"}))


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ("kbps", "kbit/s", 125), ("Mbit/s", "Mbit/s", 125_000), ("kB/s", "kB/s", 1000), ("KiB/s", "KiB/s", 1024),
        ("Gibit/s", "Gibit/s", 2**27), ("megabytes per second", "MB/s", 1e6), ("kilobits_per_sec", "kbit/s", 125),
        ("octets/s", "B/s", 1), ("minutes", "min", 60), ("MBps", "MB/s", 1e6), ("Gbps", "Gbit/s", 1.25e8),
    ],
)  # fmt: skip
def test_units_as_people_write_them(text: str, unit: str, factor: float) -> None:
    assert named(text) == unit
    assert UNITS[unit].factor == factor


def law(tmp_path: Path, column: str, **more: Any) -> dict[str, Any]:
    path = tmp_path / "measured.csv"
    path.write_text(f"{column}\n5\n")
    return {"distribution": "empirical", "file": str(path), "column": column, **more}


def test_what_was_measured_is_in_the_unit_of_the_key(tmp_path: Path) -> None:
    def computing(column: str, **more: Any) -> float:
        return only_arm(compute={"time_s": law(tmp_path, column, **more)}).gradient_s(0, 0)(0.0)

    def sending(column: str, **more: Any) -> float:
        network = {
            "latency_s": 0.1,
            "bandwidth_bytes_per_s": {"up": law(tmp_path, column, **more), "down": None},
            "sharing": "none",
        }
        return world_of(only_arm(network=network)).network.rates(0).up

    def factor(column: str, **more: Any) -> float:
        rule = {"name": "heterogeneous", "factor": law(tmp_path, column, **more)}
        return only_arm(compute={"time_s": 1, "stragglers": [rule]}).gradient_s(0, 0)(0.0)

    assert computing("seconds") == computing("s_per_step") == computing("t") == 5
    assert computing("ms", unit="ms") == computing("took", unit="ms") == 0.005
    assert sending("bytes_per_s") == sending("rate") == 5
    assert sending("Mbps", unit="Mbit/s") == 5 * 125_000
    assert factor("slowdown") == 5
    for call, column, more, message in [
        (computing, "ms", {}, "compute.time_s.column = ms: says another unit than seconds: ms, in .*measured.csv"),
        (computing, "s/sample", {}, "compute.time_s.column = s/sample: says no unit that is known"),
        (computing, "ticks", {}, "compute.time_s.column = ticks: says no unit, in .*; say which it is, as `unit: s`"),
        (computing, "t", {"unit": "MB/s"}, "compute.time_s.unit = MB/s: is no unit of time"),
        (
            sending,
            "Mbps",
            {},
            "bandwidth_bytes_per_s.up.column = Mbps: says another unit than bytes per second: Mbit/s",
        ),
        (sending, "seconds", {}, "up.column = seconds: says another unit .*, and that is no rate"),
        (factor, "ms", {}, "stragglers.0.factor.column = ms: says ms, in .*, and a factor has no unit"),
        (factor, "x", {"unit": "s"}, "stragglers.0.factor.unit = .*: .*a factor has no unit"),
    ]:
        with pytest.raises(ScenarioError, match=message):
            call(column, **more)


def test_a_column_in_another_unit_is_not_advised(tmp_path: Path) -> None:
    path = tmp_path / "outages.csv"
    path.write_text("worker,down_ms,up_ms\n1,5,6\n")
    with pytest.raises(ScenarioError, match="has no column 'down_s'") as caught:
        scenario(faults=[{"name": "availability", "file": str(path), "parameters": "kept"}])
    assert "did you mean 'down_ms'" not in str(caught.value)
