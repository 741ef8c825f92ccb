"""With which weight each gradient enters the final model: x^T = c x^0 − Σ_τ Σ_m η^τ a_m^τ ∇L^m(x_m^τ)."""

from __future__ import annotations

import math
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import gossim
from gossim.analysis.gradient_weights import gradient_weights, unroll
from gossim.analysis.tape import NoWeights, Tape
from gossim.cli.tables import weights_table as gradient_weights_table
from gossim.cli.weights import weights
from gossim.errors import InputError
from gossim.execute.reference import Reference
from gossim.plots import draw_weights
from gossim.problems.build import build
from gossim.program import Combine, Probe
from gossim.scenario.arm import Arm
from gossim.scenario.scenario import Scenario
from gossim.sim.worker import Worker
from gossim.tables.columns import DERIVED
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS, UNRELIABLE, reliable_enough
from support.cases import in_turn
from support.commands import ROOT, gossim_command
from support.optimizers import OPTIMIZERS
from support.present import present
from support.problems import PROBLEMS
from support.processes import ran
from support.scenarios import BASE, CPU, DIGITS, only_arm, scenario, world_of

LINEAR = sorted(set(ALGORITHMS) - {"choco", "decoupled_diloco"})
LOGISTIC = {"problem": PROBLEMS["logistic"]}
"""Whose x^0 is not zero, so that its coefficient counts."""


def rebuilt_and_final(arm: Arm, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, float]:
    """c x^0 − Σ η a g with the gradients that the reference computes, the final model, and c."""
    gradients: dict[tuple[int, int], torch.Tensor] = {}
    problem = build(present(arm.problem), arm.workers, seed, "float64", CPU)
    known = problem.gradient

    def recorded(x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        gradients[worker, step] = known(x, worker, step)
        return gradients[worker, step]

    problem.gradient = recorded  # type: ignore[method-assign]
    _, facts, rows = trajectory(arm, Reference, seed, problem=problem, stepwise=True)
    final = rows[-1][-1] if facts[-1].served else rows[-1][facts[-1].participants].mean(dim=0)
    found = gradient_weights("arm", arm, seed)
    keys = list(found.gradients[["worker", "step"]].itertuples(index=False, name=None))
    assert set(keys) == set(gradients)
    moved = sum(eta_a * gradients[key] for eta_a, key in zip(found.gradients["eta_a"], keys, strict=True))
    return found.initial * problem.initial() - moved, final, found.initial


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        *in_turn(LINEAR, ["sgd", "nesterov"]),
        ("gosgd_push", "sgd with decay"),
        ("gosgd_push", "momentum"),
    ],
)
def test_the_final_model_is_rebuilt_from_its_gradients(name: str, optimizer: str) -> None:
    arm = only_arm(algorithm=ALGORITHMS[name], optimizer=OPTIMIZERS[optimizer], **LOGISTIC)
    rebuilt, final, initial = rebuilt_and_final(arm)
    torch.testing.assert_close(rebuilt, final, rtol=0, atol=1e-10)
    if "weight_decay" in OPTIMIZERS[optimizer]:
        assert 0.5 < initial < 0.9999
    else:
        assert initial == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_also_where_workers_fail_and_messages_are_lost(name: str) -> None:
    """Of those that take part at the end, as everywhere."""
    faults = [
        {"name": "crash", "workers": [1], "at_s": 0.45, "back_after_s": 0.3, "parameters": "reset"},
        {"name": "crash", "workers": [2], "at_s": 0.6, "back_after_s": 0.2, "parameters": "fetched"},
        {"name": "crash", "workers": [3], "at_s": 1.9, "back_after_s": 9.0, "parameters": "kept"},
    ]
    cluster = {
        "workers": 4,
        "until": {"time_s": 2.0},
        "faults": faults,
        "network": {"latency_s": 0.01, "bandwidth_bytes_per_s": None, "loss": 0.1, "resend_timeout_s": 0.05},
    }
    arm = only_arm(algorithm=UNRELIABLE[name], **reliable_enough(name, cluster), **LOGISTIC)
    rebuilt, final, _ = rebuilt_and_final(arm)
    torch.testing.assert_close(rebuilt, final, rtol=0, atol=1e-10)


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_synchronous_workers_have_one_mth_each(workers: int) -> None:
    found = gradient_weights("arm", only_arm(algorithm=ALGORITHMS["allreduce"], workers=workers), 0)
    used = found.gradients[found.gradients["used_s"].notna()]
    np.testing.assert_allclose(used["a"], 1 / workers, rtol=1e-12)
    np.testing.assert_allclose(used["eta_a"], BASE["optimizer"]["learning_rate"] / workers, rtol=1e-12)
    complete = found.sums[found.sums["workers"] == workers]
    np.testing.assert_allclose(complete["a_sum"], 1, rtol=1e-12)
    assert len(complete) == math.ceil(40 / workers)


@pytest.mark.parametrize("name", ["dpsgd", "local_sgd", "moshpit", "gossip_pga", "sgp", "gradient_tracking"])
def test_averages_that_keep_the_mean_keep_the_sum_of_weights(name: str) -> None:
    sums = gradient_weights("arm", only_arm(algorithm=ALGORITHMS[name]), 0).sums
    np.testing.assert_allclose(sums.loc[sums["workers"] == 4, "a_sum"][:-1], 1, rtol=1e-9)


def test_gossip_gives_workers_weights_of_their_own() -> None:
    arm = only_arm(algorithm=ALGORITHMS["gosgd_push"], until={"gradient_steps": 400})
    found = gradient_weights("arm", arm, 0)
    a = found.gradients["a"]
    assert (a >= 0).all()
    assert a.max() > 0.4
    assert a[:300].std() > 0.05


@pytest.mark.parametrize("form", ["push", "pull"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_gosgd_moves_the_weighted_mean_by_each_step_times_its_weight(
    form: str, decay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Σ α_m x_m, in flight included, moves by −η α_m (g_m + λ x_m) when worker m steps, and else not at all."""
    algorithm = ALGORITHMS[f"gosgd_{form}"]
    eta = 0.3
    optimizer = {"learning_rate": eta, "weight_decay": decay}
    arm = only_arm(algorithm=algorithm, optimizer=optimizer, until={"gradient_steps": 300}, **LOGISTIC)
    problem = build(present(arm.problem), arm.workers, 0, "float64", CPU)
    world = world_of(arm, stepwise=True)
    reference = Reference(problem, lambda rows, facts: None)
    reference.run(world.program.take())
    moves: list[torch.Tensor] = []
    plain = Worker.step

    def step(worker: Worker, gradient: int, own: bool = True, scale: float = 1.0) -> None:
        """What comes before it in the same event has moved nothing but α: x and g are those of the rows."""
        assert not world.program.ops
        moves.append(-eta * worker.alpha * (reference.rows[gradient] + decay * reference.rows[worker.row]))
        plain(worker, gradient, own, scale)

    monkeypatch.setattr(Worker, "step", step)

    def weighted_sum() -> torch.Tensor:
        held = [(worker.alpha, worker.row) for worker in world.workers]
        flying = [(message.alpha, message.row) for message in world.network.in_flight]
        return torch.stack([alpha * reference.rows[row] for alpha, row in held + flying]).sum(dim=0)

    steps, before = 0, weighted_sum()
    while not world.finished:
        moves.clear()
        world.clock.step()
        reference.run(world.program.take())
        after = weighted_sum()
        expected = torch.stack([torch.zeros_like(before), *moves]).sum(dim=0)
        torch.testing.assert_close(after - before, expected, rtol=0, atol=1e-12)
        steps, before = steps + len(moves), after
    assert steps >= 300


def test_momentum_makes_a_gradient_count_again_and_again() -> None:
    """1 + μ + μ² + …, as far as the run goes."""
    arm = only_arm(algorithm=ALGORITHMS["sgd"], workers=1, optimizer={"learning_rate": 0.1, "momentum": 0.5})
    a = gradient_weights("arm", arm, 0).gradients["a"]
    np.testing.assert_allclose(a[:40], [2 * (1 - 0.5 ** (40 - step)) for step in range(40)], rtol=1e-12)
    assert a[40] == 0  # begun and not finished


@pytest.mark.parametrize(
    "schedule",
    [
        {"name": "cosine", "over_steps": 30, "final_factor": 0.1},
        {"name": "step", "over_s": 0.4},
        {"name": "warmup", "over_s": 0.6},
        {"name": "warmup", "over_steps": 5, "start_factor": 0.2},
    ],
)
def test_the_schedule_is_in_eta_and_not_in_a(schedule: dict[str, Any]) -> None:
    found = gradient_weights(
        "arm", only_arm(algorithm={"name": "sgd"}, optimizer={"learning_rate": 0.1, "schedule": schedule}), 0
    )
    used = found.gradients[found.gradients["used_s"].notna()]
    assert used["eta_a"].nunique() > 2
    np.testing.assert_allclose(used["a"], 1 / 4, rtol=1e-12)


def test_gradients_are_used_when_their_time_has_passed() -> None:
    arm = only_arm(algorithm={"name": "sgd"}, compute={"time_s": 0.1})
    gradients = gradient_weights("arm", arm, 0).gradients
    np.testing.assert_allclose(gradients["time_s"], 0.1 * gradients["step"], atol=1e-12)
    used = gradients.dropna()
    assert len(used) == 40
    assert len(gradients) == 44
    np.testing.assert_allclose(used["used_s"] - used["time_s"], 0.1)


FREE: dict[str, Any] = {"latency_s": 0.05, "bandwidth_bytes_per_s": None}
AT_ONCE = {"compute": {"time_s": 0.1}, "network": FREE, "until": {"time_s": 3.0}}


@pytest.mark.parametrize("name", ["allreduce", "gradient_tracking", "ssp"])
@pytest.mark.parametrize(
    "schedule",
    [
        {"name": "step", "over_s": 0.5, "factor": 0.1},
        {"name": "cosine", "over_s": 3.0, "final_factor": 0.1},
        {"name": "warmup", "over_s": 2.0, "start_factor": 0.3},
    ],
)
def test_the_rate_is_that_of_the_optimizers_own_step(name: str, schedule: dict[str, Any]) -> None:
    """A mean, a message or an estimate reads a gradient earlier than parameters move by it."""
    algorithms = {**ALGORITHMS, "ssp": {"name": "ssp", "staleness": 0, "gradient_scale": 0.25}}
    optimizer = {"learning_rate": 0.3, "schedule": schedule}
    found = gradient_weights("arm", only_arm(algorithm=algorithms[name], optimizer=optimizer, **AT_ONCE), 0)
    complete = found.sums[found.sums["workers"] == 4]
    assert len(complete) > 5
    np.testing.assert_allclose(complete["a_sum"], 1, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_mean_of_gradients_is_used_when_its_collective_is_over(momentum: float) -> None:
    optimizer = {"learning_rate": 0.3, "momentum": momentum}
    found = gradient_weights("arm", only_arm(algorithm=ALGORITHMS["allreduce"], optimizer=optimizer, **AT_ONCE), 0)
    used = found.gradients[found.gradients["used_s"].notna()]
    np.testing.assert_allclose(used["used_s"] - used["time_s"], 0.1 + 2 * 3 * FREE["latency_s"])
    assert found.sums["workers"].tolist() == [4] * 7 + [0]  # the last collective is cut off at 3 s, after 0.1 s
    assert found.sums["a_sum"].iloc[-1] == 0


@pytest.mark.parametrize("loss", [0.0, 0.3])
@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in LINEAR), ("allreduce", {"backup": 1})])
def test_as_many_gradients_are_used_as_steps_are_taken(name: str, more: dict[str, Any], loss: float) -> None:
    """Lost on the way, brought too late, or not yet arrived: none of these is used."""
    network = {"latency_s": 0.07, "bandwidth_bytes_per_s": None, "loss": loss, "resend_timeout_s": 0.05}
    cluster = reliable_enough(name, {"workers": 4, "until": {"time_s": 3.0}, "network": network})
    algorithm = {**UNRELIABLE[name], **more}
    optimizer = {"learning_rate": 0.1, "momentum": 0.5}
    unrolled = unroll(only_arm(algorithm=algorithm, optimizer=optimizer, **cluster), 0)
    used = ~np.isnan(np.asarray(unrolled.used_s))
    counted = np.bincount(np.asarray(unrolled.worker)[used], minlength=4)
    assert counted.tolist() == [worker.steps for worker in unrolled.facts.workers]
    assert not np.asarray(unrolled.coefficient)[~used].any()
    if (name == "downpour" and loss) or more:
        assert (~used).sum() > 4


def test_at_a_rate_of_zero_a_weight_cannot_be_told() -> None:
    optimizer = {"learning_rate": 0.1, "schedule": {"name": "warmup", "over_steps": 5}}
    found = gradient_weights("arm", only_arm(algorithm=ALGORITHMS["allreduce"], optimizer=optimizer), 0)
    assert found.sums["a_sum"].isna().tolist() == [True] + [False] * (len(found.sums) - 1)
    assert (found.gradients["eta_a"][:4] == 0).all()
    # One of two has that rate: the sum of the others alone would be no sum.
    optimizer = {"learning_rate": 0.1, "schedule": {"name": "step", "over_s": 0.35, "factor": 0.0}}
    compute = {"time_s": 0.1, "stragglers": [{"workers": [1], "factor": 2}]}
    arm = only_arm(algorithm={"name": "sgd"}, optimizer=optimizer, compute=compute, workers=2, until={"time_s": 0.65})
    sums = gradient_weights("arm", arm, 0).sums
    assert sums["workers"].tolist() == [2, 2, 2, 1, 1, 1, 0]
    np.testing.assert_allclose(sums["a_sum"], [1, math.nan, math.nan, math.nan, math.nan, math.nan, 0])


def test_a_tape_takes_the_bytes_that_it_says() -> None:
    tape = Tape(parameters=frozenset())
    assert tape.outs.itemsize + tape.ends.itemsize == 12
    assert tape.rows.itemsize + tape.factors.itemsize == 12
    operations = 50_000
    tape.record([Combine(1 + n % 1000, ((1.0, 1 + n % 999),)) for n in range(operations)], 0.0)
    tape.record([Probe((1,), None)], 0.0)
    tracemalloc.start()
    tape.walk_back([(1.0, 1)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * operations  # bytes: what is owed to a row, for 1,000 rows, and nothing for each operation


def test_what_cannot_be_told_is_refused() -> None:
    for sections in ({"algorithm": ALGORITHMS["choco"]}, {"optimizer": OPTIMIZERS["adamw"]}):
        with pytest.raises(NoWeights, match=r"arm 'arm', seed 0: its program has an operation that is not linear"):
            gradient_weights("arm", only_arm(**sections), 0)
    with pytest.raises(
        NoWeights, match="too long to be kept whole: after .* gradients, at .* more than 100 operations"
    ):
        gradient_weights("arm", only_arm(), 0, limit=100)
    network = {"latency_s": 0.1, "bandwidth_bytes_per_s": None, "message_bytes": 10}
    clock = only_arm(problem="none", network=network)
    with pytest.raises(NoWeights, match="it has no problem, and so no gradients"):
        unroll(clock, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "small"
    arms = {
        "push": {"algorithm": ALGORITHMS["gosgd_push"]},
        "together": {"algorithm": ALGORITHMS["allreduce"]},
        "tracking": {"algorithm": ALGORITHMS["gradient_tracking"]},
        "squeezed": {"algorithm": ALGORITHMS["choco"]},
    }
    problem = {"model": {"name": "logistic"}, "data": DIGITS, "batch_size": 5}
    data = {**BASE, "title": "A small run", "problem": problem, "repeats": 2, "until": {"time_s": 2.0}, "arms": arms}
    (out.parent / "small.yaml").write_text(yaml.safe_dump(data))
    gossim.run(Scenario.parse(data), out=out)
    return out


def test_the_weights_of_a_run(run: Path) -> None:
    results = gossim.Results.open(run)
    for arm, seed in (("push", None), ("push", 1), ("together", 0)):
        gradients, sums, _ = results.weights(arm, seed)
        for name, frame in (("gradient_weights", gradients), ("gradient_weight_sums", sums)):
            assert [str(kind) for kind in frame.dtypes] == [column.dtype for column in DERIVED[name]]
            assert (frame["arm"] == arm).all()
            assert (frame["seed"] == (seed or 0)).all()
        steps = results.workers.query("arm == @arm and seed == @seed" if seed else "arm == @arm and seed == 0")
        begun = gradients.groupby("worker")["step"].count()
        assert ((begun - steps.groupby("worker")["steps"].max()).isin([0, 1])).all()
        assert not gradients.duplicated(["worker", "step"]).any()
        np.testing.assert_allclose(sums["a_sum"].sum(), gradients["a"].sum())
    assert not results.weights("push", 0).gradients.equals(results.weights("push", 1).gradients)


def test_what_a_run_has_not_is_refused(run: Path) -> None:
    results = gossim.Results.open(run)
    with pytest.raises(InputError, match="arm 'pusch': no arm has that name; did you mean 'push'"):
        results.weights("pusch")
    with pytest.raises(InputError, match="seed 2: must be from 0 to 1"):
        results.weights("push", 2)
    other = gossim.Results.open(run)
    other.probes.loc[:, "bytes_sent"] += 1
    with pytest.raises(InputError, match="does not repeat the run; has a file changed"):
        other.weights("push")


def test_weights_of_another_run_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over other links steps and bytes may be the same; α, and who waits for whom, are not."""
    monkeypatch.chdir(tmp_path)
    links = tmp_path / "links.csv"
    links.write_text("0,1\n1,2\n2,3\n3,0\n")
    arms = {"push": {"algorithm": ALGORITHMS["gosgd_push"]}, "dpsgd": {"algorithm": ALGORITHMS["dpsgd"]}}
    topology = {"name": "edge_list", "file": "links.csv"}
    network = {"latency_s": 0.01, "bandwidth_bytes_per_s": None}
    results = gossim.run(scenario(arms=arms, topology=topology, network=network, until={"time_s": 3.0}), out="run")
    assert len(results.weights("push").gradients) > 50
    links.write_text("0,1\n1,3\n3,2\n2,0\n")
    for name, differs in (("push", "'alpha_in_flight' of probes"), ("dpsgd", "'busy_s', 'waiting_s' of workers")):
        refused = gossim_command("weights", "run", "--arm", name, cwd=tmp_path)
        assert refused.returncode == 2
        told = " ".join(refused.stderr.split())
        assert f"arm '{name}', seed 0: its clock does not repeat the run; has a file changed, or a version?" in told
        assert differs in told, told


@pytest.mark.parametrize(
    ("which", "column"),
    [
        ("probes", "messages_sent"),
        ("workers", "steps"),
        ("workers", "alpha"),
        ("workers", "busy_s"),
        ("exchanges", "receiver"),
        ("exchanges", "merged"),
        ("exchanges", "staleness_s"),
        ("activities", "waiting_s"),
    ],
)
def test_whatever_the_clock_does_otherwise_is_told(run: Path, which: str, column: str) -> None:
    results = gossim.Results.open(run)
    getattr(results, which).loc[:, column] += 1
    with pytest.raises(InputError, match=f"does not repeat the run.*'{column}' of {which}"):
        results.weights("push")


def test_runs_of_earlier_versions_have_weights(run: Path) -> None:
    results = gossim.Results.open(run)
    earlier = replace(results, exchanges=results.exchanges.iloc[:0], activities=results.activities.iloc[:0])
    pd.testing.assert_frame_equal(earlier.weights("push").gradients, results.weights("push").gradients)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("diverged", "its run diverged"),
        ("failed", "its run failed"),
        ("interrupted", "its run was interrupted"),
        (None, "it has not been run"),
    ],
)
def test_a_run_without_an_end_has_no_weights(run: Path, status: str | None, told: str) -> None:
    results = gossim.Results.open(run)
    runs = results.manifest["runs"]
    (entry,) = [each for each in runs if (each["arm"], each["seed"]) == ("push", 1)]
    entry["status"] = status
    if status is None:
        runs.remove(entry)
    with pytest.raises(NoWeights, match=rf"arm 'push', seed 1: {told}, and so it has no final model"):
        results.weights("push", 1)
    assert not results.weights("push", 0).gradients.empty


def test_a_run_that_diverged_is_left_out(tmp_path: Path) -> None:
    arms = {
        "wild": {"algorithm": ALGORITHMS["sgd"], "optimizer": {"learning_rate": 1e6}},
        "tame": {"algorithm": ALGORITHMS["sgd"]},
    }
    with pytest.raises(gossim.RunError, match="arm 'wild', seed 0"):
        gossim.run(scenario(arms=arms, until={"time_s": 20.0}), out=tmp_path / "run")
    done = gossim_command("weights", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "left out: arm 'wild', seed 0: its run diverged" in done.stderr
    assert "wild" not in done.stdout
    refused = gossim_command("weights", tmp_path / "run", "--arm", "wild")
    assert refused.returncode == 2
    assert "its run diverged" in refused.stderr


def test_gossim_weights_prints_sums_and_writes_tables(run: Path) -> None:
    done = gossim_command("weights", run, "--out", run.parent / "w.csv")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "left out: arm 'squeezed', seed 0: its program has an operation that is not linear" in done.stderr
    gradients, sums = pd.read_csv(run.parent / "w.csv"), pd.read_csv(run.parent / "w_sums.csv")
    assert list(gradients["arm"].unique()) == ["push", "together", "tracking"]
    assert list(sums.columns) == [column.name for column in DERIVED["gradient_weight_sums"]]
    for name in ("gradient_weight_sums", "gradient_weights"):
        for suffix in ("png", "svg"):
            assert (run / "figures" / f"{name}.{suffix}").stat().st_size > 5000
    refused = gossim_command("weights", run, "--arm", "squeezed")
    assert refused.returncode == 2
    assert "is not linear" in refused.stderr
    weights(run, "push", 1, run.parent / "w.parquet")
    expected = gossim.Results.open(run).weights("push", 1).gradients
    pd.testing.assert_frame_equal(pd.read_parquet(run.parent / "w.parquet"), expected)
    with pytest.raises(InputError, match="seed 7: must be from 0 to 1"):
        weights(run, seed=7)
    with pytest.raises(InputError, match="must end in .csv or .parquet"):
        weights(run, out=Path("w.txt"))
    with pytest.raises(InputError, match="absent/w.csv: cannot be written: No such file or directory"):
        weights(run, "push", out=run / "absent" / "w.csv")


def test_a_step_whose_gradients_were_all_lost_is_shown() -> None:
    """As the 0 that they add up to, in the figure and in the table; late and lost ones are none that nobody came to."""
    network = {"latency_s": 0.05, "bandwidth_bytes_per_s": None, "loss": 0.4}
    arms = {"lossy": {"algorithm": UNRELIABLE["downpour"], "workers": 2, "network": network}}
    arms["backup"] = {"algorithm": {"name": "allreduce", "backup": 1}}
    results = gossim.run(scenario(arms=arms, until={"time_s": 8.0}))
    found = {name: results.weights(name) for name in arms}
    sums = found["lossy"].sums
    lost = sums.loc[sums["workers"] == 0, "step"]
    assert lost.min() < sums["step"].max() - 5
    (axes,) = draw_weights(results, found)["gradient_weight_sums"].axes
    (line,) = [line for line in axes.lines if line.get_label() == "lossy"]
    x: Any = line.get_xdata()
    y: Any = line.get_ydata()
    assert x.tolist() == list(range(len(x)))
    assert y[lost.min()] == 0
    assert y[-1] > 0  # beyond the last that was used there is nothing to see
    cells = [list(column.cells) for column in gradient_weights_table(found).columns]
    assert [column[1] for column in cells[-3:]] == ["1", "1", "1"]
    assert cells[-2][0] == "0"


def test_gradient_weights_import_no_torch(run: Path) -> None:
    code = f"import sys, gossim; gossim.Results.open({str(run)!r}).weights('push'); sys.exit('torch' in sys.modules)"
    assert ran([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("table", sorted(DERIVED))
def test_every_column_is_explained(table: str) -> None:
    page = (ROOT / "docs" / "gradient_weights.md").read_text(encoding="utf-8")
    for column in DERIVED[table]:
        assert f"`{column.name}`" in page
        assert column.meaning


def test_a_scenario_without_weights_is_told() -> None:
    results = gossim.run(scenario(optimizer=OPTIMIZERS["adam"]))
    with pytest.raises(NoWeights, match="Adam, compression"):
        results.weights("arm")
