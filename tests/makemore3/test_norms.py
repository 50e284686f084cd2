"""The norms beside batch norm, and the residual connection, each against torch."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from makemore3.layers import (
    BatchNorm1d,
    GhostBatchNorm1d,
    GroupNorm,
    LayerNorm,
    Linear,
    Residual,
    RMSNorm,
    Sequential,
    Tanh,
)

ROW_NORMS: dict[str, tuple[Callable[..., nn.Module], Callable[..., nn.Module]]] = {
    "layer": (LayerNorm, nn.LayerNorm),
    "rms": (RMSNorm, nn.RMSNorm),
    "one group": (partial(GroupNorm, num_groups=1), partial(nn.GroupNorm, 1)),
    "three groups": (partial(GroupNorm, num_groups=3), partial(nn.GroupNorm, 3)),
}
CONVENTIONS = ["torch", "lecture", "lecture-std"]


def gradients(output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Gradients of a sum in which every output weighs differently."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weights).sum(), inputs)


def drawn(ours: nn.Module, oracle: nn.Module, generator: torch.Generator) -> None:
    """Give both the same gain and shift, none of them 1 or 0."""
    with torch.no_grad():
        for mine, theirs in zip(ours.parameters(), oracle.parameters(), strict=True):
            theirs.copy_(mine.normal_(generator=generator))


# Layer norm, RMS norm, group norm


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
@pytest.mark.parametrize(("batch", "features"), [(1, 6), (2, 9), (32, 99)])
@pytest.mark.parametrize("name", ROW_NORMS)
def test_norms_of_rows_match_torch(
    name: str, batch: int, features: int, eps: float, training: bool, generator: torch.Generator
) -> None:
    ours, oracle = (make(features, eps=eps).train(training) for make in ROW_NORMS[name])
    assert [p.tolist() for p in ours.parameters()] == [p.tolist() for p in oracle.parameters()]
    drawn(ours, oracle, generator)
    x = (2 * torch.randn((batch, features), generator=generator) + 3).requires_grad_()
    torch.testing.assert_close(ours(x), oracle(x))
    torch.testing.assert_close(
        gradients(ours(x), x, *ours.parameters()),
        gradients(oracle(x), x, *oracle.parameters()),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("name", ROW_NORMS)
def test_gradients_of_norms_of_rows_are_those_of_finite_differences(
    name: str, generator: torch.Generator
) -> None:
    norm = ROW_NORMS[name][0](6).double()
    drawn(norm, norm, generator)
    x = torch.randn((4, 6), generator=generator, dtype=torch.float64, requires_grad=True)
    parameters = dict(norm.named_parameters())

    def call(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(norm, dict(zip(parameters, values, strict=True)), x)

    assert torch.autograd.gradcheck(call, (x, *parameters.values()))


@pytest.mark.parametrize("name", ROW_NORMS)
def test_norms_of_rows_have_torchs_default_eps(name: str) -> None:
    ours, oracle = (make(6) for make in ROW_NORMS[name])
    if name == "rms":
        assert oracle.eps is None, "torch takes the dtype's own"
        assert ours.eps == LayerNorm(6).eps
    else:
        assert ours.eps == oracle.eps


@given(
    name=st.sampled_from(sorted(ROW_NORMS)),
    seed=st.integers(0, 2**32),
    scale=st.floats(0.1, 100),
    shift=st.floats(-100, 100),
)
def test_a_row_is_normalised_by_itself_whatever_its_scale(
    name: str, seed: int, scale: float, shift: float
) -> None:
    x = torch.randn((5, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    norm = ROW_NORMS[name][0](6, eps=0).double()
    torch.testing.assert_close(norm(x)[1:2], norm(x[1:2]), msg="no row sees another")
    torch.testing.assert_close(norm(scale * x), norm(x), rtol=1e-6, atol=1e-6)
    moved = torch.allclose(norm(x + shift), norm(x), rtol=1e-5, atol=1e-5)
    if name != "rms":
        assert moved
    elif abs(shift) > 1:
        assert not moved, "RMS norm keeps the mean"


def test_groups_are_neighbouring_features(generator: torch.Generator) -> None:
    x = torch.randn((3, 6), generator=generator)
    apart = torch.cat([LayerNorm(2)(part) for part in x.split(2, 1)], 1)
    torch.testing.assert_close(GroupNorm(6, num_groups=3)(x), apart)


def test_a_constant_row_becomes_beta_and_zeros_stay_zeros() -> None:
    for norm in (LayerNorm(4), GroupNorm(4, num_groups=2)):
        with torch.no_grad():
            norm.beta.fill_(3)
        assert torch.equal(norm(torch.full((2, 4), 7.0)), torch.full((2, 4), 3.0))
    assert torch.equal(RMSNorm(4)(torch.zeros(2, 4)), torch.zeros(2, 4))


@pytest.mark.parametrize("shape", [(3,), (32, 4), (2, 3, 6)])
@pytest.mark.parametrize("norm", [LayerNorm(6), RMSNorm(6), GroupNorm(6, num_groups=2)], ids=repr)
def test_norms_of_rows_refuse_inputs_that_do_not_fit(norm: Any, shape: tuple[int, ...]) -> None:
    name = type(norm).__name__
    with pytest.raises(ValueError, match=rf"{name}\(6\) needs x of shape \(N, 6\), got \("):
        norm(torch.zeros(shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(LayerNorm, 0), "LayerNorm needs num_features of at least 1, got 0"),
        (partial(RMSNorm, 0), "RMSNorm needs num_features of at least 1, got 0"),
        (partial(GroupNorm, 4, num_groups=0), "GroupNorm needs num_groups of at least 1, got 0"),
        (partial(GroupNorm, 4, num_groups=3), "as a multiple of num_groups, got 4 and 3"),
        (partial(LayerNorm, 4, eps=-1.0), r"LayerNorm needs eps of at least 0, got -1\.0"),
        (partial(RMSNorm, 4, eps=math.nan), "RMSNorm needs eps of at least 0, got nan"),
        (partial(GroupNorm, 4, num_groups=2, eps=-1.0), "GroupNorm needs eps of at least 0"),
        (partial(GhostBatchNorm1d, 4, ghost_size=1), "needs ghost_size of at least 2, got 1"),
        (partial(GhostBatchNorm1d, 4, ghost_size=2, eps=-1.0), "GhostBatchNorm1d needs eps of"),
        (partial(GhostBatchNorm1d, 4, ghost_size=2, momentum=2.0), "GhostBatchNorm1d needs mom"),
    ],
)
def test_norms_refuse_settings_without_meaning(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# Ghost batch norm


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(("batch", "ghost_size"), [(12, 4), (12, 2), (64, 32)])
def test_ghost_batch_norm_is_a_batch_norm_of_each_group_in_turn(
    batch: int, ghost_size: int, convention: Any, generator: torch.Generator
) -> None:
    settings: dict[str, Any] = {"eps": 1e-3, "momentum": 0.3, "convention": convention}
    ours = GhostBatchNorm1d(5, ghost_size=ghost_size, **settings)
    oracle = nn.BatchNorm1d(5, eps=1e-3, momentum=0.3)
    if convention != "torch":
        oracle = BatchNorm1d(5, **settings)  # test_layers.py compares it with torch
    drawn(ours, oracle, generator)
    for scale in (1, 4):
        x = (scale * torch.randn((batch, 5), generator=generator)).requires_grad_()
        y, wanted = ours(x), torch.cat([oracle(group) for group in x.split(ghost_size)])
        torch.testing.assert_close(y, wanted)
        torch.testing.assert_close(
            gradients(y, x, *ours.parameters()),
            gradients(wanted, x, *oracle.parameters()),
            rtol=1e-4,
            atol=1e-4,
        )
        torch.testing.assert_close(ours.running_mean, oracle.running_mean)
        torch.testing.assert_close(ours.running_var, oracle.running_var)
    x = torch.randn((7, 5), generator=generator)
    torch.testing.assert_close(ours.eval()(x), oracle.eval()(x))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradients_of_ghost_batch_norm_are_those_of_finite_differences(
    convention: Any, generator: torch.Generator
) -> None:
    norm = GhostBatchNorm1d(3, ghost_size=2, convention=convention).double()
    x = torch.randn((6, 3), generator=generator, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"gamma": gamma, "beta": beta}, x)

    assert torch.autograd.gradcheck(call, (x, norm.gamma, norm.beta))


def test_one_group_of_all_rows_is_a_batch_norm(generator: torch.Generator) -> None:
    x = torch.randn((8, 3), generator=generator)
    ghost, batch = GhostBatchNorm1d(3, ghost_size=8), BatchNorm1d(3)
    assert torch.equal(ghost(x), batch(x))
    assert all(map(torch.equal, ghost.buffers(), batch.buffers()))


@pytest.mark.parametrize("rows", [0, 1, 3, 6])
def test_ghost_batch_norm_refuses_rows_that_make_no_whole_groups(rows: int) -> None:
    norm = GhostBatchNorm1d(3, ghost_size=4)
    message = rf"a multiple of 4 rows in training, got x of shape \({rows}, 3\): choose a batch"
    with pytest.raises(ValueError, match=message):
        norm(torch.zeros(rows, 3))
    assert torch.equal(norm.running_mean, torch.zeros(3)), "a refused batch leaves no trace"
    with pytest.raises(ValueError, match=r"GhostBatchNorm1d\(3\) needs x of shape \(N, 3\)"):
        norm(torch.zeros(4, 2))
    assert norm.eval()(torch.zeros(rows, 3)).shape == (rows, 3)


# Residual connections


def branch(generator: torch.Generator) -> Sequential:
    return Sequential(Linear(4, 4, generator=generator), LayerNorm(4), Tanh())


def test_residual_adds_the_branch_to_its_input(generator: torch.Generator) -> None:
    residual = Residual(branch(generator))
    x = torch.randn((5, 4), generator=generator)
    assert torch.equal(residual(x), x + residual.branch(x))


def test_residual_passes_the_gradient_on_beside_the_branch(generator: torch.Generator) -> None:
    residual = Residual(branch(generator)).double()
    x = torch.randn((3, 4), generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(residual, (x,))
    (whole,), (inner,) = gradients(residual(x), x), gradients(residual.branch(x), x)
    weights = torch.linspace(-1, 2, 12, dtype=torch.float64).view(3, 4)
    torch.testing.assert_close(whole, inner + weights)


def test_residual_refuses_a_branch_that_changes_the_shape(generator: torch.Generator) -> None:
    narrower = Residual(Linear(4, 1, generator=generator))
    with pytest.raises(ValueError, match=r"keeps the shape, got \(5, 1\) for x of shape \(5, 4\)"):
        narrower(torch.zeros(5, 4))


# What all have in common


def test_printed_form_tells_the_settings() -> None:
    layers = [
        GhostBatchNorm1d(4, ghost_size=8),
        LayerNorm(4),
        RMSNorm(4, eps=0.1),
        GroupNorm(4, num_groups=2),
    ]
    assert [repr(layer) for layer in layers] == [
        "GhostBatchNorm1d(4, eps=1e-05, momentum=0.1, convention='torch', ghost_size=8)",
        "LayerNorm(4, eps=1e-05)",
        "RMSNorm(4, eps=0.1)",
        "GroupNorm(4, num_groups=2, eps=1e-05)",
    ]


def test_parameters_are_found_by_name(generator: torch.Generator) -> None:
    model = Sequential(Residual(branch(generator)), RMSNorm(4), GroupNorm(4, num_groups=2))
    assert list(model.state_dict()) == [
        "0.branch.0.weight",
        "0.branch.0.bias",
        "0.branch.1.gamma",
        "0.branch.1.beta",
        "1.gamma",
        "2.gamma",
        "2.beta",
    ]
