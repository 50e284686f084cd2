"""Folding batch norm: the same outputs with fewer layers, against torch's own fusion."""

import copy
from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from makemore3.folding import fold_batchnorm
from makemore3.layers import BatchNorm1d, Linear, Tanh
from makemore3.models import STAGES, deep_mlp, mlp, parameter_count
from makemore3.resnet import Bottleneck


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def experienced(model: nn.Module, seed: int = 0) -> nn.Module:
    """In eval mode, with parameters and statistics that no initialisation has."""
    g = seeded(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=g))
            elif name.endswith("running_var"):
                buffer.copy_(0.1 + 4 * torch.rand(buffer.shape, generator=g))
    return model.eval()


def batch_norms(model: nn.Module) -> list[nn.Module]:
    return [m for m in model.modules() if isinstance(m, BatchNorm1d | _BatchNorm)]


def assert_folds(model: nn.Module, x: Tensor, *, seed: int = 0) -> nn.Module:
    """Fold in float64, where the outputs must agree to its precision; return the result."""
    model = experienced(model, seed).double()
    assert batch_norms(model)
    expected = model(x)
    folded = fold_batchnorm(model)
    torch.testing.assert_close(folded(x), expected, rtol=1e-10, atol=1e-10)
    assert not batch_norms(folded)
    assert not list(folded.buffers())
    assert not any(module.training for module in folded.modules())
    assert torch.equal(model(x), expected), "the model itself stays as it is"
    return folded


def contexts(rows: int = 16, seed: int = 1) -> Tensor:
    return torch.randint(0, 27, (rows, 3), generator=seeded(seed))


def rows(*shape: int) -> Tensor:
    return torch.randn(shape, generator=seeded(1), dtype=torch.float64)


@pytest.mark.parametrize("stage", ["batch-norm", "batch-norm-no-bias"])
def test_the_lectures_first_net_folds(stage: str) -> None:
    model = mlp(STAGES[stage], generator=seeded())
    folded = assert_folds(model, contexts())
    assert [n for n, _ in folded.named_children()] == [
        *("embedding", "flatten", "hidden", "tanh", "output"),
    ]


@pytest.mark.parametrize("nonlinearity", [Tanh, None])
@pytest.mark.parametrize("batch_norm", ["before", "after"])
@pytest.mark.parametrize("n_linear", [1, 3, 6])
def test_the_deep_net_folds(n_linear: int, batch_norm: Any, nonlinearity: Any) -> None:
    sizes = {"n_linear": n_linear, "nonlinearity": nonlinearity, "n_hidden": 20}
    model = deep_mlp(batch_norm=batch_norm, generator=seeded(), **sizes)
    folded = assert_folds(model, contexts())
    plain = deep_mlp(generator=seeded(), **sizes)
    assert parameter_count(folded) == parameter_count(plain)
    plain.double().load_state_dict(folded.state_dict())
    assert torch.equal(plain.eval()(contexts()), folded(contexts()))


def test_running_statistics_of_training_are_the_ones_folded() -> None:
    model = deep_mlp(n_linear=3, batch_norm="before", generator=seeded())
    for seed in range(5):
        model(contexts(32, seed))
    model.eval()
    before = model(contexts(64, 9))
    torch.testing.assert_close(fold_batchnorm(model)(contexts(64, 9)), before)
    model.train()
    assert not torch.allclose(model(contexts(64, 9)), before, atol=1e-2)


@given(
    fan_in=st.integers(1, 6),
    fan_out=st.integers(1, 6),
    bias=st.booleans(),
    affine=st.booleans(),
    eps=st.floats(1e-8, 1.0),
    seed=st.integers(0, 2**32),
)
def test_linear_is_fused_as_torch_does(
    fan_in: int, fan_out: int, bias: bool, affine: bool, eps: float, seed: int
) -> None:
    norm = nn.BatchNorm1d(fan_out, eps=eps, affine=affine)
    model = nn.Sequential(nn.Linear(fan_in, fan_out, bias=bias), norm)
    folded: Any = assert_folds(model, rows(5, fan_in), seed=seed)
    linear: Any = model[0]
    if affine:  # torch's fusion refuses the other
        oracle: Any = fuse_linear_bn_eval(copy.deepcopy(linear), norm)
    else:
        stand_in = nn.BatchNorm1d(fan_out, eps=eps).double().eval()
        stand_in.load_state_dict(norm.state_dict(), strict=False)
        oracle = fuse_linear_bn_eval(copy.deepcopy(linear), stand_in)
    torch.testing.assert_close(folded[0].weight, oracle.weight)
    torch.testing.assert_close(folded[0].bias, oracle.bias)


@given(
    fan_in=st.integers(1, 6),
    fan_out=st.integers(1, 6),
    bias=st.booleans(),
    convention=st.sampled_from(["torch", "lecture", "lecture-std"]),
    norm_first=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_our_layers_fold_like_torchs(
    fan_in: int, fan_out: int, bias: bool, convention: Any, norm_first: bool, seed: int
) -> None:
    features = fan_in if norm_first else fan_out
    linear = Linear(fan_in, fan_out, bias=bias, generator=seeded(seed))
    norm = BatchNorm1d(features, convention=convention)
    ours = nn.Sequential(norm, linear) if norm_first else nn.Sequential(linear, norm)
    folded = assert_folds(ours, rows(5, fan_in), seed=seed)

    float64: Any = {"dtype": torch.float64}
    theirs: Any = [
        nn.Linear(fan_in, fan_out, bias=bias, **float64),
        nn.BatchNorm1d(features, **float64),
    ]
    theirs[0].load_state_dict({name: p.t() for name, p in linear.named_parameters()})
    state = {"weight": norm.gamma, "bias": norm.beta, **dict(norm.named_buffers())}
    theirs[1].load_state_dict(state, strict=False)
    oracle = fold_batchnorm(nn.Sequential(*theirs[:: -1 if norm_first else 1]).eval())
    for p, expected in zip(folded.parameters(), oracle.parameters(), strict=True):
        torch.testing.assert_close(p, expected.t())


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_are_fused_as_torch_does(dimensions: int, bias: bool, groups: int) -> None:
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1]
    kind = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dimensions - 1]
    conv = convolution(4, 6, 3, padding=1, bias=bias, groups=groups)
    norm = kind(6)
    folded: Any = assert_folds(nn.Sequential(conv, norm, nn.ReLU()), rows(2, 4, *[5] * dimensions))
    oracle: Any = fuse_conv_bn_eval(copy.deepcopy(conv), norm)
    torch.testing.assert_close(folded[0].weight, oracle.weight)
    torch.testing.assert_close(folded[0].bias, oracle.bias)
    assert [n for n, _ in folded.named_children()] == ["0", "2"], "names stay"


def test_nested_sequentials_are_one_chain_and_other_modules_may_hold_some() -> None:
    inner = nn.Sequential(nn.BatchNorm1d(4), nn.Tanh(), nn.Sequential(nn.BatchNorm1d(4)))
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 4)), inner, nn.Linear(4, 2))
    folded = assert_folds(model, rows(5, 3))
    assert list(folded.state_dict()) == ["0.0.weight", "0.0.bias", "2.weight", "2.bias"]
    block = Bottleneck(8, 4, stride=2, generator=seeded())
    folded = assert_folds(block, rows(2, 8, 6, 6))
    assert {name.rpartition(".")[0] for name, _ in folded.named_parameters()} == {
        *("body.conv1", "body.conv2", "body.conv3", "shortcut.conv"),
    }


def test_norms_on_both_sides_and_in_a_row_all_go() -> None:
    norms = [nn.BatchNorm1d(3), nn.BatchNorm1d(3)]
    model = nn.Sequential(*norms, nn.Linear(3, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    folded = assert_folds(model, rows(5, 3))
    assert list(folded.state_dict()) == ["2.weight", "2.bias"]


def test_a_layer_in_several_places_is_replaced_in_each_by_its_own() -> None:
    shared, norms = nn.Linear(3, 3), (nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    model = nn.Sequential(shared, norms[0], nn.Tanh(), shared, norms[1], nn.Tanh(), shared)
    folded = assert_folds(model, rows(5, 3))
    weights = [folded.get_parameter(f"{place}.weight") for place in (0, 3, 6)]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], shared.get_parameter("weight"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_rounded_once_and_keep_dtype_and_requires_grad(dtype: torch.dtype) -> None:
    layers = nn.Linear(5, 7, bias=False), nn.BatchNorm1d(7)
    model = experienced(nn.Sequential(*layers)).to(dtype)
    layers[0].weight.requires_grad_(False)
    folded = fold_batchnorm(model)
    exact = fold_batchnorm(copy.deepcopy(model).double())
    for (name, ours), exactly in zip(folded.named_parameters(), exact.parameters(), strict=True):
        assert ours.dtype == dtype, name
        assert torch.equal(ours, exactly.to(dtype)), name
        assert not ours.requires_grad, name


def test_a_model_without_batch_norm_is_copied() -> None:
    model = deep_mlp(n_linear=2, generator=seeded()).eval()
    folded = fold_batchnorm(model)
    assert torch.equal(folded(contexts()), model(contexts()))
    assert folded.get_parameter("linear1.weight") is not model.get_parameter("linear1.weight")


def test_training_mode_is_refused() -> None:
    model = deep_mlp(n_linear=2, batch_norm="before", generator=seeded())
    message = r"got the model \(Sequential\) in training mode.* call eval\(\)"
    with pytest.raises(ValueError, match=message):
        fold_batchnorm(model)
    model.eval().get_submodule("norm1").train()
    with pytest.raises(ValueError, match="got BatchNorm1d 'norm1' in training mode"):
        fold_batchnorm(model)


def test_missing_running_statistics_are_refused() -> None:
    norm = nn.BatchNorm1d(4, track_running_stats=False)
    model = nn.Sequential(nn.Linear(3, 4), norm).eval()
    with pytest.raises(ValueError, match=r"running statistics in BatchNorm1d '1'.*make it with"):
        fold_batchnorm(model)


class Residual(nn.Module):
    """Holds a batch norm in a way whose order only `forward` knows."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x) + x)


class Backwards(nn.Sequential):
    """A Sequential by type only."""

    def forward(self, input: Tensor) -> Tensor:
        for layer in reversed(list(self.children())):
            input = layer(input)
        return input


def named(**layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(layers))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            named(a=nn.Linear(3, 3), b=nn.Tanh(), c=nn.BatchNorm1d(3), d=nn.Tanh()),
            "BatchNorm1d 'c' has nothing to fold into: .* got Tanh 'b' before it and "
            "Tanh 'd' after it",
        ),
        (
            named(a=BatchNorm1d(3), b=Tanh(), c=nn.Linear(3, 3)),
            "BatchNorm1d 'a' .* got nothing before it and Tanh 'b' after it",
        ),
        (
            named(a=nn.ReLU(), b=named(c=nn.BatchNorm2d(3), d=nn.Conv2d(3, 3, 3, padding=1))),
            "BatchNorm2d 'b.c' .* got ReLU 'a' before it and Conv2d 'b.d' after it",
        ),
        (
            named(a=nn.Linear(3, 3), b=nn.BatchNorm2d(4)),  # (N, 4, H, 3): another axis
            "BatchNorm2d 'b' .* got Linear 'a' before it and nothing after it",
        ),
        (
            named(a=nn.Linear(3, 3), b=nn.BatchNorm1d(4)),  # (N, 4, 3): another axis
            "BatchNorm1d 'b' .* got Linear 'a' before it and nothing after it",
        ),
        (named(a=Residual()), "BatchNorm1d 'a.norm' .* got no Sequential around it"),
        (
            named(a=Backwards(nn.Linear(3, 3), nn.BatchNorm1d(3))),
            "BatchNorm1d 'a.1' .* got no Sequential around it",
        ),
        (nn.BatchNorm1d(3), r"the model \(BatchNorm1d\) .* got no Sequential around it"),
    ],
)
def test_a_norm_without_a_place_to_go_is_named_with_its_neighbours(
    model: nn.Module, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fold_batchnorm(model.eval())


def test_a_norm_in_a_sequential_used_twice_is_refused() -> None:
    shared = nn.Sequential(nn.BatchNorm1d(3), nn.Tanh())
    model = nn.Sequential(nn.Linear(3, 3), shared, nn.Linear(3, 3), shared).eval()
    with pytest.raises(ValueError, match=r"BatchNorm1d '1\.0' .* used 2 times: put a copy"):
        fold_batchnorm(model)
