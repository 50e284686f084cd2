"""Numbers of a tensor that stay on its device: nothing here waits for the device."""

import torch
from torch import Tensor

SATURATED = 0.97
"""Magnitude above which a tanh is taken for flat, as in the lecture's second part."""
KEPT = 1024
"""Entries kept of a tensor for a histogram."""
ROWS = 4096
"""Rows of logits at which the loss is read."""
ENTRIES = 2**22
"""Entries of logits that are copied for it at the most."""


def some(x: Tensor, count: int = KEPT, *, copy: bool = True) -> Tensor:
    """Take evenly spaced entries of a tensor, at most about so many, in single precision.

    Shape:
        Any; the result is `(entries,)`.
    """
    flat = x.detach().view(-1) if x.is_contiguous() else x.detach().flatten()
    stride = flat.numel() // count
    if stride > 1:
        flat = flat[:: stride | 1]  # an odd step meets all columns of most matrices
    return flat.to(torch.float32, copy=copy) if copy or flat.dtype != torch.float32 else flat


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation, with N - 1.

    In two passes, which on a CPU take a tenth of the time of `torch.var_mean`.
    """
    if x.dtype != torch.float32:
        x = x.float()
    mean = x.mean()
    return mean, torch.linalg.vector_norm(x - mean) * max(1, x.numel() - 1) ** -0.5


def margin(kind: str, h: Tensor) -> Tensor | None:
    """Tell from its output how far a nonlinearity is from being flat: not at all from 0 down.

    Returns:
        A number for each entry; `None` for layers without a flat part.

    Source:
        Lecture [19:16](https://youtu.be/P6sfmUTpUmc?t=1156).
    """
    if kind == "tanh":
        return SATURATED - h.abs()
    if kind == "sigmoid":
        return SATURATED - (2 * h - 1).abs()
    if kind == "relu":
        return h
    return None


def flat_share(margins: Tensor) -> Tensor:
    """Return the share of entries with a margin of 0 or less, from 0 to 1."""
    return 1 - margins.relu().count_nonzero() / margins.numel()


def alive_units(margins: Tensor, axis: int) -> Tensor:
    """Mark the units that are not flat for every example and place.

    Shape:
        `margins` has the units on `axis`; the result is boolean, `(units,)`.
    """
    others = [a for a in range(margins.ndim) if a != axis % margins.ndim]
    return margins.amax(dim=others) > 0


Seen = tuple[str, dict[str, Tensor], Tensor]


def cross_entropy_seen(output: Tensor, gradient: Tensor, *, verify: bool) -> list[Seen]:
    """Read the loss from logits and the gradient that came back to them.

    A cross-entropy sends back, for each row, a multiple of `p - onehot`: softmax, less 1 at the
    right class. Its only negative entry names that class, and so the loss is known. How far the
    gradient is from this form, from 0 to 1, says whether the loss was a cross-entropy. With more
    than two axes the classes may be on the last axis or on axis 1: there is a reading for each.

    Returns:
        For each reading its name, its numbers (`loss` in nats; to `verify` it `deviation`, and
        `softmaxed`: whether the output was a softmax's) and how often each class was the right one.

    Shape:
        `(rows, classes)`, `(..., classes)` or `(rows, classes, ...)`, the same for both.

    Source:
        The gradient of softmax and cross-entropy, derived in these notes: experiments/speed.md.
    """
    if output.ndim < 2 or output.shape != gradient.shape or output.numel() == 0:
        return []
    axes = {"last": -1} if output.ndim == 2 else {"last": -1, "second": 1}
    return [
        (name, *_as_cross_entropy(_rows(output, axis), _rows(gradient, axis), verify))
        for name, axis in axes.items()
        if output.shape[axis] > 1
    ]


def _rows(x: Tensor, axis: int) -> Tensor:
    """Put the classes last and everything else into rows, of which some are taken."""
    if x.ndim == 2 and x.numel() <= ENTRIES and x.shape[0] <= ROWS:
        return x.float()
    per_example = x.numel() // len(x)
    x = x[: max(1, ENTRIES // per_example)].movedim(axis, -1).flatten(0, -2)
    wanted = max(1, min(ROWS, ENTRIES // x.shape[-1]))
    return x[:: max(1, len(x) // wanted)].float()


def _as_cross_entropy(z: Tensor, g: Tensor, verify: bool) -> tuple[dict[str, Tensor], Tensor]:
    log_p = z.log_softmax(-1)
    most_negative, right = g.min(-1, keepdim=True)
    counted = (most_negative < 0).float()  # rows with `ignore_index` have no gradient
    log_right = log_p.gather(-1, right)
    numbers = {"loss": -(log_right * counted).sum() / counted.sum().clamp_min(1)}
    if verify:
        # With w(1 - p) at the right class, the weight w of a row makes the other entries w * p.
        weight = most_negative / log_right.expm1().clamp_max(-1e-6)
        expected = (log_p.exp() * weight).scatter_(-1, right, most_negative)
        numbers["deviation"] = (g - expected).abs().sum() / g.abs().sum().clamp_min(1e-30)
        numbers["softmaxed"] = (z.min() >= 0) & ((z.sum(-1) - 1).abs().max() < 1e-2)
    counts = torch.zeros(z.shape[-1], device=z.device)
    return numbers, counts.index_add_(0, right[:, 0], counted[:, 0])
