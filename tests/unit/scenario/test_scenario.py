"""Scenario files: what they may say, and how a mistake is told."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gossim.algorithms import ALGORITHMS
from gossim.cluster.durations import Distribution, continuous_distributions
from gossim.errors import ScenarioError
from gossim.files import yaml12
from gossim.scenario.scenario import Scenario, load
from gossim.scenario.sweep import Sweep
from gossim.scenario.yaml_file import read
from support.commands import ROOT
from support.present import present
from support.scenarios import BASE, scenario

SCENARIOS = ROOT / "scenarios"
SHIPPED = sorted(path for path in SCENARIOS.glob("*.yaml") if "sweep" not in read(path))


def changed(path: str, value: Any) -> dict[str, Any]:
    """BASE with another value at the dotted path."""
    data = copy.deepcopy(BASE)
    *way, last = path.split(".")
    here = data
    for part in way:
        here = here.setdefault(part, {})
    here[last] = value
    return data


MISTAKES = [
    ("workrs", 8, "workrs = 8: unknown key; did you mean 'workers'?"),
    ("optimizer.momentun", 0.9, "optimizer.momentun = 0.9: unknown key; did you mean 'momentum'?"),
    ("workers", 0, "workers = 0: must be a whole number >= 1"),
    ("workers", 2.5, "workers = 2.5: must be a whole number"),
    ("workers", True, "workers = true: must be a whole number"),
    ("workers", "8", "workers = '8': must be a whole number"),
    ("seed", -1, "seed = -1: must be a whole number from 0 to"),
    ("optimizer.learning_rate", float("nan"), "optimizer.learning_rate = .nan: must be finite"),
    ("optimizer.learning_rate", "fast", "optimizer.learning_rate = fast: must be a number"),
    ("optimizer.learning_rate", -0.1, "optimizer.learning_rate = -0.1: must be >= 0"),
    ("optimizer.momentum", 1.0, "optimizer.momentum = 1.0: must be in [0, 1)"),
    ("network.latency_s", -0.01, "network.latency_s = -0.01: must be >= 0"),
    ("network.bandwidth_bytes_per_s", 0, "network.bandwidth_bytes_per_s = 0: must be > 0"),
    ("network.bandwidth_bytes_per_s", float("inf"), "network.bandwidth_bytes_per_s = .inf: must be finite"),
    ("network", None, "network: is required where there is more than one worker"),
    ("network", {"latency_s": 0.1}, "network.bandwidth_bytes_per_s: is required"),
    ("compute.time_s", 0, "compute.time_s = 0: must be > 0"),
    ("compute.time_s", {"distribution": "lognrom", "s": 1}, "unknown distribution 'lognrom'; did you mean 'lognorm'?"),
    ("compute.time_s", {"distribution": "lognorm", "scale": 1}, "lognorm needs s"),
    ("compute.time_s", {"distribution": "expon", "s": 1}, "expon has no parameter 's'"),
    ("compute.time_s", {"distribution": "expon", "scale": "x"}, "compute.time_s.scale = x: must be a number"),
    ("compute.time_s", {"distribution": "expon", "scale": -1}, "scipy refuses these parameters of expon"),
    (
        "compute.time_s",
        {"distribution": "norm", "loc": 1, "scale": 0.1},
        "norm reaches down to -infinity, and a time cannot be negative; use lognorm, gamma",
    ),
    ("compute.time_s", {"distribution": "uniform", "loc": -0.5}, "uniform reaches down to -0.5"),
    (
        "compute.stragglers",
        [{"workers": [4], "factor": 2}],
        "compute.stragglers.0.workers.0 = 4: must be below 4: workers are numbered 0 to 3",
    ),
    (
        "compute.stragglers",
        [{"factor": 2}],
        "compute.stragglers.0 = {name: persistent, factor: 2}: must have workers or",
    ),
    (
        "compute.stragglers",
        [{"name": "burst"}],
        "compute.stragglers.0.name = burst: unknown name; did you mean 'bursty'?",
    ),
    (
        "compute.stragglers",
        [{"name": "random_slowdown", "probability": 1.5, "factor": 3}],
        "compute.stragglers.0.probability = 1.5: must be in [0, 1]",
    ),
    (
        "compute.stragglers",
        [{"name": "bursty", "mean_between_s": 0, "mean_length_s": 1, "factor": 3}],
        "compute.stragglers.0.mean_between_s = 0: must be >= 1e-9, a nanosecond",
    ),
    (
        "compute.time_s",
        {"distribution": "shifted_exponential", "shift_s": -1, "rate_per_s": 2},
        "compute.time_s.shift_s = -1: must be >= 0",
    ),
    (
        "compute.time_s",
        {"distribution": "shifted_exponental", "shift_s": 1},
        "did you mean 'shifted_exponential'?",
    ),
    (
        "compute.time_s",
        {"distribution": "empirical", "file": "absent.csv", "column": "a"},
        "absent.csv: cannot be read: No such file or directory",
    ),
    ("compute.stragglers", {"workers": [1]}, "compute.stragglers = {workers: [1]}: must be a list"),
    ("until", {}, "until = {}: must have at least one of time_s, gradient_steps, epochs"),
    ("until.epochs", 2, "until.epochs = 2.0: the model 'quadratic' has no data, and so no epochs"),
    ("target", {"test_loss": 1.0, "train_loss": 1.0}, "must have exactly one of train_loss, test_loss, test_accuracy"),
    ("topology", "rnig", "topology = rnig: unknown name; did you mean 'ring'?"),
    ("device", "gpu", "device = gpu: unknown device; "),
    ("dtype", "float23", "dtype = float23: unknown dtype; did you mean 'float32'?"),
    (
        "problem.model",
        {"name": "mpl", "hidden": [3]},
        "problem.model.name = mpl: unknown name; did you mean 'mlp'?",
    ),
    ("problem.model", {"hidden": [3]}, "problem.model = {hidden: [3]}: must be a mapping that says by its `name`"),
    ("problem.model", {"name": "mlp"}, "problem.model.hidden: is required"),
    ("problem.model", {"name": "logistic"}, "problem.data: is required by the model 'logistic'"),
    ("problem.data", {"name": "digits"}, "the model 'quadratic' has none; leave it out"),
    ("arms.arm.algorithm.push_probability", 1.4, "arms.arm.algorithm.push_probability = 1.4: must be in [0, 1]"),
    (
        "arms.arm.algorithm.name",
        "gosgd_psh",
        "arms.arm.algorithm.name = gosgd_psh: unknown name; did you mean 'gosgd_push'?",
    ),
    ("arms.arm.algoritm", {}, "arms.arm.algoritm = {}: unknown key; did you mean 'algorithm'?"),
    ("arms.other", {}, "arms.other.algorithm: is required"),
    ("arms.other", 3, "arms.other = 3: must be a mapping with an `algorithm`"),
    ("arms", {}, "arms = {}: must be a mapping with at least one arm"),
    ("title", "x\ud800y", 'title = "x\\uD800y": must be a text that UTF-8 can write, without lone surrogates'),
    ("arms.a\ud800", {"algorithm": {"name": "sgd"}}, "must be a text without $, [, ], \\, line breaks and surrogates"),
    ("arms.arm.workers", 1.5, "arms.arm.workers = 1.5: must be a whole number"),
    ("arms.arm.seed", 3, "arms.arm.seed = 3: unknown key"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[f"{p}={v}"[:50] for p, v, _ in MISTAKES])
def test_a_mistake_is_told_with_path_value_and_rule(path: str, value: Any, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(changed(path, value), "file.yaml")
    assert len(caught.value.problems) == 1, caught.value
    assert message in str(caught.value)
    assert str(caught.value).startswith("file.yaml: 1 problem\n")


@pytest.mark.parametrize("section", ["until", "workers", "problem", "optimizer", "compute", "probe", "arms"])
def test_a_missing_section_is_told_once(section: str) -> None:
    data = copy.deepcopy(BASE)
    del data[section]
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(data, "file.yaml")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{section}: ")


def test_all_mistakes_are_told_at_once() -> None:
    data = changed("workrs", 8)
    data["seed"] = "x"
    data["arms"]["arm"]["algorithm"]["push_probability"] = -1
    with pytest.raises(ScenarioError, match="3 problems"):
        Scenario.parse(data)


@pytest.mark.parametrize("data", [None, 3, "text", ["list"]])
def test_a_scenario_is_a_mapping(data: Any) -> None:
    with pytest.raises(ScenarioError, match="must be a mapping of keys to values"):
        Scenario.parse(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "line 1, column 9: not valid YAML: expected ',' or ']'"),
        ("a: 1\na: 2\n", "line 2, column 1: not valid YAML: the key 'a' stands here a second time"),
        ("a: \tb: c", "not valid YAML"),
        ("", "must be a mapping"),
        ("? [1, 2]\n: 3", "not valid YAML: a key must be a word or a number"),
        ("seed: !!int abc", "not valid YAML"),
        ("seed: " + "9" * 5000, "not valid YAML"),
        ("seed: " + "[" * 5000, "not valid YAML"),
        ("!!python/object:os.system {}", "not valid YAML: could not determine a constructor"),
    ],
)
def test_broken_yaml_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match="broken.yaml: 1 problem") as caught:
        load(path)
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(ScenarioError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9t\xe9")
    with pytest.raises(ScenarioError, match="is not a text in UTF-8"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.25e8", 1.25e8), ("1e-3", 1e-3), ("1E5", 1e5), ("-2.5e+3", -2500.0), (".5", 0.5), ("3.", 3.0), ("7", 7),
        ("0.1", 0.1), ("1e", "1e"), ("e5", "e5"), ("1.2.3", "1.2.3"), (".inf", float("inf")), ("'1e5'", "1e5"),
        ("yes", "yes"), ("true", True), ("010", 10),
        ("1:30", "1:30"), ("2020-13-45", "2020-13-45"), ("~", None), ("null", None), ("12_000", "12_000"), ("0o17", 15),
        ("0x1F", 31), ("-", None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, value: Any) -> None:
    if text == "-":
        assert yaml12.read(text) == [None]
    else:
        read = yaml12.read(text)
        assert read == value
        assert type(read) is type(value)


@given(st.floats(allow_nan=False) | st.integers() | st.text(max_size=8))
def test_yaml_gives_back_what_was_written(value: Any) -> None:
    assert yaml12.read(yaml12.write({"key": value})) == {"key": value}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_resolved_file_is_the_same_scenario(path: Path, tmp_path: Path) -> None:
    original = load(path)
    again = tmp_path / "scenario.yaml"
    again.write_text(original.to_yaml())
    assert load(again) == original
    assert yaml.safe_load(again.read_text())["dtype"] == "float32"


SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "workers": st.integers(1, 9),
        "until": st.fixed_dictionaries({"time_s": st.floats(0.1, 10)}),
        "optimizer": st.fixed_dictionaries({"learning_rate": st.floats(0, 1)}, optional={"momentum": st.just(0.5)}),
        "compute": st.fixed_dictionaries(
            {},
            optional={
                "time_s": st.sampled_from(
                    [0.2, {"distribution": "expon", "scale": 0.3}, {"distribution": "gamma", "a": 2.0}]
                ),
                "stragglers": st.just([{"workers": [0], "factor": 2.0}]),
            },
        ),
        "problem": st.sampled_from(
            [{"model": {"name": "noise", "dim": 3}}, {"model": {"name": "quadratic", "dim": 8}}, {"batch_size": 7}]
        ),
    },
)


@settings(max_examples=200, deadline=None)
@given(shared=SECTIONS, arms=st.lists(SECTIONS, min_size=1, max_size=3))
def test_any_resolved_scenario_is_read_back(shared: dict[str, Any], arms: list[dict[str, Any]]) -> None:
    base = {"workers": 4, **{key: value for key, value in shared.items() if key != "problem"}}
    own = {f"arm{n}": {"algorithm": {"name": "sgd"}, **arm} for n, arm in enumerate(arms)}
    base["compute"] = {**BASE["compute"], **base.get("compute", {})}
    first = Scenario.parse({**copy.deepcopy(BASE), **base, "arms": own})
    assert Scenario.parse(yaml12.read(first.to_yaml())) == first


def test_arms_inherit_and_override() -> None:
    data = changed("arms.other", {"algorithm": {"name": "sgd"}, "workers": 1, "optimizer": {"momentum": 0.5}})
    data["compute"]["stragglers"] = [{"workers": [0, 3], "factor": 2}, {"workers": [2], "factor": 3}]
    data["arms"]["noisy"] = {"algorithm": {"name": "sgd"}, "problem": {"model": {"name": "noise", "dim": 2}}}
    data["arms"]["steady"] = {"algorithm": {"name": "sgd"}, "compute": {"time_s": 0.3, "stragglers": []}}
    arms = Scenario.parse(data).arms
    assert arms["arm"].workers == 4
    assert arms["other"].workers == 1
    optimizer: Any = arms["other"].optimizer
    assert (optimizer.momentum, optimizer.learning_rate) == (0.5, 0.05)
    assert [straggler.workers for straggler in arms["other"].compute.stragglers] == [(0,), ()]
    assert [straggler.workers for straggler in arms["arm"].compute.stragglers] == [(0, 3), (2,)]
    assert present(arms["noisy"].problem).model.name == "noise"
    assert arms["steady"].compute.time_s == 0.3
    assert not arms["steady"].compute.stragglers


def test_override_changes_values_by_their_paths() -> None:
    base = scenario(compute={"time_s": 0.1, "stragglers": [{"workers": [3], "factor": 2}]})
    other = base.override(
        {"workers": 16, "problem.batch_size": 3, "compute.stragglers.0.factor": 9, "arms.arm.workers": 8}
    )
    assert (other.workers, other.arms["arm"].workers) == (16, 8)
    assert present(other.arms["arm"].problem).batch_size == 3
    (straggler,) = other.arms["arm"].compute.stragglers
    assert straggler.model_dump()["factor"] == 9
    assert base.workers == 4
    for path, message in [
        ("wrokers", "did you mean 'workers'"),
        ("compute.stragglers.3.factor", "there is no '3' to change"),
        ("compute.stragglers.7", "the list has no item '7'"),
        ("arms.absent.workers", "arms.absent.algorithm: is required"),
    ]:
        with pytest.raises(ScenarioError, match=message):
            base.override({path: 1})


def test_nothing_can_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        scenario().workers = 3


def test_every_continuous_distribution_is_taken_or_refused_with_a_reason() -> None:
    """The whole of scipy's registry: what is on the non-negative numbers without shapes is a delay."""
    for name, law in continuous_distributions().items():
        shapes = {shape.strip(): 0.5 for shape in (law.shapes or "").split(",") if shape.strip()}
        try:
            Distribution.model_validate({"distribution": name, **shapes})
        except ValueError as error:
            assert any(reason in str(error) for reason in ("reaches down to", "scipy refuses")), name
        else:
            assert law.support(**shapes)[0] >= 0


def test_every_algorithm_is_documented() -> None:
    for algorithm in ALGORITHMS.values():
        said = algorithm.__doc__ or ""
        assert "Source" in said or "slides" in said
        assert "Cost" in said


def test_an_override_is_a_change_of_the_file(tmp_path: Path) -> None:
    """Also where an arm has less than the shared section, or says the same: then the override knows no better."""
    data = changed("arms.alone", {"algorithm": {"name": "sgd"}, "workers": 1})
    data["arms"]["pinned"] = {"algorithm": {"name": "sgd"}, "workers": 4, "optimizer": {"learning_rate": 0.05}}
    data["compute"]["stragglers"] = [{"workers": [3], "factor": 2}]
    base = Scenario.parse(data)
    for path, value in [
        ("compute.stragglers", [{"workers": [0], "factor": 9}]),
        ("arms.alone.workers", 4),
        ("workers", 16),
        ("optimizer.learning_rate", 0.5),
    ]:
        edited = copy.deepcopy(data)
        *way, last = path.split(".")
        here = edited
        for part in way:
            here = here[part]
        here[last] = value
        assert base.override({path: value}) == Scenario.parse(edited), path
    assert base.override({"workers": 16}).arms["pinned"].workers == 4
    assert base.override({"compute.stragglers.0.workers": [0]}).arms["alone"].compute.stragglers[0].workers == (0,)


@pytest.mark.parametrize("title", ["1e3", "yes", "010", "null", "a: b", "# no", "[x]", "1:30", "", "- 1", "\u00e9"])
def test_titles_and_arms_that_look_like_something_else(title: str) -> None:
    data = changed("title", title)
    if title and "[" not in title:
        data["arms"][title] = {"algorithm": {"name": "sgd"}}
    first = Scenario.parse(data)
    again = Scenario.parse(yaml12.read(first.to_yaml()))
    assert again == first
    assert again.title == title
    assert set(again.arms) == set(first.arms)


def test_arm_names_that_could_not_be_shown() -> None:
    for name in ("a$b", "[bold]x", "", 3, True):
        with pytest.raises(ScenarioError, match="must be a text without"):
            Scenario.parse({**copy.deepcopy(BASE), "arms": {name: {"algorithm": {"name": "sgd"}}}})


def test_targets_that_are_not_measured() -> None:
    with pytest.raises(ScenarioError, match="target.test_accuracy = 0.9: the model 'quadratic' has none"):
        scenario(target={"test_accuracy": 0.9})
    with pytest.raises(ScenarioError, match="target.test_loss = 0.9: the model 'noise' has none"):
        scenario(target={"test_loss": 0.9}, problem={"model": {"name": "noise", "dim": 3}})


def test_yaml_merge_keys_are_read() -> None:
    assert yaml12.read("a: &x {b: 1}\nc: {<<: *x, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"algorithm": {"name": "dpsgd", "order": "both"}},
            "order = both: must be 'combine_then_adapt' or 'adapt_then",
        ),
        ({"algorithm": {"name": "dpsgd"}, "topology": {"name": "star", "mixing": "uniform"}}, "not doubly stochastic"),
        (
            {"algorithm": {"name": "adpsgd"}, "topology": "static_exponential"},
            "is directed, and a pair averages both ways",
        ),
        (
            {
                "algorithm": {"name": "downpour"},
                "network": {
                    "latency_s": {"regions": [[0, 1], [2, 3]], "within_s": 0.1, "between_s": 0.2},
                    "bandwidth_bytes_per_s": None,
                },
            },
            r"worker 4 is in no region \(worker 4 is the server\)",
        ),
        (
            {"algorithm": {"name": "dpsgd"}, "faults": [{"name": "crash", "workers": [1], "at_s": 1}]},
            "must have a timeout_s",
        ),
        ({"algorithm": {"name": "sgp"}, "network": {**BASE["network"], "loss": 0.1}}, "network.resend must be true"),
        (
            {"algorithm": {"name": "choco", "compression": {"name": "top_k", "fraction": 0}, "consensus_step": 0.1}},
            r"compression.fraction = 0.*: must be in \(0, 1\]",
        ),
    ],
)
def test_settings_that_an_algorithm_cannot_run_are_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        scenario(**sections)


def test_the_schema_version_may_be_left_out_and_is_written_out() -> None:
    assert scenario() == scenario(schema_version=1)
    assert next(iter(scenario().to_data())) == "schema_version"
    assert scenario().to_data()["schema_version"] == 1
    assert scenario().override({"schema_version": 1}) == scenario()


@pytest.mark.parametrize("version", [2, 0, -1])
def test_another_schema_version_is_refused_and_no_more_is_said(version: int) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario(schema_version=version, workers="a key that may mean something else")
    assert refused.value.problems == [f"schema_version = {version}: must be 1, the version that this gossim reads"]
    with pytest.raises(ScenarioError, match=f"schema_version = {version}: must be 1"):
        Sweep.parse({**BASE, "schema_version": version, "sweep": {"workers": [2, 3]}})
    with pytest.raises(ScenarioError, match="schema_version: cannot be swept"):
        Sweep.parse({**BASE, "sweep": {"schema_version": [1, version]}})


@pytest.mark.parametrize("version", ["1", 1.5, True, None, [1]])
def test_a_schema_version_is_a_whole_number(version: Any) -> None:
    with pytest.raises(ScenarioError, match="schema_version.*: must be a whole number"):
        scenario(schema_version=version)
