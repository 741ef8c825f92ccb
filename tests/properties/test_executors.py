"""The batched executor against the reference: the backbone of the suite."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossim.errors import RunError
from gossim.execute.batched import Batched
from gossim.execute.functions import FUNCTIONS, columns
from gossim.execute.reference import Reference
from gossim.problems.build import build
from gossim.program import Probe, Program
from gossim.scenario.arm import Arm
from gossim.scenario.derived import message_bytes, steps_limit
from gossim.sim.world import World
from gossim.testing import trajectory
from support.algorithms import ALGORITHMS, UNRELIABLE, reliable_enough
from support.cases import case
from support.clusters import clusters, failing_clusters
from support.ledger import recorded
from support.optimizers import OPTIMIZERS
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import CPU, only_arm


class Outcome(NamedTuple):
    """What a run gives: the error in which it ends, if it does, all that the timing plane records, and the rows of each
    probe."""

    error: str | None
    facts: list[Any]
    recorded: tuple[Any, ...]
    intervals: list[Any]
    rows: list[torch.Tensor]


def by_the_reference(arm: Arm, seed: int) -> Outcome:
    """Event by event, each step an event of its own. Rows are poisoned the moment they are freed or handed out afresh.

    Checks besides that time does not decrease and that no message on its way has lost its rows.
    """
    assert arm.problem is not None
    facts: list[Any] = []
    probed: list[torch.Tensor] = []

    def measure(rows: torch.Tensor, known: Any) -> None:
        facts.append(known)
        probed.append(rows.clone())

    problem = build(arm.problem, arm.workers, seed, arm.dtype, CPU)
    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), stepwise=True, timeline_limit=10**6)
    reference, rows = Reference(problem, measure), world.program.rows
    nothing = torch.full((problem.dim,), torch.nan, dtype=torch.float64)
    error, before = None, world.clock.now
    while not world.finished:
        try:
            world.clock.step()
        except RunError as broken:
            error = str(broken)
            break
        assert world.clock.now >= before
        before = world.clock.now
        assert all(rows.holders[row] for message in world.network.in_flight for row in message.rows)
        reference.run(world.program.take())
        for row in reference.rows:
            if not (rows.holders[row] and rows.written[row]):
                reference.rows[row] = nothing
    reference.run(world.program.take())
    return Outcome(error, facts, recorded(world), world.timeline.intervals, probed)


def by_the_batched(arm: Arm, seed: int, window: int, timeline_limit: int) -> Outcome:
    """In windows; steps after those on the timeline are planned together."""
    assert arm.problem is not None
    outcome = Outcome(None, [], (), [], [])

    def measure(rows: torch.Tensor, known: Any) -> None:
        outcome.facts.append(known)
        outcome.rows.append(rows.clone())

    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), timeline_limit=timeline_limit)
    batched = Batched(build(arm.problem, arm.workers, seed, arm.dtype, CPU), measure)
    error = None
    try:
        for ops in world.windows(window, 10**9):
            batched.run(ops)
    except RunError as broken:
        error = str(broken)
    return outcome._replace(error=error, recorded=recorded(world), intervals=world.timeline.intervals)


def by_the_clock(arm: Arm, seed: int, timeline_limit: int) -> Outcome:
    """Nothing is learned, and there are no rows."""
    options: dict[str, Any] = {"learns": False, "timeline_limit": timeline_limit}
    world = World(arm, arm.algorithm, seed, message_bytes(arm), steps_limit(arm), **options)
    facts: list[Any] = []
    error = None
    try:
        for ops in world.windows(10**9, 10**9):
            facts += [op.facts for op in ops if isinstance(op, Probe)]
    except RunError as broken:
        error = str(broken)
    return Outcome(error, facts, recorded(world), world.timeline.intervals, [])


def agree(arm: Arm, seed: int, window: int, timeline_limit: int = 0) -> Outcome:
    """Every way to carry out a run gives the same, the clock's part to the byte. Returns what the reference gives."""
    plain = by_the_reference(arm, seed)
    fast = by_the_batched(arm, seed, window, timeline_limit)
    clock = by_the_clock(arm, seed, timeline_limit)
    assert clock[:-1] == fast[:-1]
    assert (fast.error, fast.facts, fast.recorded) == (plain.error, plain.facts, plain.recorded)
    assert len(fast.rows) == len(plain.rows) == len(plain.facts)
    assert plain.error or len(plain.rows) >= 2
    for one, other in zip(fast.rows, plain.rows, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    return plain


def check_every_second_is_accounted_for(arm: Arm, run: Outcome) -> None:
    """At each probe busy + waiting = time, and the recorded intervals cover the run without gap or overlap."""
    for probe in run.facts:
        assert probe.gradient_steps == sum(worker.steps for worker in probe.workers)
        for worker in probe.workers:
            assert worker.busy_s + worker.waiting_s == pytest.approx(probe.time_s, abs=1e-9)
    for index in range(arm.workers):
        own = [each for each in run.intervals if each.worker == index and each.activity != "message"]
        assert own[0].start_s == 0
        assert own[-1].end_s == pytest.approx(run.facts[-1].time_s)
        assert all(earlier.end_s == later.start_s for earlier, later in itertools.pairwise(own))
        computing = sum(each.end_s - each.start_s for each in own if each.activity == "computing")
        assert computing == pytest.approx(run.facts[-1].workers[index].busy_s)


@st.composite
def arms(draw: st.DrawFn, name: str) -> Arm:
    """An arm of this algorithm: any problem, optimizer and cluster; every other one is a cluster in which all fails."""
    algorithm, cluster = ALGORITHMS[name], draw(clusters())
    if draw(st.booleans()):
        algorithm, cluster = UNRELIABLE[name], reliable_enough(name, draw(failing_clusters(until_s=1.5)))
    probability = draw(st.floats(0, 1))
    algorithm = {key: probability if key.endswith("probability") else value for key, value in algorithm.items()}
    return only_arm(algorithm=algorithm, problem=draw(st.sampled_from(list(PROBLEMS.values()))), **cluster)


def runs_agree(name: str, data: st.DataObject, window: int, seed: int, timeline_limit: int) -> None:
    arm = data.draw(arms(name))
    plain = agree(arm, seed, window, timeline_limit)
    if not arm.faults:
        check_every_second_is_accounted_for(arm, plain)


DRAWN = given(
    data=st.data(),
    window=st.integers(1, 300),
    seed=st.integers(0, 2**32),
    timeline_limit=st.sampled_from([0, 40, 10**6]),
)
"""With an arm from `data`."""


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@settings(max_examples=7, deadline=None, suppress_health_check=list(HealthCheck))
@DRAWN
def test_a_run_is_the_same_however_it_is_carried_out(name: str, **drawn: Any) -> None:
    """Batched as by the reference; in windows as in one; with steps planned together as one by one; with a timeline as
    without; by the clock alone; and with every row poisoned that is free, as nothing reads it."""
    runs_agree(name, **drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@DRAWN
def test_more_runs_are_the_same_however_they_are_carried_out(name: str, **drawn: Any) -> None:
    runs_agree(name, **drawn)


def pairs_agree(name: str, pairs: Iterable[tuple[str, str]]) -> None:
    for optimizer, problem in pairs:
        with case(f"{optimizer}, {problem}"):
            sections = {"optimizer": OPTIMIZERS[optimizer], "problem": PROBLEMS[problem]}
            agree(only_arm(algorithm=ALGORITHMS[name], until={"gradient_steps": 24}, **sections), seed=3, window=17)


@pytest.mark.parametrize(("place", "name"), list(enumerate(sorted(ALGORITHMS))))
def test_with_an_optimizer_and_a_problem_after_the_other(place: int, name: str) -> None:
    """The n-th algorithm has the n-th of the seven and the n-th of the five, so that any two meet sooner or later."""
    pairs_agree(name, [(list(OPTIMIZERS)[place % len(OPTIMIZERS)], list(PROBLEMS)[place % len(PROBLEMS)])])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_with_each_optimizer_and_each_problem(name: str) -> None:
    """Each of the seven, and each of the five, once at least, and never the same two."""
    pairs_agree(name, zip(OPTIMIZERS, itertools.cycle(PROBLEMS), strict=False))


def test_workers_at_different_steps_share_the_calls_of_adam() -> None:
    """Whose corrections of bias differ then."""
    arm = only_arm(until={"gradient_steps": 400}, workers=8, optimizer=OPTIMIZERS["adamw"])
    sizes: list[int] = []
    mixed: list[bool] = []

    class Counting(Batched):
        def _applies(self, batch: list[Any]) -> None:
            sizes.append(len(batch))
            mixed.append(len({op.function for op in batch}) > 1)
            super()._applies(batch)

    trajectory(arm, Counting, window=10**9)
    assert sum(sizes) >= 800
    assert sum(sizes) / len(sizes) > 4
    assert any(mixed)


@pytest.mark.parametrize("stepwise", [True, False])
def test_gradients_meet_in_waves(stepwise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever merges come between: a window of the slowest worker's few gradients is not cut into tiny batches."""
    arm = only_arm(until={"gradient_steps": 400}, workers=8, compute={"time_s": 0.1}, probe={"every_s": 1000.0})
    sizes: list[int] = []
    problem = build(present(arm.problem), arm.workers, 0, arm.dtype, CPU)
    counted = problem.gradients

    def counting(x: torch.Tensor, *which: Any) -> torch.Tensor:
        sizes.append(len(x))
        return counted(x, *which)

    monkeypatch.setattr(problem, "gradients", counting)
    trajectory(arm, window=10**9, problem=problem, stepwise=stepwise)
    assert sum(sizes) >= 400
    assert sum(sizes) / len(sizes) > 7


@pytest.mark.parametrize("executor", [Reference, Batched])
def test_combinations_of_any_length(executor: type) -> None:
    program = Program()
    rows = [0]
    for number in range(1, 9):
        row = program.rows.allocate()
        program.combine(row, [(number + other, rows[other]) for other in range(number)])
        rows.append(row)
    empty = program.rows.allocate()
    program.combine(empty, [])
    program.combine(rows[3], [(2.0, rows[3]), (1.0, rows[2])])
    program.probe([*rows, empty], None)
    seen: list[torch.Tensor] = []

    class OneProblem:
        def initial(self) -> torch.Tensor:
            return torch.tensor([1.0, -3.0], dtype=torch.float64)

    executor(OneProblem(), lambda probed, _: seen.append(probed)).run(program.take())
    expected = [1.0]
    for number in range(1, 9):
        expected.append(sum((number + other) * expected[other] for other in range(number)))
    expected[3] = 2 * expected[3] + expected[2]
    expected.append(0.0)
    assert seen[0][:, 0].tolist() == expected
    assert seen[0][:, 1].tolist() == [-3 * value for value in expected]


class Bend(NamedTuple):
    """f(a, b) = tanh(scale · ab): no optimizer's, and so any."""

    scale: float


class Ripple(NamedTuple):
    """f(a) = sin(a + shift)."""

    shift: float


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """All it takes to have another function."""
    monkeypatch.setitem(FUNCTIONS, Bend, lambda bends, a, b: torch.tanh(columns(bends, a)[0] * a * b))
    monkeypatch.setitem(FUNCTIONS, Ripple, lambda ripples, a: torch.sin(a + columns(ripples, a)[0]))


@st.composite
def programs(draw: st.DrawFn) -> list[list[Any]]:
    """Any valid program, algorithms apart: rows read, overwritten, freed and used again in every order; in windows."""
    program = Program()
    held, windows = [0], []
    for _ in range(draw(st.integers(1, 40))):
        action = draw(
            st.sampled_from(["combine", "combine", "grad", "grad", "apply", "apply", "free", "probe", "window"])
        )
        readable = [row for row in held if program.rows.written[row]]
        fresh = draw(st.booleans()) or not held
        if action in ("combine", "grad", "apply"):
            out = program.rows.allocate() if fresh else draw(st.sampled_from(held))
            held += [out] if fresh else []
            if action == "grad" and readable:
                program.grad(out, draw(st.sampled_from(readable)), worker=0, step=draw(st.integers(0, 9)))
            elif action == "apply" and readable:
                function, count = draw(st.sampled_from([(Bend(0.5), 2), (Bend(-1.0), 2), (Ripple(2.0), 1)]))
                program.apply(out, function, [draw(st.sampled_from(readable)) for _ in range(count)])
            else:
                rows = draw(st.lists(st.sampled_from(readable), max_size=6)) if readable else []
                program.combine(out, [(draw(st.sampled_from([-0.5, 0.25, 1.0])), row) for row in rows])
        elif action == "free" and len(held) > 1:
            program.rows.release(held.pop(draw(st.integers(0, len(held) - 1))))
        elif action == "probe" and readable:
            program.probe(draw(st.lists(st.sampled_from(readable), min_size=1, max_size=4)), len(program.ops))
        elif action == "window":
            windows.append(program.take())
    program.probe([row for row in held if program.rows.written[row]] or [program.copy(0)], "end")
    return [*windows, program.take()]


class Curved:
    """Gradients that are told apart by row, and by step."""

    def initial(self) -> torch.Tensor:
        return torch.tensor([1.0, -2.0], dtype=torch.float64)

    def gradient(self, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
        return torch.sin(x) + step

    def gradients(self, x: torch.Tensor, workers: Any, steps: Any) -> torch.Tensor:
        return torch.sin(x) + torch.tensor(steps, dtype=x.dtype).unsqueeze(1)


@pytest.mark.usefixtures("functions")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows=programs())
def test_any_program_in_any_windows(windows: list[list[Any]]) -> None:
    seen: dict[type, list[Any]] = {}
    for executor in (Reference, Batched):
        kept = seen[executor] = []

        def measure(rows: torch.Tensor, facts: Any, kept: list[Any] = kept) -> None:
            kept.append((facts, rows.clone()))

        curved: Any = Curved()
        numeric = executor(curved, measure)
        for ops in windows:
            numeric.run(ops)
    assert [facts for facts, _ in seen[Batched]] == [facts for facts, _ in seen[Reference]]
    for (_, fast), (_, plain) in zip(seen[Batched], seen[Reference], strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)


IN_ROUNDS_IN_PAIRS_WITH_A_SERVER = ("allreduce", "gosgd_push", "downpour")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in IN_ROUNDS_IN_PAIRS_WITH_A_SERVER else pytest.mark.slow)
        for name in sorted(ALGORITHMS)
    ],
)
def test_convolutions_batched_as_on_a_gpu(name: str) -> None:
    """On a CPU networks with convolutions go one by one; here they are made to go together."""
    arm = only_arm(algorithm=ALGORITHMS[name], problem=PROBLEMS["conv"])
    problem: Any = build(present(arm.problem), arm.workers, 0, "float64", CPU)
    assert problem.one_by_one
    problem.one_by_one = None
    _, _, together = trajectory(arm, problem=problem)
    _, _, plain = trajectory(arm, Reference)
    torch.testing.assert_close(together[-1], plain[-1], rtol=1e-10, atol=1e-12)
