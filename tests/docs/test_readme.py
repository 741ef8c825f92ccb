"""What the README and the pages of docs/ show, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.image
import pooch
import pytest
import typer

import gossim
from gossim.cli.main import app
from gossim.execute.reference import Reference
from gossim.files import yaml12
from gossim.plots import FIGURES
from gossim.problems.data.cifar10 import CIFAR10
from gossim.scenario.scenario import Scenario, load
from gossim.scenario.sweep import Sweep
from gossim.scenario.yaml_file import read
from gossim.tables.columns import TABLES
from gossim.testing import trajectory
from support.commands import ROOT, gossim_command
from support.drawing import drawn
from support.present import present
from support.scenarios import only_arm, world_of

CIFAR10_ARCHIVE = Path(pooch.os_cache("gossim")) / "cifar-10-binary.tar.gz"
LARGE = ("gosgd_experiment", "gosgd_experiment_cifar10")
"""Scenarios whose network takes half a minute for a few steps, evaluated twice."""

README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_is_one_page() -> None:
    assert README.count("\n") <= 130


@pytest.fixture(scope="module")
def straggler(tmp_path_factory: pytest.TempPathFactory) -> tuple[gossim.Results, str, Path]:
    """`gossim run scenarios/straggler.yaml`, as `make run` does it."""
    out = tmp_path_factory.mktemp("runs") / "straggler"
    with drawn():
        done = gossim_command("run", "scenarios/straggler.yaml", "--out", out)
    assert done.returncode == 0, done.stderr
    return gossim.Results.open(out), done.stdout, out


def test_the_scenario_that_is_explained_is_the_one_that_is_shipped(tmp_path: Path) -> None:
    explained, recorded, stragglers, network, pairs, trace, collective = blocks(page("scenario"), "yaml")
    two_level = load(ROOT / "scenarios" / "straggler.yaml").override(yaml12.read(pairs))
    bandwidth: Any = present(two_level.arms["allreduce"].network).bandwidth_bytes_per_s
    assert bandwidth.between == 1e7
    with_messages = load(ROOT / "scenarios" / "straggler.yaml").override(
        {"workers": 16, "arms.allreduce.algorithm": yaml12.read(collective)["algorithm"]}
    )
    algorithm: Any = with_messages.arms["allreduce"].algorithm
    assert algorithm.buckets == 25e6
    steps = tmp_path / "steps.csv"
    steps.write_text("rank,seconds\n" + "".join(f"{rank},0.1\n" for rank in range(8)))
    replayed = yaml12.read(recorded.replace("steps.csv", str(steps)))
    with_record = load(ROOT / "scenarios" / "straggler.yaml").override(replayed)
    time_s: Any = with_record.arms["sgd"].compute.time_s
    assert time_s.of_worker(0).wraps
    assert len(yaml12.read(stragglers)["stragglers"]) == 4
    with_all = load(ROOT / "scenarios" / "straggler.yaml").override(
        {"compute": {"time_s": 0.1, **yaml12.read(stragglers)}}
    )
    assert [type(rule).__name__ for rule in with_all.arms["allreduce"].compute.stragglers] == [
        "Persistent", "RandomSlowdown", "Bursty", "Heterogeneous",
    ]  # fmt: skip
    assert set(yaml12.read(trace)) == {"trace", "compute", "network"}
    outages = tmp_path / "outages.csv"
    outages.write_text("worker,down_s,up_s\n1,5,6\n")
    spoilt = (
        load(ROOT / "scenarios" / "lossy_network.yaml")
        .override({"workers": 4, **yaml12.read(network.replace("outages.csv", str(outages)))})
        .arms["lossy"]
    )
    assert [fault.name for fault in spoilt.faults] == ["crash", "churn", "availability"]
    assert Scenario.parse(yaml12.read(explained)) == load(ROOT / "scenarios" / "straggler.yaml")


def test_the_schedules_that_are_shown_are_schedules() -> None:
    shown = re.findall(r"`({name: (?:cosine|step|warmup), .*?})`", page("scenario").replace("\n", " "))
    assert len(shown) == 3
    base = load(ROOT / "scenarios" / "straggler.yaml")
    for written in shown:
        described = base.override({"optimizer.schedule": yaml12.read(written)})
        assert present(described.optimizer).schedule.name == yaml12.read(written)["name"]


@pytest.mark.slow
def test_the_straggler_scenario_says_what_the_readme_says(straggler: tuple[gossim.Results, str, Path]) -> None:
    results, _, _ = straggler
    summary = results.summary()
    to_target = summary["time_to_target_s"]
    assert 3 < to_target["allreduce"] / to_target["gosgd_push"] < 6
    assert (summary["time_to_target_s_se"] < 0.1 * to_target).all()
    assert summary.loc["gosgd_pull", "test_loss"] < summary.loc["sgd", "test_loss"]
    waiting = results.workers.groupby(["arm", "worker"])["waiting_s"].max() / 60
    assert (waiting["allreduce"][:7] > 0.7).all()
    assert waiting["allreduce"][7] < 0.2
    assert (waiting["gosgd_push"] == 0).all()
    weight = results.workers.query("time_s > 20").groupby(["arm", "worker"])["alpha"].mean()
    assert weight["gosgd_push"].idxmax() == 7
    assert weight["gosgd_pull"].idxmin() == 7


@pytest.mark.slow
def test_the_straggler_scenario_ends_with_a_table_and_figures(straggler: tuple[gossim.Results, str, Path]) -> None:
    results, printed, out = straggler
    for arm in results.scenario.arms:
        assert f" {arm} " in printed
        assert f" {arm} " in README
        assert f" {arm} " in page("first_run")
    start = "gosgd_push reaches test loss 0.25 "
    assert start in README
    assert start in page("first_run")
    assert sum(sentence.startswith(start) for sentence in results.sentences()) >= 1
    for name in set(FIGURES) - {"gradient_gap", "metrics"}:
        picture = matplotlib.image.imread(out / "figures" / f"{name}.png")
        assert picture.shape[0] > 500
        assert picture[..., :3].std() > 0.05  # something is drawn on it


def test_the_python_example(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    (shown,) = blocks(README, "python")
    assert blocks(page("commands"), "python") == [shown]
    exec(compile(shown, "README.md", "exec", dont_inherit=True), names)
    printed = capsys.readouterr().out
    assert "gosgd_push" in printed
    assert "consensus_distance" in printed
    assert set(names["figures"]) == set(FIGURES) - {"gradient_gap", "metrics"}


def test_the_example_of_an_algorithm() -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(blocks(page("how_it_works"), "python")[0], "how_it_works.md", "exec", dont_inherit=True), names)
    ring = names["RingPull"](pull_probability=0.5)
    arm = only_arm().model_copy(update={"algorithm": ring})
    _, facts, rows = trajectory(arm)
    _, same_facts, same_rows = trajectory(arm, Reference)
    assert facts == same_facts
    assert (rows[-1] - same_rows[-1]).abs().max() < 1e-12
    assert facts[-1].messages_sent > 10
    world = world_of(arm)
    for _ in world.windows(1000, 10**9):
        assert sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() == pytest.approx(1)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_is_explained(table: str) -> None:
    for column in TABLES[table]:
        assert f"`{column.name}`" in page("recorded")
        assert column.meaning


def test_the_commands_have_the_options_that_the_page_lists() -> None:
    synopsis = page("commands").partition("## Synopsis")[2].partition("\n## ")[0]
    listed = {
        command: set(re.findall(r"--[a-z-]+", options))
        for command, options in re.findall(r"^    gossim (\w+)(.*(?:\n     .*)*)", synopsis, re.MULTILINE)
    }
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(listed) == set(commands)
    for name, command in commands.items():
        options = {option for each in command.params for option in each.opts if option.startswith("--")}
        assert listed[name] == options - {"--help"}, name


def test_the_sweep_that_is_shown_is_one() -> None:
    (grid,) = re.findall(r"`sweep: ({.*?})`", page("sweeps"))
    data = {**load(ROOT / "scenarios" / "straggler.yaml").written(), "sweep": yaml12.read(grid)}
    data["compute"] = {**data["compute"], "stragglers": []}
    assert len(Sweep.parse(data).points) == 4
    for option in ("--set", "--out", "--jobs", "--force", "--quiet"):
        assert option in gossim_command("sweep", "--help").stdout


def test_pictures_and_files_that_are_named_are_there() -> None:
    named = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", README) + re.findall(r"`(docs/[\w/.]+)`", README)
    assert len(named) > 15
    for path in named:
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_says_what_to_look_at_and_runs(path: Path) -> None:
    comment = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert 2 <= len(comment) <= 6
    assert "Look at" in " ".join(comment)
    assert f"`{path.stem}`" in page("scenario")
    data = read(path)
    points = [point.scenario for point in Sweep.parse(data).points] if "sweep" in data else [Scenario.parse(data)]
    runs(points[:1] + points[1:][-1:], gradients=path.stem not in LARGE)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_every_scenario_with_a_large_network_learns(name: str) -> None:
    described = load(ROOT / "scenarios" / f"{name}.yaml")
    on_cifar = any(arm.problem and arm.problem.data == CIFAR10() for arm in described.arms.values())
    if on_cifar and not CIFAR10_ARCHIVE.is_file():
        pytest.skip("CIFAR-10 is not on this machine, and no test fetches it")
    runs([described], time_s=0.2)


def runs(scenarios: list[Scenario], gradients: bool = True, time_s: float = 1.0) -> None:
    for described in scenarios:
        workers = min(described.workers, 1000)  # of a million
        short = described.override({"until": {"time_s": time_s}, "repeats": 1, "workers": workers})
        results = gossim.run(short, gradients=gradients)
        assert (results.probes.groupby("arm")["time_s"].max() == time_s).all()
