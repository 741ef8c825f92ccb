"""What a node does when it is asked: a method of the algorithm, named in the call; and where a worker's verbs stand."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import gossim
from gossim import Algorithm, RunError
from gossim.sim import worker as verbs
from gossim.sim.worker import Worker
from gossim.testing import check_algorithm
from support.scenarios import only_arm, world_of


class Meets(Algorithm):
    """Worker 0 asks worker 2 once, at 0.1 s, and puts down what it hears."""

    question: str = "meet"

    def worker(self, w: Any) -> Any:
        gradient = w.gradient()
        yield w.compute()
        w.step(gradient)
        if w.index == 0:
            answer = yield w.ask(2, self.question, [w.row])
            HEARD.append((w.now_s, answer.sender, len(answer.rows)))
            w.combine(w.row, (0.5, answer.rows[0]), (0.5, answer.rows[1]))
            w.use_up(answer)
        yield from w.local_steps()

    def meet(self, other: Any, message: Any, reply: Any) -> None:
        HEARD.append((other.now_s, other.index, message.sender))
        reply(other.row, message.row)
        other.use_up(message)

    def alone(self, other: Any) -> None:
        """Takes no message and no reply, and so answers nothing."""


HEARD: list[tuple[float, int, int]] = []

EVEN: dict[str, Any] = {"compute": {"time_s": 0.1}, "network": {"latency_s": 0.25, "bandwidth_bytes_per_s": None}}


def run(question: str) -> Any:
    world = world_of(only_arm(**EVEN, algorithm=Meets(question=question), until={"time_s": 1.0}))
    for window in world.windows(10, 10):
        window.clear()
    return world


def test_the_method_that_is_named_answers_where_it_is_asked() -> None:
    HEARD.clear()
    world = run("meet")
    assert HEARD == [(0.35, 2, 0), (0.6, 2, 2)]
    assert world.network.messages_sent == 2
    assert not world.network.in_flight


@pytest.mark.parametrize(
    ("question", "near"),
    [("met", "; did you mean 'meet'?"), ("give_halve", "; did you mean 'give_half'?"), ("alone", "valid: ")],
)
def test_a_name_without_a_method_is_refused(question: str, near: str) -> None:
    with pytest.raises(RunError, match=rf"has no method {question}\(self, node, message, reply\)") as refused:
        run(question)
    assert near in str(refused.value)


class OfAServer(Meets):
    servers = 1

    def worker(self, w: Any) -> Any:
        while True:
            gradient = w.gradient()
            yield w.compute()
            if w.alone:
                w.step(gradient)
                continue
            fresh = yield w.ask(w.server(), "step", [gradient])
            w.give_back(gradient)
            w.combine(w.row, (1.0, fresh.row))
            w.use_up(fresh)

    def step(self, server: Any, message: Any, reply: Any) -> None:
        worker = message.sender
        server.step_along(message, 1.0)
        server.answer(worker, reply)


def test_a_server_answers_by_a_method_too() -> None:
    check_algorithm(OfAServer(), clusters=2, workers=3)


def test_no_algorithm_reaches_for_another_node() -> None:
    """A file uses what a node has and what a message brings: no list of nodes, no world, no function in a function."""
    for path in Path(gossim.__file__).parent.joinpath("algorithms").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("peers", "world", "allreduces"):
                assert ast.unparse(node.value) == "self", path
            if isinstance(node, ast.FunctionDef):
                inner = [each for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.Lambda)]
                assert inner == [node], path


def test_the_page_of_verbs_says_where_each_stands() -> None:
    """Every public method of a worker is named in the docstring of its module, in the row of its own class."""
    page = verbs.__doc__ or ""
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|$", page, re.MULTILINE)
    where = {name: place.strip("`") for names, place in rows for name in re.findall(r"`(\w+)`", names)}
    for name, place in where.items():
        module, _, cls = ("gossim.sim.worker.Worker" if place == "here" else place).rpartition(".")
        assert name in vars(getattr(importlib.import_module(module), cls)), name
    public = {name for name, _ in inspect.getmembers(Worker, inspect.isfunction) if not name.startswith("_")}
    assert public == set(where) | set(re.findall(r"`(\w+)`", page.rpartition("|\n")[2]))
