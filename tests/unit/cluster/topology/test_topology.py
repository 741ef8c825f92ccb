"""Topologies: their graphs, mixing matrices and spectral gaps, and what a scenario may say of them."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.stats
import yaml
from hypothesis import given
from hypothesis import strategies as st

import gossim
from gossim import theory
from gossim.cli.catalogue import catalogue
from gossim.cluster.topology import TOPOLOGIES, Complete
from gossim.cluster.topology.matchings import SYMMETRIC_MIXING, edge_matchings
from gossim.cluster.topology.mixing import MIXING, column_stochastic, doubly_stochastic, row_stochastic, symmetric
from gossim.cluster.topology.spectral import DENSE, second_modulus
from gossim.errors import RunError, ScenarioError
from gossim.execute.reference import Reference
from gossim.files import yaml12
from gossim.scenario.scenario import Scenario
from gossim.testing import trajectory
from support.commands import gossim_command
from support.present import present
from support.processes import ran
from support.scenarios import BASE, only_arm, scenario, world_of

WORKERS = 16
TREE = "".join(f"{(worker - 1) // 2},{worker}\n" for worker in range(1, WORKERS))


@pytest.fixture(params=sorted(TOPOLOGIES))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Each registered topology as a scenario has it."""
    return example(request.param, tmp_path)


def example(name: str, folder: Path) -> dict[str, Any]:
    data = {"name": name, **TOPOLOGIES[name].example}
    if name == "edge_list":
        data["file"] = str(folder / "tree.csv")
        Path(data["file"]).write_text(TREE)
    return data


def made(workers: int = WORKERS, seed: int = 0, **data: Any) -> Any:
    return TOPOLOGIES[data["name"]].model_validate(data).build(workers, seed)


def test_every_topology_is_made_and_mixes(written: dict[str, Any]) -> None:
    topology = made(**written)
    settings = topology.settings
    for round in range(9):
        graph, weights = topology.graph(round), topology.mixing(round)
        assert sorted(graph) == list(range(WORKERS))
        assert graph.is_directed() == settings.is_directed
        assert [list(topology.neighbours(m, round)) for m in range(WORKERS)] == [sorted(graph[m]) for m in graph]
        links = {(i, j) for j, i in zip(*weights.nonzero(), strict=True) if i != j}
        assert links == set(graph.edges if settings.is_directed else graph.to_directed().edges)
        assert settings.unfit_to_average() is None
        assert doubly_stochastic(weights)
        assert settings.is_directed or symmetric(weights)
        assert weights.diagonal().min() > 0
    assert 0 < topology.spectral_gap() <= 1
    together = nx.compose_all([topology.graph(round) for round in range(60)])
    assert nx.is_connected(together.to_undirected())
    assert nx.utils.graphs_equal(made(**written).graph(5), topology.graph(5))


def test_one_worker_has_nobody_under_any_topology(written: dict[str, Any]) -> None:
    settings = TOPOLOGIES[written["name"]].model_validate(written)
    assert settings.unfit(1) is None
    topology = settings.build(1, 0)
    assert topology.random_peer(0, 0.5) is None
    assert not topology.neighbours(0)
    assert len(topology.graph()) == 1
    assert topology.mixing().toarray() == [[1]]
    assert topology.spectral_gap() == 1


@pytest.mark.parametrize("name", ["gosgd_push", "gosgd_pull"])
def test_gossip_runs_on_every_topology_along_its_links(written: dict[str, Any], name: str) -> None:
    algorithm = {"name": name, f"{name.removeprefix('gosgd_')}_probability": 0.8}
    arm = only_arm(topology=written, algorithm=algorithm, workers=WORKERS, until={"gradient_steps": 400})
    world, facts, _ = trajectory(arm, Reference, timeline_limit=10**6)
    assert world.gradient_steps == 400
    assert 100 < facts[-1].messages_sent <= 400
    total = sum(worker.alpha for worker in world.workers) + world.alpha_in_flight()
    assert total == pytest.approx(1)


def test_a_push_goes_to_a_neighbour_of_that_round(written: dict[str, Any]) -> None:
    world = world_of(only_arm(topology=written, workers=WORKERS))
    for worker in world.workers:
        for worker.taken in range(3):
            drawn: list[Any] = [worker.random_peer() for _ in range(800)]
            allowed: list[Any] = list(world.context.topology.neighbours(worker.index, worker.steps))
            if len(allowed) < 2:
                assert set(drawn) == set(allowed or [None])
                continue
            counts = np.bincount(drawn, minlength=WORKERS)
            assert counts.sum() == counts[allowed].sum()
            assert scipy.stats.chisquare(counts[allowed]).pvalue > 1e-6


@given(uniform=st.floats(0, 1, exclude_max=True), workers=st.integers(2, 10**5), data=st.data())
def test_complete_draws_whom_it_always_drew(uniform: float, workers: int, data: st.DataObject) -> None:
    worker = data.draw(st.integers(0, workers - 1))
    drawn = int(uniform * (workers - 1))
    expected = drawn if drawn < worker else drawn + 1
    topology = Complete().build(workers, 0)
    assert topology.random_peer(worker, uniform, round=7) == expected
    assert expected != worker
    if workers < 100:
        neighbours = topology.neighbours(worker)
        assert neighbours[int(uniform * len(neighbours))] == expected


def test_seeds_pair_and_differ() -> None:
    for name in ("k_regular", "erdos_renyi", "small_world"):
        data = {"name": name, **TOPOLOGIES[name].example}
        graphs = [made(workers=30, seed=seed, **data).graph() for seed in (3, 3, 4)]
        assert set(graphs[0].edges) == set(graphs[1].edges) != set(graphs[2].edges), name
    matchings: dict[str, Any] = {"name": "matchings", "base": "ring", "activation_probability": 0.5}
    active = [[made(seed=seed, **matchings).active(round) for round in range(30)] for seed in (3, 3, 4)]
    assert active[0] == active[1] != active[2]
    backwards = made(seed=3, **matchings)
    assert [backwards.active(round) for round in reversed(range(30))] == active[0][::-1]


CLOSED_FORMS = [
    *[("complete", workers, 0.0) for workers in (2, 16, 33)],
    *[("ring", workers, theory.ring_second_eigenvalue(workers)) for workers in (3, 4, 5, 16, 33)],
    *[("star", workers, theory.star_second_eigenvalue(workers)) for workers in (3, 16, 33, DENSE + 1)],
    *[("torus", r * c, theory.torus_second_eigenvalue(r, c)) for r, c in [(3, 3), (4, 4), (3, 5), (6, 8), (40, 41)]],
    *[("hypercube", 2**d, theory.hypercube_second_eigenvalue(d)) for d in (1, 2, 5, 11)],
    *[("static_exponential", m, theory.exponential_second_eigenvalue(m)) for m in (2, 8, 12, 30, 64, 2 * DENSE)],
]


@pytest.mark.parametrize(("name", "workers", "second"), CLOSED_FORMS)
def test_spectral_gaps_in_closed_form(name: str, workers: int, second: float) -> None:
    assert made(workers, name=name).spectral_gap() == pytest.approx(1 - second, abs=1e-9)


def test_a_grid_is_shaped_as_asked() -> None:
    for name, line, two_rows in (("grid", 7, 10), ("torus", 8, 12)):
        assert made(8, name=name, rows=1).graph().number_of_edges() == line
        assert made(8, name=name, rows=2).graph().number_of_edges() == two_rows
        assert set(made(8, name=name).graph().edges) == set(made(8, name=name, rows=2).graph().edges)
    assert list(made(12, name="grid").neighbours(5)) == [1, 4, 6, 9]
    assert list(made(12, name="torus").neighbours(0)) == [1, 3, 4, 8]
    assert nx.is_isomorphic(made(7, name="torus").graph(), nx.cycle_graph(7))


@pytest.mark.parametrize("degree", [3, 4, 8])
def test_random_regular_graphs_come_near_the_best(degree: int) -> None:
    topology = made(3000, seed=5, name="k_regular", degree=degree)
    assert 1 - topology.spectral_gap() == pytest.approx(theory.random_regular_second_eigenvalue(degree), abs=0.02)


@pytest.mark.parametrize(("workers", "degree"), [(2, 1), (3, 2), (14, 3), (14, 7), (14, 12), (14, 13), (60, 40)])
def test_degrees_are_as_asked(workers: int, degree: int) -> None:
    for seed in range(3):
        graph = made(workers, seed=seed, name="k_regular", degree=degree).graph()
        assert {d for _, d in graph.degree} == {degree}


@given(data=st.data(), workers=st.integers(2, 12))
def test_metropolis_hastings_is_doubly_stochastic_on_any_graph(data: st.DataObject, workers: int) -> None:
    pairs = st.tuples(st.integers(0, workers - 1), st.integers(0, workers - 1)).filter(lambda pair: pair[0] != pair[1])
    graph = nx.path_graph(workers)
    graph.add_edges_from(data.draw(st.lists(pairs, max_size=30)))
    degree = dict(graph.degree)
    weights = {name: MIXING[name](graph) for name in MIXING}
    for name in SYMMETRIC_MIXING:
        assert symmetric(weights[name])
        assert doubly_stochastic(weights[name])
    for i, j in graph.edges:
        assert weights["metropolis_hastings"][i, j] == pytest.approx(1 / (1 + max(degree[i], degree[j])))
        assert weights["uniform"][i, j] == pytest.approx(1 / (1 + degree[i]))
    assert np.linalg.eigvalsh(weights["lazy"].toarray())[0] > -1e-12
    assert 0 <= second_modulus(weights["metropolis_hastings"]) < 1 - 1e-6
    assert row_stochastic(weights["uniform"])
    assert column_stochastic(weights["push_sum"])
    regular = len(set(degree.values())) == 1
    assert doubly_stochastic(weights["uniform"]) == doubly_stochastic(weights["push_sum"]) == regular


@given(data=st.data(), workers=st.integers(2, 9))
def test_push_sum_is_column_stochastic_on_any_directed_graph(data: st.DataObject, workers: int) -> None:
    pairs = st.tuples(st.integers(0, workers - 1), st.integers(0, workers - 1)).filter(lambda pair: pair[0] != pair[1])
    graph = nx.DiGraph(data.draw(st.lists(pairs, max_size=30)))
    graph.add_nodes_from(range(workers))
    push_sum, uniform = MIXING["push_sum"](graph), MIXING["uniform"](graph)
    assert column_stochastic(push_sum)
    assert row_stochastic(uniform)
    for i, j in graph.edges:
        assert push_sum[j, i] == pytest.approx(1 / (graph.out_degree(i) + 1))
        assert uniform[j, i] == pytest.approx(1 / (graph.in_degree(j) + 1))


def test_arpack_agrees_with_all_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ring", "small_world", "static_exponential", "star"):
        matrix = made(60, name=name, **TOPOLOGIES[name].example).mixing()
        exact = second_modulus(matrix)
        with monkeypatch.context() as patched:
            patched.setattr("gossim.cluster.topology.spectral.DENSE", 10)
            assert second_modulus(matrix) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("workers", [2, 4, 16, 64])
def test_one_peer_a_round_averages_exactly_over_a_period(workers: int) -> None:
    """Source: Ying et al. 2021, arXiv:2110.13363; and no graph of other sizes does."""
    topology = made(workers, name="one_peer_exponential")
    product = np.eye(workers)
    for round in range(5, 5 + int(math.log2(workers))):  # from any round on
        assert {len(topology.neighbours(m, round)) for m in range(workers)} == {1}
        product = topology.mixing(round) @ product
    assert product == pytest.approx(np.full((workers, workers), 1 / workers))
    assert topology.spectral_gap() == pytest.approx(1)
    assert made(workers + 1, name="one_peer_exponential").spectral_gap() < 0.99


@pytest.mark.parametrize("base", ["ring", "torus", "hypercube", "star", "grid", "complete"])
def test_matchings_cover_the_base(base: str) -> None:
    graph = made(name=base).graph()
    matching = edge_matchings(graph)
    assert set(matching) == {(min(link), max(link)) for link in graph.edges}
    for number in set(matching.values()):
        assert nx.is_matching(graph, {link for link, other in matching.items() if other == number})
    assert max(matching.values()) + 1 <= 2 * max(dict(graph.degree).values()) - 1
    if base in ("ring", "torus", "hypercube", "star", "grid"):
        assert max(matching.values()) + 1 == max(dict(graph.degree).values())


@pytest.mark.parametrize("base", [{"name": "ring"}, {"name": "star", "mixing": "lazy"}, {"name": "grid"}])
@pytest.mark.parametrize("probability", [0.2, 0.5, 1.0])
def test_expectations_over_matchings(base: dict[str, Any], probability: float) -> None:
    """E[W] and E[WᵀW] against the sum over all 2^n ways in which n matchings can be active."""
    topology: Any = made(6, name="matchings", base=base, activation_probability=probability)
    mean, square = np.zeros((6, 6)), np.zeros((6, 6))
    for number in range(2**topology.matchings):
        active = tuple(bool(number >> bit & 1) for bit in range(topology.matchings))
        topology.active = lambda round, active=active: active
        weights = topology.mixing().toarray()
        assert doubly_stochastic(topology.mixing())
        chance = math.prod(probability if on else 1 - probability for on in active)
        mean += chance * weights
        square += chance * weights.T @ weights
    assert topology.expected_mixing().toarray() == pytest.approx(mean)
    assert topology.expected_square().toarray() == pytest.approx(square)
    assert topology.spectral_gap() == pytest.approx(1 - math.sqrt(np.linalg.norm(square - 1 / 6, 2)))
    if probability == 1:
        assert topology.spectral_gap() == pytest.approx(made(6, **base).spectral_gap())


def test_matchings_are_active_as_often_as_asked() -> None:
    topology: Any = made(name="matchings", base="complete", activation_probability=0.3)
    drawn = np.array([topology.active(round) for round in range(4000)])
    error = math.sqrt(0.3 * 0.7 / len(drawn))
    assert drawn.mean(axis=0) == pytest.approx(0.3, abs=5 * error)
    assert np.abs(np.corrcoef(drawn.T)[np.triu_indices(topology.matchings, k=1)]).max() < 6 / math.sqrt(len(drawn))


@pytest.mark.parametrize("workers", [3, 8, 20])
def test_pairwise_averaging_on_the_complete_graph(workers: int) -> None:
    contact = (np.ones((workers, workers)) - np.eye(workers)) / (workers - 1)
    eigenvalues = np.linalg.eigvalsh(theory.pairwise_averaging(contact))
    assert eigenvalues[:-1] == pytest.approx(theory.complete_pairwise_second_eigenvalue(workers))
    assert eigenvalues[-1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["complete", "ring", "star", "static_exponential"])
def test_pairwise_averaging_with_drawn_peers(name: str) -> None:
    """E[x after n contacts] and E Σ (x_i − x̄)² after one: of peers that `random_peer` draws, against E[W]."""
    workers, contacts, repeats = 6, 8, 8_000
    topology = made(workers, name=name)
    graph = topology.graph()
    contact = nx.to_numpy_array(graph) / np.array([[len(graph[m])] for m in range(workers)])
    expected = theory.pairwise_averaging(contact)
    start = np.arange(workers, dtype=float) ** 2
    random = np.random.default_rng(7)
    ends, spreads = [], []
    for _ in range(repeats):
        x = start.copy()
        for number, (worker, uniform) in enumerate(
            zip(random.integers(workers, size=contacts).tolist(), random.random(contacts).tolist(), strict=True)
        ):
            pair = [worker, topology.random_peer(worker, uniform)]
            x[pair] = x[pair].mean()
            if number == 0:
                spreads.append(((x - x.mean()) ** 2).sum())
        ends.append(x)
    error = np.std(ends, axis=0) / math.sqrt(repeats)
    mean = np.linalg.matrix_power(expected, contacts) @ start
    assert (np.abs(np.mean(ends, axis=0) - mean) < 5 * error).all()
    centred = start - start.mean()
    spread_error = np.std(spreads) / math.sqrt(repeats)
    assert np.mean(spreads) == pytest.approx(centred @ expected @ centred, abs=5 * spread_error)


def test_why_a_topology_does_not_keep_the_mean(written: dict[str, Any]) -> None:
    kind = TOPOLOGIES[written["name"]]
    if written["name"] in ("matchings", "base_k"):
        assert kind.model_validate(written).unfit_to_average(undirected=True) is None
        return
    for mixing in ("uniform", "push_sum"):
        settings = kind.model_validate({**written, "mixing": mixing})
        keeps = doubly_stochastic(settings.build(WORKERS, 0).mixing())
        reason = settings.unfit_to_average()
        assert (reason is None) == keeps
        if reason:
            assert f"not doubly stochastic: under '{mixing}'" in reason
            assert f"'{written['name']}' does not promise that; use metropolis_hastings or lazy" in reason
    if kind.model_validate(written).is_directed:
        assert "is directed" in present(kind.model_validate(written).unfit_to_average(undirected=True))


MISTAKES: list[tuple[Any, int, str]] = [
    ("rnig", 4, "topology = rnig: unknown name; did you mean 'ring'?"),
    ({"name": "toru"}, 4, "topology.name = toru: unknown name; did you mean 'torus'?"),
    (3, 4, "topology = 3: must be a mapping that says by its `name`"),
    ({"degree": 4}, 4, "topology = {degree: 4}: must be a mapping that says by its `name`"),
    ({"name": "ring", "degree": 4}, 4, "topology.degree = 4: unknown key"),
    ({"name": "ring", "mixing": "lasy"}, 4, "topology.mixing = lasy: unknown mixing; did you mean 'lazy'?"),
    (
        {"name": "static_exponential", "mixing": "lazy"},
        4,
        "topology.mixing = lazy: unknown mixing; valid: push_sum, uniform",
    ),
    ({"name": "grid", "rows": 3}, 8, "rows: 3}: 8 workers cannot stand in 3 equal rows"),
    ({"name": "torus", "rows": 0}, 8, "topology.rows = 0: must be a whole number >= 1"),
    ("hypercube", 12, "needs a power of two of workers, and there are 12"),
    ("k_regular", 4, "topology.degree: is required"),
    ({"name": "k_regular", "degree": 4}, 4, "4 workers cannot have degree 4: each has only 3 others"),
    ({"name": "k_regular", "degree": 3}, 5, "5 workers of degree 3 would make half a link: one of the numbers must be"),
    ({"name": "k_regular", "degree": 1}, 4, "degree 1 makes pairs that no link joins"),
    ({"name": "erdos_renyi", "edge_probability": 0.0}, 4, "topology.edge_probability = 0.0: must be in (0, 1]"),
    ({"name": "erdos_renyi", "edge_probability": 1.5}, 4, "topology.edge_probability = 1.5: must be in (0, 1]"),
    (
        {"name": "small_world", "neighbours": 3, "rewiring_probability": 0.1},
        8,
        "topology.neighbours = 3: must be an even number >= 2, half of it to each side",
    ),
    (
        {"name": "small_world", "neighbours": 4, "rewiring_probability": 0.1},
        4,
        "4 workers cannot have 4 neighbours: each has only 3 others",
    ),
    ({"name": "matchings", "activation_probability": 0.5}, 4, "topology.base: is required"),
    (
        {"name": "matchings", "base": "rnig", "activation_probability": 0.5},
        4,
        "topology.base = rnig: unknown name; did you mean 'ring'?",
    ),
    (
        {"name": "matchings", "base": "static_exponential", "activation_probability": 0.5},
        4,
        "topology.base = static_exponential: unknown name",
    ),
    (
        {"name": "matchings", "base": {"name": "ring", "mixing": "uniform"}, "activation_probability": 0.5},
        4,
        "topology.base.mixing = uniform: must be metropolis_hastings or lazy, in which both ends",
    ),
    (
        {"name": "matchings", "base": "hypercube", "activation_probability": 0.5},
        5,
        "its base, hypercube: needs a power of two of workers, and there are 5",
    ),
    ({"name": "edge_list", "file": "absent.csv"}, 4, "absent.csv: cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(("topology", "workers", "message"), MISTAKES)
def test_a_mistake_is_told_with_path_value_and_rule(topology: Any, workers: int, message: str) -> None:
    with pytest.raises(ScenarioError, match="1 problem\n  topology") as caught:
        scenario(topology=topology, workers=workers)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("0,1\n1,x\n", {}, "links.csv, line 2: '1 x': must be the numbers of two workers, as in 0,1"),
        ("0,1\n\n# a,b\n1,2,3\n", {}, "links.csv, line 4: '1 2 3'"),
        ("0,-1\n", {}, "links.csv, line 1: '0 -1'"),
        ("0," + "9" * 5000, {}, "links.csv, line 1: '0 999"),
        ("0,1\n2,2\n", {}, "links.csv, line 2: links worker 2 to itself"),
        ("# nothing\n", {}, "links.csv: lists no links"),
        ("0,1\n2,1\n", {}, "worker 3 has no link to any other of the 4 workers"),
        ("0,1\n2,3\n", {}, "the 4 workers fall into 2 parts"),
        ("0,1\n1,2\n2,3\n", {"directed": True}, "the 4 workers fall into 4 parts, each of whom can reach all others"),
        (
            "0,1\n",
            {"directed": True, "mixing": "lazy"},
            "topology.mixing = lazy: a directed graph has uniform or push_",
        ),
    ],
)
def test_edge_lists_that_cannot_be_used(tmp_path: Path, content: str, more: dict[str, Any], message: str) -> None:
    path = tmp_path / "links.csv"
    path.write_text(content)
    with pytest.raises(ScenarioError, match="1 problem\n  topology") as caught:
        scenario(topology={"name": "edge_list", "file": str(path), **more})
    assert message in str(caught.value)


def test_an_edge_list_gives_the_links_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    path.write_text("\ufeff0,1 # a comment\n1 0\n\n1 , 2\n3 2\n", encoding="utf-8")
    arm = only_arm(topology={"name": "edge_list", "file": str(path)})
    assert [list(world_of(arm).context.topology.neighbours(m)) for m in range(4)] == [[1], [0, 2], [1, 3], [2]]
    with pytest.raises(ScenarioError, match=r"line 5: links 3 and 2, and no arm has that worker"):
        only_arm(topology={"name": "edge_list", "file": str(path)}, workers=3)
    assert (
        only_arm(topology={"name": "edge_list", "file": str(path)}, workers=3, unused="warn").topology.unfit(3) is None
    )
    around = tmp_path / "around.csv"
    around.write_text("0,1\n1,2\n2,3\n3,0\n")
    directed = only_arm(topology={"name": "edge_list", "file": str(around), "directed": True})
    assert directed.topology.model_dump()["mixing"] == "uniform"
    assert [list(world_of(directed).context.topology.neighbours(m)) for m in range(4)] == [[1], [2], [3], [0]]
    base = {"name": "edge_list", "file": str(around), "directed": True}
    with pytest.raises(ScenarioError, match="must not be directed: a matching is of pairs"):
        scenario(topology={"name": "matchings", "base": base, "activation_probability": 0.5})


def test_a_graph_that_is_not_connected_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = {"name": "erdos_renyi", "edge_probability": 0.02}
    with pytest.raises(RunError, match=r"'erdos_renyi' drawn with seed 3 falls into \d+ parts that no link joins"):
        made(20, seed=3, **sparse)
    monkeypatch.setattr(TOPOLOGIES["small_world"], "TRIES", 1)
    with pytest.raises(RunError, match="'small_world' drawn with seed 2 was not connected in 1 draws"):
        made(40, seed=2, name="small_world", neighbours=2, rewiring_probability=1.0)
    arms = {"sparse": {"algorithm": {"name": "sgd"}, "topology": sparse}, "dense": {"algorithm": {"name": "sgd"}}}
    with pytest.raises(RunError, match="arm 'sparse', seed 0: the topology 'erdos_renyi' drawn with seed 0 falls into"):
        gossim.run(Scenario.parse({**BASE, "arms": arms}))


def test_the_resolved_topology_is_read_back(written: dict[str, Any]) -> None:
    sgd: dict[str, Any] = {"algorithm": {"name": "sgd"}}
    for shared in ("complete", "torus", written):
        arms = {"own": {**sgd, "topology": written}, "alone": {**sgd, "workers": 1}}
        parsed = Scenario.parse({**BASE, "workers": WORKERS, "topology": shared, "arms": arms})
        again = Scenario.parse(yaml12.read(parsed.to_yaml()))
        assert again == parsed
        assert again.arms["own"].topology == parsed.arms["own"].topology
        assert again.arms["own"].topology == only_arm(topology=written, workers=WORKERS).topology


def test_an_arm_may_have_another_topology() -> None:
    own = {"name": "k_regular", "degree": 3, "mixing": "lazy"}
    for shared, arms, expected in [
        ("ring", "torus", {"name": "torus", "mixing": "metropolis_hastings", "rows": None}),
        ("ring", own, own),
        (own, "ring", {"name": "ring", "mixing": "metropolis_hastings"}),
        (own, {"mixing": "uniform"}, {**own, "mixing": "uniform"}),
        (
            {"name": "grid", "rows": 2},
            {"name": "torus"},
            {"name": "torus", "mixing": "metropolis_hastings", "rows": None},
        ),
    ]:
        arm = {"algorithm": {"name": "sgd"}, "topology": arms}
        parsed = Scenario.parse({**BASE, "topology": shared, "arms": {"arm": arm}})
        assert parsed.arms["arm"].topology.model_dump() == expected
        assert Scenario.parse(parsed.to_data()) == parsed
    assert scenario().to_data()["topology"] == {"name": "complete", "mixing": "metropolis_hastings"}


def test_many_workers_are_practical() -> None:
    assert Complete().build(10**5, 0).random_peer(99_999, 0.5) == 49_999
    assert made(10**5, name="one_peer_exponential").random_peer(99_999, 0.5, round=3) == 7
    ring = made(30_000, name="ring")
    assert ring.random_peer(29_999, 0.7) == 29_998
    assert ring.mixing().nnz == 3 * 30_000


def test_lists_show_gaps_and_why_there_is_none() -> None:
    def gaps(workers: int) -> dict[str, str]:
        cells: list[list[Any]] = [list(column.cells) for column in catalogue("topologies", workers).columns]
        names, *_, shown = cells
        return dict(zip(names, shown, strict=True))

    sixteen, twelve = gaps(16), gaps(12)
    assert set(sixteen) == set(TOPOLOGIES)
    assert sixteen["ring"] == f"{1 - theory.ring_second_eigenvalue(16):.3g}"
    assert sixteen["k_regular"].endswith("\ndegree: 4")
    assert sixteen["edge_list"] == "depends on the file"
    assert "E[WᵀW]" in sixteen["matchings"]
    assert twelve["hypercube"] == "needs a power of two of workers, and there are 12"
    assert "drawn with seed 0 falls into" in gaps(2)["erdos_renyi"] + gaps(3)["erdos_renyi"] + gaps(4)["erdos_renyi"]
    assert gaps(1)["ring"] == "1"
    listed = gossim_command("list", "topologies", "--workers", "12")
    assert "12 workers" in " ".join(listed.stdout.split())
    assert f"{1 - theory.ring_second_eigenvalue(12):.3g}" in listed.stdout
    assert gossim_command("list", "topologies", "--workers", "0").returncode == 2


def test_networkx_is_imported_only_where_there_is_a_graph(tmp_path: Path) -> None:
    code = "import sys; from gossim.cli.main import main\n"
    for topology in ("complete", "ring"):
        path = tmp_path / f"{topology}.yaml"
        path.write_text(yaml.safe_dump({**BASE, "compute": {"time_s": 0.1}, "topology": topology}))
        for command in (["--help"], ["validate", str(path)]):
            code += f"sys.argv = ['gossim', *{command}]\ntry: main()\nexcept SystemExit as end: assert not end.code\n"
    done = ran([sys.executable, "-c", code + "sys.exit('networkx' in sys.modules or 'scipy' in sys.modules)"])
    assert done.returncode == 0, done.stderr
