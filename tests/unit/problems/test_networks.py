"""Built-in networks, and the way in which gradients are computed, against torch's own loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy

from gossim.errors import InputError, ScenarioError
from gossim.execute.reference import Reference
from gossim.problems.build import build, check_gradients
from gossim.problems.dropout import drawing
from gossim.problems.supervised import SupervisedProblem, initialised
from gossim.scenario.derived import message_bytes
from gossim.testing import trajectory
from support.present import present
from support.scenarios import CPU, DIGITS, only_arm, scenario

TOKENS = {"name": "text", "file": "a.txt", "context": 6}
GPT = {"name": "gpt", "layers": 2, "width": 8, "heads": 2}
RESNET = {"name": "resnet", "width": 4, "groups": 2}


@pytest.fixture(autouse=True)
def _text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("the quick brown fox jumps over the lazy dog; " * 8)


def problem_of(model: dict[str, Any], data: dict[str, Any] = DIGITS, workers: int = 3) -> SupervisedProblem:
    arm = only_arm(problem={"model": model, "data": data, "batch_size": 4}, workers=workers)
    problem = build(present(arm.problem), workers, 0, "float64", CPU)
    assert isinstance(problem, SupervisedProblem)
    return problem


def own(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": f"support.drawn_networks:{name}", **keys}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "gpt": (GPT, TOKENS, True),
    "gpt, not tied": ({**GPT, "tied": False}, TOKENS, True),
    "gpt, dropout": ({**GPT, "dropout": 0.3}, TOKENS, True),
    "lstm of tokens": ({"name": "lstm", "width": 6}, TOKENS, False),
    "lstm of images": ({"name": "lstm", "width": 6, "layers": 2}, DIGITS, False),
    "lstm, dropout": ({"name": "lstm", "width": 6, "layers": 2, "dropout": 0.4}, DIGITS, False),
    "resnet": (RESNET, DIGITS, False),
    "resnet, batch norm": ({"name": "resnet", "depth": 14, "width": 3, "norm": "batch"}, DIGITS, False),
    "attention, dropout": (own("drawn", parts=["attention", "gru"]), DIGITS, False),
    "linear layers, one frozen": ({"name": "support.drawn_networks:half_frozen"}, DIGITS, True),
    "frozen and lazy": (own("drawn", parts=["linear", "layer_norm"], frozen=[0], lazy=True), DIGITS, True),
}
"""Model, data, and whether gradients of several workers go together."""


def by_torch(problem: SupervisedProblem, x: torch.Tensor, worker: int, step: int) -> torch.Tensor:
    network, draws = problem.fresh()
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    nn.utils.vector_to_parameters(x, learned)
    inputs, targets, keys = problem.batch([worker], [step])
    with drawing(draws, keys[0]):
        outputs = network.train()(inputs[0])
        cross_entropy(outputs.flatten(0, -2), targets[0].flatten()).backward()
    return torch.cat([p.grad.flatten() for p in learned if p.grad is not None])


@pytest.mark.parametrize("case", CASES)
def test_every_network_on_every_way_is_torchs_own(case: str) -> None:
    model, data, together = CASES[case]
    problem = problem_of(model, data)
    assert (problem.one_by_one is None) == together
    noise = torch.Generator().manual_seed(1)
    x = problem.initial() + 0.05 * torch.randn(3, problem.dim, dtype=torch.float64, generator=noise)
    workers, steps = [0, 1, 2], [4, 0, 9]
    expected = torch.stack([by_torch(problem, *each) for each in zip(x, workers, steps, strict=True)])
    alone = torch.stack([problem.gradient(*each) for each in zip(x, workers, steps, strict=True)])
    close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(alone, expected, **close)
    for at_once in (2**62, 2, 1):  # all together, in pieces, and a piece each
        problem.at_once = at_once
        torch.testing.assert_close(problem.gradients(x, workers, steps), expected, **close)
        moved = x.clone()
        problem.descend(moved, workers, steps, 0.9, 0.1)
        torch.testing.assert_close(moved, 0.9 * x - 0.1 * expected, **close)
    torch.testing.assert_close(problem.gradients(x[:1], [0], [4]), expected[:1], **close)


@pytest.mark.parametrize("case", CASES)
def test_a_run_by_both_executors(case: str) -> None:
    model, data, _ = CASES[case]
    arm = only_arm(
        problem={"model": model, "data": data, "batch_size": 4},
        workers=3,
        until={"gradient_steps": 9},
        optimizer={"name": "adamw", "learning_rate": 0.01},
    )
    rows = [trajectory(arm, executor)[2][-1] for executor in (None, Reference)]
    torch.testing.assert_close(rows[0], rows[1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_bytes_are_those_of_the_parameters_that_are_learned(case: str) -> None:
    model, data, _ = CASES[case]
    arm = scenario(problem={"model": model, "data": data, "batch_size": 4}).arms["arm"]
    assert message_bytes(arm) == problem_of(model, data).dim * 8


def test_networks_have_their_published_numbers_of_parameters() -> None:
    """ResNet-20 with shortcuts of option A (He et al., table 6: 0.27 million), and GPT-2 small (124,439,808)."""
    from gossim.problems import MODELS

    resnet = MODELS["resnet"].model_validate({"name": "resnet", "depth": 20, "norm": "batch"})
    assert resnet.parameters((3, 32, 32), 10) == 269_722
    gpt = MODELS["gpt"].model_validate({"name": "gpt", "layers": 12, "width": 768, "heads": 12})
    assert gpt.parameters((1024,), 50257) == 124_439_808


def test_gpt_is_torchs_own_encoder_with_a_causal_mask() -> None:
    """`nn.TransformerEncoderLayer` with `norm_first` is the same block, written by others."""
    network: Any = problem_of(GPT, TOKENS).fresh()[0]
    x = torch.randint(256, (3, 6), generator=torch.Generator().manual_seed(0))
    hidden = network.token(x) + network.position(torch.arange(6))
    for block in network.blocks:
        layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
        state = {
            "self_attn.in_proj_weight": block.attention.qkv.weight,
            "self_attn.in_proj_bias": block.attention.qkv.bias,
            "self_attn.out_proj.weight": block.attention.out.weight,
            "self_attn.out_proj.bias": block.attention.out.bias,
            **{f"linear{n + 1}.{part}": getattr(block.mlp[2 * n], part) for n in (0, 1) for part in ("weight", "bias")},
            **{
                f"norm{n}.{part}": getattr(block, f"norm_{n}").get_parameter(part)
                for n in (1, 2)
                for part in ("weight", "bias")
            },
        }
        layer.load_state_dict(state)
        hidden = layer(hidden, src_mask=nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64))
    expected = functional.linear(network.norm(hidden), network.token.weight)
    torch.testing.assert_close(network(x), expected, rtol=1e-9, atol=1e-12)


def test_frozen_parameters_are_no_part_of_rows_and_stay() -> None:
    keys = own("drawn", parts=["linear"], frozen=[0])
    problem = problem_of(keys)
    whole = initialised(problem.spec, (1, 8, 8), 10, 0)
    assert problem.dim == sum(p.numel() for p in whole.parameters()) - 4 * 4 - 4
    assert not any("parts" in name for name in problem.layers)
    frozen = problem.network.get_parameter("parts.0.inner.weight").clone()
    x = problem.initial().repeat(2, 1)
    problem.descend(x, [0, 1], [0, 0], 1.0, 10.0)
    assert torch.equal(problem.network.get_parameter("parts.0.inner.weight"), frozen)
    assert torch.equal(frozen, whole.get_parameter("parts.0.inner.weight").double())


def test_everything_frozen_is_refused() -> None:
    with pytest.raises(InputError, match="no parameters to learn"):
        problem_of({"name": "support.drawn_networks:all_frozen"})


def test_lazy_layers_draw_what_layers_with_sizes_do() -> None:
    lazy, sized = (problem_of(own("drawn", parts=["linear"], lazy=lazy)) for lazy in (True, False))
    assert lazy.layers == sized.layers
    assert float(lazy.initial().std()) > 0


def test_a_lazy_layer_that_is_not_called() -> None:
    with pytest.raises(
        InputError, match="layer 'spare', LazyLinear, has no shape before its first call, and no sample"
    ):
        problem_of({"name": "support.drawn_networks:spare_lazy"})


def test_draws_follow_from_seed_worker_and_step_and_leave_the_generator_alone() -> None:
    keys = own("drawn", parts=["attention", "functional_dropout", "checkpoint"])
    first, second = problem_of(keys), problem_of(keys)
    assert first.from_torch
    check_gradients(first)
    x = first.initial()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    some = first.gradient(x, 1, 3)
    torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(second.gradients(torch.stack([x, x]), [0, 1], [3, 3])[1], some)
    assert not torch.equal(first.gradient(x, 1, 4), some)
    assert not torch.equal(first.gradient(x, 0, 3), some)
    assert torch.equal(torch.get_rng_state(), state)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert torch.equal(second.gradients(torch.stack([x, x]), [0, 1], [3, 3])[1], some)
    finally:
        torch.set_num_threads(threads)


def test_what_draws_in_eval_mode_too_is_refused() -> None:
    with pytest.raises(InputError, match="layer 'noise', Noise, draws random numbers from torch's global generator"):
        check_gradients(problem_of({"name": "support.drawn_networks:noisy"}))


def test_the_way_does_not_depend_on_the_machine() -> None:
    """Activations of one gradient are counted, not timed: twice the batch keeps twice as much."""
    arms = [only_arm(problem={"model": GPT, "data": TOKENS, "batch_size": size}) for size in (10, 20)]
    few, many = (build(present(arm.problem), 4, 0, "float32", CPU) for arm in arms)
    assert isinstance(few, SupervisedProblem)
    assert isinstance(many, SupervisedProblem)
    assert abs(few.at_once - 2 * many.at_once) <= 1
    assert np.isfinite(few.losses(few.initial()).test_loss or np.nan)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ({"name": "gpt", "width": 10}, TOKENS, "width = 10: heads must divide width, and they are 4 and 10"),
        ({"name": "lstm", "dropout": 0.1}, DIGITS, "dropout = 0.1: is between layers"),
        ({"name": "resnet", "depth": 9}, DIGITS, "depth = 9: must be 8, 14, 20"),
        ({"name": "resnet", "width": 6}, DIGITS, "width = 6: groups must divide width, and they are 8 and 6"),
        ({"name": "resnet", "norm": "batch", "groups": 2}, DIGITS, "groups = 2: is of norm: group"),
        ({"name": "gpt"}, DIGITS, "does not learn"),
        ({"name": "resnet"}, TOKENS, "does not learn"),
    ],
)
def test_settings_that_do_not_fit(model: dict[str, Any], data: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        only_arm(problem={"model": model, "data": data, "batch_size": 4})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lstm", r"needs sequences, \(length, features\), or images, and problem.data gives samples of shape \(2,\)"),
        ("resnet", r"needs images \(channels, height, width\), and problem.data gives samples of shape \(2,\)"),
        ("gosgd_cnn", "needs images of 28 × 28 pixels, and problem.data gives 2;"),
    ],
)
def test_samples_that_do_not_fit(name: str, message: str) -> None:
    """With gradients, and where the clock alone asks how many bytes a message has."""
    Path("t.csv").write_text("a,b,kind\n" + "".join(f"{n},{n * n},{n % 3}\n" for n in range(30)))
    data = {"name": "csv", "file": "t.csv", "target": "kind", "task": "classification"}
    with pytest.raises(InputError, match=message):
        problem_of({"name": name}, data)
    with pytest.raises(InputError, match=message):
        message_bytes(only_arm(problem={"model": {"name": name}, "data": data, "batch_size": 4}))
