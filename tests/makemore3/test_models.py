"""The lecture's net: its draws, its sizes, and the losses that the lecture's data gives it."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.data import Dataset, Split, minibatch
from makemore3.layers import BatchNorm1d, Linear, ReLU
from makemore3.models import (
    AS_WRITTEN,
    BATCH_NORM,
    BATCH_NORM_NO_BIAS,
    KAIMING,
    LECTURE_SEED,
    SOFTMAX_FIXED,
    STAGES,
    TANH_FIXED,
    NetSpec,
    Stage,
    deep_mlp,
    evaluating,
    mlp,
    parameter_count,
)

W2_TENTH = Stage(title="W2 x 0.1", w1_std=1.0, b1_std=1.0, w2_std=0.1, b2_std=0.0)


def test_the_numbers_of_a_stage_are_named() -> None:
    with pytest.raises(TypeError, match="positional"):
        Stage("W2 x 0.1", 1.0, 1.0, 0.1, 0.0)  # pyright: ignore[reportCallIssue]


def seeded(seed: int = LECTURE_SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("stage", "published"),
    [
        (AS_WRITTEN, 27.8817),
        (W2_TENTH, 4.2326),
        (SOFTMAX_FIXED, 3.3221),
        (TANH_FIXED, 3.3135),
        (KAIMING, 3.3179),
        (BATCH_NORM, 3.3147),
        (BATCH_NORM_NO_BIAS, 3.3239),
    ],
    ids=lambda value: value.title if isinstance(value, Stage) else None,
)
def test_initial_loss_is_the_published_one(
    stage: Stage, published: float, lecture_dataset: Dataset
) -> None:
    generator = seeded()
    model = mlp(stage, generator=generator)
    x, y = minibatch(lecture_dataset.train, 32, generator=generator)
    assert F.cross_entropy(model(x), y).item() == pytest.approx(published, abs=1e-4)


def by_hand(stage: Stage, x: Tensor) -> Tensor:
    """Logits with plain tensors, drawn in the order C, W1, b1, W2, b2."""
    g = seeded(3)
    C = torch.randn((27, 10), generator=g)
    W1 = torch.randn((30, 200), generator=g)
    W1 = W1 * (5 / 3) / 30**0.5 if stage.w1_std is None else W1 * stage.w1_std
    b1 = 0 if stage.b1_std is None else torch.randn(200, generator=g) * stage.b1_std
    W2 = torch.randn((200, 27), generator=g) * stage.w2_std
    b2 = torch.randn(27, generator=g) * stage.b2_std
    hpreact = C[x].view(len(x), -1) @ W1 + b1
    if stage.batch_norm:
        hpreact = (hpreact - hpreact.mean(0)) / hpreact.std(0)
    return torch.tanh(hpreact) @ W2 + b2


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_stage_computes_the_lectures_formulas(stage: Stage, small_split: Split) -> None:
    model = mlp(stage, generator=seeded(3))
    x = small_split.x
    torch.testing.assert_close(model(x), by_hand(stage, x), rtol=1e-4, atol=1e-5)
    if not stage.batch_norm:
        assert torch.equal(model(x), by_hand(stage, x)), "the same operations, the same bits"


def test_stages_are_the_lectures_in_its_order() -> None:
    table = {
        name: (stage.w1_std, stage.b1_std, stage.w2_std, stage.b2_std, stage.batch_norm)
        for name, stage in STAGES.items()
    }
    assert list(table.items()) == [
        ("as-written", (1, 1, 1, 1, False)),
        ("softmax-fixed", (1, 1, 0.01, 0, False)),
        ("tanh-fixed", (0.2, 0.01, 0.01, 0, False)),
        ("kaiming", (None, 0.01, 0.01, 0, False)),
        ("batch-norm", (None, 0.01, 0.01, 0, True)),
        ("batch-norm-no-bias", (None, None, 0.01, 0, True)),
    ]


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_stage_takes_the_random_numbers_of_its_tensors(stage: Stage) -> None:
    ours, oracle = seeded(3), seeded(3)
    mlp(stage, generator=ours)
    b1 = [] if stage is BATCH_NORM_NO_BIAS else [200]
    for count in (27 * 10, 30 * 200, *b1, 200 * 27, 27):
        torch.randn(count, generator=oracle)
    assert torch.equal(ours.get_state(), oracle.get_state())


def test_only_the_stage_as_written_is_confidently_wrong(small_split: Split) -> None:
    uniform = math.log(27)
    for name, stage in STAGES.items():
        loss = F.cross_entropy(mlp(stage, generator=seeded())(small_split.x), small_split.y)
        if name == "as-written":
            assert loss.item() > 5 * uniform
        else:
            assert loss.item() == pytest.approx(uniform, abs=0.1)


def test_layers_have_names_and_stand_in_order() -> None:
    plain = ["embedding", "flatten", "hidden", "tanh", "output"]
    normed = ["embedding", "flatten", "hidden", "norm", "tanh", "output"]
    for stage in STAGES.values():
        children = [name for name, _ in mlp(stage, generator=seeded()).named_children()]
        assert children == (normed if stage.batch_norm else plain)


@pytest.mark.parametrize(("name", "count"), [(n, 11_897) for n in list(STAGES)[:4]])
def test_parameter_count_of_the_plain_net(name: str, count: int) -> None:
    assert parameter_count(mlp(STAGES[name], generator=seeded())) == count


@pytest.mark.parametrize(("stage", "count"), [(BATCH_NORM, 12_297), (BATCH_NORM_NO_BIAS, 12_097)])
def test_parameter_count_leaves_out_running_statistics(stage: Stage, count: int) -> None:
    model = mlp(stage, generator=seeded())
    assert parameter_count(model) == count
    assert sum(t.numel() for t in model.state_dict().values()) == count + 2 * 200


def test_batch_norm_of_the_net_keeps_a_running_standard_deviation(small_split: Split) -> None:
    model = mlp(BATCH_NORM, generator=seeded(3))
    running_mean, running_std = torch.zeros(200), torch.ones(200)
    for x in (small_split.x[:8], small_split.x[8:24], small_split.x):
        hpreact = model[:3](x).detach()
        model(x)
        running_mean = 0.999 * running_mean + 0.001 * hpreact.mean(0)
        running_std = 0.999 * running_std + 0.001 * hpreact.std(0)
    norm = model.get_submodule("norm")
    torch.testing.assert_close(norm.running_mean, running_mean)
    torch.testing.assert_close(norm.running_var, running_std**2)


def test_sizes_follow_the_arguments() -> None:
    model = mlp(BATCH_NORM, vocab_size=5, block_size=8, n_embd=2, n_hidden=7, generator=seeded())
    assert model(torch.zeros(4, 8, dtype=torch.int64)).shape == (4, 5)
    assert parameter_count(model) == 5 * 2 + (16 * 7 + 7) + 2 * 7 + (7 * 5 + 5)


def test_state_survives_a_round_trip(small_split: Split) -> None:
    model, copy = (mlp(BATCH_NORM, generator=seeded(seed)) for seed in (1, 2))
    model(small_split.x)
    copy.load_state_dict(model.state_dict())
    assert torch.equal(copy.eval()(small_split.x), model.eval()(small_split.x))


def test_a_context_of_another_length_is_refused() -> None:
    model = mlp(SOFTMAX_FIXED, generator=seeded())
    with pytest.raises(ValueError, match=r"needs x of shape \(\.\.\., 30\), got \(4, 20\)"):
        model(torch.zeros(4, 2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("vocab_size", "num_embeddings"),
        ("block_size", "fan_in"),
        ("n_embd", "embedding_dim"),
        ("n_hidden", "fan_out"),
    ],
)
def test_sizes_below_one_are_refused(size: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"needs {message} of at least 1, got 0"):
        mlp(AS_WRITTEN, **{size: 0}, generator=seeded())


# --- The deep net ----------------------------------------------------------------------------


def deep_by_hand(x: Tensor, *, gain: float, scaled: bool, norm: str | None) -> Tensor:
    """Logits of a net of three linear layers with plain tensors, drawn in the order of the net."""
    g = seeded(3)
    h = torch.randn((27, 10), generator=g)[x].view(len(x), -1)
    for index, (fan_in, fan_out) in enumerate([(30, 100), (100, 100), (100, 27)]):
        last = index == 2
        weight = torch.randn((fan_in, fan_out), generator=g) / (fan_in**0.5 if scaled else 1)
        h = h @ (weight * (0.1 if last and norm is None else gain))
        steps: list[Callable[[Tensor], Tensor]] = [] if last else [torch.tanh]
        if norm is not None:
            place = 0 if norm == "before" else len(steps)
            steps.insert(place, lambda h: (h - h.mean(0)) / (h.var(0) + 1e-5).sqrt())
        for step in steps:
            h = step(h)
    return h if norm is None else 0.1 * h


@pytest.mark.parametrize("norm", [None, "before", "after"])
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("gain", [0.5, 5 / 3])
def test_the_deep_net_computes_the_lectures_formulas(
    gain: float, scaled: bool, norm: Any, small_split: Split
) -> None:
    model = deep_mlp(
        gain=gain, fan_in_scaling=scaled, batch_norm=norm, n_linear=3, generator=seeded(3)
    )
    expected = deep_by_hand(small_split.x, gain=gain, scaled=scaled, norm=norm)
    torch.testing.assert_close(model(small_split.x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("norm", "count"), [(None, 46_497), ("before", 47_024), ("after", 47_024 + 5 * 100)]
)
def test_parameter_count_of_the_deep_net(norm: Any, count: int) -> None:
    assert parameter_count(deep_mlp(batch_norm=norm, generator=seeded())) == count


def test_first_loss_of_the_deep_net_is_the_published_one(lecture_dataset: Dataset) -> None:
    generator = seeded()
    model = deep_mlp(gain=1.0, batch_norm="before", generator=generator)
    x, y = minibatch(lecture_dataset.train, 32, generator=generator)
    assert F.cross_entropy(model(x), y).item() == pytest.approx(3.2870, abs=5e-5)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({}, "linear1 tanh1 linear2 tanh2 linear3"),
        ({"nonlinearity": None}, "linear1 linear2 linear3"),
        ({"nonlinearity": nn.ReLU}, "linear1 relu1 linear2 relu2 linear3"),
        ({"batch_norm": "before"}, "linear1 norm1 tanh1 linear2 norm2 tanh2 linear3 norm3"),
        ({"batch_norm": "after"}, "linear1 tanh1 norm1 linear2 tanh2 norm2 linear3 norm3"),
    ],
    ids=str,
)
def test_layers_of_the_deep_net_have_names_and_stand_in_order(
    arguments: dict[str, Any], names: str
) -> None:
    model = deep_mlp(n_linear=3, **arguments, generator=seeded())
    assert [name for name, _ in model.named_children()] == ["embedding", "flatten", *names.split()]


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        ({"batch_norm": "before"}, {"norm": "batch"}),
        ({"batch_norm": "after"}, {"norm": "batch", "norm_position": "after"}),
        ({"norm": "batch"}, {"norm": "batch", "norm_options": {"convention": "lecture"}}),
        ({"norm": "group"}, {"norm": "group", "norm_options": {"num_groups": 10}}),
        ({"norm": "layer"}, {"norm": "layer", "norm_output": False}),
    ],
    ids=str,
)
def test_there_are_two_ways_to_say_the_same_net(
    arguments: dict[str, Any], same: dict[str, Any]
) -> None:
    nets = [deep_mlp(n_linear=3, **options, generator=seeded()) for options in (arguments, same)]
    assert repr(nets[0]) == repr(nets[1])
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(one, other)


def deep_with_norms(
    x: Tensor, norm: Callable[[Tensor, bool], Tensor], *, after: bool, residual: bool
) -> Tensor:
    """Logits of four linear layers of gain 1.5 with plain tensors, normalised by `norm`."""
    g = seeded(3)
    h = torch.randn((27, 10), generator=g)[x].view(len(x), -1)
    for index, (fan_in, fan_out) in enumerate([(30, 100), (100, 100), (100, 100), (100, 27)]):
        last = index == 3
        z = h @ (torch.randn((fan_in, fan_out), generator=g) * 1.5 / fan_in**0.5)
        if last:
            return 0.1 * norm(z, last)
        out = norm(torch.tanh(z), last) if after else torch.tanh(norm(z, last))
        h = h + out if residual and index else out
    raise AssertionError


def by_rows(z: Tensor, groups: int, center: bool) -> Tensor:
    parts = z.view(len(z), groups, -1)
    centred = parts - parts.mean(2, keepdim=True) if center else parts
    return (centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()).view_as(z)


PLAIN_NORMS: dict[str, tuple[dict[str, Any], Callable[[Tensor, bool], Tensor]]] = {
    "none": ({}, lambda z, last: z / 1.5 if last else z),  # the last weight is not scaled by gain
    "batch": ({"norm": "batch"}, lambda z, last: (z - z.mean(0)) / (z.var(0) + 1e-5).sqrt()),
    "ghost": (
        {"norm": "ghost", "norm_options": {"ghost_size": 4}},
        lambda z, last: torch.cat([(g - g.mean(0)) / (g.var(0) + 1e-5).sqrt() for g in z.split(4)]),
    ),
    "layer": ({"norm": "layer"}, lambda z, last: z / 1.5 if last else by_rows(z, 1, True)),
    "rms": ({"norm": "rms"}, lambda z, last: z / 1.5 if last else by_rows(z, 1, False)),
    "group": (
        {"norm": "group", "norm_options": {"num_groups": 5}},
        lambda z, last: z / 1.5 if last else by_rows(z, 5, True),
    ),
    "layer, logits too": (
        {"norm": "layer", "norm_output": True},
        lambda z, last: by_rows(z, 1, True),
    ),
    "batch, logits not": (
        {"norm": "batch", "norm_output": False},
        lambda z, last: z / 1.5 if last else (z - z.mean(0)) / (z.var(0) + 1e-5).sqrt(),
    ),
}


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("name", PLAIN_NORMS)
def test_the_deep_net_knows_norms_and_residual_branches(
    name: str, position: Any, residual: bool, small_split: Split
) -> None:
    options, norm = PLAIN_NORMS[name]
    if name != "none":
        options = options | {"norm_position": position}
    x = small_split.x[:32]
    model = deep_mlp(gain=1.5, n_linear=4, residual=residual, **options, generator=seeded(3))
    expected = deep_with_norms(
        x, norm, after=position == "after" and name != "none", residual=residual
    )
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)


def test_norms_and_residual_branches_take_no_random_numbers() -> None:
    plain = dict(deep_mlp(gain=1.0, generator=seeded()).named_parameters())
    for norm in ("batch", "ghost", "layer", "rms", "group"):
        options: Any = {"norm_options": {"ghost_size": 2}} if norm == "ghost" else {}
        model = deep_mlp(gain=1.0, norm=norm, residual=True, **options, generator=seeded())
        for name, tensor in model.named_parameters():
            if name.endswith("weight") and "linear6" not in name:
                assert torch.equal(tensor, plain[name.split("branch.")[-1]]), name


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"norm": "rms"}, "linear1 norm1 tanh1 linear2 norm2 tanh2 linear3"),
        ({"norm": "rms", "norm_position": "after"}, "linear1 tanh1 norm1 linear2 tanh2 norm2 lin"),
        ({"residual": True}, "linear1 tanh1 residual2 residual2.branch.linear2 residual2.branch.t"),
        (
            {"residual": True, "norm": "batch"},
            "linear1 norm1 tanh1 residual2 residual2.branch.linear2 residual2.branch.norm2 "
            "residual2.branch.tanh2 linear3 norm3",
        ),
    ],
    ids=str,
)
def test_norms_and_branches_are_found_by_name(arguments: dict[str, Any], names: str) -> None:
    model = deep_mlp(n_linear=3, **arguments, generator=seeded())
    found = [name for name, _ in model.named_modules() if name and not name.endswith("branch")]
    assert " ".join(found).startswith("embedding flatten " + names)


@pytest.mark.parametrize("residual", [False, True])
def test_gamma_scales_every_norm_and_nothing_else(residual: bool) -> None:
    one, two = (
        deep_mlp(norm="batch", gamma=gamma, residual=residual, generator=seeded()).state_dict()
        for gamma in (1.0, 2.5)
    )
    assert sum(name.endswith("gamma") for name in one) == 6
    for name in one:
        torch.testing.assert_close(two[name], one[name] * (2.5 if "gamma" in name else 1.0))
    assert (one["norm6.gamma"] == 0.1).all(), "the net starts unsure of its guess"


@pytest.mark.parametrize("norm", ["layer", "rms", "group"])
def test_only_a_batch_norm_makes_a_bias_useless(norm: Any) -> None:
    model = deep_mlp(norm=norm, generator=seeded())
    assert all(layer.bias is not None for layer in model if isinstance(layer, Linear))


@pytest.mark.parametrize("norm", [None, "before", "after"])
def test_a_linear_layer_directly_before_a_batch_norm_has_no_bias(norm: Any) -> None:
    layers = list(deep_mlp(batch_norm=norm, generator=seeded()))
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, Linear):
            assert (layer.bias is None) == isinstance(following, BatchNorm1d)


def test_gain_leaves_the_random_numbers_alone_and_the_last_layer_without_batch_norm() -> None:
    first, second = (deep_mlp(gain=gain, generator=seeded()).state_dict() for gain in (1.0, 3.0))
    for name in first:
        factor = 3 if name.endswith("weight") and name[:9] not in ("embedding", "linear6.w") else 1
        torch.testing.assert_close(second[name], factor * first[name])


def test_sizes_of_the_deep_net_follow_the_arguments() -> None:
    model = deep_mlp(
        vocab_size=5, block_size=8, n_embd=2, n_hidden=7, n_linear=2, generator=seeded()
    )
    assert model(torch.zeros(4, 8, dtype=torch.int64)).shape == (4, 5)
    assert parameter_count(model) == 5 * 2 + (16 * 7 + 7) + (7 * 5 + 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_linear": 0}, "deep_mlp needs n_linear of at least 1, got 0"),
        ({"batch_norm": "around"}, "needs batch_norm None, 'before' or 'after', got 'around'"),
        ({"norm": "layer", "batch_norm": "before"}, "takes batch_norm or norm, got batch_norm='be"),
        ({"norm": "instance"}, "knows the norms batch, ghost, layer, rms, group, got 'instance'"),
        ({"norm": "rms", "norm_position": None}, "norm_position 'before' or 'after', got None"),
        ({"norm_options": {"eps": 1.0}}, "has no norm for norm_options={'eps': 1.0}"),
        ({"norm_output": True}, "has no norm for .* norm_output=True and gamma=1.0: give norm"),
        ({"gamma": 2.0}, "has no norm for .* gamma=2.0: give norm"),
        ({"norm": "rms", "gamma": -1.0}, "needs a finite gamma of at least 0, got -1.0"),
        ({"norm": "rms", "gamma": math.inf}, "needs a finite gamma of at least 0, got inf"),
        ({"norm": "group", "norm_options": {"num_groups": 7}}, "of num_groups, got 100 and 7"),
        ({"norm": "group", "norm_output": True}, "of num_groups, got 27 and 10"),
        ({"gain": -1.0}, "needs a finite gain of at least 0, got -1.0"),
        ({"n_hidden": 0}, "needs fan_out of at least 1, got 0"),
    ],
)
def test_a_deep_net_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deep_mlp(**arguments, generator=seeded())


def test_evaluating_puts_every_mode_back_as_it_was() -> None:
    frozen = BatchNorm1d(3).eval()
    model = nn.Sequential(BatchNorm1d(3), frozen)
    assert model.training
    with evaluating(model):
        assert not any(module.training for module in model.modules())
        assert not model(torch.ones(1, 3)).requires_grad
    assert [module.training for module in model.modules()] == [True, True, False]
    assert torch.is_grad_enabled()

    def fail() -> None:
        with evaluating(model):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [module.training for module in model.modules()] == [True, True, False]


SPECS = [
    NetSpec("mlp", {"stage": "kaiming"}),
    NetSpec("mlp", {"stage": replace(KAIMING, w2_std=5.0), "n_hidden": 20}),
    NetSpec("deep_mlp", {"n_linear": 3, "gain": 1.5, "batch_norm": "before"}),
    NetSpec("deep_mlp", {"n_linear": 2, "nonlinearity": ReLU}),
    NetSpec("deep_mlp", {"n_linear": 2, "nonlinearity": None}),
    NetSpec("deep_mlp", {"norm": "layer", "residual": True, "norm_position": "after"}),
    NetSpec("deep_mlp", {"norm": "ghost", "norm_options": {"ghost_size": 8, "momentum": 0.01}}),
    NetSpec("deep_mlp", {"norm": "group", "norm_options": {"num_groups": 20}, "residual": True}),
    NetSpec("deep_mlp", {"norm": "rms", "norm_output": True}),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_spec_builds_the_same_net_after_a_journey_through_json(spec):
    again = NetSpec.from_json(json.loads(json.dumps(spec.to_json())))
    nets = [s.build(generator=torch.Generator().manual_seed(3)) for s in (spec, again)]
    assert again.to_json() == spec.to_json()
    assert repr(nets[0]) == repr(nets[1])
    for ours, theirs in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(ours, theirs)


def test_spec_calls_the_function_that_it_names():
    net = NetSpec("mlp", {"stage": "batch-norm"}).build(generator=torch.Generator().manual_seed(1))
    same = mlp(STAGES["batch-norm"], generator=torch.Generator().manual_seed(1))
    assert repr(net) == repr(same)
    for ours, theirs in zip(net.parameters(), same.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_spec_refuses_what_it_cannot_build_or_write():
    generator = torch.Generator()
    with pytest.raises(ValueError, match="mlp and deep_mlp, got 'resnet'"):
        NetSpec("resnet", {})
    with pytest.raises(ValueError, match=r"expected a stage out of as-written.*got 'kaimin'"):
        NetSpec("mlp", {"stage": "kaimin"}).build(generator=generator)
    with pytest.raises(ValueError, match="a spec can name Tanh and ReLU"):
        NetSpec("deep_mlp", {"nonlinearity": torch.nn.GELU}).to_json()
    for content in ({"function": "mlp"}, {"function": "mlp", "arguments": {"stage": {"w": 1}}}):
        with pytest.raises(ValueError, match="expected a net's function and arguments"):
            NetSpec.from_json(content)
