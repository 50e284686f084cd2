"""The lecture's nets: one hidden layer, in the stages of the first part, then six layers."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from makemore3.layers import (
    BatchNorm1d,
    Embedding,
    Flatten,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    calculate_gain,
    check_sizes,
)

LECTURE_SEED = 2147483647
"""Seed of the lecture's generator: first the tensors are drawn from it, then the minibatches."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How a net is initialised: the standard deviation of each tensor that is drawn.

    Args:
        title: What the lecture has just done, in a few words.
        w1_std: Hidden weight; None means Kaiming with tanh's gain, (5/3) / sqrt(30) = 0.304.
        b1_std: Hidden bias; None means that there is none, and no draw for it.
        w2_std: Output weight; the smaller, the closer the first guess is to uniform.
        b2_std: Output bias.
        batch_norm: Whether a batch norm stands between hidden weight and tanh.
    """

    title: str
    w1_std: float | None
    b1_std: float | None
    w2_std: float
    b2_std: float
    batch_norm: bool = False


AS_WRITTEN = Stage(title="as first written", w1_std=1.0, b1_std=1.0, w2_std=1.0, b2_std=1.0)
SOFTMAX_FIXED = Stage(title="softmax fixed", w1_std=1.0, b1_std=1.0, w2_std=0.01, b2_std=0.0)
TANH_FIXED = Stage(title="tanh fixed", w1_std=0.2, b1_std=0.01, w2_std=0.01, b2_std=0.0)
KAIMING = Stage(title="Kaiming init", w1_std=None, b1_std=0.01, w2_std=0.01, b2_std=0.0)
BATCH_NORM = Stage(
    title="batch norm", w1_std=None, b1_std=0.01, w2_std=0.01, b2_std=0.0, batch_norm=True
)
BATCH_NORM_NO_BIAS = replace(BATCH_NORM, title="batch norm, no b1", b1_std=None)

STAGES = {
    "as-written": AS_WRITTEN,
    "softmax-fixed": SOFTMAX_FIXED,
    "tanh-fixed": TANH_FIXED,
    "kaiming": KAIMING,
    "batch-norm": BATCH_NORM,
    "batch-norm-no-bias": BATCH_NORM_NO_BIAS,
}
"""The lecture's order; the keys are what the command line takes."""


def mlp(
    stage: Stage,
    *,
    vocab_size: int = 27,
    block_size: int = 3,
    n_embd: int = 10,
    n_hidden: int = 200,
    generator: torch.Generator,
) -> Sequential:
    """Build the net: embedding, flatten, hidden, (norm,) tanh, output.

    The tensors are drawn in the lecture's order, C, W1, b1, W2, b2. With `LECTURE_SEED`, and
    the same generator for the minibatches after it, the lecture's losses come out.

    Args:
        stage: One of `STAGES`, or your own.
        vocab_size: Number of characters, which is also that of logits.
        block_size: Number of characters in a context.
        n_embd: Numbers in the embedding of a character.
        n_hidden: Number of hidden units.
        generator: Source of the random numbers.

    Raises:
        ValueError: If a size is less than 1 or a standard deviation of the stage is negative.

    Shape:
        `(N, block_size)` int64 in, logits `(N, vocab_size)` out.

    Source:
        Bengio et al. 2003; lecture [1:53](https://youtu.be/P6sfmUTpUmc?t=113). Batch norm as at
        [47:25](https://youtu.be/P6sfmUTpUmc?t=2845), its running statistics as at
        [58:06](https://youtu.be/P6sfmUTpUmc?t=3486), with the layer's epsilon.
    """
    embedding = Embedding(vocab_size, n_embd, generator=generator)
    hidden = Linear(
        n_embd * block_size,
        n_hidden,
        gain=calculate_gain("tanh") if stage.w1_std is None else 1.0,
        weight_std=stage.w1_std,
        bias=stage.b1_std is not None,
        bias_std=stage.b1_std,
        generator=generator,
    )
    output = Linear(
        n_hidden, vocab_size, weight_std=stage.w2_std, bias_std=stage.b2_std, generator=generator
    )
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        embedding=embedding, flatten=Flatten(), hidden=hidden
    )
    if stage.batch_norm:
        layers["norm"] = BatchNorm1d(n_hidden, momentum=0.001, convention="lecture-std")
    layers["tanh"] = Tanh()
    layers["output"] = output
    return Sequential(layers)


def deep_mlp(
    *,
    gain: float = 5 / 3,
    n_linear: int = 6,
    nonlinearity: Callable[[], nn.Module] | None = Tanh,
    fan_in_scaling: bool = True,
    batch_norm: Literal["before", "after"] | None = None,
    vocab_size: int = 27,
    block_size: int = 3,
    n_embd: int = 10,
    n_hidden: int = 100,
    generator: torch.Generator,
) -> Sequential:
    """Build the deep net: embedding, flatten, linear and tanh in turn, and a last linear layer.

    The embedding is drawn first, then the weights in order; the biases are 0 and take no draw.
    The last weight, or with batch norm the last `gamma`, is scaled by 0.1, so that all characters
    start about equally likely. The layers are called `embedding`, `flatten`, `linear1`, `norm1`,
    `tanh1` and so on; another nonlinearity than `Tanh` gives its layers its own name.

    Args:
        gain: Factor of the weights; without batch norm, of all but the last.
        n_linear: Number of linear layers.
        nonlinearity: Class of the layer after each linear layer but the last; None for no such
            layers.
        fan_in_scaling: Whether the weights are divided by the root of their fan-in.
        batch_norm: Whether each linear layer has a batch norm, `"before"` the nonlinearity or
            `"after"` it. The last linear layer, which no nonlinearity follows, has one in both
            cases. A linear layer directly before a batch norm has no bias.
        vocab_size: Number of characters, which is also that of logits.
        block_size: Number of characters in a context.
        n_embd: Numbers in the embedding of a character.
        n_hidden: Number of units in each hidden layer.
        generator: Source of the random numbers.

    Raises:
        ValueError: If a size is less than 1, `gain` is negative or not finite, or `batch_norm` is
            none of its values.

    Shape:
        `(N, block_size)` int64 in, logits `(N, vocab_size)` out.

    Source:
        Lecture [1:25:05](https://youtu.be/P6sfmUTpUmc?t=5105); without tanh
        [1:32:07](https://youtu.be/P6sfmUTpUmc?t=5527), without scaling
        [1:45:01](https://youtu.be/P6sfmUTpUmc?t=6301), with batch norm
        [1:46:33](https://youtu.be/P6sfmUTpUmc?t=6393).
    """
    check_sizes("deep_mlp", n_linear=n_linear)
    if batch_norm not in (None, "before", "after"):
        raise ValueError(f"deep_mlp needs batch_norm None, 'before' or 'after', got {batch_norm!r}")
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        embedding=Embedding(vocab_size, n_embd, generator=generator), flatten=Flatten()
    )
    for index in range(1, n_linear + 1):
        last = index == n_linear
        fan_in = n_embd * block_size if index == 1 else n_hidden
        fan_out = vocab_size if last else n_hidden
        factor = 0.1 if last and batch_norm is None else gain
        norm_is_next = batch_norm == "before" or (batch_norm == "after" and last)
        layers[f"linear{index}"] = Linear(
            fan_in,
            fan_out,
            **({"gain": factor} if fan_in_scaling else {"weight_std": factor}),
            bias=not norm_is_next,
            generator=generator,
        )
        norm = None if batch_norm is None else BatchNorm1d(fan_out, convention="lecture")
        if norm is not None and norm_is_next:
            layers[f"norm{index}"] = norm
        if nonlinearity is not None and not last:
            function = nonlinearity()
            layers[f"{type(function).__name__.lower()}{index}"] = function
        if norm is not None and not norm_is_next:
            layers[f"norm{index}"] = norm
        if norm is not None and last:
            with torch.no_grad():
                norm.gamma.mul_(0.1)
    return Sequential(layers)


_NONLINEARITIES = {"Tanh": Tanh, "ReLU": ReLU}


@dataclass(frozen=True)
class NetSpec:
    """Which function builds a net, and with which arguments: a value that can be written down.

    Checkpoints, kept runs and records of sweeps identify a net by its spec, and rebuild it from
    there.

    Args:
        function: `"mlp"` or `"deep_mlp"`.
        arguments: Arguments of the function, without `generator`; those left out have the
            function's defaults. A stage may be given by its key in `STAGES`.

    Raises:
        ValueError: If there is no such function.
    """

    function: str
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.function not in _BUILDERS:
            raise ValueError(
                f"NetSpec knows the functions {' and '.join(_BUILDERS)}, got {self.function!r}"
            )

    def build(self, *, generator: torch.Generator) -> Sequential:
        """Build the net, its weights drawn from `generator`.

        Raises:
            ValueError: If an argument is not what the function expects.
            TypeError: If the function has no argument of a name.
        """
        arguments = dict(self.arguments)
        if isinstance(stage := arguments.get("stage"), str):
            if stage not in STAGES:
                raise ValueError(f"expected a stage out of {', '.join(STAGES)}, got {stage!r}")
            arguments["stage"] = STAGES[stage]
        return _BUILDERS[self.function](**arguments, generator=generator)

    def to_json(self) -> dict[str, Any]:
        """Return the spec in what JSON has: a stage by its fields, a nonlinearity by its name.

        Raises:
            ValueError: If a nonlinearity is none of this package's.
        """
        return {
            "function": self.function,
            "arguments": {name: _to_json(value) for name, value in self.arguments.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "NetSpec":
        """Return the spec that `to_json` wrote.

        Raises:
            ValueError: If the content is something else.
        """
        try:
            arguments = dict(content["arguments"])
            if isinstance(stage := arguments.get("stage"), Mapping):
                arguments["stage"] = Stage(**stage)
            if isinstance(name := arguments.get("nonlinearity"), str):
                arguments["nonlinearity"] = _NONLINEARITIES[name]
            return cls(content["function"], arguments)
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a net's function and arguments, got {content}") from error


def _to_json(value: object) -> object:
    if isinstance(value, Stage):
        return asdict(value)
    if isinstance(value, type):
        if _NONLINEARITIES.get(value.__name__) is not value:
            raise ValueError(f"a spec can name {' and '.join(_NONLINEARITIES)}, got {value}")
        return value.__name__
    return value


_BUILDERS: dict[str, Callable[..., Sequential]] = {"mlp": mlp, "deep_mlp": deep_mlp}


def parameter_count(model: nn.Module) -> int:
    """Count the trainable numbers of a model; running statistics are not among them."""
    return sum(p.numel() for p in model.parameters())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every layer into `eval` mode, without gradients; afterwards restore each one's mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
