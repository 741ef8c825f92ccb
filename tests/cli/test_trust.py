"""What somebody else's scenario or run directory names is not imported, nor opened, unless asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import gossim
from gossim.errors import InputError
from gossim.results import Results
from gossim.runner.experiment import Experiment
from gossim.scenario.scenario import Scenario
from gossim.tables.run_directory import RunDirectory
from support.commands import command, gossim_command
from support.scenarios import BASE

OWN = '''
from pathlib import Path

from gossim import Algorithm
from gossim.schema.fields import Probability

Path(__file__).with_suffix(".imported").touch()


class Server(Algorithm):
    """Workers send to a server, which hands back what it got last."""

    servers = 1
    chance: Probability = 0.5

    def worker(self, w):
        while True:
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if not w.alone and w.rng.random() < self.chance:
                w.push(w.workers)


class Shift(Algorithm):
    chance: Probability = 0.5

    def worker(self, w):
        while True:
            for message in w.receive():
                w.average(message) if hasattr(w, "average") else None
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)


def tiny():
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
'''

ARMS: dict[str, Any] = {
    "own": {"algorithm": {"name": "marking:Shift", "chance": 0.25}},
    "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
}

DATA: dict[str, Any] = {**BASE, "until": {"time_s": 1.0}, "arms": ARMS}

TINY = {"model": {"name": "marking:tiny"}, "data": {"name": "digits"}, "batch_size": 4}


@pytest.fixture(autouse=True)
def cheap_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, where it is no matter what is drawn."""
    if "drawn" not in request.function.__name__:
        monkeypatch.setattr(Results, "plot", lambda *_, **__: {})
        monkeypatch.setattr("gossim.plots.draw_weights", lambda *_: {})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the module `marking` leaves a file when it is imported, and where one stands."""
    (tmp_path / "marking.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.delitem(sys.modules, "marking", raising=False)
    return tmp_path


def imported(folder: Path) -> bool:
    """Whether the module was imported since this was last asked."""
    mark = folder / "marking.imported"
    there = mark.exists()
    mark.unlink(missing_ok=True)
    sys.modules.pop("marking", None)
    return there


def recorded(here: Path, data: dict[str, Any]) -> Path:
    """A run directory, made by somebody who has the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(here)
        Experiment(Scenario.parse(data)).run(RunDirectory(here / "run"))
    assert imported(here)
    return here / "run"


def test_validate_imports_nothing_unless_asked(here: Path) -> None:
    data = {**DATA, "arms": {**ARMS, "net": {**ARMS["push"], "problem": TINY}}}
    (here / "s.yaml").write_text(yaml.safe_dump(data))
    status, told = command("validate", "s.yaml")
    assert (status, imported(here)) == (0, False)
    assert "valid; arms net, own, push" in told
    assert "not imported, and so not checked: marking:Shift, marking:tiny" in told
    assert "" not in sys.path
    status, told = command("validate", "s.yaml", "--import")
    assert (status, imported(here)) == (0, True)
    assert "not checked" not in told
    (here / "s.yaml").write_text(yaml.safe_dump({**data, "sweep": {"workers": [2, 3]}}))
    assert command("validate", "s.yaml")[0] == 0
    assert not imported(here)
    (here / "marking.py").unlink()
    assert command("validate", "s.yaml")[0] == 0
    status, told = command("validate", "s.yaml", "--import")
    assert status == 2
    assert "No module named 'marking'" in told


@pytest.mark.parametrize("name", ["marking:Shift", "marking.sub:x", "marking:Shift.y", "no_such.thing:x"])
def test_nor_parents_of_what_is_named(here: Path, name: str) -> None:
    arms = {"own": {"algorithm": {"name": name}}, "net": {**ARMS["push"], "problem": {**TINY, "model": {"name": name}}}}
    (here / "s.yaml").write_text(yaml.safe_dump({**DATA, "arms": arms}))
    status, told = command("validate", "s.yaml")
    assert status == 0, told
    assert name in told
    assert not imported(here)


def test_what_is_known_of_it_is_still_checked(here: Path) -> None:
    (here / "s.yaml").write_text(yaml.safe_dump({**DATA, "workers": 0}))
    status, told = command("validate", "s.yaml")
    assert status == 2
    assert "workers = 0" in told


def test_a_run_directory_is_opened_drawn_and_traced_without_the_module(here: Path) -> None:
    run = recorded(here, DATA)
    written = yaml.safe_load((run / "scenario.yaml").read_text())
    results = Results.open(run)
    assert results.scenario.to_data() == written
    assert yaml.safe_load(results.scenario.to_yaml()) == written
    results.summary()
    results.compare()
    for arguments in (
        ["trace", run],
        ["plot", run, "--out", "drawn"],
        ["weights", run, "--arm", "push"],
    ):
        status, told = command(*arguments)
        assert status == 0, told
        assert not imported(here), arguments
    assert "" not in sys.path


def test_what_needs_the_module_asks_for_import(here: Path) -> None:
    run = recorded(here, DATA)
    for arguments in (["weights", run], ["weights", run, "--arm", "own"], ["plot", run, "--theory"]):
        status, told = command(*arguments)
        assert status == 2
        assert "arm 'own': algorithm.name = marking:Shift: was not imported; give --import" in told
        assert not imported(here)
        status, told = command(*arguments, "--import")
        assert status == 0, told
        assert imported(here)
        sys.path[:] = [path for path in sys.path if path]
    with pytest.raises(InputError, match="imports=True to Results.open"):
        Results.open(run).weights("own")
    sys.path.insert(0, str(here))
    Results.open(run, imports=True).weights("own")
    assert imported(here)


def test_the_clock_of_a_model_of_ones_own_needs_it_for_its_size_alone(here: Path) -> None:
    data = {**DATA, "problem": TINY, "arms": {"push": ARMS["push"]}, "until": {"time_s": 0.3}}
    run = recorded(here, data)
    status, told = command("weights", run)
    assert status == 2
    assert "problem.model.name = 'marking:tiny': has to be imported; give --import" in told
    assert not imported(here)
    assert command("weights", run, "--import")[0] == 0
    assert imported(here)
    sys.path[:] = [path for path in sys.path if path]
    known = Scenario.parse({**data, "network": {**BASE["network"], "message_bytes": 5200}})
    Experiment(known, gradients=False).run(RunDirectory(run))
    imported(here)
    assert command("weights", run)[0] == 0
    assert not imported(here)


def test_to_run_what_was_opened_is_to_trust_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded(here, DATA)
    opened = Results.open(run)
    changed = opened.scenario.override({"seed": 3})
    assert not imported(here)
    monkeypatch.syspath_prepend(here)
    again = gossim.run(opened.scenario)
    assert imported(here)
    pd.testing.assert_frame_equal(again.probes, opened.probes, check_exact=True)
    assert gossim.run(changed).scenario.seed == 3


def test_servers_of_an_algorithm_that_is_not_imported_are_taken_from_the_timeline(here: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(here)
        arms = {"down": {"algorithm": {"name": "downpour"}}}
        Experiment(Scenario.parse({**DATA, "arms": arms})).run(RunDirectory(here / "run"))
    known = (here / "run" / "trace.json", command("trace", here / "run"))[0].read_text()
    path = here / "run" / "scenario.yaml"
    path.write_text(path.read_text().replace("name: downpour", "name: somebodys:Downpour"))
    assert command("trace", here / "run")[0] == 0
    assert (here / "run" / "trace.json").read_text() == known
    assert '"server"' in known


def test_files_that_a_recorded_scenario_names_are_not_opened(here: Path) -> None:
    (here / "times.csv").write_text("seconds\n0.1\n0.2\n")
    (here / "down.csv").write_text("worker,down_s,up_s\n0,0.3,0.5\n")
    (here / "links.csv").write_text("0,1\n1,2\n2,3\n3,0\n")
    (here / "matrix.csv").write_text("\n".join(["0.01,0.01,0.01,0.01"] * 4))
    (here / "devices.csv").write_text("ms_per_sample,upload_bits_per_s,download_bits_per_s\n" + "10,8e5,8e5\n" * 4)
    files = {
        "compute": {"time_s": {"distribution": "empirical", "file": "times.csv", "column": "seconds"}},
        "faults": [{"name": "availability", "file": "down.csv", "parameters": "kept"}],
        "topology": {"name": "edge_list", "file": "links.csv"},
        "trace": {"file": "devices.csv", "samples_per_gradient": 1},
        "network": {"latency_s": {"matrix": "matrix.csv"}, "bandwidth_bytes_per_s": "trace", "sharing": "none"},
    }
    described = Scenario.parse({**DATA, **files, "arms": {"push": ARMS["push"]}})
    Experiment(described).run(RunDirectory(here / "run"))
    assert command("weights", here / "run")[0] == 0
    for path in here.glob("*.csv"):
        path.unlink()
    opened = Results.open(here / "run")
    assert opened.scenario.to_data() == described.to_data()
    for name in ("plot", "trace"):
        status, told = command(name, here / "run")
        assert status == 0, told
    status, told = command("weights", here / "run")  # it runs the clock again
    assert status == 2
    assert "devices.csv: cannot be read" in told


def test_as_a_process_with_the_module_on_its_path(here: Path) -> None:
    (here / "s.yaml").write_text(yaml.safe_dump(DATA))
    done = gossim_command("validate", "s.yaml", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert not imported(here)
    done = gossim_command("run", "s.yaml", "--quiet", "--no-gradients", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert imported(here)


def test_texts_in_a_csv_are_no_formulas(here: Path) -> None:
    arms = dict.fromkeys(("=1+cmd|A0", "+x", "-x", "@x", "x=1"), ARMS["push"])
    described = Scenario.parse({**DATA, "arms": arms, "until": {"time_s": 0.4}})
    Experiment(described).run(RunDirectory(here / "run"))
    assert command("weights", here / "run", "--out", "w.csv")[0] == 0
    table = pd.read_csv(here / "w.csv")
    assert list(table["arm"].unique()) == ["'=1+cmd|A0", "'+x", "'-x", "'@x", "x=1"]
    exact = Results.open(here / "run").weights("-x").gradients
    own = table[table["arm"] == "'-x"].reset_index(drop=True)
    pd.testing.assert_series_equal(own["eta_a"], exact["eta_a"], check_exact=True)


def test_data_of_a_function_are_named_as_unchecked_and_not_refused(tmp_path: Path) -> None:
    problem = {"model": {"name": "logistic"}, "data": {"name": "marking_data:make"}, "batch_size": 4}
    (tmp_path / "marking_data.py").write_text("raise SystemExit")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**BASE, "problem": problem}))
    done = gossim_command("validate", "own.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "not imported, and so not checked: marking_data:make" in done.stdout
    assert "refuses" not in done.stderr
