"""Each layer against torch's own: values, gradients, both modes, state, and what it refuses."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from makemore3.layers import BatchNorm1d, Embedding, Flatten, Linear, ReLU, Sequential, Tanh


def gradients(output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Gradients of a sum in which every output weighs differently."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weights).sum(), inputs)


# Embedding


@pytest.mark.parametrize("shape", [(1, 1), (32, 3), (7,), (2, 3, 4)])
def test_embedding_matches_torch(shape: tuple[int, ...], generator: torch.Generator) -> None:
    ours = Embedding(27, 10, generator=generator)
    oracle = nn.Embedding(27, 10, _weight=ours.weight.detach().clone())
    x = torch.randint(0, 27, shape, generator=generator)
    assert torch.equal(ours(x), oracle(x))
    torch.testing.assert_close(gradients(ours(x), ours.weight), gradients(oracle(x), oracle.weight))


def test_embedding_adds_the_gradients_of_a_character_that_repeats(
    generator: torch.Generator,
) -> None:
    embedding = Embedding(4, 2, generator=generator)
    embedding(torch.tensor([[1, 1, 3]])).sum().backward()
    assert embedding.weight.grad is not None
    assert embedding.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]


def test_embedding_is_drawn_standard_normal() -> None:
    weight = Embedding(27, 10, generator=torch.Generator().manual_seed(3)).weight
    assert torch.equal(weight, torch.randn((27, 10), generator=torch.Generator().manual_seed(3)))


def test_embedding_takes_int32(generator: torch.Generator) -> None:
    embedding = Embedding(27, 10, generator=generator)
    x = torch.tensor([[0, 5, 26]])
    assert torch.equal(embedding(x.int()), embedding(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.uint8])
def test_embedding_refuses_what_would_not_index(
    dtype: torch.dtype, generator: torch.Generator
) -> None:
    with pytest.raises(TypeError, match=f"Embedding needs int64 indices, got {dtype}: pass enc"):
        Embedding(27, 10, generator=generator)(torch.zeros(2, 3, dtype=dtype))


def test_embedding_refuses_a_character_it_has_no_row_for(generator: torch.Generator) -> None:
    with pytest.raises(IndexError, match="has 27 rows, but an index from 2 to 27: encode with"):
        Embedding(27, 10, generator=generator)(torch.tensor([[2, 27, 5]]))


# Flatten


@pytest.mark.parametrize("shape", [(32, 3, 10), (1, 1, 1), (5, 8, 2), (0, 3, 10)])
def test_flatten_matches_torch(shape: tuple[int, ...], generator: torch.Generator) -> None:
    x = torch.randn(shape, generator=generator, requires_grad=True)
    assert torch.equal(Flatten()(x), nn.Flatten()(x))
    assert torch.equal(gradients(Flatten()(x), x)[0], gradients(nn.Flatten()(x), x)[0])


def test_flatten_takes_a_tensor_that_is_not_contiguous(generator: torch.Generator) -> None:
    x = torch.randn((4, 2, 3), generator=generator).transpose(1, 2)
    assert torch.equal(Flatten()(x), nn.Flatten()(x))


@pytest.mark.parametrize("shape", [(3,), (32, 30), (2, 3, 4, 5)])
def test_flatten_refuses_other_numbers_of_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Flatten needs x of shape \(N, T, C\), got \(.*put it"):
        Flatten()(torch.zeros(shape))


# Linear

LINEAR_SIZES = [(1, 1, 1), (32, 30, 200), (32, 200, 27), (1, 5, 3)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("batch", "fan_in", "fan_out"), LINEAR_SIZES)
def test_linear_matches_torch(
    batch: int, fan_in: int, fan_out: int, bias: bool, generator: torch.Generator
) -> None:
    ours = Linear(fan_in, fan_out, bias=bias, bias_std=0.5 if bias else None, generator=generator)
    oracle = nn.Linear(fan_in, fan_out, bias=bias)
    with torch.no_grad():
        oracle.weight.copy_(ours.weight.T)
        if ours.bias is not None:
            oracle.bias.copy_(ours.bias)
    x = torch.randn((batch, fan_in), generator=generator, requires_grad=True)

    torch.testing.assert_close(ours(x), oracle(x))
    x_grad, weight_grad, *bias_grad = gradients(ours(x), x, *ours.parameters())
    x_oracle, weight_oracle, *bias_oracle = gradients(oracle(x), x, *oracle.parameters())
    torch.testing.assert_close(x_grad, x_oracle)
    torch.testing.assert_close(weight_grad, weight_oracle.T)
    torch.testing.assert_close(bias_grad, bias_oracle)


def test_linear_gradients_are_those_of_finite_differences(generator: torch.Generator) -> None:
    linear = Linear(4, 3, bias_std=1.0, generator=generator).double()
    x = torch.randn((5, 4), generator=generator, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(linear, {"weight": weight, "bias": bias}, x)

    assert torch.autograd.gradcheck(call, (x, *linear.parameters()))


def test_linear_adds_the_bias_in_an_operation_of_its_own(generator: torch.Generator) -> None:
    linear = Linear(30, 200, bias_std=1.0, generator=generator)
    x = torch.randn((32, 30), generator=generator)
    assert linear.bias is not None
    assert torch.equal(linear(x), x @ linear.weight + linear.bias)


@pytest.mark.parametrize(
    ("arguments", "weight_std", "bias_std"),
    [
        ({}, 1 / math.sqrt(400), None),
        ({"gain": 5 / 3}, 5 / 3 / math.sqrt(400), None),
        ({"weight_std": 0.2, "bias_std": 0.01}, 0.2, 0.01),
        ({"weight_std": 0.0, "bias_std": 0.0}, 0.0, 0.0),
        ({"bias": False}, 1 / math.sqrt(400), None),
    ],
)
def test_linear_starts_with_the_standard_deviations_asked_for(
    arguments: dict[str, Any], weight_std: float, bias_std: float | None
) -> None:
    linear = Linear(400, 500, **arguments, generator=torch.Generator().manual_seed(2))
    assert linear.weight.std().item() == pytest.approx(weight_std, rel=0.01)
    if arguments.get("bias", True):
        assert linear.bias is not None
        assert linear.bias.std().item() == pytest.approx(bias_std or 0, rel=0.1)
    else:
        assert linear.bias is None


@pytest.mark.parametrize(
    ("arguments", "draws"),
    [
        ({"bias": False}, [20]),
        ({}, [20]),
        ({"bias_std": 0.0}, [20, 5]),
        ({"bias_std": 0.3}, [20, 5]),
        ({"weight_std": 0.0, "bias_std": 0.3}, [20, 5]),
    ],
)
def test_linear_draws_weight_then_bias_and_nothing_else(
    arguments: dict[str, Any], draws: list[int]
) -> None:
    ours, oracle = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    linear = Linear(4, 5, **arguments, generator=ours)
    numbers = [torch.randn(count, generator=oracle) for count in draws]
    assert torch.equal(ours.get_state(), oracle.get_state())
    if "bias_std" in arguments:
        assert linear.bias is not None
        assert torch.equal(linear.bias, numbers[1] * arguments["bias_std"])


@pytest.mark.parametrize("shape", [(), (29,), (32, 31), (30, 32)])
def test_linear_refuses_inputs_that_do_not_fit(
    shape: tuple[int, ...], generator: torch.Generator
) -> None:
    with pytest.raises(ValueError, match=r"Linear\(30, 2\) needs x of shape \(..., 30\), got \("):
        Linear(30, 2, generator=generator)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fan_in": 0}, "Linear needs fan_in of at least 1, got 0"),
        ({"fan_out": -3}, "Linear needs fan_out of at least 1, got -3"),
        ({"gain": 2.0, "weight_std": 1.0}, "takes gain or weight_std, got gain=2.0 and weight_std"),
        ({"gain": -1.0}, "Linear needs a finite gain of at least 0, got -1.0"),
        ({"weight_std": math.nan}, "Linear needs a finite weight_std of at least 0, got nan"),
        ({"bias_std": math.inf}, "Linear needs a finite bias_std of at least 0, got inf"),
        ({"bias": False, "bias_std": 0.1}, "no bias with bias=False, got bias_std=0.1"),
    ],
)
def test_linear_refuses_settings_without_meaning(
    arguments: dict[str, Any], message: str, generator: torch.Generator
) -> None:
    before = generator.get_state()
    with pytest.raises(ValueError, match=message):
        Linear(**{"fan_in": 4, "fan_out": 5, **arguments}, generator=generator)
    assert torch.equal(generator.get_state(), before)


# BatchNorm1d

CONVENTIONS = ["torch", "lecture", "lecture-std"]


def test_batch_norm_has_torchs_defaults() -> None:
    ours, oracle = BatchNorm1d(5), nn.BatchNorm1d(5)
    assert (ours.eps, ours.momentum) == (oracle.eps, oracle.momentum)
    for name, theirs in {"gamma": "weight", "beta": "bias"}.items():
        assert torch.equal(getattr(ours, name), getattr(oracle, theirs))
    assert torch.equal(ours.running_mean, torch.zeros(5))
    assert torch.equal(ours.running_var, torch.ones(5))


@pytest.mark.parametrize(("eps", "momentum"), [(1e-5, 0.1), (1e-2, 0.001), (1e-5, 1.0)])
@pytest.mark.parametrize(("batch", "features"), [(2, 5), (32, 200), (3, 1)])
def test_batch_norm_matches_torch(
    batch: int, features: int, eps: float, momentum: float, generator: torch.Generator
) -> None:
    ours = BatchNorm1d(features, eps=eps, momentum=momentum)
    oracle = nn.BatchNorm1d(features, eps=eps, momentum=momentum)
    with torch.no_grad():
        oracle.weight.copy_(ours.gamma.normal_(generator=generator))
        oracle.bias.copy_(ours.beta.normal_(generator=generator))

    def compare_on(x: Tensor) -> None:
        x.requires_grad_()
        torch.testing.assert_close(ours(x), oracle(x))
        torch.testing.assert_close(ours.running_mean, oracle.running_mean)
        torch.testing.assert_close(ours.running_var, oracle.running_var)
        torch.testing.assert_close(
            gradients(ours(x), x, ours.gamma, ours.beta),
            gradients(oracle(x), x, oracle.weight, oracle.bias),
            rtol=1e-4,
            atol=1e-4,
        )

    for step in range(3):
        compare_on(torch.randn((batch, features), generator=generator) * (step + 1) + step)
    ours.eval()
    oracle.eval()
    compare_on(torch.randn((batch, features), generator=generator))
    compare_on(torch.randn((1, features), generator=generator))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_gradients_are_those_of_finite_differences(
    convention: Any, training: bool, generator: torch.Generator
) -> None:
    norm = BatchNorm1d(3, convention=convention).double().train(training)
    x = torch.randn((6, 3), generator=generator, dtype=torch.float64, requires_grad=True)

    def call(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"gamma": gamma, "beta": beta}, x)

    assert torch.autograd.gradcheck(call, (x, norm.gamma, norm.beta))


@pytest.mark.parametrize("batch", [2, 32])
def test_batch_norm_of_the_lecture_is_smaller_by_a_known_factor(
    batch: int, generator: torch.Generator
) -> None:
    x = torch.randn((batch, 7), generator=generator)
    ours, torchs = BatchNorm1d(7, eps=0, convention="lecture"), BatchNorm1d(7, eps=0)
    torch.testing.assert_close(ours(x), torchs(x) * math.sqrt((batch - 1) / batch))
    torch.testing.assert_close(ours(x).std(0), torch.ones(7))
    torch.testing.assert_close(torchs(x).std(0, correction=0), torch.ones(7))
    assert torch.equal(ours.running_var, torchs.running_var)
    assert torch.equal(ours.eval()(x), torchs.eval()(x))


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(
    seed=st.integers(0, 2**32),
    batch=st.integers(2, 40),
    shift=st.floats(-100, 100),
    scale=st.floats(0.1, 100),
)
def test_batch_norm_ignores_shift_and_positive_scale(
    convention: Any, seed: int, batch: int, shift: float, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((batch, 4), generator=generator, dtype=torch.float64)
    norm = BatchNorm1d(4, eps=0, convention=convention).double()
    torch.testing.assert_close(norm(scale * x + shift), norm(x), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(norm(-x), -norm(x))


@given(seed=st.integers(0, 2**32), scale=st.floats(0.1, 100))
def test_batch_norm_sees_a_scale_only_through_eps(seed: int, scale: float) -> None:
    x = torch.randn((32, 4), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    norm = BatchNorm1d(4).double()
    expected = norm(x) * ((x.var(0, correction=0) + 1e-5) ** 0.5)
    actual = norm(scale * x) * ((x.var(0, correction=0) + 1e-5 / scale**2) ** 0.5)
    torch.testing.assert_close(actual, expected)


def test_batch_norm_turns_a_constant_feature_into_beta() -> None:
    norm = BatchNorm1d(2)
    assert torch.equal(norm(torch.full((8, 2), 3.0)), norm.beta.expand(8, 2))


def test_batch_norm_moves_its_statistics_in_training_only(generator: torch.Generator) -> None:
    norm = BatchNorm1d(3)
    x = torch.randn((16, 3), generator=generator, requires_grad=True) + 5
    norm(x)
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean(0).detach())
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var(0).detach())
    assert not norm.running_mean.requires_grad
    before = [buffer.clone() for buffer in norm.buffers()]
    norm.eval()(x)
    assert all(map(torch.equal, before, norm.buffers()))


@pytest.mark.parametrize("momentum", [0.001, 0.1, 1.0])
def test_batch_norm_of_the_lectures_first_part_averages_standard_deviations(
    momentum: float, generator: torch.Generator
) -> None:
    ours = BatchNorm1d(4, momentum=momentum, convention="lecture-std")
    module = BatchNorm1d(4, momentum=momentum, convention="lecture")
    running_std = torch.ones(4)
    for scale in (1, 5, 2):
        x = torch.randn((8, 4), generator=generator) * scale
        assert torch.equal(ours(x), module(x))
        running_std = (1 - momentum) * running_std + momentum * x.std(0)
    torch.testing.assert_close(ours.running_var, running_std**2)
    assert torch.equal(ours.running_mean, module.running_mean)
    if momentum < 1:
        assert (ours.running_var < module.running_var).all(), "Jensen's inequality"


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_batch_norm_refuses_one_row_in_training(convention: Any) -> None:
    norm = BatchNorm1d(3, convention=convention)
    message = r"BatchNorm1d needs at least 2 rows in training, got x of shape \(1, 3\): pass a l"
    with pytest.raises(ValueError, match=message):
        norm(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"got x of shape \(0, 3\)"):
        norm(torch.zeros(0, 3))
    assert torch.equal(norm.running_var, torch.ones(3)), "a refused batch leaves no trace"
    assert norm.eval()(torch.zeros(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("shape", [(3,), (32, 4), (2, 3, 5)])
def test_batch_norm_refuses_inputs_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"BatchNorm1d\(3\) needs x of shape \(N, 3\), got \("):
        BatchNorm1d(3)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_features": 0}, "BatchNorm1d needs num_features of at least 1, got 0"),
        ({"eps": -1e-5}, "needs eps of at least 0, got -1e-05"),
        ({"eps": math.nan}, "needs eps of at least 0, got nan"),
        ({"momentum": 1.5}, "needs momentum from 0 to 1, got 1.5"),
        ({"convention": "paper"}, "a convention of torch, lecture, lecture-std, got 'paper'"),
    ],
)
def test_batch_norm_refuses_settings_without_meaning(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        BatchNorm1d(**{"num_features": 3, **arguments})


# Tanh, ReLU


@pytest.mark.parametrize("shape", [(), (5,), (32, 200), (2, 3, 4)])
@pytest.mark.parametrize(("ours", "oracle"), [(Tanh(), nn.Tanh()), (ReLU(), nn.ReLU())])
def test_nonlinearity_matches_torch(
    ours: nn.Module, oracle: nn.Module, shape: tuple[int, ...], generator: torch.Generator
) -> None:
    x = (3 * torch.randn(shape, generator=generator)).requires_grad_()
    assert torch.equal(ours(x), oracle(x))
    assert torch.equal(gradients(ours(x), x)[0], gradients(oracle(x), x)[0])


def test_tanh_has_the_local_gradient_that_the_lecture_gives() -> None:
    x = torch.linspace(-20, 20, 101, dtype=torch.float64, requires_grad=True)
    t = Tanh()(x)
    torch.testing.assert_close(torch.autograd.grad(t.sum(), x)[0], 1 - t.detach() ** 2)


def test_relu_stops_the_gradient_at_zero_and_below() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    assert torch.autograd.grad(ReLU()(x).sum(), x)[0].tolist() == [0, 0, 1]


# What all layers get from torch.nn.Module


def stack(generator: torch.Generator) -> Sequential:
    return Sequential(
        Embedding(27, 4, generator=generator),
        Flatten(),
        Linear(12, 8, bias_std=0.1, generator=generator),
        BatchNorm1d(8),
        Tanh(),
        Linear(8, 8, bias=False, generator=generator),
        ReLU(),
        Linear(8, 27, generator=generator),
    )


def test_a_stacks_state_survives_a_round_trip(generator: torch.Generator) -> None:
    x = torch.randint(0, 27, (16, 3), generator=generator)
    original, copy = stack(generator), stack(generator)
    original(x)  # so that the running statistics are not those of a new layer
    assert not torch.equal(original.eval()(x), copy.eval()(x))
    assert copy.load_state_dict(original.state_dict()).missing_keys == []
    assert torch.equal(original.eval()(x), copy.eval()(x))
    assert {"3.gamma", "3.beta", "3.running_mean", "3.running_var"} < original.state_dict().keys()


def test_hooks_see_every_output(generator: torch.Generator) -> None:
    model, shapes = stack(generator), []
    for layer in model:
        layer.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    model(torch.zeros(5, 3, dtype=torch.int64))
    assert shapes == [(5, 3, 4), (5, 12), (5, 8), (5, 8), (5, 8), (5, 8), (5, 8), (5, 27)]


def test_torch_func_gives_each_examples_gradient(generator: torch.Generator) -> None:
    model = stack(generator).eval()
    x = torch.randint(0, 27, (6, 3), generator=generator)
    y = torch.randint(0, 27, (6,), generator=generator)
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits = torch.func.functional_call(model, parameters, x.unsqueeze(0))
        return F.cross_entropy(logits, y.unsqueeze(0))

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    F.cross_entropy(model(x), y).backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(each[name].mean(0), p.grad)


def test_printed_form_tells_sizes_and_initialisation(generator: torch.Generator) -> None:
    printed = [repr(layer) for layer in stack(generator)]
    assert printed == [
        "Embedding(27, 4)",
        "Flatten()",
        f"Linear(12, 8, weight_std={1 / 12**0.5}, bias_std=0.1)",
        "BatchNorm1d(8, eps=1e-05, momentum=0.1, convention='torch')",
        "Tanh()",
        f"Linear(8, 8, weight_std={1 / 8**0.5}, bias=False)",
        "ReLU()",
        f"Linear(8, 27, weight_std={1 / 8**0.5}, bias_std=None)",
    ]
