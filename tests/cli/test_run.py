"""The command line, as a user meets it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from pathlib import Path

import pytest
import yaml

import gossim
from gossim.cli.run import default_name
from support.commands import GOSSIM, gossim_command
from support.drawing import only
from support.files import sha256
from support.processes import started
from support.scenarios import BASE


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**BASE, "until": {"time_s": 2.0}}))
    return path


def test_run_writes_where_it_says_and_compares_the_arms(small: Path) -> None:
    done = gossim_command("run", small.name, cwd=small.parent)
    assert done.returncode == 0, done.stderr
    out = small.parent / "runs" / "small"
    assert json.loads((out / "manifest.json").read_text())["status"] == "complete"
    assert "consens." in done.stdout
    assert "Traceback" not in done.stderr
    assert "arm, seed 0: 2 s simulated" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    written = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    again = gossim_command("run", small.name, cwd=small.parent)
    assert again.returncode == 0
    assert "holds this very run; --force runs it anew" in again.stderr
    assert again.stdout.splitlines()[:-1] == done.stdout.splitlines()[:-1]
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == written
    changed = ["run", small.name, "--set", "seed=3", "--out", out]
    refused = gossim_command(*changed, cwd=small.parent)
    assert refused.returncode == 2
    assert "holds a complete run; replace it with --force" in refused.stderr
    assert "differs: seed was 0 and is 3" in refused.stderr
    with only("loss"):
        forced = gossim_command(*changed, "--force", "--quiet", cwd=small.parent)
    assert (forced.returncode, forced.stdout, forced.stderr) == (0, "", "")
    assert gossim.Results.open(out).scenario.seed == 3
    with only("alpha"):
        drawn = gossim_command("plot", out)
    assert drawn.returncode == 0
    assert all(Path(line).stat().st_size > 1000 for line in drawn.stdout.split())


def test_a_model_of_ones_own_beside_the_scenario(small: Path) -> None:
    (small.parent / "mine.py").write_text(
        "from torch import nn\ndef tiny():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    problem = "problem={model: {name: 'mine:tiny'}, data: {name: digits}, batch_size: 4}"
    done = gossim_command("run", small, "--set", problem, "--out", "mine", cwd=small.parent)
    assert done.returncode == 0, done.stderr
    assert gossim.Results.open(small.parent / "mine").probes["test_loss"].iloc[0] == pytest.approx(2.3, abs=0.3)


def test_what_is_set_is_in_the_name_of_the_run_directory(small: Path) -> None:
    done = gossim_command("run", small, "--set", "seed=3", "--set", "until={time_s: 0.5}", "--quiet", cwd=small.parent)
    assert done.returncode == 0, done.stderr
    (out,) = (small.parent / "runs").iterdir()
    assert out.name == f"small,seed=3,until=-time_s-0.5--{sha256('seed=3,until={time_s: 0.5}')[:8]}"
    assert gossim.Results.open(out).scenario.seed == 3


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ([], "s"),
        (["workers=16"], "s,workers=16"),
        (["optimizer.learning_rate=1e-3", "seed=1"], "s,optimizer.learning_rate=1e-3,seed=1"),
        (["title=a/b"], f"s,title=a-b-{sha256('title=a/b')[:8]}"),
        (["title=a:b"], f"s,title=a-b-{sha256('title=a:b')[:8]}"),
        (["title=" + 200 * "x"], f"s,title={94 * 'x'}-{sha256('title=' + 200 * 'x')[:8]}"),
    ],
)
def test_a_run_directory_is_named_after_its_scenario_and_changes(changes: list[str], name: str) -> None:
    assert default_name(Path("folder", "s.yaml"), changes) == name


BAD = [
    ("run absent.yaml", "absent.yaml: 1 problem\n  cannot be read: No such file or directory"),
    ("run small.yaml --set workers=0", "workers = 0: must be a whole number >= 1"),
    ("run small.yaml --set wrokers=3", "wrokers = 3: unknown key; did you mean 'workers'?"),
    ("run small.yaml --set workers", "--set workers: must be KEY=VALUE"),
    ("run small.yaml --set 'workers=[1'", "the value is not valid YAML"),
    ("run small.yaml --device gpu", "device = gpu: unknown device"),
    ("run small.yaml --set compute.time_s.distribution=norm", "norm has no parameter 's'"),
    ("run small.yaml --set 'compute.time_s={distribution: norm}'", "use lognorm, gamma, expon"),
    ("run small.yaml --set 'problem.model={name: no.such:thing}'", "cannot be imported"),
    ("run small.yaml --out small.yaml", "small.yaml: is not a directory"),
    ("run small.yaml --out .", "holds other files and no run"),
    ("run broken.yaml", "broken.yaml: 1 problem\n  line 1, column 9: not valid YAML"),
    ("validate broken.yaml", "broken.yaml: 1 problem"),
    ("plot .", ".: is not a run directory"),
    ("list algorithm", "algorithm"),
    ("rnu small.yaml", "rnu"),
]


@pytest.mark.parametrize(("command", "message"), BAD, ids=[command for command, _ in BAD])
def test_bad_input_is_one_block_and_status_2(command: str, message: str, small: Path) -> None:
    folder = small.parent
    (folder / "broken.yaml").write_text("a: [1, 2")
    before = sorted(path.name for path in folder.iterdir())
    arguments = shlex.split(command)
    if "no.such" in command:
        arguments += ["--set", "problem.data={name: digits}", "--set", "problem.batch_size=2"]
    done = gossim_command(*arguments, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == before


def test_divergence_ends_with_status_1_and_keeps_the_rest(small: Path) -> None:
    done = gossim_command("run", small, "--set", "optimizer.learning_rate=1e300", "--out", "out", cwd=small.parent)
    assert done.returncode == 1
    assert re.search(
        r"arm 'arm', seed 0: diverged: no longer finite at [0-9.]+ s, after \d+ gradient steps", done.stderr
    )
    assert "Traceback" not in done.stderr
    results = gossim.Results.open(small.parent / "out")
    assert results.manifest["status"] == "failed"
    assert len(results.probes) >= 1


@pytest.mark.slow
def test_ctrl_c_leaves_a_readable_run(small: Path) -> None:
    out = small.parent / "out"
    command = [*GOSSIM, "run", str(small), "--set", "until={time_s: 1000000.0}", "--out", str(out)]
    with started([*command, "--checkpoint-every", "0.5"]) as process:
        deadline = time.monotonic() + 120
        while not [*out.glob("unfinished/*-under-way*")] and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    results = gossim.Results.open(out)
    assert results.manifest["status"] == "interrupted"
    assert 1 < results.probes["time_s"].max() < 1_000_000
    assert (out / "figures" / "consensus_distance.png").exists()


def test_help_and_list_show_what_gossim_has() -> None:
    assert "Simulate distributed SGD" in gossim_command("--help").stdout
    listed = gossim_command("list").stdout
    for name in ("gosgd_push", "push_probability", "gosgd_cnn", "cifar10", "ring", "complete"):
        assert name in listed
    assert "lognorm" in gossim_command("list", "distributions").stdout


def test_validate_reports_the_arms_of_a_valid_scenario(small: Path) -> None:
    done = gossim_command("validate", small)
    assert done.returncode == 0
    assert "valid; arms arm; 1 seed(s) from 0" in done.stdout
