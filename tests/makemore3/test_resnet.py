"""ResNet-50: the table of its paper, its count of parameters, and torch's functions as oracle."""

import copy
import math
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.diagnostics import record_activations
from makemore3.models import evaluating, parameter_count
from makemore3.resnet import Bottleneck, ResNet50

M = TypeVar("M", bound=nn.Module)

MOTIF = ["Conv2d", "BatchNorm2d", "ReLU"]


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 2, size: int = 64) -> Tensor:
    return torch.randn((n, 3, size, size), generator=seeded(1))


@pytest.fixture(scope="module")
def original() -> ResNet50:
    return ResNet50(generator=seeded())


@pytest.fixture
def model(original: ResNet50) -> ResNet50:
    """A net of its own for tests that run it: running statistics move."""
    return copy.deepcopy(original)


@pytest.fixture(scope="module")
def without_norm() -> ResNet50:
    return ResNet50(batch_norm=False, generator=seeded())


def of_type(model: nn.Module, kind: type[M]) -> list[M]:
    return [module for module in model.modules() if isinstance(module, kind)]


def test_it_has_the_parameters_of_resnet50(original: ResNet50) -> None:
    assert parameter_count(original) == 25_557_032
    assert len(of_type(original, nn.BatchNorm2d)) == 53
    assert sum(b.numel() for b in original.buffers()) == 2 * 26_560 + 53


def test_without_norms_biases_take_the_place_of_gain_and_bias(without_norm: ResNet50) -> None:
    assert parameter_count(without_norm) == 25_557_032 - 26_560
    assert not list(without_norm.buffers())


def test_number_of_classes_sizes_the_last_layer_alone() -> None:
    model = ResNet50(num_classes=10, generator=seeded())
    assert parameter_count(model) == 25_557_032 - 990 * (2048 + 1)
    assert model(images()).shape == (2, 10)


def test_fifty_layers_have_weights_on_the_way_through(original: ResNet50) -> None:
    weights = of_type(original, nn.Conv2d) + of_type(original, nn.Linear)
    shortcuts = [block.shortcut for block in of_type(original, Bottleneck)]
    aside = [conv for s in shortcuts if s is not None for conv in of_type(s, nn.Conv2d)]
    assert len(weights) - len(aside) == 50


def test_blocks_are_those_of_the_papers_table(original: ResNet50) -> None:
    # He et al. 2015, table 1, column "50-layer": blocks, narrow and wide channels, first stride.
    table = [(3, 64, 256, 1), (4, 128, 512, 2), (6, 256, 1024, 2), (3, 512, 2048, 2)]
    incoming = 64
    stages = (original.stage1, original.stage2, original.stage3, original.stage4)
    for stage, (blocks, narrow, wide, stride) in zip(stages, table, strict=True):
        assert len(stage) == blocks
        for index, block in enumerate(stage):
            convs = of_type(block.get_submodule("body"), nn.Conv2d)
            assert [(c.in_channels, c.out_channels) for c in convs] == [
                (incoming, narrow),
                (narrow, narrow),
                (narrow, wide),
            ]
            assert [c.kernel_size for c in convs] == [(1, 1), (3, 3), (1, 1)]
            step = 1 if index else stride
            assert [c.stride for c in convs] == [(1, 1), (step, step), (1, 1)]
            incoming = wide


def test_a_shortcut_has_weights_only_where_shapes_change(original: ResNet50) -> None:
    for stage in (original.stage1, original.stage2, original.stage3, original.stage4):
        first, *others = of_type(stage, Bottleneck)
        assert isinstance(first.shortcut, nn.Sequential)
        conv, norm = first.shortcut
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert conv.kernel_size == (1, 1)
        assert conv.stride == first.body.get_submodule("conv2").stride
        assert all(isinstance(block.shortcut, nn.Identity) for block in others)


@pytest.mark.parametrize(
    ("device", "size", "heights"),
    [("cpu", 64, (32, 16, 16, 8, 4, 2)), ("meta", 224, (112, 56, 56, 28, 14, 7))],
)
def test_resolution_halves_as_in_the_papers_table(
    model: ResNet50, device: str, size: int, heights: tuple[int, ...]
) -> None:
    layers = ("stem.relu", "stem.pool", "stage1", "stage2", "stage3", "stage4")
    with record_activations(model.to(device), layers) as out:
        logits = model(images(size=size).to(device))
    channels = (64, 64, 256, 512, 1024, 2048)
    assert list(out) == list(layers)
    assert [tuple(h.shape) for h in out.values()] == [
        (2, c, height, height) for c, height in zip(channels, heights, strict=True)
    ]
    assert logits.shape == (2, 1000)


def test_odd_sizes_are_rounded_up() -> None:
    block = Bottleneck(8, 4, stride=2, generator=seeded())
    assert block(torch.randn((2, 8, 7, 5), generator=seeded())).shape == (2, 16, 4, 3)


def test_layers_run_in_the_order_convolution_norm_relu(model: ResNet50) -> None:
    with record_activations(model) as out:
        model(images())
    kinds = [type(model.get_submodule(name)).__name__ for name in out]
    shortcut = {True: MOTIF[:2], False: ["Identity"]}
    expected = [*MOTIF, "MaxPool2d"]
    for blocks in (3, 4, 6, 3):
        for index in range(blocks):
            expected += [*MOTIF, *MOTIF, *MOTIF[:2], *shortcut[index == 0], "ReLU"]
    assert kinds == [*expected, "AdaptiveAvgPool2d", "Flatten", "Linear"]


def test_no_convolution_before_a_norm_has_a_bias(original: ResNet50) -> None:
    assert len(of_type(original, nn.Conv2d)) == 53
    assert all(conv.bias is None for conv in of_type(original, nn.Conv2d))


def test_without_norms_every_convolution_has_a_bias_of_zero(without_norm: ResNet50) -> None:
    biases = [conv.bias for conv in of_type(without_norm, nn.Conv2d)]
    assert len(biases) == 53
    assert all(bias is not None and not bias.any() for bias in biases)
    assert not of_type(without_norm, nn.BatchNorm2d)


def by_hand(block: Bottleneck, x: Tensor, *, stride: int) -> Tensor:
    """The block in torch's functions, from its state alone."""
    state = block.state_dict()

    def weigh(h: Tensor, conv: str, norm: str, **how: int) -> Tensor:
        h = F.conv2d(h, state[f"{conv}.weight"], state.get(f"{conv}.bias"), **how)
        if f"{norm}.weight" not in state:
            return h
        gain, bias = state[f"{norm}.weight"], state[f"{norm}.bias"]
        return F.batch_norm(h, None, None, gain, bias, training=True)

    h = weigh(x, "body.conv1", "body.norm1").relu()
    h = weigh(h, "body.conv2", "body.norm2", stride=stride, padding=1).relu()
    h = weigh(h, "body.conv3", "body.norm3")
    if "shortcut.conv.weight" in state:
        h = h + weigh(x, "shortcut.conv", "shortcut.norm", stride=stride)
    elif isinstance(block.shortcut, nn.Identity):
        h = h + x
    return h.relu()


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize(("in_channels", "stride"), [(16, 1), (8, 1), (16, 2)])
def test_bottleneck_computes_the_papers_block(
    in_channels: int, stride: int, batch_norm: bool, residual: bool
) -> None:
    block = Bottleneck(
        in_channels, 4, stride=stride, batch_norm=batch_norm, residual=residual, generator=seeded()
    )
    with torch.no_grad():  # values that betray a forgotten gain, bias or shortcut
        for p in block.parameters():
            p += 0.3 * torch.randn(p.shape, generator=seeded(2))
    x = torch.randn((3, in_channels, 6, 6), generator=seeded(3))
    torch.testing.assert_close(block(x), by_hand(block, x, stride=stride))
    assert (block.shortcut is not None) == residual


@pytest.mark.parametrize("residual", [True, False])
def test_nothing_works_in_place(residual: bool) -> None:
    block, kept = Bottleneck(16, 4, residual=residual, generator=seeded()), []
    for module in block.modules():
        module.register_forward_hook(lambda module, x, y: kept.append((y, y.clone())))
    block(torch.randn((3, 16, 6, 6), generator=seeded(3)))
    assert len(kept) == 11 + residual  # 8 in the body, the body, shortcut, ReLU, block
    assert all(torch.equal(y, copy) for y, copy in kept), "what hooks keep stays as it was"


def test_a_bias_before_a_norm_is_useless() -> None:
    block = Bottleneck(16, 4, generator=seeded()).double()
    x = torch.randn((3, 16, 6, 6), generator=seeded(3), dtype=torch.float64)
    without = block(x)
    biases = []
    for conv in of_type(block, nn.Conv2d):
        conv.bias = nn.Parameter(torch.randn(conv.out_channels, generator=seeded()).double())
        biases.append(conv.bias)
    y = block(x)
    torch.testing.assert_close(y, without, rtol=0, atol=1e-12)
    y.square().sum().backward()
    for bias in biases:
        assert bias.grad is not None
        assert bias.grad.abs().max() < 1e-9


def test_convolutions_are_kaiming_normal_over_fan_out(original: ResNet50) -> None:
    for conv in of_type(original, nn.Conv2d):
        n, (height, width) = conv.weight.numel(), conv.kernel_size
        expected = math.sqrt(2 / (conv.out_channels * height * width))
        assert conv.weight.std().item() == pytest.approx(expected, rel=4 / math.sqrt(2 * n))
        assert conv.weight.mean().item() == pytest.approx(0, abs=5 * expected / math.sqrt(n))


def test_last_layer_is_drawn_as_torch_does_by_default(original: ResNet50) -> None:
    linear, bound = original.head.get_submodule("linear"), 2048**-0.5
    for p in linear.parameters():
        assert 0.99 * bound < p.abs().max() <= bound
        assert p.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_norms_start_as_torchs_do(original: ResNet50) -> None:
    for norm in of_type(original, nn.BatchNorm2d):
        oracle = nn.BatchNorm2d(norm.num_features).state_dict()
        assert all(torch.equal(value, oracle[key]) for key, value in norm.state_dict().items())


def test_weights_come_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, same, other = (Bottleneck(8, 4, generator=seeded(seed)) for seed in (1, 1, 2))
    ResNet50(num_classes=2, generator=seeded())
    assert torch.equal(torch.random.get_rng_state(), before), "torch's global numbers are as before"
    for name, p in first.named_parameters():
        assert torch.equal(p, same.get_parameter(name))
        assert "norm" in name or not torch.equal(p, other.get_parameter(name))


def test_draws_are_the_weights_in_their_order() -> None:
    g = seeded()
    block = Bottleneck(8, 4, generator=g)
    oracle = seeded()
    for path in ("body.conv1", "body.conv2", "body.conv3", "shortcut.conv"):
        weight = block.get_parameter(f"{path}.weight")
        drawn = nn.init.kaiming_normal_(
            torch.empty_like(weight), mode="fan_out", nonlinearity="relu", generator=oracle
        )
        assert torch.equal(weight, drawn), path
    assert torch.equal(g.get_state(), oracle.get_state())


def test_norms_and_their_absence_take_no_random_numbers(
    original: ResNet50, without_norm: ResNet50
) -> None:
    plain = dict(without_norm.named_parameters())
    for name, p in original.named_parameters():
        if "norm" not in name:
            assert torch.equal(p, plain[name]), name


def test_a_step_along_the_gradient_lowers_the_loss() -> None:
    model = ResNet50(num_classes=10, generator=seeded())
    x, y = images(8, size=32), torch.arange(8)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    with torch.no_grad():
        for name, p in model.named_parameters():
            assert p.grad is not None, name
            assert p.grad.isfinite().all(), name
            p -= 1e-3 * p.grad
    assert F.cross_entropy(model(x), y) < loss


def test_in_eval_mode_an_image_has_one_answer_in_any_company(model: ResNet50) -> None:
    x = images()
    model(x)
    assert not torch.allclose(model(x)[:1], model(torch.cat([x[:1], -x[1:]]))[:1], atol=1e-2)
    with evaluating(model):
        torch.testing.assert_close(model(x)[:1], model(x[:1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 1, 64, 64), (2, 64, 64, 3)])
def test_what_is_no_batch_of_images_is_refused(model: ResNet50, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ResNet50 needs x of shape \(N, 3, H, W\), got \(\d"):
        model(torch.zeros(shape))


def test_a_block_refuses_other_channels_than_its_own() -> None:
    block = Bottleneck(16, 4, generator=seeded())
    with pytest.raises(
        ValueError, match=r"Bottleneck needs x of shape \(N, 16, H, W\), got \(2, 8"
    ):
        block(torch.zeros(2, 8, 6, 6))


def test_a_single_value_per_channel_cannot_be_normalised(model: ResNet50) -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel when training"):
        model(images(1, size=32))


@pytest.mark.parametrize(
    ("in_channels", "width", "stride", "name"),
    [(0, 4, 1, "in_channels"), (16, 0, 1, "width"), (16, 4, 0, "stride")],
)
def test_sizes_below_one_are_refused(in_channels: int, width: int, stride: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"Bottleneck needs {name} of at least 1, got 0"):
        Bottleneck(in_channels, width, stride=stride, generator=seeded())


def test_a_net_without_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="ResNet50 needs num_classes of at least 1, got 0"):
        ResNet50(num_classes=0, generator=seeded())
