"""Algorithms in a file of one's own, named `package.module:Class`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import gossim
from gossim.algorithms import ALGORITHMS, Algorithm
from gossim.scenario.scenario import Scenario, load
from gossim.schema.by_file import class_in_file
from support.commands import gossim_command
from support.scenarios import scenario, world_of

MINE = '''
from typing import ClassVar

from gossim import Algorithm
from gossim.algorithms.gosgd_push import GoSGDPush
from gossim.schema.fields import Probability


class Shift(Algorithm):
    """Push to the next worker."""

    weighted: ClassVar[bool] = True
    push_probability: Probability

    def worker(self, w):
        while True:
            for message in w.receive():
                w.merge(message)
            gradient = w.gradient()
            yield w.compute()
            w.step(gradient)
            if not w.alone and w.rng.random() < self.push_probability:
                w.push((w.index + 1) % w.workers)


class Outer:
    class Inner(Shift):
        pass


class Inherits(GoSGDPush):
    """Has the name of a built-in algorithm, and a parameter more."""

    chance: Probability = 0.5


class Idle(Algorithm):
    pass


class Returns(Algorithm):
    def worker(self, w):
        return None


class Thing:
    pass


class Holds(Shift):
    """Has a field of which nobody knows how it is read."""

    thing: Thing


class Unknown(Shift):
    """Has a field of a type that there is not."""

    thing: "Nothing"


number = 3
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_algorithms.py").write_text(MINE)
    (tmp_path / "misspelt.py").write_text("def (:\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "fails.py").write_text("import gossim\ngossim.no_such_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    # Each test imports the file afresh: a class of one file is another class in the next.
    for module in ("my_algorithms", "misspelt", "quits", "fails"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


@pytest.mark.parametrize("path", ["my_algorithms:Shift", "my_algorithms:Outer.Inner", "my_algorithms:Inherits"])
def test_a_users_algorithm_is_read_written_and_changed_as_a_built_in_one(path: str) -> None:
    described = scenario(algorithm={"name": path, "push_probability": 0.25})
    algorithm: Any = described.arms["arm"].algorithm
    assert (algorithm.name, algorithm.push_probability) == (path, 0.25)
    assert type(algorithm).__name__ == path.rpartition(".")[2].rpartition(":")[2]
    assert Scenario.parse(yaml.safe_load(described.to_yaml())) == described
    changed: Any = described.override({"arms.arm.algorithm.push_probability": 0.75}).arms["arm"].algorithm
    assert (changed.name, changed.push_probability) == (path, 0.75)
    other = described.override({"arms.arm.algorithm": {"name": "sgd"}})
    assert other.arms["arm"].algorithm.name == "sgd"


def test_a_users_algorithm_sends_messages() -> None:
    arm = scenario(algorithm={"name": "my_algorithms:Shift", "push_probability": 0.5}).arms["arm"]
    world = world_of(arm)
    for _ in world.windows(100, 10**9):
        pass
    assert world.network.messages_sent > 5
    assert sum(worker.alpha for worker in world.workers) + world.alpha_in_flight() == pytest.approx(1)


def test_built_in_ones_are_each_in_a_file_of_that_name() -> None:
    assert {name: cls.__module__ for name, cls in ALGORITHMS.items()} == {
        name: f"gossim.algorithms.{name}" for name in ALGORITHMS
    }
    assert not {"base", "kinds", "own"} & set(ALGORITHMS)
    with pytest.raises(KeyError):
        ALGORITHMS["my_algorithms:Shift"]


def test_a_file_without_the_algorithm_of_its_name_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "misnamed.py").write_text("from gossim.algorithms.sgd import SGD\n")
    monkeypatch.setattr(gossim.algorithms, "__path__", [*gossim.algorithms.__path__, str(tmp_path)])
    with pytest.raises(ImportError, match="must define a subclass of Algorithm with the name 'misnamed'"):
        class_in_file("gossim.algorithms.misnamed", Algorithm)


def test_made_in_python_it_is_named_by_where_it_is() -> None:
    mine: Any = importlib.import_module("my_algorithms")
    assert mine.Shift(push_probability=0.5).name == "my_algorithms:Shift"
    inner = mine.Outer.Inner(push_probability=0.5)
    assert scenario(algorithm=inner) == scenario(algorithm={"name": inner.name, "push_probability": 0.5})
    assert issubclass(mine.Shift, gossim.Algorithm)


def test_a_class_in_a_notebook_is_in_main(monkeypatch: pytest.MonkeyPatch) -> None:
    mine: Any = importlib.import_module("my_algorithms")
    monkeypatch.setattr(sys.modules["__main__"], "Shift", mine.Shift, raising=False)
    described = scenario(algorithm={"name": "__main__:Shift", "push_probability": 0.5})
    assert type(described.arms["arm"].algorithm) is mine.Shift
    assert Scenario.parse(described.to_data()) == described


@pytest.mark.parametrize(
    ("algorithm", "told"),
    [
        ({"name": "my_algorithms:Shift"}, ".push_probability: is required"),
        (
            {"name": "my_algorithms:Shift", "push_probability": 1.4},
            ".push_probability = 1.4: must be in [0, 1]",
        ),
        (
            {"name": "my_algorithms:Shift", "push_probability": 1.0, "push_probabilty": 1.0},
            ".push_probabilty = 1.0: unknown key; did you mean 'push_probability'?",
        ),
        (
            {"name": "my_algorithms:Shfit"},
            ".name = my_algorithms:Shfit: the module 'my_algorithms' has no 'Shfit'; did you mean 'Shift'?",
        ),
        (
            {"name": "my_algorithms:"},
            ".name = 'my_algorithms:': the module 'my_algorithms' has no ''; "
            "valid: GoSGDPush, Holds, Idle, Inherits, Returns, Shift, Unknown",
        ),
        (
            {"name": "my_algorithms:number"},
            ".name = my_algorithms:number: must be a subclass of gossim.Algorithm",
        ),
        (
            {"name": "my_algorithms:Idle"},
            ".name = my_algorithms:Idle: must have a method `worker(self, w)` that yields, as in `yield w.compute()`",
        ),
        (
            {"name": "my_algorithms:Returns"},
            ".name = my_algorithms:Returns: must have a method `worker(self, w)` that yields, "
            "as in `yield w.compute()`",
        ),
        (
            {"name": "no_such_file:Shift"},
            ".name = no_such_file:Shift: cannot be imported: ModuleNotFoundError: No module named 'no_such_file'",
        ),
        (
            {"name": "misspelt:Shift"},
            ".name = misspelt:Shift: cannot be imported: SyntaxError: invalid syntax (misspelt.py, line 1)",
        ),
        ({"name": "quits:Shift"}, ".name = quits:Shift: cannot be imported: SystemExit: 3"),
        (
            {"name": "fails:Shift"},
            ".name = fails:Shift: cannot be imported: AttributeError: module 'gossim' has no attribute 'no_such_thing'",
        ),
        ({"name": ":Shift"}, ".name = :Shift: cannot be imported: ValueError: Empty module name"),
        ({"name": "gosgd_pusj"}, ".name = gosgd_pusj: unknown name; did you mean 'gosgd_push'?"),
    ],
)
def test_a_users_algorithm_that_cannot_be_used_is_refused_with_the_reason(
    algorithm: dict[str, object], told: str
) -> None:
    with pytest.raises(gossim.ScenarioError) as error:
        scenario(algorithm=algorithm)
    assert error.value.problems == [f"arms.arm.algorithm{told}"]


@pytest.mark.parametrize(("name", "told"), [("Holds", "Thing'>"), ("Unknown", "name 'Nothing' is not defined")])
def test_a_field_that_cannot_be_read_is_told(name: str, told: str) -> None:
    with pytest.raises(gossim.ScenarioError) as error:
        scenario(algorithm={"name": f"my_algorithms:{name}", "push_probability": 0.5})
    (problem,) = error.value.problems
    assert problem.startswith(f"arms.arm.algorithm.name = my_algorithms:{name}: cannot be used: Pydantic")
    assert told in problem


def test_the_command_line_finds_an_algorithm_in_the_working_directory(here: Path) -> None:
    described = scenario(algorithm={"name": "my_algorithms:Shift", "push_probability": 0.25})
    (here / "mine.yaml").write_text(described.to_yaml())
    done = gossim_command("run", "mine.yaml", "--quiet", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    resolved = here / "runs" / "mine" / "scenario.yaml"
    assert load(resolved) == described
    again = gossim_command("run", resolved, "--out", "again", "--quiet", cwd=here)
    assert (again.returncode, again.stderr) == (0, "")
    for name in ("probes", "workers"):
        first, second = (here / out / f"{name}.parquet" for out in ("runs/mine", "again"))
        assert first.read_bytes() == second.read_bytes()
    (here / "my_algorithms.py").unlink()
    refused = gossim_command("validate", "mine.yaml", "--import", cwd=here)
    assert refused.returncode == 2
    assert "No module named 'my_algorithms'" in refused.stderr
    assert "Traceback" not in refused.stderr
