"""Whatever is done to a net, the fast trainers train it as `training` does, or say what is wrong.

Each mutation changes a net, and names what an error must name. No error is fine too, if losses,
tensors and modes then agree with `training.train`.
"""

import copy
import re
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import Thread
from typing import Any

import pytest
import torch
from compilers import METHODS
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from makemore3.data import Split, Vocabulary, build_split
from makemore3.fast import Method, train_many
from makemore3.fast.nets import take_apart
from makemore3.fast.strict import refuse_shared_memory
from makemore3.layers import (
    BatchNorm1d,
    Embedding,
    Flatten,
    GhostBatchNorm1d,
    GroupNorm,
    LayerNorm,
    Linear,
    Residual,
    RMSNorm,
    Tanh,
)
from makemore3.training import TrainConfig, train

CONFIG = TrainConfig(max_steps=12, batch_size=7, lr_decay_step=8)
SPLIT = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())

Mutation = Callable[[Any], object]


def net(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """A net with two equal hidden layers, named by their places: 2 to 4 and 5 to 7."""
    g = torch.Generator().manual_seed(4)
    model = nn.Sequential(
        Embedding(27, 4, generator=g),
        Flatten(),
        Linear(12, 12, bias_std=0.1, generator=g),
        BatchNorm1d(12, momentum=0.3),
        Tanh(),
        Linear(12, 12, bias_std=0.1, generator=g),
        BatchNorm1d(12, momentum=0.3),
        Tanh(),
        Linear(12, 27, bias_std=0.1, generator=g),
    )
    return model.to(dtype)


def double(*_: object) -> Any:
    """A hook that changes what it is given: outputs or gradients."""
    if isinstance(last := _[-1], tuple):
        return tuple(2 * t for t in last if t is not None)
    return 2 * last if isinstance(last, Tensor) else None


class LoudTanh(Tanh):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * torch.tanh(x)


class ScaledParameter(nn.Parameter):
    pass


class Scaled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def assign(place: str, make: Callable[[Tensor], Tensor]) -> Mutation:
    """Replace the numbers of a tensor, given by its full name, with another tensor's."""

    def mutate(model: nn.Sequential) -> None:
        tensor = dict(model.named_parameters()) | dict(model.named_buffers())
        tensor[place].data = make(tensor[place].data)

    return mutate


def replace(place: int, name: str, make: Callable[[Any], Any]) -> Mutation:
    """Replace an attribute of a layer."""
    return lambda model: setattr(model[place], name, make(getattr(model[place], name)))


def share(one: tuple[int, str], other: tuple[int, str]) -> Mutation:
    """Give two layers the very same tensor."""
    return lambda model: setattr(model[one[0]], one[1], getattr(model[other[0]], other[1]))


def put(place: int, make: Callable[[Any], nn.Module]) -> Mutation:
    """Put another module in a place."""

    def mutate(model: nn.Sequential) -> None:
        model[place] = make(model)

    return mutate


def overlap(model: Any) -> None:
    memory = torch.randn(20, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model[2].bias.data, model[5].bias.data = memory[:12], memory[8:]


def side_by_side(model: Any) -> None:
    memory = torch.randn(24, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model[2].bias.data, model[5].bias.data = memory[:12], memory[12:]


def inference(model: Any) -> None:
    with torch.inference_mode():
        running_mean = model[3].running_mean.clone()
    model[3].running_mean = running_mean


def transposed(t: Tensor) -> Tensor:
    return t.T.contiguous().T


def strided(t: Tensor) -> Tensor:
    return torch.stack([t, t], -1)[..., 0]


ONE_PLACE = "2.weight"


def residual(*inside: nn.Module) -> Mutation:
    """Put a residual connection around the second hidden layer, or around other layers."""

    def mutate(model: Any) -> None:
        branch = inside or (model[5], model[6], model[7])
        model[5] = Residual(nn.Sequential(*branch))
        del model[7], model[6]

    return mutate


def drawn(*sizes: int) -> Linear:
    return Linear(*sizes, generator=torch.Generator().manual_seed(1)).double()


def in_branch(mutate: Mutation) -> Mutation:
    """Make the second hidden layer a branch, then change its layers, in places 0 to 2."""

    def both(model: Any) -> None:
        residual()(model)
        mutate(model[5].branch)

    return both


MUTATIONS: dict[str, tuple[Mutation, str]] = {
    # Nothing that a trainer would notice
    "nothing": (lambda model: None, "no error"),
    "eval mode": (lambda model: model.eval(), "no error"),
    "one layer in eval mode": (lambda model: model[3].eval(), "no error"),
    "one Tanh in two places": (put(4, lambda model: model[7]), "no error"),
    "an attribute": (lambda model: setattr(model[4], "note", 1), "no error"),
    "a module that nothing calls": (lambda m: m[4].add_module("unused", Scaled()), "no error"),
    "a hook of state_dict": (lambda m: m.register_state_dict_pre_hook(double), "no error"),
    "old gradients": (lambda m: setattr(m[2].weight, "grad", m[2].weight.data), "no error"),
    "tensors side by side": (side_by_side, "no error"),
    "shared memory of processes": (lambda model: model.share_memory(), "no error"),
    "no bias": (replace(5, "bias", lambda _: None), "no error"),
    "other settings": (replace(3, "momentum", lambda _: 1), "no error"),
    "another eps": (replace(6, "eps", lambda _: 0.5), "no error"),
    "a residual branch": (residual(), "no error"),
    "layer norm": (put(3, lambda _: LayerNorm(12).double()), "no error"),
    "RMS norm": (put(6, lambda _: RMSNorm(12, eps=0.1).double()), "no error"),
    "group norm": (put(3, lambda _: GroupNorm(12, num_groups=3).double()), "no error"),
    "ghost batch norm": (put(3, lambda _: GhostBatchNorm1d(12, ghost_size=7).double()), "no error"),
    # Branches and norms that are other than made
    "a branch with two layers": (
        residual(drawn(12, 12), Tanh(), drawn(12, 12)),
        "got Embedding .* Residual Sequential Linear Tanh Linear",
    ),
    "a branch with nothing": (residual(nn.Sequential()), "got Embedding .* Residual Sequential"),
    "a branch of another class": (
        lambda m: (residual()(m), setattr(m[5], "branch", m[5].branch[0]))[0],
        "got Embedding .* Residual Linear",
    ),
    "a narrower branch": (residual(drawn(12, 1)), "makes 1 features of 12, and cannot be added"),
    "a hook in a branch": (
        in_branch(lambda m: m[2].register_forward_hook(double)),
        r"and 5\.branch\.2 has",
    ),
    "a hook of a branch": (
        in_branch(lambda m: m.register_forward_hook(double)),
        r"and 5\.branch has",
    ),
    "a strided weight in a branch": (
        in_branch(assign("0.weight", transposed)),
        r"5\.branch\.0\.weight: shape .* with strides",
    ),
    "a weight tied into a branch": (
        lambda m: (residual()(m), setattr(m[5].branch[0], "weight", m[2].weight))[0],
        r"2\.weight and 5\.branch\.0\.weight share memory",
    ),
    "other groups": (
        lambda m: (
            m.__setitem__(3, GroupNorm(12, num_groups=3).double()),
            setattr(m[3], "num_groups", 5),
        )[0],
        "settings of a norm",
    ),
    "other ghosts": (
        lambda m: (
            m.__setitem__(3, GhostBatchNorm1d(12, ghost_size=7).double()),
            setattr(m[3], "ghost_size", 0),
        )[0],
        "settings of a norm",
    ),
    "ghosts that do not fit": (
        put(3, lambda _: GhostBatchNorm1d(12, ghost_size=2).double()),
        "needs a multiple of 2 rows, got batch_size=7",
    ),
    # One object or one memory in two places
    "one Linear in two places": (put(5, lambda model: model[2]), r"2.\w+ and 5.\w+ share mem"),
    "one norm in two places": (put(6, lambda m: m[3]), r"3.\w+ and 6.\w+ share mem"),
    "tied weights": (share((5, "weight"), (2, "weight")), "2.weight and 5.weight share memory"),
    "tied biases": (share((5, "bias"), (2, "bias")), "2.bias and 5.bias share memory"),
    "bias tied to beta": (share((2, "bias"), (3, "beta")), "2.bias and 3.beta share memory"),
    "one buffer for two norms": (share((6, "running_var"), (3, "running_var")), "share memory"),
    "one buffer for mean and variance": (share((3, "running_var"), (3, "running_mean")), "share"),
    "shared data": (lambda m: setattr(m[5].weight, "data", m[2].weight.data), "share memory"),
    "a view of another": (lambda m: setattr(m[2].bias, "data", m[5].weight.data[3]), "share mem"),
    "overlapping views": (overlap, "2.bias and 5.bias share memory"),
    # Strides
    "a transposed weight": (assign(ONE_PLACE, transposed), r"2.weight: .*strides \(1, 12\)"),
    "a transposed embedding": (assign("0.weight", transposed), "0.weight: .*strides"),
    "every second number": (assign("3.gamma", strided), r"3.gamma: shape \(12,\) with strides"),
    "a strided buffer": (assign("6.running_mean", strided), "6.running_mean: .*strides"),
    "an expanded bias": (assign("8.bias", lambda t: t[:1].expand(27)), "8.bias: .*strides"),
    # Hooks
    "forward hook": (lambda m: m[4].register_forward_hook(double), "hooks, and 4 has"),
    "forward pre-hook": (lambda m: m[4].register_forward_pre_hook(double), "hooks, and 4 has"),
    "backward hook": (lambda m: m[4].register_full_backward_hook(double), "hooks, and 4 has"),
    "backward pre-hook": (lambda m: m[7].register_full_backward_pre_hook(double), "and 7 has"),
    "forward hook of the net": (lambda m: m.register_forward_hook(double), "and the net has"),
    "backward hook of the net": (lambda m: m.register_full_backward_hook(double), "the net has"),
    "tensor hook": (lambda m: m[2].weight.register_hook(double), "hooks, and 2.weight has some"),
    "hook after the gradient": (
        lambda m: m[3].beta.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(2)),
        "hooks, and 3.beta has some",
    ),
    # Other parameters
    "parametrization": (
        lambda m: parametrize.register_parametrization(m[2], "weight", Scaled()),
        "ParametrizedLinear",
    ),
    "weight norm": (lambda m: parametrizations.weight_norm(m[2]), "ParametrizedLinear"),
    "pruned": (lambda m: prune.l1_unstructured(m[2], "weight", amount=0.5), "hooks, and 2 has"),
    "a subclass of Parameter": (
        replace(2, "weight", ScaledParameter),
        "2.weight as a plain tensor .* got .*ScaledParameter",
    ),
    "a tensor that hides the parameter": (
        lambda m: vars(m[2]).update(weight=m[2].weight.detach().clone().requires_grad_()),
        "2.weight as a plain tensor that its layer owns",
    ),
    # Other modules and methods
    "a subclass": (put(4, lambda _: LoudTanh()), "got Embedding .* .*LoudTanh"),
    "torch's layer": (put(4, lambda _: nn.Tanh()), r"torch\.nn\.modules\.activation\.Tanh"),
    "another class": (lambda m: setattr(m[4], "__class__", LoudTanh), "got .*LoudTanh"),
    "a forward of its own": (
        lambda m: setattr(m[4], "forward", types.MethodType(LoudTanh.forward, m[4])),
        "4 has another forward",
    ),
    "a train of its own": (
        lambda m: vars(m[3].eval()).update(train=lambda *_: m[3]),
        "3 has another train",
    ),
    "moments of its own": (
        lambda m: vars(m[3]).update(_batch_statistics=lambda x: (x.mean(0), x.mean(0) ** 2)),
        "3 has another _batch_statistics",
    ),
    "compiled by torch": (lambda m: m.compile(backend="eager"), "the net has another _compiled"),
    "a net within the net": (put(4, lambda _: nn.Sequential(Tanh())), "got .* Sequential"),
    # dtypes, frozen parameters
    "half precision": (lambda model: model.half(), "0.weight: torch.float16"),
    "brain floats": (lambda model: model.bfloat16(), "0.weight: torch.bfloat16"),
    "one parameter in float32": (assign("8.bias", Tensor.float), "8.bias: torch.float32 beside"),
    "one buffer in float32": (assign("3.running_var", Tensor.float), "3.running_var: torch.float3"),
    "one buffer in half": (assign("6.running_mean", Tensor.half), "6.running_mean: torch.float16"),
    "on another device": (lambda model: model.to("meta"), "on meta"),
    "a sparse weight": (
        replace(2, "weight", lambda w: nn.Parameter(w.detach().to_sparse())),
        "2.weight: torch.sparse_coo",
    ),
    "a frozen weight": (lambda m: m[5].weight.requires_grad_(False), "5.weight: requires_grad=F"),
    "a frozen gain": (lambda m: m[3].gamma.requires_grad_(False), "3.gamma: requires_grad=False"),
    "a frozen net": (lambda m: m.requires_grad_(False), "0.weight: requires_grad=False"),
    "a buffer with gradients": (
        lambda m: m[3].running_mean.requires_grad_(),
        "3.running_mean: requires_grad=True",
    ),
    "made for inference": (inference, "3.running_mean: .*is_inference=True"),
    # Sizes that layers are not made with
    "a bias for all units": (assign("2.bias", lambda t: t[:1].clone()), r"bias of shape \(12,\)"),
    "a bias with two axes": (assign("2.bias", lambda t: t[None].clone()), r"got \(1, 12\)"),
    "buffers with two axes": (assign("3.running_var", lambda t: t[None].clone()), r"\(1, 12\)"),
    "a wider weight": (
        replace(2, "weight", lambda w: nn.Parameter(w.detach().repeat(1, 2))),
        "norm of linear layer 1 of this net needs 12 features, but gets 24",
    ),
    "a taller weight": (
        replace(5, "weight", lambda w: nn.Parameter(w.detach().repeat(2, 1))),
        r"needs a weight of shape \(12, 12\), got \(24, 12\)",
    ),
    "another fan_in": (replace(5, "fan_in", lambda _: 24), "layer 2 of this net needs 24 features"),
    "no gain": (replace(3, "gamma", lambda _: None), "3.gamma as a plain tensor .* got .*NoneType"),
    "an eps for each feature": (replace(3, "eps", lambda _: torch.full((12,), 0.5)), "settings"),
    "a momentum of None": (replace(3, "momentum", lambda _: None), "settings of a norm"),
    "an unknown convention": (replace(3, "convention", lambda _: "none"), "settings of a norm"),
}


def agree_or_refuse(mutations: Sequence[Mutation], names: Sequence[str], method: Method) -> None:
    ours, theirs = net(), net()
    with torch.random.fork_rng():
        for mutate in mutations:
            mutate(ours)
            mutate(theirs)
    draws = [torch.Generator().manual_seed(3) for _ in range(2)]
    error, histories = "", []
    try:
        histories = train_many([ours], SPLIT, CONFIG, generators=draws[:1], method=method)
    except ValueError as caught:
        error = str(caught)
    if error:
        assert any(re.search(name, error) for name in names), f"{error} names none of {names}"
        return
    expected = train(theirs, SPLIT, CONFIG, generator=draws[1])
    torch.testing.assert_close(histories[0].tensor(), expected.tensor())
    assert [m.training for m in ours.modules()] == [m.training for m in theirs.modules()]
    for (name, tensor), wanted in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(tensor, wanted, msg=name)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_net_is_trained_as_training_does_or_refused_by_name(
    name: str, method: Method
) -> None:
    mutate, message = MUTATIONS[name]
    agree_or_refuse([mutate], [message], method)


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_is_refused_and_what_is_not_is_as_the_table_says(name: str) -> None:
    mutate, message = MUTATIONS[name]
    model = net()
    mutate(model)
    if message == "no error" or "batch_size" in message:
        assert len(take_apart(model).layers) == 3
    else:
        with pytest.raises(ValueError, match=message):
            take_apart(model)


def test_what_refusals_say_is_as_written(as_written: Callable[..., None]) -> None:
    """Meant otherwise? Read the new message aloud."""
    said = []
    for name, (mutate, message) in MUTATIONS.items():
        if r"\w+ and" in message:  # of several that are shared, the first in memory is named
            continue
        model = net()
        mutate(model)
        try:
            take_apart(model)
        except ValueError as error:
            said.append(f"{name} | {error}\n")
    as_written("refusals.txt", "\n".join(said))


@settings(max_examples=60)
@given(
    names=st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=2, max_size=3, unique=True),
    method=st.sampled_from(METHODS),
)
def test_several_changes_at_once_are_no_way_around(names: list[str], method: Method) -> None:
    try:
        model = net()
        for name in names:
            MUTATIONS[name][0](model)
    except Exception:  # what one has done leaves nothing to the next
        return
    agree_or_refuse(
        [MUTATIONS[name][0] for name in names],
        ["the fast trainers", "of this net"],
        method,
    )


# Things that are not in the net


def draws(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def tied_to(other: nn.Sequential) -> nn.Sequential:
    model = net()
    model.load_state_dict(other.state_dict(), assign=True)
    return model


@pytest.mark.parametrize(
    "other",
    [lambda model: model, copy.copy, tied_to, lambda model: nn.Sequential(*model)],
    ids=["itself", "a shallow copy", "the same tensors", "the same layers"],
)
def test_models_that_share_tensors_are_refused(
    other: Callable[[nn.Sequential], nn.Sequential], method: Method
) -> None:
    model = net()
    models = [model, net(), other(model)]
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"models\[0\]\S* and models\[2\]\S* share memory: give"):
        train_many(models, SPLIT, CONFIG, generators=draws(3), method=method)
    assert all(map(torch.equal, model.state_dict().values(), before.values()))


def test_a_deep_copy_is_another_model(method: Method) -> None:
    model = net()
    first, second = train_many(
        [model, copy.deepcopy(model)],
        SPLIT,
        CONFIG,
        generators=[torch.Generator().manual_seed(1) for _ in range(2)],
        method=method,
    )
    torch.testing.assert_close(first.tensor(), second.tensor())


def test_a_generator_that_comes_twice_is_refused(method: Method) -> None:
    one, other = draws(2)
    state = one.get_state()
    with pytest.raises(ValueError, match="a generator of its own for each model, got one twice"):
        train_many([net() for _ in range(3)], SPLIT, CONFIG, generators=[one, other, one])
    assert torch.equal(one.get_state(), state)


@contextmanager
def global_hook() -> Iterator[None]:
    handle = torch.nn.modules.module.register_module_forward_hook(double)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def louder_class() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tanh, "forward", LoudTanh.forward)
        yield


@pytest.mark.parametrize(
    ("surroundings", "message"),
    [
        (
            global_hook,
            "^the fast trainers call no hooks, and torch has some for all modules: remove them f",
        ),
        (louder_class, "4 has another forward than Tanh had"),
        (lambda: torch.autocast("cpu", torch.bfloat16), "leave torch.autocast first"),
    ],
)
def test_what_changes_every_net_is_refused(surroundings: Any, message: str) -> None:
    with surroundings(), pytest.raises(ValueError, match=message):
        train_many([net()], SPLIT, CONFIG, generators=draws(1))
    assert len(train_many([net()], SPLIT, CONFIG, generators=draws(1))[0]) == 12


@pytest.mark.parametrize(
    "split",
    [
        Split(SPLIT.x.int(), SPLIT.y),
        Split(SPLIT.x, SPLIT.y.int()),
        Split(SPLIT.x[..., None], SPLIT.y),
        Split(SPLIT.x, SPLIT.y[:, None]),
        Split(SPLIT.x[1:], SPLIT.y),
    ],
)
def test_examples_of_another_form_are_refused(split: Split, method: Method) -> None:
    with pytest.raises(ValueError, match=r"need int64 x of shape .* got [xy]: torch.int\d\d of sh"):
        train_many([net()], split, CONFIG, generators=draws(1), method=method)


@pytest.mark.parametrize("index", [-1, 27])
def test_an_index_without_a_row_is_refused(index: int, method: Method) -> None:
    for name in ("x", "y"):
        split = copy.deepcopy(SPLIT)
        getattr(split, name)[3] = index
        with pytest.raises(ValueError, match=f"from 0 to 26, but {name} has some from"):
            train_many([net()], split, CONFIG, generators=draws(1), method=method)


def test_a_method_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="knows compiled and stacked, got 'stack'"):
        train_many([net()], SPLIT, CONFIG, generators=draws(1), method="stack")  # pyright: ignore


def test_the_message_about_strides_tells_a_way_that_works(method: Method) -> None:
    model: Any = net()
    MUTATIONS["a transposed weight"][0](model)
    with pytest.raises(ValueError, match=r"set 2\.weight\.data = 2\.weight\.data\.contiguous\(\)"):
        train_many([model], SPLIT, CONFIG, generators=draws(1), method=method)
    model[2].weight.data = model[2].weight.data.contiguous()
    train_many([model], SPLIT, CONFIG, generators=draws(1), method=method)


def test_gradients_of_before_are_gone_afterwards(method: Method) -> None:
    model = net()
    model(SPLIT.x).sum().backward()
    train_many([model], SPLIT, CONFIG, generators=draws(1), method=method)
    assert all(p.grad is None for p in model.parameters())


def threads_of_a_new_thread() -> int:
    found: list[int] = []
    thread = Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("fails", [False, True])
def test_new_threads_have_as_many_torch_threads_as_before(fails: bool, method: Method) -> None:
    def finished(*_: object) -> None:
        assert torch.get_num_threads() == 1
        if fails:
            raise OSError("disk full")

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        failure = pytest.raises(OSError, match="disk full") if fails else nullcontext()
        with failure:
            train_many(
                [net()], SPLIT, CONFIG, generators=draws(1), method=method, finished=finished
            )
        assert torch.get_num_threads() == 3
        assert threads_of_a_new_thread() == 3
    finally:
        torch.set_num_threads(before)


def test_one_byte_in_common_is_enough() -> None:
    memory = torch.zeros(9, dtype=torch.uint8)
    refuse_shared_memory({"a": memory[5:], "b": memory[:5]})
    with pytest.raises(ValueError, match="b and a share memory"):
        refuse_shared_memory({"a": memory[4:], "b": memory[:5]})
