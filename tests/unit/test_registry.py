"""The shape of the code: registries are complete, planes keep apart, the command line stays light."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gossim.algorithms import ALGORITHMS
from gossim.cli.catalogue import catalogue
from gossim.cli.list_ import Topic
from gossim.cluster.collectives import COLLECTIVES
from gossim.cluster.topology import TOPOLOGIES
from gossim.optimizers import OPTIMIZERS, SCHEDULES
from gossim.problems import DATA, MODELS
from support import algorithms
from support.commands import ROOT
from support.processes import ran

PACKAGE = ROOT / "gossim"
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_every_algorithm_gets_the_common_tests() -> None:
    assert set(algorithms.ALGORITHMS) == set(ALGORITHMS)
    assert set(algorithms.WEIGHTED) == {name for name, algorithm in ALGORITHMS.items() if algorithm.weighted}


def test_the_names_promised_to_users_are_registered() -> None:
    assert {"sgd", "allreduce", "gosgd_push", "gosgd_pull"} <= set(ALGORITHMS)
    assert {"logistic", "mlp", "gosgd_cnn", "quadratic", "noise"} <= set(MODELS)
    assert {"digits", "mnist5k", "cifar10"} <= set(DATA)


@pytest.mark.parametrize("topic", list(Topic))
def test_everything_listed_says_what_it_is(topic: str) -> None:
    table = catalogue(topic)
    names, _, meanings, *_ = (list(column.cells) for column in table.columns)
    registries = {
        "algorithms": ALGORITHMS,
        "data": DATA,
        "optimizers": OPTIMIZERS,
        "schedules": SCHEDULES,
        "collectives": COLLECTIVES,
        "topologies": TOPOLOGIES,
    }
    assert set(names) >= set(registries.get(topic, {}))
    assert names
    assert all(meanings)


def imports(module: Path) -> set[str]:
    """The packages that a module imports, wherever in it, unless for its type annotations only."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).split(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(module.read_text(encoding="utf-8")))
    return found


def defined(module: Path) -> Iterator[str]:
    """The public classes and aliases of types that a module defines; not the single letters of type variables."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for each in targets if isinstance(each, ast.Name) and re.match("[A-Z][a-z]", each.id))


def test_no_public_class_or_alias_is_defined_twice() -> None:
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for name in defined(module):
            places.setdefault(name, []).append(str(module.relative_to(PACKAGE)))
    assert not {name: where for name, where in places.items() if len(where) > 1 and not name.startswith("_")}


def test_torch_is_imported_only_when_needed() -> None:
    modules = "gossim, gossim.cli.main, gossim.scenario.scenario, gossim.sim.world"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert ran([sys.executable, "-c", code]).returncode == 0


def test_no_global_random_state() -> None:
    """No call to numpy's or Python's module-level generators anywhere in the package.

    But where they are kept as they were while a user's factory runs, and where draws from them are found.
    """
    guards = {PACKAGE / name for name in ("files/process_state.py", "problems/state.py", "problems/watching.py")}
    for module in sorted({*MODULES} - guards):
        text = module.read_text(encoding="utf-8")
        assert "random" not in imports(module), module
        for forbidden in ("np.random.seed", "np.random.rand", "np.random.normal", "np.random.choice"):
            assert forbidden not in text, module


def test_the_reference_stays_short() -> None:
    code = (PACKAGE / "execute" / "reference.py").read_text(encoding="utf-8")
    body = code[code.index("class Reference") :]
    assert len(body.splitlines()) < 40
