"""Sequences of tokens: how a text is cut, gradients in torch's own loop, and the loss over positions."""

from __future__ import annotations

import hashlib
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import gossim
from gossim.errors import InputError, ScenarioError
from gossim.problems import DATA
from gossim.problems.build import build, check_gradients
from gossim.problems.data import loaded
from gossim.problems.data.python_source import PythonSource
from gossim.runner.input_hashes import inputs
from support.present import present
from support.scenarios import CPU, scenario

TEXT = bytes(range(256)) + b"the quick brown fox jumps over the lazy dog; " * 3
CONTEXT = 8


class Bigram(nn.Module):
    """Tells the next token from the one before, with what was learned of each in one table or in two."""

    def __init__(self, classes: int, width: int, tied: bool):
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.out = nn.Linear(width, classes, bias=not tied)
        if tied:
            self.out.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.out(self.embedding(x))
        return found


class Convolution(nn.Module):
    """Looks two tokens back; convolutions are computed one network after the other."""

    def __init__(self, classes: int):
        super().__init__()
        self.embedding = nn.Embedding(classes, 6)
        self.layer = nn.Conv1d(6, 5, 3)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(5, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.layer(nn.functional.pad(self.embedding(x).transpose(1, 2), (2, 0)))
        found: torch.Tensor = self.out(self.dropout(torch.relu(hidden)).transpose(1, 2))
        return found


def bigram(classes: int, width: int = 4, tied: bool = False) -> nn.Module:
    return Bigram(classes, width, tied)


def convolution(classes: int) -> nn.Module:
    return Convolution(classes)


def one_answer(classes: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(classes, 4), nn.Flatten(), nn.Linear(4 * CONTEXT, classes))


@pytest.fixture
def text(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "a.txt").write_bytes(TEXT)
    return {"name": "text", "file": str(tmp_path / "a.txt"), "context": CONTEXT}


def section(model: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": {"name": f"{__name__}:{model}", **more}, "data": data, "batch_size": 3}


def problem_of(own: dict[str, Any]) -> Any:
    return build(present(scenario(problem=own, dtype="float64").arms["arm"].problem), 3, 0, "float64", CPU)


def test_a_text_is_cut_into_bytes_and_those_that_follow(text: dict[str, Any]) -> None:
    data = loaded(DATA["text"].model_validate(text))
    held_out = -(-len(TEXT) // 5)
    for part, x, y in (
        (TEXT[:-held_out], data.train_x, data.train_y),
        (TEXT[-held_out:], data.test_x, data.test_y),
    ):
        starts = range(0, len(part) - CONTEXT, CONTEXT)
        assert x.tolist() == [list(part[at : at + CONTEXT]) for at in starts]
        assert y.tolist() == [list(part[at + 1 : at + CONTEXT + 1]) for at in starts]
    assert (data.task, data.outputs, data.output_shape, data.shape) == ("tokens", 256, (CONTEXT, 256), (CONTEXT,))


def test_a_text_in_memory_takes_a_byte_for_a_byte(text: dict[str, Any]) -> None:
    samples = problem_of(section("bigram", text)).samples
    assert {x.dtype for x in (samples.train_x, samples.train_y, samples.test_x, samples.test_y)} == {torch.uint8}


@pytest.mark.parametrize("length", [0, 5, 44])
def test_a_text_too_short_for_a_sample_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "b.txt").write_bytes(b"a" * length)
    with pytest.raises(InputError, match=rf"b.txt: has {length} bytes, of which \d are there to"):
        loaded(DATA["text"].model_validate({"name": "text", "file": str(tmp_path / "b.txt"), "context": 9}))


def test_pythons_own_sources_are_the_files_that_it_says() -> None:
    spec = PythonSource(context=32)
    data = loaded(spec)
    folder = Path(sysconfig.get_path("stdlib"))
    whole = b"".join((folder / f"{module}.py").read_bytes() for module in PythonSource.MODULES)
    cut = len(whole) - -(-len(whole) // 5)
    for part, x, y in ((whole[:cut], data.train_x, data.train_y), (whole[cut:], data.test_x, data.test_y)):
        used = 32 * ((len(part) - 1) // 32)
        assert (x.tobytes(), y.tobytes()) == (part[:used], part[1 : used + 1])


def test_the_manifest_has_the_content_of_pythons_sources() -> None:
    own = scenario(problem=section("bigram", {"name": "python_source", "context": 16}))
    found = inputs(own)
    heap = Path(sysconfig.get_path("stdlib")) / "heapq.py"
    assert found["python_source/heapq.py"] == hashlib.sha256(heap.read_bytes()).hexdigest()
    assert sum(name.startswith("python_source/") for name in found) == len(PythonSource.MODULES)


@pytest.mark.parametrize(("model", "more"), [("bigram", {}), ("bigram", {"tied": True}), ("convolution", {})], ids=str)
def test_gradients_are_those_of_torchs_own_loop(model: str, more: dict[str, Any], text: dict[str, Any]) -> None:
    problem = problem_of(section(model, text, **more))
    check_gradients(problem)
    assert (problem.one_by_one is None) == (model == "bigram")
    workers, steps = [0, 1, 2], [4, 0, 9]
    x = problem.initial() + 0.1 * torch.randn(
        3, problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    together = problem.gradients(x, workers, steps)
    inputs_, targets, keys = problem.batch(workers, steps)
    assert (inputs_.dtype, targets.dtype) == (torch.int64, torch.int64)
    for place, (worker, step) in enumerate(zip(workers, steps, strict=True)):
        network, mask = problem.fresh()
        nn.utils.vector_to_parameters(x[place], network.parameters())
        if mask is not None:
            mask.begin(keys[place])
        logits = network(inputs_[place])
        cross_entropy(logits.reshape(-1, 256), targets[place].reshape(-1)).backward()
        expected = torch.cat([p.grad.flatten() for p in network.parameters()])
        assert torch.allclose(together[place], expected, rtol=1e-10, atol=1e-13)
        assert torch.allclose(problem.gradient(x[place], worker, step), expected, rtol=1e-10, atol=1e-13)


def test_losses_are_means_over_samples_and_positions(text: dict[str, Any]) -> None:
    problem = problem_of(section("convolution", text))
    network, _ = problem.fresh()
    network.eval()
    data = loaded(DATA["text"].model_validate(text))
    expected = [
        cross_entropy(network(torch.tensor(x.astype(np.int64))).reshape(-1, 256), torch.tensor(y.ravel().astype(int)))
        for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y))
    ]
    found = problem.losses(problem.initial())
    assert [found.train_loss, found.test_loss] == pytest.approx([loss.item() for loss in expected])
    assert found.test_accuracy is None
    zero = problem.losses(torch.zeros(problem.dim, dtype=torch.float64))
    assert zero.test_loss == pytest.approx(np.log(256))


def test_a_run_learns_what_follows_what(text: dict[str, Any], tmp_path: Path) -> None:
    own = section("bigram", text, width=16)
    results = gossim.run(
        scenario(problem=own, optimizer={"name": "adamw", "learning_rate": 0.05}, until={"gradient_steps": 200}),
        out=tmp_path / "run",
    )
    probes = results.probes
    assert probes.test_accuracy.isna().all()
    assert probes.train_loss.iloc[-1] < probes.train_loss.iloc[0] - 1
    last = probes.iloc[-1]
    assert last.bytes_sent == last.messages_sent * (256 * 16 + 17 * 256) * 8
    assert gossim.Results.open(tmp_path / "run").probes.equals(probes)


def test_arrays_of_tokens_are_inputs_and_targets(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 7, (20, 5))
    y = random.integers(0, 4, (20, 5))
    x[3, 3] = 9
    np.savez(tmp_path / "a.npz", train_x=x, train_y=y)
    data = loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "a.npz"), "task": "tokens"}))
    assert (data.task, data.classes, data.output_shape, len(data.test_y)) == ("tokens", 10, (5, 10), 4)
    # Tags of real vectors: there are as many as the largest says.
    np.savez(tmp_path / "b.npz", train_x=random.normal(size=(20, 5, 3)), train_y=y)
    data = loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "b.npz"), "task": "tokens"}))
    assert (data.classes, data.output_shape) == (4, (5, 4))


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((9, 4), int), np.zeros(9, int), r"train_y is int64 of shape \(9,\); with task: tokens it must"),
        (np.zeros((9, 4), int), np.full((9, 4), 0.5), "train_y is float64"),
        (np.zeros((9, 4), int), np.full((9, 4), -1), "train_y has the token -1"),
        (np.full((9, 4), -2), np.zeros((9, 4), int), "train_x has the token -2"),
    ],
)
def test_arrays_that_are_no_tokens_are_refused(tmp_path: Path, x: Any, y: Any, said: str) -> None:
    np.savez(tmp_path / "a.npz", train_x=x, train_y=y)
    with pytest.raises(InputError, match=said):
        loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / "a.npz"), "task": "tokens"}))


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"model": {"name": "mlp", "hidden": [3]}}, "'mlp' does not learn a sequence of tokens, which problem.data"),
        ({"loss": "mse"}, "a sequence of tokens is learned by cross_entropy"),
        ({"data": {"partition": {"name": "shards", "per_worker": 2}}}, "a sequence of tokens has none; use iid"),
    ],
)
def test_what_does_not_fit_is_refused(text: dict[str, Any], own: dict[str, Any], said: str) -> None:
    data = {**text, **own.pop("data", {})}
    with pytest.raises(ScenarioError, match=said):
        scenario(problem={**section("bigram", data), **own})


def test_one_answer_for_a_whole_sequence_is_refused(text: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"of shape \(2, 256\) for 2 samples, not \(2, 8, 256\) logits"):
        problem_of(section("one_answer", text))
