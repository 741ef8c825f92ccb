"""What `gossim list` says of parameters: names, rules, choices, defaults."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from gossim.algorithms import ALGORITHMS
from gossim.cluster.topology import TOPOLOGIES
from gossim.optimizers import SCHEDULES
from gossim.problems import MODELS
from gossim.schema.describe import parameters
from support import commands


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (ALGORITHMS["gosgd_push"], "push_probability in [0, 1] (required)"),
        (ALGORITHMS["local_sgd"], "period >= 1 (required)"),
        (ALGORITHMS["moshpit"], "group_size >= 2 (required)"),
        (ALGORITHMS["moshpit"], "period = 1 (>= 1)"),
        (ALGORITHMS["allreduce"], "collective = ring"),
        (ALGORITHMS["allreduce"], "timeout_s = null (> 0)"),
        (ALGORITHMS["dpsgd"], "order = combine_then_adapt (or adapt_then_combine)"),
        (ALGORITHMS["choco"], "compression: none, top_k, random_k, sign, quantize (required)"),
        (ALGORITHMS["downpour"], "staleness_aware = false"),
        (ALGORITHMS["ssp"], "staleness >= 0 or null (required)"),
        (MODELS["mlp"], "hidden each >= 1 (required)"),
        (SCHEDULES["warmup"], "then = constant"),
        (TOPOLOGIES["edge_list"], "file (required)"),
    ],
)
def test_a_parameter_is_described_with_rule_and_default(section: type, line: str) -> None:
    assert line in parameters(section)


def test_every_parameter_is_listed_with_what_it_takes() -> None:
    for name, algorithm in ALGORITHMS.items():
        listed = parameters(algorithm)
        assert len(listed) == len(algorithm.model_fields) - 1, name
        assert all("Undefined" not in line and "object at" not in line for line in listed)


@pytest.mark.parametrize("columns", [80, 160])
def test_the_list_reads_on_a_narrow_terminal_as_on_a_wide_one(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(commands.ENVIRONMENT, "COLUMNS", str(columns))
    listed = commands.gossim_command("list", "algorithms").stdout
    lines = listed.splitlines()
    assert max(map(cell_len, lines)) <= columns
    for name, algorithm in ALGORITHMS.items():
        assert any(line.startswith(f" {name} ") for line in lines), name
        for parameter in algorithm.model_fields:
            assert parameter == "name" or f" {parameter} " in listed or f" {parameter}:" in listed
    for number in ("arXiv:1611.09726", "arXiv:1710.06952", "arXiv:2103.03239"):
        assert number in listed
