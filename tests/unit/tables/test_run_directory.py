"""A run directory: one writer at a time, never a mixture, damaged ones refused, links not followed, a full disk."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

import gossim
from gossim.errors import InputError, RunError
from gossim.results import Results
from gossim.runner.experiment import Experiment
from gossim.runner.sweep_directory import SweepDirectory
from gossim.scenario.scenario import Scenario
from gossim.tables import manifest as manifests
from gossim.tables import parquet
from gossim.tables.columns import TABLES
from gossim.tables.run_directory import RunDirectory
from support.commands import GOSSIM, command
from support.drawing import only
from support.processes import ran, started
from support.scenarios import BASE, scenario

ARMS = {name: {"algorithm": {"name": name}} for name in ("allreduce", "dpsgd")}


def asked(**sections: Any) -> Scenario:
    return scenario(**{"until": {"time_s": 0.5}, "arms": ARMS, "probe": {"every_s": 0.25}, **sections})


@pytest.fixture(autouse=True, scope="module")
def cheap_figures() -> Iterator[None]:
    """One figure, which is empty: what is drawn is no matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Results, "plot", lambda *_, **__: {"loss": Figure()})
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "run"
    gossim.run(asked(), out=out)
    return out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A complete run of one's own to damage."""
    return Path(shutil.copytree(made, tmp_path / "run"))


# One writer at a time.


class Waits:
    """Progress that stops in the middle of a run until it is allowed to go on."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def arm(self, *_: Any) -> None:
        self.begun.set()
        assert self.go.wait(60)

    def advance(self, *_: Any) -> None: ...
    def done(self, *_: Any) -> None: ...


@pytest.fixture
def under_way(tmp_path: Path) -> Iterator[Path]:
    """The directory of a run that another thread has begun."""
    out, waits = tmp_path / "out", Waits()
    thread = threading.Thread(target=lambda: gossim.run(asked(), out=out, progress=waits))
    thread.start()
    assert waits.begun.wait(60)
    yield out
    waits.go.set()
    thread.join()
    assert Results.open(out).manifest["status"] == "complete"


def test_two_runs_into_one_directory_are_one_too_many(under_way: Path) -> None:
    for force in (False, True):
        with pytest.raises(InputError, match="another gossim is writing here; wait for its end or choose another"):
            gossim.run(asked(seed=5), out=under_way, force=force)
    with pytest.raises(InputError, match="another gossim is writing here"):
        Experiment(asked(seed=5)).run(RunDirectory(under_way))
    assert Results.open(under_way).scenario.seed == 0


def test_nobody_draws_into_a_run_that_is_under_way(under_way: Path) -> None:
    for name in ("plot", "trace", "weights"):
        status, told = command(name, under_way)
        assert status == 2
        assert "another gossim is writing here" in told


def test_the_lock_is_given_back_however_a_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError):
        gossim.run(asked(optimizer={"learning_rate": 1e300}, until={"time_s": 3.0}), out=tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("gossim.plots.figure_files.write_figures", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gossim.run(asked(), out=tmp_path / "out")
    (tmp_path / "out" / ".lock").touch()  # as a kill leaves it
    gossim.run(asked(), out=tmp_path / "out", force=True)
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.slow
def test_of_processes_at_the_same_instant_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({**BASE, "problem": "none", "optimizer": None, "until": {"time_s": 2.0},
                                    "network": {**BASE["network"], "message_bytes": 40}}))  # fmt: skip
    arguments = [*GOSSIM, "run", str(path), "--out", str(tmp_path / "out"), "--quiet"]
    first, second = (started([*arguments, "--set", f"seed={seed}"]) for seed in (1, 2))
    with first as one, second as other:
        both = [one, other]
        errors = [process.communicate(timeout=120)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], errors
    won = [process.returncode for process in both].index(0)
    assert re.search("another gossim is writing here|holds a complete run|under way", errors[1 - won])
    results = Results.open(tmp_path / "out")
    assert (results.scenario.seed, results.manifest["seed"], set(results.probes["seed"])) == (won + 1,) * 2 + (
        {won + 1},
    )


# Never a mixture.


@pytest.mark.slow
def test_killed_between_any_two_renames_it_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier run stands there; a new one is killed before its n-th rename, for each n.

    Until it has begun there is nothing to be read; from then on there always is, and the same run goes on to its end.
    """
    out, real = tmp_path / "out", Path.replace
    one = {"dpsgd": ARMS["dpsgd"]}
    earlier = Experiment(asked(seed=7, arms=one)).run(RunDirectory(tmp_path / "earlier"))
    seen: list[Any] = []
    wanted: Results | None = None
    for kill_at in range(100):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "earlier", out)
        count = 0

        def replace(path: Path, target: Path, kill_at: int = kill_at) -> Path:
            nonlocal count
            count += 1
            if count > kill_at:
                raise Killed
            return real(path, target)

        new = Experiment(asked(seed=8, arms=one))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            patch.setattr("gossim.tables.run_directory.LOOKS", 1)
            try:
                new.run(RunDirectory(out))
            except Killed:
                pass
            finally:
                patch.setattr(Path, "replace", real)
            seen.append(state(out, earlier))
            if seen[-1][0] == 8:
                went_on = Experiment(asked(seed=8, arms=one)).run(RunDirectory(out), go_on=True)
                wanted = went_on if wanted is None else wanted
                assert went_on.manifest["status"] == "complete"
                for name in TABLES:
                    pd.testing.assert_frame_equal(getattr(went_on, name), getattr(wanted, name))
                assert not (out / "unfinished").exists()
        if seen[-1] == (8, "complete", 1):
            break
    # Before anything; while it begins, and once that is noted; while the rows of its one arm come, and its part; while
    # the manifest says that it is complete.
    replaced = len(TABLES) + 1
    assert seen[0] == (7, "complete", 1)
    assert seen[1 : 2 + replaced] == ["nothing"] * (1 + replaced)
    assert seen[2 + replaced : 3 + 2 * replaced] == [(8, "running", 0)] * (1 + replaced)
    assert seen[3 + 2 * replaced : -1] == [(8, "running", 1)] * replaced


class Killed(BaseException):
    """Stands for a process that is no more."""


def state(out: Path, earlier: Results) -> Any:
    """What a reader finds, having looked whether it fits together."""
    try:
        found = Results.open(out)
    except InputError as error:
        assert "the run was stopped before it recorded anything; run it again" in str(error)
        return "nothing"
    seed, runs = found.scenario.seed, found.manifest["runs"]
    ended = {(entry["arm"], entry["seed"]) for entry in runs}
    rows = set(found.probes[["arm", "seed"]].itertuples(index=False, name=None))
    assert rows == ended
    assert found.manifest["seed"] == seed
    if seed == 7:
        pd.testing.assert_frame_equal(found.probes, earlier.probes)
    return seed, found.manifest["status"], len(runs)


def test_of_tables_that_are_newer_than_the_manifest_its_rows_are_read(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    gone = manifest["runs"].pop()
    RunDirectory(run).write_manifest({**manifest, "recorded": 1})
    found, whole = Results.open(run), {name: pd.read_parquet(run / f"{name}.parquet") for name in TABLES}
    for name, frame in whole.items():
        left = frame[frame["arm"] != gone["arm"]]
        pd.testing.assert_frame_equal(getattr(found, name), left.reset_index(drop=True))


def test_tables_that_are_older_than_the_manifest_are_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kill leaves this behind."""
    monkeypatch.setattr("gossim.tables.run_directory.LOOKS", 1)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["runs"].append({**manifest["runs"][0], "seed": 1})
    RunDirectory(run).write_manifest({**manifest, "recorded": 3})
    status, told = command("plot", run)
    assert status == 2
    assert f"{run}: cannot be read: its tables are older than manifest.json" in told


def test_a_reader_waits_for_tables_that_are_being_replaced(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    store = RunDirectory(run)
    store.write_manifest({**manifest, "recorded": None})

    def later() -> None:
        time.sleep(0.1)
        store.write_manifest(manifest)

    thread = threading.Thread(target=later)
    thread.start()
    assert Results.open(run).manifest == manifest
    thread.join()


def test_runs_of_0_1_0_are_still_read(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["recorded"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    for name in TABLES:
        frame = pd.read_parquet(run / f"{name}.parquet")
        frame.attrs = {}
        frame.to_parquet(run / f"{name}.parquet", index=False)
    scenario = yaml.safe_load((run / "scenario.yaml").read_text())
    assert (manifest.pop("schema_version"), scenario.pop("schema_version")) == (1, 1)
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    Results.open(run).summary()


@pytest.mark.parametrize("version", [2, 0])
@pytest.mark.parametrize("file", ["manifest.json", "scenario.yaml"])
def test_a_run_of_another_schema_version_is_refused(run: Path, file: str, version: int) -> None:
    """JSON is YAML. The rest of such a file, which may mean something else, is not looked at."""
    data = yaml.safe_load((run / file).read_text())
    assert data["schema_version"] == 1
    status = "finished" if file == "manifest.json" else data["seed"]
    (run / file).write_text(json.dumps({**data, "status": status, "schema_version": version}))
    rule = f"schema_version = {version}: must be 1, the version that this gossim reads"
    with pytest.raises(InputError, match=re.escape(rule)) as refused:
        Results.open(run)
    assert "status" not in str(refused.value)
    for name in ("plot", "trace", "weights"):
        ended, told = command(name, run)
        assert ended == 2
        assert rule in " ".join(told.split())


# Links.


def test_a_link_to_a_folder_is_not_followed(run: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "child.png").write_text("dear")
    (run / "figures" / "compared_with_x").symlink_to(photos)
    gossim.run(asked(), out=run, force=True)
    shutil.rmtree(run / "figures")
    (run / "figures").symlink_to(photos)
    status_before = (run / "manifest.json").read_text()
    with pytest.raises(InputError, match="figures: is a symbolic link, which is not followed; remove it"):
        gossim.run(asked(), out=run, force=True)
    assert command("plot", run)[0] == 2
    assert (run / "manifest.json").read_text() == status_before
    assert [(path.name, path.read_text()) for path in photos.iterdir()] == [("child.png", "dear")]


def test_a_link_to_a_file_is_replaced_and_what_it_points_to_stays(run: Path, tmp_path: Path) -> None:
    (tmp_path / "dear.txt").write_text("dear")
    for name in ("figures/loss.png", "trace.json", "figures/.loss-abcdefgh.svg"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(tmp_path / "dear.txt")
    gossim.run(asked(), out=run, force=True)
    assert command("trace", run)[0] == 0
    assert (tmp_path / "dear.txt").read_text() == "dear"
    assert not (run / "figures" / "loss.png").is_symlink()
    (tmp_path / "named").symlink_to(run)  # by the user
    gossim.run(asked(seed=3), out=tmp_path / "named", force=True)
    assert Results.open(run).scenario.seed == 3


def test_points_of_a_sweep_are_no_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sweep.yaml").touch()
    (tmp_path / "out" / "points").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="points: is a symbolic link"):
        gossim.sweep(asked(), {"workers": [2]}, out=tmp_path / "out", jobs=1)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["manifest.json", "scenario.yaml", "probes.parquet"])
@pytest.mark.parametrize("kind", ["link", "fifo", "circle"])
def test_nothing_is_read_from_outside(run: Path, tmp_path: Path, name: str, kind: str) -> None:
    (run / name).rename(tmp_path / name)
    if kind == "fifo":
        os.mkfifo(run / name)
    else:
        (run / name).symlink_to(tmp_path / name if kind == "link" else run / name)
    status, told = command("plot", run)
    assert status == 2
    assert ("is not a run directory" if name == "manifest.json" else f"{run / name}: is not a file of this") in told


# Ends.


@pytest.mark.slow
def test_sighup_is_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    data = {**BASE, "until": {"time_s": 1e6}, "problem": "none", "optimizer": None}
    path.write_text(yaml.safe_dump({**data, "network": {**BASE["network"], "message_bytes": 40}}))
    out = tmp_path / "out"
    with started([*GOSSIM, "run", path, "--out", out, "--quiet"]) as process:
        deadline = time.monotonic() + 120
        while manifests.status(out / "manifest.json") is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 130
    assert Results.open(out).manifest["status"] == "interrupted"


def test_nohup_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); sys.argv = ['gossim', '--help']\n"
        "from gossim.cli.main import main; from gossim.files.atomic import undisturbed\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "with undisturbed(): assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN\n"
        "assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN"
    )
    assert ran([sys.executable, "-c", code]).returncode == 0


def test_drafts_of_a_killed_run_are_cleared_and_nothing_else(run: Path, tmp_path: Path) -> None:
    drafts = ["figures/.loss-abc_1234.svg", ".probes-a1b2c3d4.parquet", ".manifest-zzzzzzzz.json"]
    others = ["figures/.loss-abcdefgh.txt", ".notes-abcdefgh.txt", ".probes-ABCDEFGH.parquet"]
    for name in [*drafts, *others]:
        (run / name).touch()
    gossim.run(asked(), out=run, force=True)
    assert [name for name in drafts if (run / name).exists()] == []
    assert [name for name in others if not (run / name).exists()] == []
    only_drafts = tmp_path / "only"
    only_drafts.mkdir()
    (only_drafts / ".manifest-abcdefgh.json").touch()
    (only_drafts / ".lock").touch()
    gossim.run(asked(), out=only_drafts)
    assert not list(only_drafts.rglob(".*"))


# A full disk.


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "where",
    [
        "gossim.plots.figure_files.write_figures",
        pytest.param("gossim.plots.figure_files.save", marks=pytest.mark.slow),
    ],
)
def test_the_disk_fills_while_figures_are_drawn(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(asked().to_yaml())
    monkeypatch.setattr(where, full)
    with only("loss"):
        with pytest.raises(RunError, match="the figures cannot be written: .*No space left on device"):
            gossim.run(asked(), out=tmp_path / "python")
        with pytest.raises(RunError, match="No space left"):
            command("run", tmp_path / "s.yaml", "--out", tmp_path / "command")
    for name in ("python", "command"):
        manifest = Results.open(tmp_path / name).manifest
        assert manifest["status"] == "failed"
        assert "the tables are whole" in manifest["error"]
        assert [entry["status"] for entry in manifest["runs"]] == ["complete"] * 2
    monkeypatch.undo()
    assert command("plot", tmp_path / "command")[0] == 0


def test_the_disk_fills_while_tables_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first of two arms there is no room for tables any more. When there is again, the run goes on."""
    real, calls = parquet.write_pieces, 0

    def write_pieces(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        full() if calls > 3 * len(TABLES) + 3 else real(*arguments)

    monkeypatch.setattr(parquet, "write_pieces", write_pieces)
    with pytest.raises(RunError, match="out: cannot be written: No space left on device"):
        gossim.run(asked(), out=tmp_path / "out")
    kept = Results.open(tmp_path / "out")
    assert kept.manifest["status"] == "failed"
    assert "No space left" in kept.manifest["error"]
    assert set(kept.probes["arm"]) == {entry["arm"] for entry in kept.manifest["runs"]} == {"allreduce"}
    assert not list(tmp_path.rglob(".*"))
    monkeypatch.undo()
    began: list[str] = []
    progress = SimpleNamespace(arm=lambda name, *_: began.append(name), done=lambda *_: None, advance=lambda *_: None,
                               kept=lambda name, _: began.append(f"not {name}"))  # fmt: skip
    again, anew = gossim.run(asked(), out=tmp_path / "out", progress=progress), gossim.run(asked())
    assert began == ["not allreduce", "dpsgd"]
    assert again.manifest["status"] == "complete"
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(anew, name))


def test_a_directory_that_cannot_be_begun_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gossim.tables.run_directory.write_text", full)
    with pytest.raises(InputError, match="out: cannot be used: No space left on device"):
        gossim.run(asked(), out=tmp_path / "out")


# Damage.


def in_manifest(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        data = json.loads((run / "manifest.json").read_text())
        changed = change(data)
        (run / "manifest.json").write_text(json.dumps(data if changed is None else changed))

    return damage


def in_table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return damage


def in_scenario(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        data = yaml.safe_load((run / "scenario.yaml").read_text())
        change(data)
        (run / "scenario.yaml").write_text(yaml.safe_dump(data))

    return damage


def cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:size])  # type: ignore[return-value]


def made_a_folder(run: Path) -> None:
    (run / "workers.parquet").unlink()
    (run / "workers.parquet").mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "brackets": (lambda run: (run / "manifest.json").write_text("[" * 100_000), "is not a run directory"),
    "no text": (lambda run: (run / "manifest.json").write_bytes(b"\xff\xfe{"), "is not a run directory"),
    "a list": (in_manifest(lambda m: [m]), "is not a run directory"),
    "status alone": (in_manifest(lambda m: {"status": "complete"}), "runs: is required"),
    "unknown status": (in_manifest(lambda m: m.update(status="fine")), "is not a run directory"),
    "status a list": (in_manifest(lambda m: m.update(status=["complete"])), "is not a run directory"),
    "runs a number": (in_manifest(lambda m: m.update(runs=3)), "runs = 3: must be a list"),
    "runs a mapping": (in_manifest(lambda m: m.update(runs={"a": 1})), "must be a list"),
    "a run a text": (in_manifest(lambda m: m["runs"].append("x")), "runs.2 = x: must be a mapping"),
    "no arm": (in_manifest(lambda m: m["runs"][0].pop("arm") and None), "runs.0.arm: is required"),
    "seed a text": (in_manifest(lambda m: m["runs"][0].update(seed="0")), "runs.0.seed = '0': must be a whole number"),
    "seed a list": (in_manifest(lambda m: m["runs"][0].update(seed=[0])), "must be a whole number"),
    "seed nan": (in_manifest(lambda m: m["runs"][0].update(seed=float("nan"))), "must be a whole number"),
    "arm a number": (in_manifest(lambda m: m["runs"][0].update(arm=1)), "runs.0.arm = 1: must be a text"),
    "arm null": (in_manifest(lambda m: m["runs"][0].update(arm=None)), "must be a text"),
    "run unknown": (in_manifest(lambda m: m["runs"][0].update(status="ok")), "runs.0.status = ok: must be"),
    "lag a text": (in_manifest(lambda m: m["runs"][0].update(staleness_s="x")), "staleness_s = x: must be a number"),
    "twice": (in_manifest(lambda m: m["runs"].append(m["runs"][0])), "has arm 'allreduce' with seed 0 twice"),
    "other arm": (in_manifest(lambda m: m["runs"][0].update(arm="x")), "there is no arm 'x' with seed 0"),
    "other seed": (in_manifest(lambda m: m["runs"][0].update(seed=9)), "there is no arm 'allreduce' with seed 9"),
    "recorded": (in_manifest(lambda m: m.update(recorded="2")), "recorded = '2': must be a whole number"),
    "versions": (in_manifest(lambda m: m.update(versions=[1])), "versions = [1]: must be a mapping"),
    "cut": (cut("probes.parquet", 600), "the run's tables cannot be read: probes.parquet"),
    "cut short": (cut("workers.parquet", 3), "the run's tables cannot be read: workers.parquet"),
    "empty": (cut("timeline.parquet", 0), "the run's tables cannot be read: timeline.parquet"),
    "no table": (lambda run: (run / "workers.parquet").unlink(), "the run's tables cannot be read"),
    "a folder": (made_a_folder, "is not a file of this"),
    "columns": (in_table("probes", lambda f: f.rename(columns={"time_s": "t"})), "does not have the columns"),
    "texts": (
        in_table("probes", lambda f: f.astype({"time_s": "str"})),
        "probes.parquet is damaged: time_s is of type str, and must be float64",
    ),
    "losses": (in_table("probes", lambda f: f.astype({"train_loss": "str"})), "train_loss is of type str"),
    "seeds": (in_table("workers", lambda f: f.astype({"seed": "float64"})), "seed is of type float64"),
    "times": (in_table("timeline", lambda f: f.assign(end_s=float("nan"))), "end_s is not a finite number"),
    "ages": (in_table("timeline", lambda f: f.assign(end_s=1e308)), "end_s is not a finite number"),
    "endless": (in_table("workers", lambda f: f.assign(busy_s=float("inf"))), "busy_s is not a finite number"),
    "before the beginning": (in_table("timeline", lambda f: f.assign(start_s=-5.0)), "start_s is negative"),
    "backwards": (in_table("timeline", lambda f: f.assign(start_s=f["end_s"] + 1)), "end_s is before start_s"),
    "strange activity": (
        in_table("timeline", lambda f: f.assign(activity=pd.Series(["resting"] * len(f), dtype="str"))),
        "timeline.parquet is damaged: there is no activity 'resting'",
    ),
    "one time": (in_table("probes", lambda f: f.assign(time_s=1.0)), "probes.parquet has two rows of the same time"),
    "no arms": (in_table("probes", lambda f: f.assign(arm=pd.Series([None] * len(f), dtype="str"))), "arm is empty"),
    "strange arm": (in_table("exchanges", lambda f: f.assign(arm=pd.Series(["x"] * len(f), dtype="str"))), "'x'"),
    "strange seed": (in_table("gaps", lambda f: pd.DataFrame(
        {"arm": ["dpsgd"], "seed": [4], "time_s": [0.0], "worker": [0], "gradient_gap": [1.0], "gradient_norm": [1.0],
         "ratio": [1.0]}).astype({"arm": "str"})), "there is no seed 4"),
    "worker": (in_table("activities", lambda f: f.assign(worker=f["worker"] + 1)), "there is one numbered 4"),
    "no workers": (in_table("workers", lambda f: f.iloc[:0]), "have a row of each worker at each probe"),
    "one worker": (in_table("workers", lambda f: f.assign(worker=3)), "two rows of the same worker"),
    "probes twice": (in_table("probes", lambda f: pd.concat([f, f])), "have a row of each worker at each probe"),
    "more workers": (in_scenario(lambda s: s.update(workers=10**12)), "have a row of each worker at each probe"),
    "no scenario": (lambda run: (run / "scenario.yaml").unlink(), "scenario.yaml: 1 problem\n  cannot be read"),
    "bad scenario": (lambda run: (run / "scenario.yaml").write_text("a: [1"), "not valid YAML"),
    "another's": (in_scenario(lambda s: s.update(arms={"other": s["arms"]["dpsgd"]})), "there is no arm"),
    "another seed's": (in_scenario(lambda s: s.update(seed=3)), "there is no arm 'allreduce' with seed 0"),
    "fewer workers": (in_scenario(lambda s: s.update(workers=2)), "has 2 workers, and there is one numbered 3"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_runs_are_refused_with_path_and_reason(run: Path, made: Path, damage: str) -> None:
    inflict, reason = DAMAGE[damage]
    inflict(run)
    with pytest.raises(InputError) as error:
        Results.open(run)
    assert str(run) in str(error.value)
    assert reason in str(error.value)
    for arguments in (["trace", run], ["weights", run], ["plot", run], ["plot", made, "--compare", run]):
        status, told = command(*arguments)
        assert status == 2
        assert reason in told


@pytest.mark.parametrize("content", ['{"status": ["complete"]}', '{"status": "published"}', "[" * 100_000, "{}"])
def test_what_is_no_manifest_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="holds other files and no run"):
        gossim.run(asked(), out=tmp_path, force=True)
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_damaged_point_of_a_sweep_is_run_again(tmp_path: Path) -> None:
    results = gossim.sweep(asked(), {"workers": [2]}, out=tmp_path, jobs=1)
    point = SweepDirectory(tmp_path).run_directory(results.sweep.points[0])
    in_manifest(lambda m: m.update(inputs=3))(point.path)
    assert SweepDirectory(tmp_path).done(results.sweep.points[0]) is None
    again = gossim.sweep(asked(), {"workers": [2]}, out=tmp_path, jobs=1)
    pd.testing.assert_frame_equal(again.table, results.table)
