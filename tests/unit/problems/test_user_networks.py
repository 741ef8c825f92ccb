"""A user's network does what torch's own training loop would, or is refused with its layer and the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from gossim.errors import InputError
from gossim.execute.reference import Reference
from gossim.problems.build import build, check_gradients
from gossim.problems.norms import statistics_batches
from gossim.problems.supervised import initialised
from gossim.testing import trajectory
from support.present import present
from support.scenarios import CPU, DIGITS, only_arm


def problem_of(name: str, workers: int = 2, dtype: str = "float64", **keys: Any) -> Any:
    model = {"name": name if ":" in name or name == "mlp" else f"support.stateful:{name}", **keys}
    arm = only_arm(problem={"model": model, "data": DIGITS, "batch_size": 6}, workers=workers)
    return build(present(arm.problem), workers, 0, dtype, CPU)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"{way}, {kind}": ({"name": "own", "way": way, "conv": kind == "conv"}, message)
        for kind in ("dense", "conv")
        for way, message in {
            "clamp": "layer 'linear', Linear, writes into its parameter 'weight'",
            "data": "layer 'linear', Linear, writes into its parameter 'weight'",
            "renorm": "layer 'linear', Linear, changes its parameter 'weight'",
            "buffer": "the network, Own, writes into its buffer 'mean'",
            "count": "the network, Own, changes its attribute 'calls'",
            "list": r"the network, Own, changes its attribute 'kept\[0\]'",
            "global": "changes the global 'CALLS'",
            "class": "changes .*'Own.total'",
            "iterator": "the network, Own, changes its attribute 'counter'",
            "generator": "the network, Own, changes its attribute 'random'",
            "numpy": "the network, Own, draws random numbers from numpy's global generator",
            "python": "the network, Own, draws random numbers from Python's global generator",
            "mode": "layer 'linear', Linear, changes its attribute 'training'",
            "company": "depend on the other samples",
        }.items()
    },
    "seeds": ({"name": "own", "way": "seeds"}, "in eval mode it draws from torch's global generator, or seeds it"),
    "noise below rounding": ({"name": "own", "way": "drowned"}, "in eval mode its outputs .* change from call to call"),
    "eval": ({"name": "in_eval_mode"}, "the network, Sequential, is in eval mode as its factory returns it"),
    "a layer in eval": ({"name": "in_eval_mode", "what": "one"}, "layer '1', Dropout, is in eval mode"),
    "half": ({"name": "precise", "kind": "float16"}, "'1.weight' is of float16"),
    "bfloat16": ({"name": "precise", "kind": "bfloat16", "what": "buffer"}, "'scale' is of bfloat16"),
    "closure": ({"name": "closure"}, "the network, Own, changes its attribute 'before.calls'"),
    "hook of a parameter": ({"name": "hooked", "kind": "parameter"}, "the parameter '1.weight' has hooks"),
    "pre-hook": ({"name": "hooked", "kind": "pre"}, "layer '1', Linear, writes into its parameter 'weight'"),
    "spectral norm": (
        {"name": "hooked", "kind": "spectral"},
        "layer '1', Linear, writes into its buffer 'weight_[uv]",
    ),
    "dropout of one's own": ({"name": "odd_dropout"}, "layer '1', Growing, has a forward of its own"),
    "unseeded": ({"name": "at_random"}, "two calls of its factory with one seed differ in '1.weight'"),
    "shared": ({"name": "one_for_all"}, "the same layers at every call"),
    "complex": ({"name": "complex_parameter"}, "the parameter 'phase' is of torch.complex64"),
    "parametrization with state": (
        {"name": "parametrized", "kind": "spectral_norm"},
        "its buffer '_u'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_torchs_own_loop_is_refused(case: str) -> None:
    keys, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        check_gradients(problem_of(**keys))


def test_a_precision_of_its_own_is_not_rounded() -> None:
    for what, name in (("parameter", "1.weight"), ("buffer", "scale")):
        with pytest.raises(InputError, match=f"'{name}' is of float64, and the scenario's dtype is float32; say dtype"):
            problem_of("precise", kind="float64", what=what, dtype="float32")
        problem_of("precise", kind="float64", what=what)


KEPT: dict[str, dict[str, Any]] = {
    "in place": {"name": "own", "way": "in_place"},
    "in place, conv": {"name": "own", "way": "in_place", "conv": True},
    "forward replaced": {"name": "hooked", "kind": "instance"},
    "kept in eval mode": {"name": "kept_in_eval_mode"},
    "from globals": {"name": "from_globals"},
    "weight norm": {"name": "parametrized"},
    "tied": {"name": "tied"},
    "recurrent": {"name": "recurrent"},
    "padded": {"name": "padded"},
    "batch norm": {"name": "normalised"},
    "batch norm, conv": {"name": "normalised", "kind": "conv"},
    "batch norm, untracked": {"name": "normalised", "track": False},
    "mlp": {"name": "mlp", "hidden": [5]},
    "scaled": {"name": "support.networks:scaled"},
}


@pytest.mark.parametrize("case", KEPT)
def test_the_others_are_trained_as_by_torch(case: str) -> None:
    """Twelve steps of one worker, by both executors, against a module in train mode with torch.optim.SGD."""
    keys = KEPT[case]
    problem = problem_of(**keys, workers=1)
    check_gradients(problem)
    samples = problem.samples.test_x.clone()
    optimizer = {"learning_rate": 0.3, "momentum": 0.9}
    arm = only_arm(workers=1, until={"gradient_steps": 12}, algorithm={"name": "sgd"}, optimizer=optimizer)
    network = initialised(problem.spec, (1, 8, 8), 10, 0).double().train()
    sgd = torch.optim.SGD(network.parameters(), lr=0.3, momentum=0.9)
    for step in range(12):
        inputs, labels, _ = problem.batch([0], [step])
        sgd.zero_grad()
        cross_entropy(network(inputs[0].clone()), labels[0]).backward()
        sgd.step()
    expected = torch.cat([p.detach().flatten() for p in network.parameters()])
    for executor in (None, Reference):
        _, _, rows = trajectory(arm, executor, problem=problem_of(**keys, workers=1))
        torch.testing.assert_close(rows[-1][0], expected, rtol=1e-9, atol=1e-11)
    problem.losses(problem.initial())
    assert torch.equal(problem.samples.test_x, samples)


@pytest.mark.parametrize("keys", [{"name": "mlp", "hidden": [5]}, {"name": "own", "way": "clamp"}, *KEPT.values()])
@pytest.mark.parametrize("conv", [False, True])
def test_parameters_are_never_written_into(keys: dict[str, Any], conv: bool) -> None:
    if conv:
        keys = {"name": "own", "way": "renorm", "conv": True} if keys["name"] == "mlp" else keys
    problem = problem_of(**keys)
    x = 100 * torch.stack([problem.initial()] * 3)
    kept = x.clone()
    problem.gradients(x, [0, 1, 0], [0, 0, 1])
    problem.gradients(x[:1], [0], [0])
    problem.gradient(x[0], 1, 2)
    problem.losses(x[0])
    assert torch.equal(x, kept)


@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_statistics_of_batch_norm_are_those_of_update_bn(kind: str, track: bool) -> None:
    """torch's own rule for averaged parameters, on the module as it is, and its losses in eval mode."""
    problem = problem_of("normalised", kind=kind, track=track)
    x = problem.initial() + 0.05 * torch.randn(
        problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    network = initialised(problem.spec, (1, 8, 8), 10, 0).double()
    nn.utils.vector_to_parameters(x, network.parameters())
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and not track:
            tracked = type(module)(module.num_features, affine=module.affine).double()
            tracked.load_state_dict(module.state_dict(), strict=False)
            network.set_submodule(name, tracked)
    update_bn([problem.samples.train_x[indices] for indices in statistics_batches(1437)], network)
    network.eval()
    with torch.no_grad():
        logits = network(problem.samples.test_x)
    losses = problem.losses(x)
    assert losses.test_loss == pytest.approx(float(cross_entropy(logits, problem.samples.test_y)), rel=1e-10)
    for chunk in (1, 7, 360):
        problem.chunk = chunk
        assert problem.losses(x)[:3] == pytest.approx(losses[:3], rel=1e-12)


def test_the_part_that_statistics_are_taken_of() -> None:
    batches = statistics_batches(1437)
    assert [len(batch) for batch in batches] == [100] * 10
    chosen = sorted(int(index) for batch in batches for index in batch)
    assert (len(set(chosen)), chosen[0], chosen[-1]) == (1000, 0, 1436)
    assert [len(batch) for batch in statistics_batches(150)] == [75, 75]
    assert [len(batch) for batch in statistics_batches(7)] == [7]


def test_batch_norm_under_dropout_is_deterministic() -> None:
    first, second = (problem_of("normalised", dropout=0.4) for _ in range(2))
    x = first.initial()
    first.gradient(x, 0, 0)
    assert first.losses(x) == first.losses(x) == second.losses(x)
    check_gradients(first)
