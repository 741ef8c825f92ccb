"""Bytes of a message are the parameters of the built network times the size of a number, for any data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import gossim
from gossim.errors import InputError
from gossim.problems import DATA, MODELS, DataSpec
from gossim.problems.build import build
from gossim.problems.data import Dataset, loaded, task_of
from gossim.problems.models import Factory
from gossim.problems.supervised import initialised
from gossim.scenario.derived import message_bytes
from support.present import present
from support.scenarios import CPU, scenario

MODEL_KEYS: dict[str, dict[str, Any]] = {"mlp": {"hidden": [7, 5]}}
DATA_KEYS: list[dict[str, Any]] = [
    {"name": "digits"},
    {"name": "mnist5k"},
    {"name": "mnist5k", "channels": 3},
    {"name": "cifar10"},
    {"name": "cifar100"},
    {"name": "diabetes"},
    {"name": "autompg"},
    {"name": "fashion_mnist"},
    {"name": "fashion_mnist", "channels": 3},
    {"name": "npz", "file": "three.npz"},
    {"name": "csv", "file": "three.csv", "target": "kind", "task": "classification"},
    {"name": "text", "file": "a.txt", "context": 6},
    {"name": "python_source", "context": 6},
    {"name": "hundred"},
    {"name": "silent"},
]
CLASSES = {
    "hundred": 100,
    "silent": 100,
    "npz": 3,
    "csv": 3,
    "diabetes": 1,
    "autompg": 1,
    "text": 256,
    "python_source": 256,
    "cifar100": 100,
}
OWN_KEYS = [{"name": "support.networks:told_shape"}]


def _hundred() -> Dataset:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 100
    return Dataset(
        random.random((300, 2, 4, 3)).astype(np.float32), labels, np.ones((100, 2, 4, 3), np.float32), labels[:100]
    )


class Hundred(DataSpec):
    """A hundred classes."""

    classes: ClassVar[int] = 100
    train_samples: ClassVar[int] = 300
    name: Literal["hundred"] = "hundred"

    @property
    def shape(self) -> tuple[int, ...]:
        return (2, 4, 3)

    def load(self) -> Dataset:
        return _hundred()


class Silent(Hundred):
    """The same, which does not say its classes."""

    classes: ClassVar[int] = 0
    name: Literal["silent"] = "silent"  # type: ignore[assignment]


class Wrong(Hundred):
    classes: ClassVar[int] = 10
    name: Literal["wrong"] = "wrong"  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    np.savez("three.npz", train_x=random.random((30, 4, 6)), train_y=np.arange(30) % 3)
    Path("a.txt").write_text("the quick brown fox " * 5)
    Path("three.csv").write_text("a,b,kind\n" + "".join(f"{n},{n * n},{n % 3}\n" for n in range(30)))


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Hundred, Silent, Wrong):
        monkeypatch.setitem(DATA, kind.model_fields["name"].default, kind)


def test_every_data_set_is_here() -> None:
    assert {keys["name"] for keys in DATA_KEYS} == DATA.keys() - {"wrong"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data", DATA_KEYS, ids=lambda keys: "-".join(map(str, keys.values())))
def test_of_every_model_on_every_data_set(data: dict[str, Any], dtype: str) -> None:
    models = [{"name": name, **MODEL_KEYS.get(name, {})} for name, kind in MODELS.items() if kind.needs_data]
    for model in [*models, *OWN_KEYS]:
        if task_of(DATA[data["name"]].model_validate(data)) not in MODELS.get(model["name"], Factory).tasks:
            continue
        arm = scenario(problem={"model": model, "data": data, "batch_size": 2}, dtype=dtype).arms["arm"]
        problem = present(arm.problem)
        spec = present(problem.data)
        if model["name"] == "gosgd_cnn" and spec.shape[1:] != (28, 28):
            continue
        if len(spec.shape) < {"resnet": 3, "lstm": 2}.get(model["name"], 1):
            continue  # which is refused: test_networks
        classes = CLASSES.get(data["name"], 10)
        network = initialised(problem.model, spec.shape, classes, 0)
        assert message_bytes(arm) == sum(p.numel() for p in network.parameters()) * {"float32": 4, "float64": 8}[dtype]


@pytest.mark.parametrize("model", [{"name": "logistic"}, {"name": "mlp", "hidden": [6]}, *OWN_KEYS], ids=str)
@pytest.mark.parametrize("data", ["hundred", "silent"])
def test_a_run_with_a_hundred_classes(model: dict[str, Any], data: str) -> None:
    run = scenario(
        problem={"model": model, "data": {"name": data}, "batch_size": 5},
        network={"latency_s": 0.0, "bandwidth_bytes_per_s": None},
    )
    arm = run.arms["arm"]
    problem: Any = build(present(arm.problem), 4, 0, "float64", CPU)
    x = problem.initial()
    logits = next(problem.outputs(x, (), problem.samples.test_x[:3], 3))
    assert logits.shape == (3, 100)
    assert problem.losses(0 * x).train_loss == pytest.approx(np.log(100))
    last = gossim.run(run).probes.iloc[-1]
    assert last.messages_sent > 0
    assert last.bytes_sent == last.messages_sent * problem.dim * 8


def test_what_is_loaded_must_be_what_was_said() -> None:
    with pytest.raises(InputError, match="problem.data = wrong: says classes = 10, and what it loads has 100"):
        loaded(Wrong())
    with pytest.raises(InputError, match="labels from 0 to 99, and 10 classes have the labels 0 to 9"):
        Dataset(np.zeros((100, 1)), np.arange(100), np.zeros((1, 1)), np.zeros(1, np.int64), classes=10)
