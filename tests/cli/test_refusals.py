"""Input that nobody means: refused at once, in words, with status 2, and nothing is left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import gossim
from gossim.errors import InputError, ScenarioError
from gossim.files import yaml12
from gossim.plots.timeline import timeline
from gossim.scenario.yaml_file import read
from gossim.schema.violations import short
from support.processes import ran
from support.scenarios import BASE, only_arm, scenario, world_of

NO_LIMIT = {"bandwidth_bytes_per_s": None}


def bomb(begin: str, again: str) -> str:
    lines = [begin] + [f"a{n}: &a{n} " + again.format(", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 10)]
    return "\n".join(lines)


TEXTS = {
    "merge bomb": bomb("a0: &a0 {k: 1, l: 2}", "{{<<: [{}]}}"),
    "alias bomb": bomb("a0: &a0 [1, 2]", "[{}]"),
    "recursive sweep": "sweep: &s {optimizer: *s}",
    "recursive list": "a: &a [1, *a]",
    "recursive merge": "a: &a {<<: *a}",
    "deep list": "[" * 100_000,
    "deep mapping": "{a: " * 100_000,
    "deep block": "- " * 100_000,
    "many values": "[" + "1, " * 200_000 + "]",
    "many keys": "\n".join(f"k{n}: 1" for n in range(60_000)),
    "decimal": f"seed: {'1' * 100_000}",
    "hexadecimal": f"seed: 0x{'1' * 100_000}",
    "long": "a" * 2**21,
    "tagged": "a: !!int x",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_stands_for_too_much_is_refused_at_once(kind: str) -> None:
    begun_s = time.process_time()
    with pytest.raises(yaml.YAMLError):
        yaml12.read(TEXTS[kind])
    assert time.process_time() - begun_s < 2


def test_what_is_shown_of_a_value_is_short_however_large_it_is() -> None:
    itself: list[Any] = []
    itself.append(itself)
    for value in (10**5000, "x" * 10**7, [1] * 10**6, {"a": [itself]}, {n: n for n in range(10**5)}):
        begun_s = time.process_time()
        assert len(short(value)) <= 80
        assert time.process_time() - begun_s < 0.5


@pytest.mark.parametrize("name", ["a\0b", "a\x1bb", "a\ufffeb", "a\u202eb", "a\u2066b", "a\x85b", "a" * 201, "a\nb"])
def test_a_name_that_has_no_place_in_a_figure_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario(arms={name: BASE["arms"]["arm"]})
    assert str(refused.value).isprintable() or "\n" in str(refused.value)
    assert "\0" not in str(refused.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    pipe, large, wide = tmp_path / "pipe", tmp_path / "large", tmp_path / "wide"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(10**8)
    wide.write_text("workers: 4", encoding="utf-16")
    for path in (tmp_path, pipe, large, wide, Path("/dev/zero"), Path(os.fsdecode(b"\xff.yaml"))):
        with pytest.raises(ScenarioError):
            read(path)


def test_an_out_that_is_not_utf8_is_refused_and_not_made(tmp_path: Path) -> None:
    out = tmp_path / os.fsdecode(b"a\xff")
    for run in (lambda: gossim.run(scenario(), out), lambda: gossim.sweep(scenario(), over={"workers": [2]}, out=out)):
        with pytest.raises(InputError, match="must be in UTF-8"):
            run()
    assert not list(tmp_path.iterdir())


def test_names_are_printed_in_any_locale(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"s\xff.yaml")
    file.write_text(scenario(arms={"é-σ": BASE["arms"]["arm"]}).to_yaml(), encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command: list[str | Path] = [sys.executable, "-m", "gossim", "validate", file]
    done = ran(command, env={**os.environ, **ascii_only})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\xe9-\u03c3" in done.stdout


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("compute.time_s", 1e-13),
        ("compute.time_s", 1e101),
        ("until.time_s", 1e308),
        ("network.latency_s", 1e200),
        ("workers", 10**400),
        ("optimizer.learning_rate", 10**400),
        ("problem.model.dim", 2**62),
    ],
)
def test_a_number_that_no_run_can_hold_is_refused_with_its_key(path: str, value: float) -> None:
    with pytest.raises(InputError, match=path.rpartition(".dim")[0] or path):
        gossim.run(scenario().override({path: value}), gradients=False)


def test_a_run_in_which_nobody_computes_is_recorded_and_drawn() -> None:
    crash = {"name": "crash", "fraction": 1.0, "at_s": 0.0, "back_after_s": 2.0, "parameters": "kept"}
    results = gossim.run(scenario(faults=[crash], until={"time_s": 1.0}, probe={"every_s": 0.25}))
    assert results.probes["gradient_steps"].tolist() == [0] * 5
    assert timeline(results) is not None


@pytest.mark.parametrize(
    "sections",
    [
        {"network": {"latency_s": {"regions": [[0], [1]], "within_s": 0.0, "between_s": 1.0}, **NO_LIMIT}},
        {"topology": {"name": "edge_list", "file": "edges.csv"}},
    ],
)
def test_more_workers_than_are_named_are_refused_without_counting_to_the_last(
    sections: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text("0,1\n", encoding="utf-8")
    begun_s = time.process_time()
    with pytest.raises(ScenarioError, match="worker 2 "):
        scenario(workers=10**9, **sections)
    assert time.process_time() - begun_s < 1


def test_who_waits_with_a_timeout_for_those_who_are_up_is_not_woken_in_vain() -> None:
    """2.5 million events before; what happens is that four workers each take a step."""
    crash = {"name": "crash", "workers": [0], "at_s": 140_000.0}
    arm = only_arm(
        algorithm={"name": "dpsgd", "timeout_s": 0.05},
        network={"latency_s": 1e5, "bandwidth_bytes_per_s": None},
        until={"time_s": 150_000.0},
        probe={"every_s": 10_000.0},
        faults=[crash],
    )
    world, events = world_of(arm), 0
    step = world.clock.step

    def counted() -> None:
        nonlocal events
        events += 1
        step()

    world.clock.step = counted  # type: ignore[method-assign]
    for _ in world.windows(10**9, 10**9):
        pass
    assert world.gradient_steps == 4
    assert events < 1000
