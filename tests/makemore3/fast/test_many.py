"""The fast trainers against `training`, against autograd, and against each other."""

import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
import torch.nn.functional as F
from compilers import METHODS, has_compiler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from makemore3.data import Split, Vocabulary, build_split
from makemore3.fast import Method, best_method, many, train_many
from makemore3.fast.compiled import CompilerError, library, recipe, train_steps
from makemore3.fast.nets import take_apart
from makemore3.layers import BatchNorm1d, Embedding, Flatten, Linear, ReLU, Tanh
from makemore3.models import KAIMING, STAGES, deep_mlp, mlp
from makemore3.training import TrainConfig, train

Build = Callable[..., nn.Sequential]

VARIANTS: dict[str, Build] = {
    **{name: partial(mlp, stage) for name, stage in STAGES.items()},
    "deep": deep_mlp,
    "deep-batch-norm": partial(deep_mlp, batch_norm="before"),
    "deep-linear": partial(deep_mlp, nonlinearity=None, gain=1.0),
    "layer-norm": partial(deep_mlp, norm="layer"),
    "rms-norm": partial(deep_mlp, norm="rms"),
    "group-norm": partial(deep_mlp, norm="group"),
    "ghost-batch-norm": partial(deep_mlp, norm="ghost", norm_options={"ghost_size": 8}),
    "residual": partial(deep_mlp, residual=True),
    "residual-layer-norm": partial(deep_mlp, norm="layer", residual=True, norm_output=True),
    "residual-batch-norm": partial(deep_mlp, norm="batch", residual=True, gain=1.0),
}
CONFIG = TrainConfig(max_steps=150, lr_decay_step=100)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No compiled trainer yet, neither in this process nor in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget_the_compiler()
    yield tmp_path / "makemore3"
    forget_the_compiler()


def forget_the_compiler() -> None:
    for function in (recipe, library, best_method):
        function.cache_clear()


def started(build: Build, seed: int = 3, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """A net and the generator that goes on after its first weights."""
    generator = torch.Generator().manual_seed(seed)
    return build(generator=generator).to(dtype), generator


def compare_with_training(
    build: Build, split: Split, method: Method, dtype: torch.dtype, config: TrainConfig, tol: float
) -> None:
    (ours, our_draws), (theirs, their_draws) = (started(build, dtype=dtype) for _ in range(2))
    (history,) = train_many([ours], split, config, generators=[our_draws], method=method)
    expected = train(theirs, split, config, generator=their_draws)
    torch.testing.assert_close(history.tensor(), expected.tensor(), rtol=0, atol=tol)
    for (name, tensor), oracle in zip(
        ours.state_dict().items(), theirs.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(tensor, oracle, rtol=10 * tol, atol=10 * tol, msg=name)
    assert torch.equal(our_draws.get_state(), their_draws.get_state())


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "as-written"])
def test_losses_and_weights_agree_with_training(
    name: str, method: Method, small_split: Split
) -> None:
    compare_with_training(VARIANTS[name], small_split, method, torch.float32, CONFIG, 1e-5)


def test_the_chaotic_variant_agrees_where_rounding_is_finer(
    method: Method, small_split: Split
) -> None:
    config = TrainConfig(max_steps=300)
    build = VARIANTS["as-written"]
    compare_with_training(build, small_split, method, torch.float64, config, 1e-8)


ADAM = TrainConfig(max_steps=150, lr=0.01, lr_decay_step=100, optimizer="adam")


@pytest.mark.parametrize("name", ["kaiming", "deep-batch-norm", "rms-norm", "residual-layer-norm"])
def test_adam_agrees_with_training(
    name: str, method: Method, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "CHUNK", 40)  # it keeps its moments over the chunks
    compare_with_training(VARIANTS[name], small_split, method, torch.float64, ADAM, 1e-7)


def test_adam_and_plain_descent_train_side_by_side(method: Method, small_split: Split) -> None:
    build = VARIANTS["kaiming"]
    configs = [replace(ADAM, max_steps=20, optimizer=name) for name in ("sgd", "adam", "sgd")]
    nets, generators = zip(*(started(build, i) for i in range(3)), strict=True)
    histories = train_many(nets, small_split, configs, generators=generators, method=method)
    for i, (config, history) in enumerate(zip(configs, histories, strict=True)):
        alone, generator = started(build, i)
        expected = train(alone, small_split, config, generator=generator).tensor()
        torch.testing.assert_close(history.tensor(), expected, rtol=0, atol=1e-5)


def net(
    convention: Any, *, n_embd: int, block_size: int, n_hidden: int, scale: float, generator: Any
) -> nn.Sequential:
    return nn.Sequential(
        Embedding(27, n_embd, generator=generator),
        Flatten(),
        Linear(n_embd * block_size, n_hidden, gain=scale, bias_std=scale, generator=generator),
        BatchNorm1d(n_hidden, convention=convention, momentum=0.3),
        Tanh(),
        Linear(n_hidden, n_hidden, gain=scale, bias_std=scale, generator=generator),
        Tanh(),
        Linear(n_hidden, 27, gain=scale, bias_std=scale, generator=generator),
        BatchNorm1d(27, convention=convention, momentum=0.3),
    )


@settings(max_examples=40)
@given(
    method=st.sampled_from(METHODS),
    convention=st.sampled_from(["torch", "lecture", "lecture-std"]),
    n_embd=st.integers(1, 17),
    block_size=st.integers(1, 3),
    n_hidden=st.integers(1, 40),
    batch_size=st.integers(2, 41),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
    seed=st.integers(0, 2**32),
)
def test_gradients_are_those_of_autograd_in_any_shape(
    method: Method, batch_size: int, seed: int, **sizes: Any
) -> None:
    split = build_split(["emma", "olivia"], Vocabulary(), block_size=sizes["block_size"])
    build = partial(net, **sizes)
    (ours, our_draws), (oracle, draws) = (started(build, seed, torch.float64) for _ in range(2))
    before = {name: p.detach().clone() for name, p in ours.named_parameters()}
    config = TrainConfig(max_steps=1, batch_size=batch_size)
    train_many([ours], split, config, generators=[our_draws], method=method)

    ix = torch.randint(0, len(split), (batch_size,), generator=draws)
    F.cross_entropy(oracle(split.x[ix]), split.y[ix]).backward()
    for (name, p), wanted in zip(ours.named_parameters(), oracle.parameters(), strict=True):
        assert wanted.grad is not None
        gradient = (before[name] - p.detach()) / config.lr
        torch.testing.assert_close(gradient, wanted.grad, rtol=1e-8, atol=1e-9, msg=name)
    for ours_, oracle_ in zip(ours.buffers(), oracle.buffers(), strict=True):
        torch.testing.assert_close(ours_, oracle_)


NORMS: dict[str, dict[str, Any]] = {
    "none": {},
    "batch": {"norm": "batch"},
    "ghost": {"norm": "ghost", "norm_options": {"ghost_size": 8, "momentum": 0.3}},
    "layer": {"norm": "layer", "norm_options": {"eps": 0.1}},
    "rms": {"norm": "rms"},
    "group": {"norm": "group", "norm_options": {"num_groups": 3}},
}


def perturbed(seed: int, options: dict[str, Any], *, generator: torch.Generator) -> nn.Sequential:
    """A deep net none of whose tensors is all zeros or all ones."""
    model = deep_mlp(**options, generator=generator)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor += 0.2 * torch.rand(tensor.shape, generator=noise)
    return model


@settings(max_examples=80)
@given(
    method=st.sampled_from(METHODS),
    norm=st.sampled_from(sorted(NORMS)),
    residual=st.booleans(),
    norm_output=st.booleans(),
    tanh=st.booleans(),
    convention=st.sampled_from(["torch", "lecture", "lecture-std"]),
    n_linear=st.integers(1, 20),
    n_hidden=st.integers(1, 13).map(lambda n: 3 * n),
    batch_size=st.integers(1, 5).map(lambda n: 8 * n),
    odd=st.integers(0, 7),
    seed=st.integers(0, 2**32),
)
def test_every_norm_with_and_without_branches_is_trained_as_training_does(
    method: Method,
    norm: str,
    residual: bool,
    norm_output: bool,
    tanh: bool,
    convention: str,
    n_linear: int,
    n_hidden: int,
    batch_size: int,
    odd: int,
    seed: int,
) -> None:
    options = dict(NORMS[norm])
    if norm != "ghost":
        batch_size -= odd
    if norm == "batch":
        batch_size = max(batch_size, 4)  # norms of two rows amplify rounding without bounds
    if norm in ("batch", "ghost"):
        given_options = options.get("norm_options", {})
        options["norm_options"] = {"convention": convention, **given_options}
    if norm != "none":
        options["norm_output"] = norm_output
    options |= {"n_linear": n_linear, "n_hidden": n_hidden, "n_embd": 3, "residual": residual}
    options |= {"gain": 1.0, "nonlinearity": Tanh if tanh else None}
    split = build_split(["emma", "olivia", "ava"], Vocabulary())
    config = TrainConfig(max_steps=1, batch_size=batch_size, lr=1.0)
    build = partial(perturbed, seed, options)
    (ours, our_draws), (theirs, draws) = (started(build, seed, torch.float64) for _ in range(2))
    (history,) = train_many([ours], split, config, generators=[our_draws], method=method)
    expected = train(theirs, split, config, generator=draws)
    torch.testing.assert_close(history.tensor(), expected.tensor(), rtol=1e-8, atol=1e-8)
    tensors = list(zip(ours.named_parameters(), theirs.parameters(), strict=True))
    # Through twenty norms of few rows a gradient grows, and its rounding with it.
    gradients = [wanted.grad.abs().max().item() for _, wanted in tensors if wanted.grad is not None]
    tolerance = 1e-8 * (1 + max(gradients))
    for (name, tensor), wanted in tensors:
        torch.testing.assert_close(tensor, wanted, rtol=1e-8, atol=tolerance, msg=name)
    for buffer, wanted in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(buffer, wanted, rtol=1e-7, atol=1e-7)


def test_many_nets_are_each_trained_as_if_alone(
    method: Method, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = [VARIANTS[name] for name in ("kaiming", "batch-norm", "kaiming", "deep")]
    configs = [TrainConfig(max_steps=20, lr=lr, lr_decay_step=12) for lr in (0.1, 0.1, 0.3, 0.1)]
    nets, generators = zip(*(started(b, i) for i, b in enumerate(builds)), strict=True)
    done: list[int] = []
    monkeypatch.setattr(many, "CHUNK", 7)
    histories = train_many(
        nets,
        small_split,
        configs,
        generators=generators,
        method=method,
        finished=lambda i, history: done.append(i) or len(history),
    )
    assert sorted(done) == [0, 1, 2, 3]
    for i, (build, config, history) in enumerate(zip(builds, configs, histories, strict=True)):
        alone, generator = started(build, i)
        expected = train(alone, small_split, config, generator=generator).tensor()
        torch.testing.assert_close(history.tensor(), expected, rtol=0, atol=1e-5)


def unlike(index: int, *, generator: torch.Generator) -> nn.Sequential:
    """Nets of one shape that differ in every number, and two by two in the settings of a norm."""
    model = nn.Sequential(
        Embedding(27, 4, generator=generator),
        Flatten(),
        Linear(12, 9, gain=1 + index, bias_std=0.1, generator=generator),
        BatchNorm1d(9, eps=(1e-5, 0.1)[index // 2 % 2], momentum=(0.3, 0.01)[index // 4]),
        Tanh(),
        Linear(9, 9, bias=False, generator=generator),
        BatchNorm1d(9, momentum=0.2, convention=("torch", "lecture-std")[index // 4]),
        Tanh(),
        Linear(9, 27, generator=generator),
    )
    with torch.no_grad():
        for tensor in [*model.parameters(), *model.buffers()]:
            tensor += 0.1 * torch.rand(tensor.shape, generator=generator)
    return model


def test_nets_in_one_stack_keep_what_is_theirs(method: Method) -> None:
    split = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())
    configs = [
        TrainConfig(max_steps=30, batch_size=6, lr=0.05 * (i + 1), lr_decay_step=10 + 2 * i)
        for i in range(8)
    ]
    nets, generators = zip(
        *(started(partial(unlike, i), i, torch.float64) for i in range(8)), strict=True
    )
    shapes = [take_apart(net).shape for net in nets]
    assert [shapes.index(shape) for shape in shapes] == [0, 0, 2, 2, 4, 4, 6, 6]
    histories = train_many(nets, split, configs, generators=generators, method=method)
    for i, (ours, config, history) in enumerate(zip(nets, configs, histories, strict=True)):
        alone, generator = started(partial(unlike, i), i, torch.float64)
        expected = train(alone, split, config, generator=generator).tensor()
        torch.testing.assert_close(history.tensor(), expected, rtol=1e-9, atol=1e-9)
        for (name, tensor), wanted in zip(
            ours.state_dict().items(), alone.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(tensor, wanted, msg=f"{i}: {name}")


def test_nets_that_differ_in_a_branch_or_in_groups_alone_are_no_stack(
    method: Method, small_split: Split
) -> None:
    some: list[dict[str, Any]] = [
        {},
        {"residual": True},
        {"norm": "group", "norm_options": {"num_groups": 2}},
        {"norm": "group", "norm_options": {"num_groups": 5}},
        {"norm": "layer"},
        {"norm": "batch", "norm_output": False},
        {"norm": "ghost", "norm_output": False, "norm_options": {"ghost_size": 4}},
        {"norm": "ghost", "norm_output": False, "norm_options": {"ghost_size": 8}},
    ]
    builds = [partial(deep_mlp, n_linear=3, n_hidden=10, **options) for options in some]
    config = TrainConfig(max_steps=5)
    nets, generators = zip(*(started(build) for build in builds), strict=True)
    histories = train_many(nets, small_split, config, generators=generators, method=method)
    for build, history in zip(builds, histories, strict=True):
        alone, generator = started(build)
        expected = train(alone, small_split, config, generator=generator).tensor()
        torch.testing.assert_close(history.tensor(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_whose_exponential_is_no_number_are_none_of_the_losses_business(
    dtype: torch.dtype, small_split: Split, method: Method
) -> None:
    build = partial(mlp, replace(KAIMING, w2_std=100.0))
    model, _ = started(build, dtype=dtype)
    logits = model(small_split.x).detach()
    assert logits.exp().isinf().any(1).all(), "the exponential overflows in every row"
    config = TrainConfig(max_steps=20, lr=1e-3)
    compare_with_training(build, small_split, method, dtype, config, 2e-3)


def test_a_net_that_diverges_is_cut_off_and_stops_no_other(
    method: Method, small_split: Split
) -> None:
    (lost, draws), (stable, other_draws) = started(VARIANTS["kaiming"]), started(VARIANTS["deep"])
    configs = [TrainConfig(max_steps=60, lr=3e38), TrainConfig(max_steps=60)]
    first, second = train_many(
        [lost, stable], small_split, configs, generators=[draws, other_draws], method=method
    )
    again, draws = started(VARIANTS["kaiming"])
    with pytest.raises(FloatingPointError, match=f"at step {len(first) - 1}:"):
        train(again, small_split, configs[0], generator=draws)
    assert not first.tensor()[-1].isfinite()
    assert first.tensor()[:-1].isfinite().all()
    assert len(second) == 60
    assert second.tensor().isfinite().all()


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
def test_compiled_steps_end_with_the_first_loss_that_is_not_finite(small_split: Split) -> None:
    model, _ = started(VARIANTS["kaiming"])
    x, y = small_split.x[:32].repeat(60, 1, 1), small_split.y[:32].repeat(60, 1)
    lr, losses = torch.full((60,), 3e38, dtype=torch.float64), torch.zeros(60)
    steps = train_steps(take_apart(model), x, y, lr, losses)
    assert not losses[steps].isfinite()
    assert losses[:steps].isfinite().all()
    assert not losses[steps + 1 :].any()


def test_an_error_in_finished_stops_everything(method: Method, small_split: Split) -> None:
    def full(index: int, history: object) -> None:
        raise OSError(28, "No space left on device")

    nets, generators = zip(*(started(VARIANTS["kaiming"], i) for i in range(3)), strict=True)
    with pytest.raises(OSError, match="No space left"):
        train_many(nets, small_split, CONFIG, generators=generators, method=method, finished=full)


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        ("no-such-compiler", r"there is no C\+\+ compiler no-such-compiler \(No such file"),
        ("false", r"false does not compile it \(status 1\)"),
    ],
)
def test_without_a_compiler_plain_torch_trains_and_says_so(
    compiler: str,
    reason: str,
    fresh_cache: Path,
    small_split: Split,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CXX", compiler)
    model, generator = started(VARIANTS["kaiming"])
    config = TrainConfig(max_steps=5)
    for _ in range(2):
        (history,) = train_many([model], small_split, config, generators=[generator])
        assert len(history) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("makemore3: no compiled trainer, since ")
    assert line.endswith(
        ": plain torch trains instead, several times slower; install a C++ compiler, or name one "
        "in CXX"
    )
    with pytest.raises(CompilerError, match=reason):
        train_many([model], small_split, config, generators=[generator], method="compiled")


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
def test_the_library_is_compiled_once_also_for_narrower_vectors(
    fresh_cache: Path, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    if platform.machine() == "x86_64":
        monkeypatch.setenv("CXX", "c++ -mno-avx512f")
    build = VARIANTS["deep-batch-norm"]
    compare_with_training(build, small_split, "compiled", torch.float32, CONFIG, 1e-5)
    (made,) = fresh_cache.iterdir()
    stamp = made.stat().st_mtime_ns
    forget_the_compiler()
    library(torch.float32)
    assert made.stat().st_mtime_ns == stamp


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_library_that_was_cut_is_compiled_again(share: float, fresh_cache: Path) -> None:
    library(torch.float32)
    (made,) = fresh_cache.iterdir()
    whole = made.read_bytes()
    made.unlink()  # the file that is loaded stays as it is
    made.write_bytes(whole[: int(share * len(whole))])
    forget_the_compiler()
    library(torch.float32)
    assert [path.stat().st_size for path in fresh_cache.iterdir()] == [len(whole)]


@pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler")
def test_an_empty_cxx_names_no_compiler(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    library(torch.float32)
    monkeypatch.setenv("CXX", "")
    forget_the_compiler()
    library(torch.float32)
    assert len(list(fresh_cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_a_reason(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "true")  # a compiler that is content with anything
    fresh_cache.write_text("a file where the folder should be")
    with pytest.raises(CompilerError, match=f"cannot keep or load a trainer in {fresh_cache}"):
        library(torch.float32)


def one_net(small_split: Split, build: Build, **options: Any) -> None:
    model, generator = started(build)
    train_many([model], small_split, generators=[generator], **options)


def hooked(**options: Any) -> nn.Sequential:
    model = mlp(KAIMING, **options)
    model[2].register_forward_hook(lambda *_: None)
    return model


def misfit(*, generator: torch.Generator) -> nn.Sequential:
    model = mlp(KAIMING, generator=generator)
    model[2] = Linear(30, 7, generator=generator)
    return model


def frozen(**options: Any) -> nn.Sequential:
    model = mlp(KAIMING, **options)
    model[2].requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(deep_mlp, batch_norm="after"), "got Embedding Flatten Linear Tanh BatchNorm1d"),
        (partial(deep_mlp, nonlinearity=ReLU), "got Embedding Flatten Linear ReLU .*: train this"),
        (
            lambda generator: nn.Sequential(nn.Linear(3, 27)),
            r"in this order, got torch\.nn\.modules\.linear\.Linear:",
        ),
        (lambda generator: Flatten(), "in this order, got Flatten:"),
        (hooked, "call no hooks, and hidden has some"),
        (frozen, "got hidden.weight: requires_grad=False"),
        (
            partial(mlp, KAIMING, block_size=2),
            "first linear layer .* needs 20 features, but gets 30",
        ),
        (partial(mlp, KAIMING, vocab_size=22), "from 0 to 21, but x has some from 0 to 22"),
        (misfit, "linear layer 2 of this net needs 200 features, but gets 7"),
    ],
)
def test_other_nets_are_refused(build: Build, message: str, small_split: Split) -> None:
    with pytest.raises(ValueError, match=message):
        one_net(small_split, build)


def test_bad_input_is_refused(small_split: Split) -> None:
    model, generator = started(VARIANTS["batch-norm"])
    with pytest.raises(ValueError, match="got 2 and 1 for 1"):
        train_many([model], small_split, generators=[generator, torch.Generator()])
    with pytest.raises(ValueError, match="got an empty split"):
        train_many([model], Split(small_split.x[:0], small_split.y[:0]), generators=[generator])
    with pytest.raises(ValueError, match="a batch norm needs at least 2 rows, got batch_size=1"):
        one_net(small_split, VARIANTS["batch-norm"], configs=TrainConfig(batch_size=1))
    with pytest.raises(ValueError, match=r"got embedding.weight: torch.float16: call"):
        train_many([model.half()], small_split, generators=[generator])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("progress", "delay", "disable"), [(None, 1, None), (True, 0, False)])
def test_as_many_workers_as_cores_and_a_bar_that_goes_when_all_is_done(
    method: Method,
    progress: bool | None,
    delay: float,
    disable: bool | None,
    small_split: Split,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars: list[dict[str, object]] = []
    workers: list[int] = []

    def bar(**options: object) -> MagicMock:
        bars.append(options)
        return MagicMock()

    def pool(count: int, **options: Any) -> ThreadPoolExecutor:
        workers.append(count)
        return ThreadPoolExecutor(count, **options)

    monkeypatch.setattr(many, "tqdm", bar)
    monkeypatch.setattr(many, "ThreadPoolExecutor", pool)
    monkeypatch.setattr(many.os, "cpu_count", lambda: 3)
    models, generators = zip(
        *(started(partial(mlp, KAIMING), seed) for seed in (1, 2)), strict=True
    )
    configs = [TrainConfig(max_steps=count) for count in (2, 5)]
    train_many(
        models, small_split, configs, generators=generators, method=method, progress=progress
    )
    assert workers == [3 if method == "compiled" else 1]
    assert bars == [
        {
            **{"total": 7, "unit": "step", "unit_scale": True, "leave": False},
            **{"delay": delay, "disable": disable},
        }
    ]
