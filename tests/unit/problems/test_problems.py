"""Models, data, partitions, dropout: what a gradient is taken of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import nn

from gossim.errors import InputError
from gossim.problems import MODELS
from gossim.problems.build import build, check_gradients, device_named
from gossim.problems.data import DATA, Dataset, loaded
from gossim.problems.data.cifar10 import CIFAR10, read_cifar_binary
from gossim.problems.dropout import make_reproducible
from gossim.problems.partition import IID, Dirichlet
from gossim.problems.views import Samples
from gossim.rng import Purpose, stream
from support.present import present
from support.problems import PROBLEMS
from support.scenarios import CPU, only_arm


def problem_of(name: str, workers: int = 3, seed: int = 0, **changes: Any) -> Any:
    arm = only_arm(problem={**PROBLEMS[name], **changes}, workers=workers)
    return build(present(arm.problem), workers, seed, "float64", CPU)


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_one_gradient_at_a_time_or_many(name: str) -> None:
    """The order and company in which gradients are computed changes nothing; nor does computing one again."""
    problem = problem_of(name)
    x = torch.randn(6, problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) / 3
    workers, steps = [0, 1, 2, 2, 0, 1], [0, 5, 70, 3, 64, 200]
    together = problem.gradients(x, workers, steps)
    backwards = problem.gradients(x.flip(0), workers[::-1], steps[::-1]).flip(0)
    torch.testing.assert_close(together, backwards, rtol=1e-12, atol=1e-14)
    for row, worker, step, gradient in zip(x, workers, steps, together, strict=True):
        torch.testing.assert_close(problem.gradient(row, worker, step), gradient, rtol=1e-11, atol=1e-13)
        assert torch.equal(problem.gradient(row, worker, step), problem.gradient(row, worker, step))
    assert not torch.equal(together[0], together[4])


@pytest.mark.parametrize("name", ["quadratic", "logistic", "mlp"])
def test_gradients_are_those_of_the_loss(name: str) -> None:
    """Averaged over many minibatches, the gradient is the slope of the training loss, by finite differences."""
    changes: dict[str, Any] = {"model": {**PROBLEMS[name]["model"]}}
    changes["model"].pop("dropout", None)
    if name != "quadratic":
        changes["batch_size"] = 200
    problem = problem_of(name, **changes)
    x = problem.initial() + 0.1
    mean = problem.gradients(x.expand(400, -1), [0] * 400, list(range(400)))
    direction = torch.randn(problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    slopes = mean @ direction
    up, down = (problem.losses(x + sign * 1e-5 * direction).train_loss for sign in (1, -1))
    error = float(slopes.std()) / len(slopes) ** 0.5
    assert float(slopes.mean()) == pytest.approx((up - down) / 2e-5, abs=5 * error + 1e-7)


def test_the_cnn_has_286154_parameters() -> None:
    network = MODELS["gosgd_cnn"].model_validate({"name": "gosgd_cnn"}).network((3, 28, 28), 10)
    assert sum(p.numel() for p in network.parameters()) == 286_154
    assert network(torch.zeros(2, 3, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(("channels", "parameters"), [pytest.param(1, 282_954, marks=pytest.mark.slow), (3, 286_154)])
def test_the_cnn_fits_mnist5k_in_one_and_three_channels(channels: int, parameters: int) -> None:
    data = {"name": "mnist5k", "channels": channels}
    problem = problem_of("conv", workers=2, model={"name": "gosgd_cnn"}, data=data, batch_size=4)
    assert problem.dim == parameters
    x = problem.initial().expand(2, -1)
    gradients = problem.gradients(x, [0, 1], [0, 0])
    assert gradients.shape == (2, problem.dim)
    assert torch.isfinite(gradients).all()


def test_known_optimum_of_the_quadratic() -> None:
    problem = problem_of("quadratic", model={"name": "quadratic", "dim": 4, "condition_number": 100.0})
    assert problem.losses(problem.optimum) == (0.0, 0.0, None, {})
    assert not problem.gradient(problem.optimum, 0, 0).any()
    assert problem.curvatures.max() / problem.curvatures.min() == pytest.approx(100)


def test_noise_is_standard_normal_and_of_no_loss() -> None:
    problem = problem_of("noise", model={"name": "noise", "dim": 4000})
    drawn = problem.gradients(torch.zeros(5, 4000, dtype=torch.float64), [0, 0, 1, 1, 2], [0, 1, 0, 1, 0])
    assert scipy.stats.kstest(drawn.numpy().ravel(), "norm").pvalue > 1e-6
    assert problem.losses(problem.initial()) == (None, None, None, {})


def test_initial_parameters_come_from_the_seed_and_leave_torch_alone() -> None:
    torch.manual_seed(4)
    before = torch.random.get_rng_state()
    first, same, other = (problem_of("mlp", seed=seed).initial() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_dropout_keeps_the_right_share_and_scales_it() -> None:
    network = nn.Sequential(nn.Dropout(0.3), nn.Linear(1000, 1), nn.Dropout(0.3))
    source = make_reproducible(network)
    assert source is not None
    source.begin(torch.tensor(12345))
    ones = torch.ones(50, 1000)
    first, second = network[0](ones), network[2](ones)
    share = float((first != 0).double().mean())
    assert share == pytest.approx(0.7, abs=5 * (0.21 / ones.numel()) ** 0.5)
    assert first.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert not torch.equal(first, second)
    source.begin(torch.tensor(12346))
    assert not torch.equal(network[0](ones), first)
    assert torch.equal(network.eval()[0](ones), ones)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("instance_norm", "layer '0', InstanceNorm2d, keeps running statistics"),
        ("too_few_logits", r"gives torch.float64 of shape \(2, 3\) for 2 samples, not \(2, 10\)"),
        ("not_a_module", "returned a int, not a torch.nn.Module"),
        ("absent", "cannot be imported: AttributeError: module 'support.networks' has no attribute 'absent'"),
    ],
)
def test_unfit_models_are_refused(factory: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        problem_of("conv", model={"name": f"support.networks:{factory}"})


def test_a_factory_gets_its_arguments_and_the_shapes_it_asks_for() -> None:
    assert problem_of("conv", model={"name": "support.networks:told_shape"}).dim == 64 * 4 + 4 + 40 + 10
    assert problem_of("conv", model={"name": "support.networks:told_shape", "width": 2}).dim == 64 * 2 + 2 + 20 + 10
    with pytest.raises(InputError, match="cannot be called: .*unexpected keyword argument 'wdith'"):
        problem_of("conv", model={"name": "support.networks:told_shape", "wdith": 2})
    with pytest.raises(InputError, match="cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"):
        problem_of("conv", model={"name": "no_such_module:factory"})


def test_images_too_small_for_the_cnn() -> None:
    with pytest.raises(InputError, match="needs images of 28 × 28 pixels, and problem.data gives 8 × 8"):
        problem_of("conv", model={"name": "gosgd_cnn"})


@pytest.mark.parametrize(
    ("name", "train", "test"), [("digits", 1437, 360), pytest.param("mnist5k", 4000, 1000, marks=pytest.mark.slow)]
)
def test_data_sets_have_their_sizes_classes_and_types(name: str, train: int, test: int) -> None:
    data = loaded(DATA[name].model_validate({}))
    assert (len(data.train_x), len(data.test_x)) == (train, test)
    assert data.classes == 10
    assert data.train_x.dtype == np.float32
    assert data.train_y.dtype == np.int64
    assert data.train_x.min() == 0
    assert data.train_x.max() == 1
    assert np.bincount(data.test_y).min() > 0.08 * test


def write_cifar(folder: Path, records: int = 20) -> list[np.ndarray]:
    """Six files in the format of CIFAR-10's binary version."""
    random = np.random.default_rng(0)
    written = []
    for name in (*CIFAR10.TRAIN_FILES, CIFAR10.TEST_FILE):
        content = random.integers(0, 256, (records, 3073), dtype=np.uint8)
        content[:, 0] = np.arange(records) % 10
        content.tofile(folder / name)
        written.append(content)
    return written


def test_cifar10_is_read_from_its_binary_files(tmp_path: Path) -> None:
    written = write_cifar(tmp_path)
    images, labels = read_cifar_binary(tmp_path / CIFAR10.TRAIN_FILES[0])
    assert images.shape == (20, 3, 32, 32)
    assert labels.tolist() == written[0][:, 0].tolist()
    red, green, blue = (written[0][7, 1 + 1024 * c : 1025 + 1024 * c].reshape(32, 32) for c in range(3))
    np.testing.assert_allclose(images[7] * 255, np.stack([red, green, blue]), rtol=1e-6)
    data = CIFAR10(directory=str(tmp_path)).load()
    assert (len(data.train_x), len(data.test_x), data.classes) == (100, 20, 10)
    np.testing.assert_allclose(data.train_x.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(data.train_x.std(axis=(0, 2, 3)), 1, atol=1e-5)
    inside = tmp_path / "parent" / "cifar-10-batches-bin"
    inside.mkdir(parents=True)
    write_cifar(inside)
    assert len(CIFAR10(directory=str(tmp_path / "parent")).load().test_x) == 20


def test_the_cnn_trains_on_crops_of_cifar10(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    spec = {"name": "cifar10", "directory": str(tmp_path)}
    problem = problem_of("conv", workers=2, model={"name": "gosgd_cnn"}, data=spec, batch_size=4)
    assert problem.dim == 286_154
    assert torch.isfinite(problem.gradients(problem.initial().expand(2, -1), [0, 1], [3, 3])).all()
    assert problem.losses(problem.initial()).test_loss == pytest.approx(np.log(10), rel=0.2)


def test_a_broken_or_missing_cifar10_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"does not hold CIFAR-10's data_batch_1.bin .* unpack https://.* there"):
        CIFAR10(directory=str(tmp_path)).load()
    write_cifar(tmp_path)
    with (tmp_path / CIFAR10.TEST_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="61461 bytes, not a whole number of CIFAR-10 records of 3073 bytes"):
        CIFAR10(directory=str(tmp_path)).load()
    (tmp_path / CIFAR10.TEST_FILE).write_bytes(bytes([77]) + bytes(3072))
    with pytest.raises(InputError, match="label 77"):
        CIFAR10(directory=str(tmp_path)).load()

    import pooch

    def refused(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(pooch, "retrieve", refused)
    with pytest.raises(InputError, match=r"could not be fetched .* set problem.data.directory to that folder"):
        CIFAR10().load()


def test_every_view_is_a_crop_of_its_sample() -> None:
    random = np.random.default_rng(3)
    images = random.standard_normal((4, 3, 6, 5)).astype(np.float32)
    samples = Samples(Dataset(images, np.arange(4), images, np.arange(4)), crop=4, dtype=torch.float32, device=CPU)
    assert samples.views == 2 * 3 * 2
    assert samples.shape == (3, 4, 4)
    seen = set()
    for view in range(samples.views):
        inputs, labels = samples.batch(np.array([[2, 0]]), np.array([[view, view]]))
        assert labels.tolist() == [[2, 0]]
        top, left = divmod(view // 2, 2)
        expected = images[[2, 0]][:, :, top : top + 4, left : left + 4]
        expected = expected[..., ::-1] if view % 2 else expected
        np.testing.assert_array_equal(inputs[0].numpy(), expected)
        seen.add(inputs.numpy().tobytes())
    assert len(seen) == samples.views
    assert samples.central(samples.test_x).shape == (4, 3, 4, 4)


def test_every_worker_samples_the_whole_set_under_iid() -> None:
    labels = np.arange(50) % 10
    assert [share.tolist() for share in IID().assign(labels, 3, seed=0)] == [list(range(50))] * 3


@pytest.mark.parametrize("alpha", [0.1, 1.0, 100.0])
def test_dirichlet_gives_each_sample_to_one_worker(alpha: float) -> None:
    labels = loaded(DATA["digits"].model_validate({})).train_y
    shares = Dirichlet(alpha=alpha).assign(labels, 8, seed=4)
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(labels)))
    assert all(len(share) for share in shares)
    again, other = (Dirichlet(alpha=alpha).assign(labels, 8, seed=seed) for seed in (4, 5))
    assert all(map(np.array_equal, shares, again))
    assert not all(map(np.array_equal, shares, other))


def test_small_alpha_makes_workers_unlike() -> None:
    """Variance of a class's share over workers is (1/M)(1 − 1/M)/(Mα + 1) under Dirichlet(α, …, α)."""
    labels, workers = np.arange(20_000) % 10, 5
    for alpha in (0.5, 5.0):
        shares = np.concatenate(
            [
                [
                    np.bincount(labels[share], minlength=10) / 2000
                    for share in Dirichlet(alpha=alpha).assign(labels, workers, s)
                ]
                for s in range(100)
            ],
            axis=1,
        )
        squares = ((shares - 1 / workers) ** 2).mean(axis=0)
        expected = (1 / workers) * (1 - 1 / workers) / (workers * alpha + 1)
        assert squares.mean() == pytest.approx(expected, abs=5 * squares.std() / len(squares) ** 0.5)


def published_partition(labels: np.ndarray, workers: int, alpha: float, seed: int) -> list[list[int]]:
    """The cited source's: proportions of those with N/M samples or more are zeroed, until each has 10 samples."""
    draws, least = stream(seed, Purpose.PARTITION), 0
    while least < 10:
        held: list[list[int]] = [[] for _ in range(workers)]
        for label in range(10):
            members = draws.permutation(np.where(labels == label)[0])
            proportions = draws.dirichlet(np.repeat(alpha, workers))
            zeroed = np.array([p * (len(h) < len(labels) / workers) for p, h in zip(proportions, held, strict=True)])
            cuts = np.rint(np.cumsum(zeroed / zeroed.sum()) * len(members)).astype(int)[:-1]
            held = [h + part.tolist() for h, part in zip(held, np.split(members, cuts), strict=True)]
        least = min(map(len, held))
    return [sorted(h) for h in held]


@pytest.mark.parametrize(("alpha", "workers"), [(0.1, 8), (0.5, 16), (0.05, 5)])
def test_balanced_shares_are_those_of_the_source(alpha: float, workers: int) -> None:
    labels = loaded(DATA["digits"].model_validate({})).train_y
    for seed in range(5):
        shares = Dirichlet(alpha=alpha, balance=True, least=10).assign(labels, workers, seed)
        assert [share.tolist() for share in shares] == published_partition(labels, workers, alpha, seed)
        largest_class = np.bincount(labels).max()
        assert max(map(len, shares)) < len(labels) / workers + largest_class


def test_least_draws_again_and_is_refused_where_it_cannot_be() -> None:
    labels = np.arange(200) % 10
    assert min(map(len, Dirichlet(alpha=0.5).assign(labels, 8, seed=1))) == 16
    assert min(map(len, Dirichlet(alpha=0.5, least=18).assign(labels, 8, seed=1))) >= 18
    with pytest.raises(InputError, match="200 samples are too few for 8 workers with 26 each"):
        Dirichlet(alpha=0.5, least=26).assign(labels, 8, seed=1)
    with pytest.raises(InputError, match="left one of 8 workers with fewer than 25 samples; raise alpha, lower least"):
        Dirichlet(alpha=0.5, least=25).assign(labels, 8, seed=1)


def test_an_impossible_partition_is_refused() -> None:
    with pytest.raises(InputError, match=r"partition.alpha = 0.001: 200 draws each left one of 50 workers without"):
        Dirichlet(alpha=0.001).assign(np.arange(100) % 10, 50, seed=0)
    with pytest.raises(InputError, match="100 samples are too few for 101 workers"):
        Dirichlet(alpha=1.0).assign(np.arange(100) % 10, 101, seed=0)


def test_unknown_and_absent_devices_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        device_named("cudda")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="torch finds no CUDA device"):
            device_named("cuda")


def test_losses_are_those_of_the_whole_sets_without_dropout() -> None:
    """Against scipy's softmax on the data as they are loaded."""
    problem = problem_of("mlp", model={"name": "mlp", "hidden": [6], "dropout": 0.5})
    x = torch.randn(problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    first, bias, second, last = (part.numpy() for part in x.split([64 * 6, 6, 60, 10]))
    data = loaded(DATA["digits"].model_validate({}))
    expected = []
    for images, labels in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        hidden = np.maximum(images.reshape(-1, 64).astype(float) @ first.reshape(6, 64).T + bias, 0)
        logits = hidden @ second.reshape(10, 6).T + last
        chosen = scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
        expected += [-chosen.mean(), (logits.argmax(axis=1) == labels).mean()]
    assert problem.losses(x)[:3] == pytest.approx((expected[0], expected[2], expected[3]), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 16])
def test_gradient_noise_falls_with_the_root_of_the_batch(batch_size: int) -> None:
    problem = problem_of(
        "quadratic", model={"name": "quadratic", "dim": 50, "gradient_noise": 0.8}, batch_size=batch_size
    )
    drawn = problem.gradients(problem.optimum.expand(200, -1), [0] * 200, list(range(200))).numpy()
    assert scipy.stats.kstest(drawn.ravel() / (0.8 / batch_size**0.5), "norm").pvalue > 1e-6


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("gives_a_tuple", "gives a tuple, not a tensor of logits"),
        ("raises", "cannot be called: KeyError: 'width'"),
        ("leaves", "cannot be called: SystemExit: 3"),
        ("decides_by_data", "no gradient can be taken"),
    ],
)
def test_networks_whose_gradient_would_not_be_one(factory: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_gradients(problem_of("conv", model={"name": f"support.networks:{factory}"}))


@pytest.mark.parametrize("factory", ["shared_dropout", "subclassed_dropout", "small_cnn", "scaled", "unused_layer"])
def test_networks_that_are_reproducible_after_all(factory: str) -> None:
    problem = problem_of("conv", model={"name": f"support.networks:{factory}"})
    check_gradients(problem)
    together = problem.gradients(problem.initial().expand(2, -1), [0, 1], [0, 0])
    assert together.shape == (2, problem.dim)


@pytest.mark.parametrize("layout", ["channels_last", "usual"])
def test_threads_change_nothing_about_convolutions(layout: str) -> None:
    """Not one bit, of gradients or of losses: each is computed on one thread, in whatever order."""
    factory = "small_cnn" if layout == "channels_last" else "viewed"
    generator, found, rows = torch.Generator().manual_seed(1), [], None
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            problem = problem_of("conv", model={"name": f"support.networks:{factory}"})
            assert (problem.one_by_one.layout == torch.channels_last) == (layout == "channels_last")
            rows = torch.randn(7, problem.dim, dtype=problem.dtype, generator=generator) / 3 if rows is None else rows
            losses = problem.losses(rows[0])  # first, where copies are made that gradients use too
            found.append((problem.gradients(rows, [0, 1, 2, 0, 1, 2, 0], range(7)), losses))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    alone = problem.gradient(present(rows)[3], 0, 3)
    torch.testing.assert_close(found[1][0][3], alone, rtol=1e-11, atol=1e-13)


def test_a_network_that_cannot_be_copied_is_refused() -> None:
    with pytest.raises(InputError, match="a copy of the network cannot be made: TypeError: cannot pickle"):
        problem_of("conv", model={"name": "support.networks:not_to_be_copied"})


def test_dropout_used_twice_draws_twice() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.Identity())
    network[1] = network[0]
    masks = make_reproducible(network)
    assert masks is not None
    assert network[0] is network[1]
    masks.begin(torch.tensor(3))
    ones = torch.ones(1, 1000)
    assert float((network(ones) != 0).double().mean()) == pytest.approx(0.25, abs=5 * (0.1875 / 1000) ** 0.5)
