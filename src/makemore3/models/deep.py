"""The lecture's deep net, with the norms and the residual branches that came after it."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import nn

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
    Sequential,
    Tanh,
    check_sizes,
)

NormName = Literal["batch", "ghost", "layer", "rms", "group"]
"""The norms that `deep_mlp` knows, each by the beginning of its layer's name."""
NormPosition = Literal["before", "after"]
"""Where a norm stands: before the nonlinearity or after it."""


def deep_mlp(
    *,
    gain: float = 5 / 3,
    n_linear: int = 6,
    nonlinearity: Callable[[], nn.Module] | None = Tanh,
    fan_in_scaling: bool = True,
    batch_norm: NormPosition | None = None,
    norm: NormName | None = None,
    norm_position: NormPosition = "before",
    norm_output: bool | None = None,
    norm_options: Mapping[str, Any] | None = None,
    gamma: float = 1.0,
    residual: bool = False,
    vocab_size: int = 27,
    block_size: int = 3,
    n_embd: int = 10,
    n_hidden: int = 100,
    generator: torch.Generator,
) -> Sequential:
    """Build the deep net: embedding, flatten, linear and tanh in turn, and a last linear layer.

    The embedding is drawn first, then the weights in order; the biases are 0 and take no draw.
    The last weight, or where a norm follows it that norm's `gamma`, is scaled by 0.1, so that all
    characters start about equally likely. The layers are called `embedding`, `flatten`, `linear1`,
    `norm1`, `tanh1` and so on; another nonlinearity than `Tanh` gives its layers its own name.

    Args:
        gain: Factor of the weights; of the last only if a norm follows it.
        n_linear: Number of linear layers.
        nonlinearity: Class of the layer after each linear layer but the last; None for no such
            layers.
        fan_in_scaling: Whether the weights are divided by the root of their fan-in.
        batch_norm: The lecture's net in short: `"before"` is `norm="batch"`, `"after"` the same
            with `norm_position="after"`.
        norm: What each hidden layer is normalised by. A linear layer directly before a batch norm
            has no bias.
        norm_position: Whether a norm stands before the nonlinearity or after it.
        norm_output: Whether the logits are normalised too. None: by batch norms, as in the lecture.
            The other norms would fix the length of each row's logits, and with it how sure the net
            can be.
        norm_options: Settings of the norms by name, as their layers take them. A batch norm's
            `convention` is `"lecture"` if not given, a group norm's `num_groups` 10; a ghost
            batch norm needs its `ghost_size`.
        gamma: What the `gamma` of every norm starts as, where 1 is the usual. It does for the
            nonlinearity behind a norm what `gain` does without one.
        residual: Whether each hidden layer but the first, which changes the width, is a branch
            beside a direct connection: `h + tanh(norm(linear(h)))`. It is called `residual2` and
            so on, and holds its layers by their own names.
        vocab_size: Number of characters, which is also that of logits.
        block_size: Number of characters in a context.
        n_embd: Numbers in the embedding of a character.
        n_hidden: Number of units in each hidden layer.
        generator: Source of the random numbers.

    Raises:
        ValueError: If a size is less than 1, `gain` or `gamma` is negative or not finite,
            `batch_norm`, `norm` or `norm_position` is none of its values, `batch_norm` comes with
            `norm`, there are norm settings without a norm, or a norm refuses its settings.
        TypeError: If a norm has no setting of a name, or lacks one.

    Shape:
        `(N, block_size)` int64 in, logits `(N, vocab_size)` out.

    Source:
        Lecture [1:25:05](https://youtu.be/P6sfmUTpUmc?t=5105); without tanh
        [1:32:07](https://youtu.be/P6sfmUTpUmc?t=5527), without scaling
        [1:45:01](https://youtu.be/P6sfmUTpUmc?t=6301), with batch norm
        [1:46:33](https://youtu.be/P6sfmUTpUmc?t=6393).
    """
    check_sizes("deep_mlp", n_linear=n_linear)
    if batch_norm is not None:
        if norm is not None:
            raise ValueError(f"deep_mlp takes batch_norm or norm, got {batch_norm=} and {norm=}")
        if batch_norm not in get_args(NormPosition):
            raise ValueError(
                f"deep_mlp needs batch_norm None, 'before' or 'after', got {batch_norm!r}"
            )
        norm, norm_position = "batch", batch_norm
    if norm_position not in get_args(NormPosition):
        raise ValueError(f"deep_mlp needs norm_position 'before' or 'after', got {norm_position!r}")
    if norm is None and (norm_options or norm_output or gamma != 1):
        raise ValueError(
            f"deep_mlp has no norm for {norm_options=}, {norm_output=} and {gamma=}: give norm"
        )
    if not 0 <= gamma < math.inf:
        raise ValueError(f"deep_mlp needs a finite gamma of at least 0, got {gamma}")
    make_norm = None if norm is None else _norm_maker(norm, norm_options or {})
    over_batch = norm in ("batch", "ghost")
    if norm_output is None:
        norm_output = over_batch

    layers: OrderedDict[str, nn.Module] = OrderedDict(
        embedding=Embedding(vocab_size, n_embd, generator=generator), flatten=Flatten()
    )
    for index in range(1, n_linear + 1):
        last = index == n_linear
        fan_in = n_embd * block_size if index == 1 else n_hidden
        fan_out = vocab_size if last else n_hidden
        normed = make_norm is not None and (norm_output or not last)
        norm_is_next = normed and (last or norm_position == "before")
        factor = 0.1 if last and not normed else gain
        linear = Linear(
            fan_in,
            fan_out,
            **({"gain": factor} if fan_in_scaling else {"weight_std": factor}),
            bias=not (norm_is_next and over_batch),
            generator=generator,
        )
        after: dict[str, nn.Module] = {}
        if nonlinearity is not None and not last:
            function = nonlinearity()
            after[f"{type(function).__name__.lower()}{index}"] = function
        if make_norm is not None and normed:
            made = {f"norm{index}": make_norm(fan_out)}
            after = made | after if norm_is_next else after | made
        steps = OrderedDict({f"linear{index}": linear} | after)
        if residual and 1 < index < n_linear:
            layers[f"residual{index}"] = Residual(Sequential(steps))
        else:
            layers.update(steps)
    net = Sequential(layers)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith(".gamma"):
                parameter.mul_(0.1 * gamma if name == f"norm{n_linear}.gamma" else gamma)
    return net


def _norm_maker(norm: NormName, options: Mapping[str, Any]) -> Callable[[int], nn.Module]:
    kinds: dict[NormName, Callable[..., nn.Module]] = {
        "batch": partial(BatchNorm1d, convention="lecture"),
        "ghost": partial(GhostBatchNorm1d, convention="lecture"),
        "layer": LayerNorm,
        "rms": RMSNorm,
        "group": partial(GroupNorm, num_groups=10),
    }
    if norm not in kinds:
        raise ValueError(f"deep_mlp knows the norms {', '.join(kinds)}, got {norm!r}")
    return partial(kinds[norm], **options)
