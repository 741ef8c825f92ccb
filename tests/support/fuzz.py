"""Scenarios that nobody thought of: valid ones, whose numbers must agree however they are computed, and broken ones,
which must be refused in words.

    make fuzz MINUTES=10            or  python tests/fuzz.py --minutes 10 --jobs 2 --seed 7
    python tests/fuzz.py --case mutated:7:1234      one case again, with all that it says

A case follows from (kind, seed, number) alone. A fault is printed with its scenario, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from support.commands import ROOT

KINDS = ("valid", "mutated")
CASES_AT_ONCE = 20
BATCHES_A_PROCESS = 20
SHOWN_EVERY_S = 60

LONGEST_S, LONGEST_WAIT_S = 60, 1200
"""A case that works longer hangs; and so does one that has not ended after the second, on a machine that others use."""


class Outcome(NamedTuple):
    """What became of a case: how it ended, and what is wrong, if anything is."""

    how: str
    fault: str | None = None


class Hang(BaseException):
    """Not an Exception: nothing on the way may take it for one of its own."""


# What a case consists of.


def pick(random: np.random.Generator, choices: Any) -> Any:
    choices = list(choices)
    return choices[int(random.integers(len(choices)))]


COLLECTIVES: tuple[Any, ...] = (
    "gloo",
    {"name": "nccl", "workers_per_node": 2},
    {"name": "ring", "events": True, "barrier": False},
    {"name": "tree", "events": True},
    {"name": "recursive_doubling", "events": True, "barrier": False},
    {"name": "hierarchical", "group_size": 2, "events": True},
    {"name": "parameter_server", "events": True, "barrier": False},
)


def drawn(random: np.random.Generator) -> dict[str, Any]:
    """A scenario of one arm that may well be valid: any algorithm, topology, network, faults and optimizer."""
    from support.algorithms import ALGORITHMS, UNRELIABLE, reliable_enough
    from support.optimizers import OPTIMIZERS
    from support.problems import PROBLEMS

    name = pick(random, ALGORITHMS)
    workers = int(random.integers(1, 9))
    fails = random.random() < 0.5
    algorithm = dict((UNRELIABLE if fails else ALGORITHMS)[name])
    for key in algorithm:
        if key.endswith("probability"):
            algorithm[key] = float(random.random())
        elif key == "period":
            algorithm[key] = int(random.integers(1, 6)) * algorithm.get("fragments", 1)
    if name == "allreduce" and random.random() < 0.5:
        algorithm["backup"] = int(random.integers(workers))
    if not fails and name in ("allreduce", "local_sgd", "diloco", "gossip_pga", "moshpit"):
        algorithm["collective"] = pick(random, ("ring", "ring_events", "tree", "rabenseifner", "parameter_server"))
        if random.random() < 0.3:
            algorithm["collective"] = pick(random, COLLECTIVES)
        if random.random() < 0.3 and name in ("allreduce", "local_sgd", "diloco"):
            algorithm |= {"buckets": int(random.integers(1, 4)), "backward_share": float(random.uniform(0.1, 1))}
    cluster: dict[str, Any] = {
        "workers": workers,
        "until": pick(
            random, ({"gradient_steps": int(random.integers(1, 80))}, {"time_s": float(random.uniform(0, 2))})
        ),
        "compute": {"time_s": _time(random), "stragglers": list(_stragglers(random, workers))},
        "network": _network(random, workers, fails),
        "faults": list(_faults(random, workers)) if fails else [],
        "probe": {
            "every_s": pick(random, (0.07, 0.1, 0.4, 1000.0)),
            "gradient_gap": bool(random.random() < 0.2),
            "layers": bool(random.random() < 0.2),
        },
        "optimizer": pick(random, OPTIMIZERS.values()),
        "topology": _topology(random, workers),
    }
    cluster = reliable_enough(name, cluster)
    problem = PROBLEMS[pick(random, ("quadratic", "quadratic", "noise", "logistic", "mlp", "conv"))]
    return {
        **cluster,
        "title": "fuzz",
        "seed": int(random.integers(2**31)),
        "problem": problem,
        "dtype": "float64",
        "device": "cpu",
        "arms": {"arm": {"algorithm": algorithm}},
    }


def _time(random: np.random.Generator) -> Any:
    laws = (
        {"distribution": "expon", "scale": 0.1},
        {"distribution": "lognorm", "s": 1.0, "scale": 0.1},
        {"distribution": "uniform", "loc": 0.05, "scale": 0.1},
        {"distribution": "pareto", "b": 1.5, "scale": 0.05},
        {"distribution": "gamma", "a": 2.0, "scale": 0.05},
    )
    return pick(random, (0.1, 0.1, float(random.uniform(0.01, 0.3)), *laws))


def _stragglers(random: np.random.Generator, workers: int) -> Iterator[dict[str, Any]]:
    for _ in range(int(random.integers(0, 3))):
        whom = pick(random, ({"workers": [int(random.integers(workers))]}, {"fraction": float(random.uniform(0.5, 1))}))
        yield pick(
            random,
            (
                {"factor": pick(random, (1, 2.5, 10)), **whom},
                {"name": "random_slowdown", "probability": float(random.random()), "factor": 5},
                {"name": "bursty", "mean_between_s": 0.5, "mean_length_s": 0.3, "factor": 4, **whom},
                {"name": "heterogeneous", "factor": {"distribution": "lognorm", "s": 0.5, "scale": 1.0}},
            ),
        )


def _network(random: np.random.Generator, workers: int, fails: bool) -> dict[str, Any]:
    rate = pick(random, (None, 1e3, 1e4, 1e5, {"up": 1e4, "down": 2e4}))
    latency = pick(random, (0.0, 0.02, 0.1, 0.5, {"distribution": "gamma", "a": 2.0, "scale": 0.02}))
    if workers > 2 and random.random() < 0.2:
        half = workers // 2
        regions = [list(range(half)), list(range(half, workers))]
        latency = {"regions": regions, "within_s": 0.001, "between_s": 0.1}
        if random.random() < 0.5:
            rate = {"regions": regions, "within": 1e4, "between": 2e3, "uplink": pick(random, (None, 3e3))}
    network: dict[str, Any] = {
        "latency_s": latency,
        "bandwidth_bytes_per_s": rate,
        "sharing": pick(random, ("none", "fifo", "fair")),
    }
    if fails:
        burst = {"name": "gilbert_elliott", "good_to_bad": 0.2, "bad_to_good": 0.3}
        network |= {
            "loss": pick(random, (None, 0.0, 0.3, burst)),
            "resend": bool(random.random() < 0.5),
            "resend_timeout_s": 0.05,
            "jitter_s": pick(random, (None, {"distribution": "expon", "scale": 0.02})),
        }
        if workers > 1 and random.random() < 0.3:
            cut = int(random.integers(1, workers))
            groups = [list(range(cut)), list(range(cut, workers))]
            network["partitions"] = [{"from_s": 0.3, "until_s": 0.9, "groups": groups}]
    return network


def _faults(random: np.random.Generator, workers: int) -> Iterator[dict[str, Any]]:
    for _ in range(int(random.integers(0, 3))):
        returns = pick(random, ("kept", "reset", "fetched"))
        at_s = pick(random, (0.0, 0.1, float(random.uniform(0, 2))))
        crash = {"name": "crash", "workers": [int(random.integers(workers))], "at_s": at_s}
        yield pick(
            random,
            (
                {**crash, "back_after_s": pick(random, (1e-9, 0.05, 0.1, 0.5)), "parameters": returns},
                {"name": "churn", "mean_up_s": 0.4, "mean_down_s": 0.2, "parameters": returns},
                crash,
            ),
        )


def _topology(random: np.random.Generator, workers: int) -> dict[str, Any]:
    from gossim.cluster.topology import TOPOLOGIES

    name = pick(random, [name for name, cls in TOPOLOGIES.items() if "file" not in cls.model_fields])
    more: dict[str, dict[str, Any]] = {
        "k_regular": {"degree": 2},
        "erdos_renyi": {"edge_probability": 0.8},
        "watts_strogatz": {"neighbours": 2, "rewiring_probability": 0.3},
    }
    return {"name": name, **more.get(name, {})}


ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10, 1.5, -0.0, 1e-12, 1e-300, 1e300, 10**9, 2**62, 2**63, 10**40, float("nan"),
    "", " ", "1", "1e3", "none", "null", "trace", "é", "\x00", "\ud800", "a\nb", "x" * 300, "json:loads", "os:system",
    "../..", "/dev/null", "=1+1", "[", "<script>", [], [[]], [None], [0], [0, 0], [-1], [10**9], {}, {"name": "ring"},
    {"name": "sgd"}, {"distribution": "norm"}, {"distribution": "expon", "scale": 0}, {"file": "nowhere.csv"},
    {"name": None}, {"up": 1}, {1: 2},
)  # fmt: skip
"""Values that a key may not be made for."""


def mutated(random: np.random.Generator) -> bytes:
    """The text of a scenario, one of the project's own or a drawn one, in which something is wrong, or not."""
    from gossim.files import yaml12

    if random.random() < 0.5:
        data = yaml12.read(pick(random, sorted((ROOT / "scenarios").glob("*.yaml"))).read_text())
    else:
        data = copy.deepcopy(drawn(random))  # what is shared by all tests is not changed
    if random.random() < 0.8:
        for _ in range(pick(random, (1, 1, 1, 2, 3))):
            data = _changed(random, data)
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    text = bytearray(yaml.safe_dump(data, sort_keys=False).encode())
    for _ in range(int(random.integers(1, 4))):
        place = int(random.integers(len(text))) if text else 0
        action = pick(random, ("drop", "insert", "cut", "double"))
        if action == "drop":
            del text[place : place + int(random.integers(1, 9))]
        elif action == "insert":
            text[place:place] = pick(
                random, (b"\t", b"  ", b"\x00", b"\xff", b"&a ", b"*a", b"- ", b": ", b"[", b"{", b"|")
            )
        elif action == "cut":
            del text[place:]
        else:
            text[place:place] = text[place : place + 40]
    return bytes(text)


def _changed(random: np.random.Generator, data: Any) -> Any:
    """`data` with one change somewhere in it."""
    places = list(_places(data))
    way = pick(random, places)
    action = pick(random, ("replace", "replace", "replace", "delete", "rename", "add", "wrap", "scale", "move"))
    if not way:
        return copy.deepcopy(pick(random, ODD)) if random.random() < 0.2 else data
    *above, last = way
    here = data
    for key in above:
        here = here[key]
    value = here[last]
    if action == "delete":
        del here[last]
    elif action == "rename" and isinstance(here, dict) and isinstance(last, str):
        here[last + pick(random, ("s", "_s", "x", " "))] = here.pop(last)
    elif action == "add" and isinstance(value, dict):
        value[pick(random, ("name", "workers", "fraction", "timeout_s", "nonsense", 7, None))] = copy.deepcopy(
            pick(random, ODD)
        )
    elif action == "wrap":
        here[last] = pick(random, ([value], {"name": value}, str(value), [value, value]))
    elif action == "scale" and isinstance(value, int | float) and not isinstance(value, bool):
        here[last] = value * pick(random, (0, -1, 0.5, 1e-9, 1e9, 1.0))
    elif action == "move":
        other = data
        for key in pick(random, places):
            other = other[key]
        here[last] = yaml.safe_load(yaml.safe_dump(other)) if not isinstance(other, dict | list) or way else value
    else:
        here[last] = copy.deepcopy(pick(random, ODD))
    return data


def _places(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _places(value, (*way, key))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from _places(value, (*way, place))


# What must be true of it.


def check_valid(random: np.random.Generator, folder: Path) -> Outcome:
    """Batched = reference = step by step = the clock alone = the same again; Σα = 1; time goes on."""
    from gossim.errors import ScenarioError
    from gossim.scenario.scenario import Scenario

    try:
        described = Scenario.parse(drawn(random), "fuzz")
    except ScenarioError as error:
        return Outcome("refused", str(error) if os.environ.get("FUZZ_SHOW") else None)
    arm, seed = described.arms["arm"], described.seed
    if not _check_executors(arm, seed, window=int(random.integers(1, 300))):
        return Outcome("never began")
    _check_ledgers(arm, seed, window=int(random.integers(1, 300)))
    return Outcome(_check_tables(described))


def _check_executors(arm: Any, seed: int, window: int) -> bool:
    """Whether the run began: of a random graph that falls apart there is none."""
    import torch

    from gossim.execute.batched import Batched
    from gossim.execute.reference import Reference

    plain = _trajectory(arm, Reference, seed, 10**9, stepwise=True)
    for executor, stepwise in ((Reference, False), (Batched, False), (Batched, True)):
        same = _trajectory(arm, executor, seed, window, stepwise=stepwise)
        what = f"{executor.__name__}, stepwise {stepwise}, window {window}"
        assert same[:2] == plain[:2], f"{what}: another clock than the reference's"
        for mine, theirs in zip(same[2], plain[2], strict=True):
            scale = max(1.0, float(theirs.abs().max()))
            torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-9 * scale, equal_nan=True, msg=what)
    return bool(plain[1])


def _trajectory(arm: Any, executor: Any, seed: int, window: int, stepwise: bool) -> tuple[str | None, list[Any], Any]:
    """The error in which the run ended, if any, the facts of its probes, and the probed rows."""
    from gossim.errors import RunError
    from gossim.problems.build import build, device_named
    from gossim.scenario.derived import message_bytes, steps_limit
    from gossim.sim.world import World

    problem = build(arm.problem, arm.workers, seed, arm.dtype, device_named("cpu"))
    facts: list[Any] = []
    rows: list[Any] = []

    def measure(probed: Any, known: Any) -> None:
        facts.append(known)
        rows.append(probed.clone())

    numeric = executor(problem, measure)
    try:
        world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), stepwise=stepwise)
        for ops in world.windows(window, 10**9):
            numeric.run(ops)
    except RunError as error:
        return str(error), facts, rows
    return None, facts, rows


def _check_ledgers(arm: Any, seed: int, window: int) -> None:
    from support.ledger import ledger

    full, alone = (ledger(arm, seed, learns, n) for learns, n in ((True, window), (False, 10**9)))
    assert full == alone, "the clock alone is another clock"


def _check_tables(described: Any) -> str:
    import gossim
    from gossim.tables.columns import TABLES

    def run(**options: Any) -> Any:
        from gossim.runner.experiment import Experiment

        experiment = Experiment(described, **options)
        try:
            return experiment.run()
        except gossim.RunError:
            return experiment.results()

    first, again = run(), run()
    for name in TABLES:
        assert getattr(first, name).equals(getattr(again, name)), f"{name}: another table the second time"
    probes, workers = first.probes, first.workers
    for column in ("time_s", "gradient_steps", "bytes_sent", "messages_sent"):
        assert probes[column].is_monotonic_increasing, f"probes.{column} goes back"
    weights = (probes["alpha_sum"] + probes["alpha_lost"]).dropna()
    assert (abs(weights - 1) < 1e-9).all(), f"the weights sum to {weights.tolist()}"
    assert (workers["busy_s"] >= 0).all()
    assert (workers["waiting_s"] >= -1e-9).all()
    spent_s = first.activities[["computing_s", "waiting_s", "sending_s", "down_s"]].sum(axis=1)
    assert np.allclose(spent_s, spent_s.iloc[0], rtol=1e-9, atol=1e-9), "workers have lived for different times"
    first.summary()
    return str(first.manifest["runs"][0]["status"])


MOST_EVENTS, MOST_WORKERS = 20_000, 50_000
"""Of what is still valid after its mutations, to be run. Ten million workers that hardly begin take many gigabytes."""


def check_mutated(random: np.random.Generator, folder: Path) -> Outcome:
    """Exit status 0 or 2 and no traceback; nothing is written for what is refused."""
    path, out = folder / "mutated.yaml", folder / "out"
    path.write_bytes(mutated(random))
    status, text = command("validate", str(path))
    if status == 2:
        assert text.startswith("error: "), text
        assert str(path) in text, f"the file is not named: {text}"
    else:
        assert status == 0, f"exit status {status}: {text}"
    if status == 2 and random.random() < 0.9:
        return Outcome("refused")
    described = _described(path) if status == 0 else None
    unchecked = "not imported, and so not checked" in text
    assert described or status or unchecked, f"valid for `validate` alone: {text}"
    if described is not None and not _small(described):
        return Outcome("valid, not run")
    # Drawing takes seconds: by the whole command now and then.
    if described is None or random.random() < 0.03:
        ran, text = command("run", str(path), "--no-gradients", "--quiet", "--out", str(out))
        assert ran == status or (status, ran) in ((0, 1), (0, 2)), f"run ends with {ran}: {text}"
        assert ran != 2 or not out.exists(), f"refused, and something is written: {text}"
        return Outcome(f"run by the command, {ran}")
    return Outcome(_ends_well(described))


def _described(path: Path) -> Any:
    """The scenario in that file; of a sweep, that of its first point. None if it names code that does not fit."""
    from gossim.errors import ScenarioError
    from gossim.scenario.scenario import Scenario
    from gossim.scenario.sweep import Sweep
    from gossim.scenario.yaml_file import read

    data = read(path)
    try:
        return Sweep.parse(data, "fuzz").scenario if "sweep" in data else Scenario.parse(data, "fuzz")
    except ScenarioError:
        return None


def _small(described: Any) -> bool:
    from gossim.errors import InputError
    from gossim.estimates.limits import cost

    try:
        events = sum(cost(arm).events.total for arm in described.arms.values())
    except InputError:  # its data cannot be had: the run says so at once
        return described.repeats <= 3
    most = max(arm.workers for arm in described.arms.values())
    return described.repeats <= 3 and events < MOST_EVENTS and most <= MOST_WORKERS


def _ends_well(described: Any) -> str:
    import gossim

    try:
        results = gossim.run(described, gradients=False)
    except gossim.RunError:
        return "broke down"
    except gossim.InputError:
        return "refused when run"
    results.summary()
    return "run"


def command(*arguments: str) -> tuple[int, str]:
    """Exit status of `gossim` in this process, and what it printed. An exception that gets out is the fault."""
    from gossim.cli.main import main as cli

    printed = io.StringIO()
    before = sys.argv, signal.getsignal(signal.SIGTERM), list(sys.path)
    sys.argv = ["gossim", *arguments]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            cli()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before[0]
        signal.signal(signal.SIGTERM, before[1])
        sys.path[:] = before[2]
    text = printed.getvalue()
    assert "Traceback" not in text, text
    return status, text


CHECKS: dict[str, Callable[[np.random.Generator, Path], Outcome]] = {"valid": check_valid, "mutated": check_mutated}


def run_case(kind: str, seed: int, number: int) -> Outcome:
    random = np.random.default_rng([KINDS.index(kind), seed, number])
    folder = Path(tempfile.mkdtemp(prefix="gossim-fuzz-"))
    began = time.monotonic()

    def hangs(number: int, *_: Any) -> None:
        raise Hang(f"more than {LONGEST_S} s of work" if number == signal.SIGPROF else f"more than {LONGEST_WAIT_S} s")

    # By the work done, since others may use the machine, and by the clock where nothing is done at all.
    signal.signal(signal.SIGPROF, hangs)
    signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    signal.alarm(LONGEST_WAIT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return CHECKS[kind](random, folder)
    except (Exception, Hang):
        shown = "\n".join(traceback.format_exc().splitlines()[-25:])
        return Outcome(
            "FAULT",
            f"{shown}\nafter {time.monotonic() - began:.1f} s: python tests/fuzz.py --case {kind}:{seed}:{number}",
        )
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        shutil.rmtree(folder, ignore_errors=True)


def run_cases(kind: str, seed: int, first: int) -> list[Outcome]:
    import torch

    torch.set_num_threads(1)
    return [run_case(kind, seed, number) for number in range(first, first + CASES_AT_ONCE)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--case", metavar="KIND:SEED:NUMBER")
    arguments = parser.parse_args()
    if arguments.case:
        kind, seed, number = arguments.case.split(":")
        outcome = run_case(kind, int(seed), int(number))
        print(outcome.how, outcome.fault or "")
        return outcome.fault is not None
    return fuzz(
        arguments.minutes, arguments.seed, KINDS if arguments.kind == "both" else (arguments.kind,), arguments.jobs
    )


def fuzz(minutes: float, seed: int, kinds: tuple[str, ...], jobs: int) -> int:
    """Cases of all `kinds` in turn, `jobs` batches at a time, until the time is over. Returns the exit status."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    faults, until, shown = 0, time.monotonic() + 60 * minutes, time.monotonic()
    # Fresh processes now and then: caches of the odder scenarios fill gigabytes.
    fresh: dict[str, Any] = {"max_tasks_per_child": BATCHES_A_PROCESS, "mp_context": get_context("spawn")}
    with ProcessPoolExecutor(jobs, **fresh) as pool:
        running: dict[Any, str] = {}
        upcoming = ((kind, number) for number in range(0, 10**9, CASES_AT_ONCE) for kind in kinds)
        while running or time.monotonic() < until:
            while len(running) < jobs and time.monotonic() < until:
                kind, number = next(upcoming)
                running[pool.submit(run_cases, kind, seed, number)] = kind
            done = [future for future in running if future.done()]
            if not done:
                time.sleep(0.05)
            if time.monotonic() - shown > SHOWN_EVERY_S:
                shown = time.monotonic()
                show(counts, faults)
            for future in done:
                kind = running.pop(future)
                for outcome in future.result():
                    counts[kind][outcome.how] += 1
                    if outcome.fault:
                        faults += 1
                        print(outcome.fault, end="\n\n", flush=True)
    show(counts, faults)
    return int(faults > 0)


def show(counts: dict[str, Counter[str]], faults: int) -> None:
    """How the cases so far have ended."""
    for kind, found in counts.items():
        print(f"{kind}: {found.total()} cases; " + ", ".join(f"{count} {how}" for how, count in found.most_common()))
    print(f"{faults} faults", flush=True)
