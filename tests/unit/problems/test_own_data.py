"""Data of the user's: arrays, tables, factories and idx files, and what is refused of them."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split
from torch.utils.data import TensorDataset

import gossim
from gossim.cli.catalogue import catalogue
from gossim.errors import InputError
from gossim.files import trust
from gossim.problems import DATA, DataSpec
from gossim.problems.build import build
from gossim.problems.data import DataFactory, loaded
from gossim.problems.data.fashion_mnist import DEBIAN, read_idx
from gossim.problems.partition import Classes, Shards
from support.present import present
from support.scenarios import CPU, scenario

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(60, 5)), np.arange(60) % 3


def npz(file: Path, **arrays: Any) -> DataSpec:
    np.savez(file, **arrays)
    return DATA["npz"].model_validate({"name": "npz", "file": str(file)})


def table(file: Path, text: str, **more: Any) -> DataSpec:
    file.write_text(text)
    keys = {"name": "csv", "file": str(file), "target": "kind", "task": "classification", **more}
    return DATA["csv"].model_validate(keys)


def tensors(wide: bool = False) -> tuple[Any, Any]:
    x = torch.tensor(X, dtype=torch.float32)
    x = torch.cat([x, x], dim=1) if wide else x
    return TensorDataset(x[:40], torch.tensor(Y[:40])), (x[40:], torch.tensor(Y[40:]))


class Flipped(TensorDataset):
    """A random transform, drawn anew whenever a sample is read."""

    def __getitem__(self, number: int) -> Any:
        x, y = super().__getitem__(number)
        return (x.flip(0) if torch.rand(()) < 0.5 else x), y


def augmented() -> tuple[Any, Any]:
    train, test = tensors()
    return Flipped(*train.tensors), test


def drawn() -> tuple[Any, Any]:
    """From global generators that nobody has seeded."""
    x = torch.rand(40, 5) + torch.from_numpy(np.random.rand(40, 5)).float()  # noqa: NPY002
    return (x, torch.tensor(Y[:40])), (x[:10] * random.random(), torch.tensor(Y[:10]))


def not_a_pair() -> int:
    return 3


def test_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    data = loaded(npz(tmp_path / "a.npz", train_x=X[:40], train_y=Y[:40], test_x=X[40:], test_y=Y[40:]))
    assert np.array_equal(data.train_x, X[:40])
    assert np.array_equal(data.test_y, Y[40:])
    assert (data.classes, data.shape) == (3, (5,))


def test_a_fifth_is_held_out_by_the_stated_rule(tmp_path: Path) -> None:
    data = loaded(npz(tmp_path / "a.npz", train_x=X, train_y=Y))
    train_x, test_x, train_y, test_y = train_test_split(X, Y, test_size=0.2, random_state=0)
    for found, expected in zip(
        (data.train_x, data.test_x, data.train_y, data.test_y), (train_x, test_x, train_y, test_y), strict=True
    ):
        assert np.array_equal(found, expected)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    spec = npz(tmp_path / "a.npz", train_x=X, train_y=Y)
    assert loaded(spec) is loaded(spec)
    assert loaded(spec).shape == (5,)
    npz(tmp_path / "a.npz", train_x=X[:, :4], train_y=Y)
    assert loaded(spec).shape == (4,)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"train_x": X}, "has no array 'train_y'"),
        ({"train_x": X, "train_y": Y, "test_x": X}, "has no array 'test_y'"),
        ({"train_x": X, "train_y": Y[:9]}, "train_x has 60 samples, and train_y 9"),
        ({"train_x": X[:, 0], "train_y": Y}, r"train_x is float64 of shape \(60,\)"),
        ({"train_x": X, "train_y": Y + 0.5}, r"train_y is float64 of shape \(60,\)"),
        ({"train_x": X, "train_y": Y - 1}, "train_y has the label -1"),
        ({"train_x": X, "train_y": 2 * Y}, "labels are up to 4, and no sample has 1"),
        ({"train_x": np.where(X[7, 2] == X, np.nan, X), "train_y": Y}, "sample 7 of train_x, counted from 0"),
        ({"train_x": X, "train_y": Y, "test_x": X[:, 1:], "test_y": Y}, r"test samples are float64 of shape \(4,\)"),
        ({"train_x": np.array([{}], dtype=object), "train_y": Y}, "cannot be read as arrays"),
    ],
)
def test_arrays_that_are_no_samples_are_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        loaded(npz(tmp_path / "bad.npz", **arrays))
    assert "bad.npz" in str(refusal.value)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no arrays")
    for file, said in (("text.npz", "cannot be read"), ("none.npz", "there is no such file"), (".", "no ordinary")):
        with pytest.raises(InputError, match=said):
            loaded(DATA["npz"].model_validate({"name": "npz", "file": str(tmp_path / file)}))


def test_what_is_somebody_elses_is_not_opened(tmp_path: Path) -> None:
    spec = npz(tmp_path / "a.npz", train_x=X, train_y=Y)
    with trust.trusting(trust.Trust(imports=False, files=False)):
        with pytest.raises(InputError, match="has to be opened; give --import"):
            loaded(spec)
        with pytest.raises(InputError, match="has to be imported; give --import"):
            loaded(DataFactory.model_validate({"name": "test_own_data:tensors"}))


def test_a_table_is_read_and_standardized(tmp_path: Path) -> None:
    rows = "".join(f"{a:.6f},{label},{b:.6f}\n" for (a, b), label in zip(X[:, :2] * 9 + 4, Y, strict=True))
    plain = loaded(table(tmp_path / "t.csv", "a,kind,b\n" + rows))
    scaled = loaded(table(tmp_path / "t.csv", "a,kind,b\n" + rows, standardize=True))
    train_x, test_x, train_y, _ = train_test_split(np.round(X[:, :2] * 9 + 4, 6), Y, test_size=0.2, random_state=0)
    assert np.array_equal(plain.train_x, train_x)
    assert np.array_equal(plain.train_y, train_y)
    mean, deviation = train_x.mean(axis=0), train_x.std(axis=0)
    assert scaled.train_x == pytest.approx((train_x - mean) / deviation)
    assert scaled.test_x == pytest.approx((test_x - mean) / deviation)


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("a,kind\n1,0\nx,1\n", {}, "line 3, column 'a': 'x' is no number"),
        ("a,kind\n1,0\ninf,1\n", {}, "line 3, column 'a': 'inf' is not finite"),
        ("a,kind\n1,0\n2\n", {}, "line 3: has 1 values, and the header 2 columns"),
        ("a,kind\n1,0\n2,0.5\n", {}, "line 3, column 'kind': 0.5 is no label"),
        ("a,kinds\n1,0\n2,1\n", {}, "has no column 'kind'.*kinds"),
        ("a,a,kind\n1,1,0\n", {}, "two columns 'a'"),
        ("kind\n1\n", {}, "no column beside 'kind'"),
        ("a,kind\n", {}, "no lines after its header"),
        ("a,kind\n1,0\n1,1\n1,0\n", {"standardize": True}, "column 'a' is the same on all lines"),
    ],
)
def test_tables_that_are_no_samples_are_refused(tmp_path: Path, text: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        loaded(table(tmp_path / "t.csv", text, **more))
    assert "t.csv" in str(refusal.value)


def test_a_factory_gives_a_torch_dataset_or_arrays() -> None:
    data = loaded(DataFactory.model_validate({"name": f"{__name__}:tensors"}))
    assert data.train_x == pytest.approx(X[:40].astype(np.float32))
    assert np.array_equal(data.test_y, Y[40:])
    wide = loaded(DataFactory.model_validate({"name": f"{__name__}:tensors", "wide": True}))
    assert wide.shape == (10,)
    with pytest.raises(InputError, match=r"returned a int, not \(train, test\)"):
        loaded(DataFactory.model_validate({"name": f"{__name__}:not_a_pair"}))
    with pytest.raises(InputError, match="cannot be called"):
        loaded(DataFactory.model_validate({"name": f"{__name__}:tensors", "deep": True}))


def test_samples_that_change_as_they_are_read_are_refused() -> None:
    with pytest.raises(InputError, match="is another when it is read again, as by a random transform"):
        loaded(DataFactory.model_validate({"name": f"{__name__}:augmented"}))


def test_what_a_factory_draws_is_the_same_in_every_process() -> None:
    spec, state = DataFactory.model_validate({"name": f"{__name__}:drawn"}), torch.get_rng_state()
    first = spec.load()
    for draw in (torch.rand, np.random.rand):
        draw(3)
    random.random()
    again = spec.load()
    assert np.array_equal(first.train_x, again.train_x)
    assert np.array_equal(first.test_x, again.test_x)
    torch.set_rng_state(state)


@pytest.mark.parametrize("model", [{"name": "logistic"}, {"name": "mlp", "hidden": [4]}], ids=str)
def test_training_on_arrays_is_torchs_own(tmp_path: Path, model: dict[str, Any]) -> None:
    npz(tmp_path / "a.npz", train_x=X[:40], train_y=Y[:40], test_x=X[40:], test_y=Y[40:])
    own = {"model": model, "data": {"name": "npz", "file": str(tmp_path / "a.npz")}, "batch_size": 4}
    arm = scenario(problem=own, dtype="float64").arms["arm"]
    problem: Any = build(present(arm.problem), 2, 0, "float64", CPU)
    network, _ = problem.fresh()
    inputs, labels, _ = problem.batch([1], [7])
    chosen, _ = problem.minibatches.indices([1], [7])
    assert np.array_equal(inputs[0].numpy(), X[:40][chosen[0]])
    assert np.array_equal(labels[0].numpy(), Y[:40][chosen[0]])
    torch.nn.functional.cross_entropy(network(inputs[0]), labels[0]).backward()
    expected = torch.cat([p.grad.flatten() for p in network.parameters()])
    x = problem.initial()
    assert torch.allclose(problem.gradient(x, 1, 7), expected, rtol=1e-12, atol=1e-14)
    assert torch.allclose(problem.gradients(x[None], [1], [7])[0], expected, rtol=1e-12, atol=1e-14)


def test_a_run_on_arrays_is_recorded_and_opened_without_them(tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", train_x=X, train_y=Y)
    own = {"model": {"name": "logistic"}, "data": {"name": "npz", "file": str(tmp_path / "a.npz")}, "batch_size": 4}
    run = scenario(problem=own, network={"latency_s": 0.0, "bandwidth_bytes_per_s": None})
    results = gossim.run(run, out=tmp_path / "run")
    last = results.probes.iloc[-1]
    assert last.bytes_sent == last.messages_sent * (5 + 1) * 3 * 8
    assert last.train_loss < results.probes.iloc[0].train_loss
    (tmp_path / "a.npz").unlink()
    assert gossim.Results.open(tmp_path / "run").probes.equals(results.probes)


def idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    with (gzip.open if path.suffix == ".gz" else open)(path, "wb") as file:
        file.write(header + array.astype(np.uint8).tobytes())


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def test_idx_files_are_read(tmp_path: Path, name: str) -> None:
    images = RANDOM.integers(256, size=(3, 2, 4))
    idx(tmp_path / name, images)
    assert np.array_equal(read_idx(tmp_path / name), images)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no idx file"),
        (b"\0\0\x0d\x01\0\0\0\x01abcd", "no idx file"),
        (b"\0\0\x08\x01\0\0\0\x02a", "its header says"),
    ],
)
def test_other_files_are_no_idx(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_idx(tmp_path / "x")


def test_a_directory_without_fashion_mnist_is_refused(tmp_path: Path) -> None:
    spec = DATA["fashion_mnist"].model_validate({"name": "fashion_mnist", "directory": str(tmp_path)})
    with pytest.raises(InputError, match="does not hold train-images-idx3-ubyte"):
        loaded(spec)
    for name, array in zip(spec.FILES, (np.zeros((2, 28, 28)), np.zeros(2)) * 2, strict=True):  # type: ignore[attr-defined]
        idx(tmp_path / name, array)
    with pytest.raises(InputError, match="2 and 2 images, and the set has 60,000"):
        loaded(spec)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder can be fetched."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_fashion_mnist_is_fetched_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec: Any = DATA["fashion_mnist"].model_validate({"name": "fashion_mnist"})
    there = tmp_path / "there"
    there.mkdir()
    digests = {}
    arrays = np.zeros((3, 28, 28)), np.zeros(3), np.ones((2, 28, 28)), np.ones(2)
    for name, array in zip(spec.FILES, arrays, strict=True):
        idx(there / f"{name}.gz", array)
        digests[name] = hashlib.md5((there / f"{name}.gz").read_bytes()).hexdigest()
    monkeypatch.setattr("gossim.problems.data.fashion_mnist.DEBIAN", tmp_path / "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / "cache")
    with served(there) as url:
        monkeypatch.setattr(type(spec), "URL", url)
        with pytest.raises(InputError, match=r"train-images.*could not be fetched \(ValueError\)"):
            spec.load()  # it is not what was published
        assert not list((tmp_path / "cache").rglob("*.gz"))
        monkeypatch.setattr(type(spec), "FILES", digests)
        with pytest.raises(InputError, match="3 and 2 images, and the set has 60,000"):
            spec.load()
    with pytest.raises(InputError, match="3 and 2 images"):
        spec.load()  # from the cache
    (tmp_path / "cache" / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz could not be fetched .*problem.data.directory"):
        spec.load()


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian() -> None:
    """As published: 6,000 images of each class to train on and 1,000 to test, mean pixel 0.2860."""
    data = DATA["fashion_mnist"].model_validate({}).load()
    assert data.train_x.shape == (60_000, 1, 28, 28)
    assert np.array_equal(np.bincount(data.train_y), [6000] * 10)
    assert np.array_equal(np.bincount(data.test_y), [1000] * 10)
    assert float(data.train_x.mean(dtype=np.float64)) == pytest.approx(0.2860, abs=5e-5)


def test_shards_are_those_of_federated_averaging() -> None:
    """Sorted by label, 12 shards of 50: each of six workers has two, and so two labels or one; all disjoint."""
    labels = RANDOM.permutation(np.repeat(np.arange(4), 150))
    assigned = Shards(per_worker=2).assign(labels, 6, seed=1)
    assert np.array_equal(np.sort(np.concatenate(assigned)), np.arange(600))
    assert [len(own) for own in assigned] == [100] * 6
    assert all(len(np.unique(labels[own])) <= 2 for own in assigned)
    shards = np.sort(np.argsort(labels, kind="stable").reshape(12, 50))
    for own in assigned:
        pairs = itertools.combinations(range(12), 2)
        assert any(np.array_equal(own, np.sort(np.concatenate(shards[list(pair)]))) for pair in pairs)
    assert any(
        not np.array_equal(a, b) for a, b in zip(assigned, Shards(per_worker=2).assign(labels, 6, 2), strict=True)
    )


def test_classes_are_so_many_each() -> None:
    labels = RANDOM.permutation(np.repeat(np.arange(5), 40))
    assigned = Classes(per_worker=2).assign(labels, 5, seed=1)
    assert np.array_equal(np.sort(np.concatenate(assigned)), np.arange(200))
    assert [len(np.unique(labels[own])) for own in assigned] == [2] * 5
    assert [len(own) for own in assigned] == [40] * 5


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        (Shards(per_worker=11), "2 workers need 22 shards, and there are 20 samples"),
        (Classes(per_worker=5), "the training set has 4 classes"),
        (Classes(per_worker=1), "2 workers would have 2 of 4 classes"),
    ],
)
def test_shares_that_cannot_be_are_refused(partition: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        partition.assign(np.arange(20) % 4, 2, 0)


def test_cifar100_is_read_by_its_fine_labels(tmp_path: Path) -> None:
    """Records are a coarse label, a fine one, and the pixels: red, green, blue, row by row."""
    random = np.random.default_rng(0)
    written = {}
    for name, count in (("train.bin", 200), ("test.bin", 100)):
        records = random.integers(0, 256, (count, 2 + 3072), dtype=np.uint8)
        records[:, 0], records[:, 1] = np.arange(count) % 20, np.arange(count) % 100
        records.tofile(tmp_path / name)
        written[name] = records
    data = loaded(DATA["cifar100"].model_validate({"name": "cifar100", "directory": str(tmp_path)}))
    assert (data.classes, data.shape) == (100, (3, 32, 32))
    assert np.array_equal(data.train_y, np.arange(200) % 100)
    train, test = (written[name][:, 2:].reshape(-1, 3, 32, 32) / 255 for name in ("train.bin", "test.bin"))
    mean, deviation = (statistic(train, axis=(0, 2, 3), keepdims=True) for statistic in (np.mean, np.std))
    assert data.test_x == pytest.approx((test - mean) / deviation, abs=1e-4)
    with pytest.raises(InputError, match="does not hold CIFAR-100's train.bin and test.bin; unpack https"):
        loaded(DATA["cifar100"].model_validate({"name": "cifar100", "directory": str(tmp_path / "none")}))


def test_the_list_of_data_says_task_outputs_and_shape() -> None:
    table = catalogue("data")
    cells: list[list[Any]] = [list(column.cells) for column in table.columns]
    names, *_, tasks = cells
    shown = dict(zip(names, tasks, strict=True))
    assert shown["digits"] == "classification\n10 classes\n(1, 8, 8)\n1,437 samples"
    assert shown["autompg"] == "regression\n1 number\n(7,)\n313 samples"
    assert shown["text"].startswith("tokens\n256 classes\n(context,)")
    assert shown["npz"] == "classification or regression or tokens\nas the file has it"
