"""The lecture's net with one hidden layer, in the stages of its first part."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from torch import nn

from makemore3.layers import (
    BatchNorm1d,
    Embedding,
    Flatten,
    Linear,
    Sequential,
    Tanh,
    calculate_gain,
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
"""The net as the lecture first writes it: every number from a standard normal distribution."""
SOFTMAX_FIXED = Stage(title="softmax fixed", w1_std=1.0, b1_std=1.0, w2_std=0.01, b2_std=0.0)
"""With a small output layer, so that the first guess is almost uniform."""
TANH_FIXED = Stage(title="tanh fixed", w1_std=0.2, b1_std=0.01, w2_std=0.01, b2_std=0.0)
"""With a small hidden layer too, so that few tanh units saturate."""
KAIMING = Stage(title="Kaiming init", w1_std=None, b1_std=0.01, w2_std=0.01, b2_std=0.0)
"""With the hidden weight's scale from Kaiming's formula instead of by trial."""
BATCH_NORM = Stage(
    title="batch norm", w1_std=None, b1_std=0.01, w2_std=0.01, b2_std=0.0, batch_norm=True
)
"""With batch norm before the tanh."""
BATCH_NORM_NO_BIAS = replace(BATCH_NORM, title="batch norm, no b1", b1_std=None)
"""The same without the hidden bias, which batch norm makes useless."""

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
