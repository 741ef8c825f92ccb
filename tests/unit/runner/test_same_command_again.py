"""The same run again in the same directory: complete, unfinished, edited since."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

import gossim
from gossim.errors import InputError, RunError
from gossim.results import Results
from gossim.runner import manifest as provenance
from gossim.runner.experiment import Experiment
from gossim.scenario.scenario import Scenario
from support.drawing import only
from support.files import written
from support.interrupted import NEVER, Stopped, table_bytes
from support.scenarios import scenario

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}


def asked(**sections: Any) -> Scenario:
    return scenario(**{"arms": ARMS, "repeats": 2, "until": {"time_s": 1.0}, **sections})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of a run that nobody interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    gossim.run(asked(), out=out)
    return table_bytes(out)


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """A run of which two arms with a seed have ended."""
    with pytest.raises(KeyboardInterrupt):
        gossim.run(asked(), out=tmp_path / "run", progress=Stopped(2))
    return tmp_path / "run"


def test_an_unfinished_run_goes_on_to_the_same_bytes(cut_off: Path, whole: dict[str, bytes]) -> None:
    again = Stopped(NEVER)
    results = gossim.run(asked(), out=cut_off, progress=again)
    assert again.before == [("allreduce", 0), ("dpsgd", 0)]
    assert again.began == [("allreduce", 1), ("dpsgd", 1)]
    assert table_bytes(cut_off) == whole
    assert not (cut_off / "unfinished").exists()
    assert not list(cut_off.rglob(".*"))
    assert results.manifest["status"] == Results.open(cut_off).manifest["status"] == "complete"
    assert len(results.manifest["resumed"]) == 1


def test_a_complete_run_is_read_and_not_run(cut_off: Path) -> None:
    results = gossim.run(asked(), out=cut_off)
    before = {path: path.stat().st_mtime_ns for path in cut_off.rglob("*")}
    again = Stopped(NEVER)
    stored = gossim.run(asked(), out=cut_off, progress=again)
    assert (again.began, again.before) == ([], [])
    assert stored.probes.equals(results.probes)
    assert {path: path.stat().st_mtime_ns for path in cut_off.rglob("*")} == before
    anew = Stopped(NEVER)
    gossim.run(asked(), out=cut_off, progress=anew, force=True)
    assert len(anew.began) == 4


def test_figures_that_are_missing_are_drawn(cut_off: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gossim.plots.figure_files.write_figures", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gossim.run(asked(), out=cut_off)
    assert Results.open(cut_off).manifest["status"] == "complete"
    assert not list((cut_off / "figures").iterdir())
    again = Stopped(NEVER)
    with only("loss"):
        gossim.run(asked(), out=cut_off, progress=again)
    assert again.began == []
    assert (cut_off / "figures" / "loss.png").exists()


def test_figures_that_could_not_be_written_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gossim.plots.figure_files.save", full)
        with only("loss"), pytest.raises(RunError, match="the figures cannot be written"):
            gossim.run(asked(), out=tmp_path / "run")
    assert Results.open(tmp_path / "run").manifest["status"] == "failed"
    with only("loss"):
        gossim.run(asked(), out=tmp_path / "run")
    manifest = Results.open(tmp_path / "run").manifest
    assert (manifest["status"], manifest["error"]) == ("complete", None)


def test_what_diverged_would_do_so_again(tmp_path: Path) -> None:
    wild = asked(until={"time_s": 3.0}, optimizer={"learning_rate": 1e300})
    with pytest.raises(RunError, match="diverged") as first:
        gossim.run(wild, out=tmp_path / "run")
    again = Stopped(NEVER)
    with pytest.raises(RunError, match="diverged") as second:
        gossim.run(wild, out=tmp_path / "run", progress=again)
    assert again.began == []
    assert str(first.value) == str(second.value)
    gossim.run(asked(), out=tmp_path / "run")  # nothing that came to its end is lost
    assert Results.open(tmp_path / "run").manifest["status"] == "complete"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"workers": 3}, "workers was 4 and is 3"),
        ({"title": "Another"}, "title was '' and is Another"),
        ({"arms": {"dpsgd": ARMS["dpsgd"]}}, "arms.allreduce was {algorithm: {name: allreduce"),
        ({"workers": 3, "seed": 2, "repeats": 1}, "seed was 0 and is 2; repeats was 2 and is 1; "),
    ],
)
def test_an_edited_scenario_is_refused_with_its_keys(change: dict[str, Any], told: str, cut_off: Path) -> None:
    before = table_bytes(cut_off)
    with pytest.raises(InputError, match=r"holds an unfinished run; replace it with --force") as refused:
        gossim.run(asked(**change), out=cut_off)
    assert told in str(refused.value)
    assert table_bytes(cut_off) == before
    gossim.run(asked(**change), out=cut_off, force=True)
    assert Results.open(cut_off).scenario == asked(**change)


def test_gradients_and_executor_are_part_of_a_run(cut_off: Path) -> None:
    for options, told in (
        ({"gradients": False}, "there are no gradients now"),
        ({"executor": "reference"}, "executor was batched and is reference"),
        ({"device": "auto"}, "device was cpu and is auto"),
    ):
        described = asked(network={"latency_s": 0.01, "bandwidth_bytes_per_s": 1e5, "sharing": "fair"})
        with pytest.raises(InputError, match=told):
            gossim.run(described, out=cut_off, **options)


def test_a_file_or_a_version_that_has_changed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, {"latency.csv": "0,0.001\n0.001,0\n"})
    network = {"latency_s": {"matrix": "latency.csv"}, "bandwidth_bytes_per_s": None}
    described = asked(workers=2, network=network)
    gossim.run(described, out="run")
    written(folder, {"latency.csv": "0,0.002\n0.002,0\n"})
    with pytest.raises(InputError, match="holds a complete run.* the file latency.csv is another"):
        gossim.run(described, out="run")
    written(folder, {"latency.csv": "0,0.001\n0.001,0\n"})
    gossim.run(described, out="run")
    was = provenance.versions()["torch"]
    monkeypatch.setattr(provenance, "_versions", lambda: {"torch": "0.1"})
    with pytest.raises(InputError, match=f"version of .*torch was {re.escape(was)} and is '0.1'"):
        gossim.run(described, out="run")


def _of_another(part: Path) -> None:
    other = part.with_name("other")
    with zipfile.ZipFile(part) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            about = name == "about.json"
            new.writestr(name, json.dumps({**json.loads(old.read(name)), "identity": "x"}) if about else old.read(name))
    other.replace(part)


def _swapped(part: Path) -> None:
    part.write_bytes((part.parent / "1-0.part").read_bytes())


def _linked(part: Path) -> None:
    part.rename(part.parents[1] / "elsewhere")
    part.symlink_to(part.parents[1] / "elsewhere")


@pytest.mark.parametrize(
    "damage",
    [
        lambda part: part.unlink(),
        lambda part: part.write_bytes(b""),
        lambda part: part.write_bytes(part.read_bytes()[:-100]),
        lambda part: part.write_bytes(part.read_bytes()[:2000] + b"\xff" + part.read_bytes()[2001:]),
        _of_another,
        _swapped,
        _linked,
    ],
    ids=["gone", "empty", "cut", "a bit", "another run's", "another arm's", "a link"],
)
def test_a_part_that_cannot_be_used_is_run_again(damage: Any, cut_off: Path, whole: dict[str, bytes]) -> None:
    damage(cut_off / "unfinished" / "0-0.part")
    again = Stopped(NEVER)
    Experiment(asked()).run(gossim.tables.run_directory.RunDirectory(cut_off), again, go_on=True)
    assert again.before == [("dpsgd", 0)]
    assert table_bytes(cut_off) == whole


def test_going_on_may_be_cut_off_too(cut_off: Path, whole: dict[str, bytes]) -> None:
    with pytest.raises(KeyboardInterrupt):
        gossim.run(asked(), out=cut_off, progress=Stopped(1))
    kept = Results.open(cut_off)
    assert kept.manifest["status"] == "interrupted"
    assert [entry["status"] for entry in kept.manifest["runs"]] == ["complete"] * 3 + ["interrupted"]
    gossim.run(asked(), out=cut_off)
    assert table_bytes(cut_off) == whole
