"""Numbers of a tensor that stay on its device: nothing here waits for the device."""

from dataclasses import dataclass

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


def some(x: Tensor, count: int = KEPT) -> Tensor:
    """Copy evenly spaced entries of a tensor, at most about so many.

    Shape:
        Any; the result is `(entries,)`.
    """
    flat = x.detach().flatten()
    stride = flat.numel() // count
    if stride > 1:
        flat = flat[:: stride | 1]  # an odd step meets all columns of most matrices
    return flat.to(torch.float32, copy=True)


def moments(x: Tensor, flat: Tensor | None = None) -> Tensor:
    """Compute mean, variance with N - 1 and share of flat entries.

    Shape:
        Any; the result is `(3,)`, or `(2,)` without `flat`.
    """
    x = x.detach()
    variance, mean = torch.var_mean(
        x if x.dtype == torch.float32 else x.float(), correction=min(1, x.numel() - 1)
    )
    if flat is None:
        return torch.stack((mean, variance))
    return torch.stack((mean, variance, flat.mean(dtype=torch.float32)))


def flat_entries(kind: str, h: Tensor) -> Tensor | None:
    """Mark the entries where a nonlinearity is flat, from its output; `None` for other layers.

    Source:
        Lecture [19:16](https://youtu.be/P6sfmUTpUmc?t=1156).
    """
    if kind == "tanh":
        return h.abs() > SATURATED
    if kind == "sigmoid":
        return (2 * h - 1).abs() > SATURATED
    if kind == "relu":
        return h <= 0
    return None


def alive_units(flat: Tensor, axis: int) -> Tensor:
    """Mark the units that are not flat for every example and place.

    Shape:
        `flat` has the units on `axis`; the result is `(units,)`.
    """
    others = [a for a in range(flat.ndim) if a != axis % flat.ndim]
    return ~flat.all(dim=others)


@dataclass(frozen=True)
class Guess:
    """What a gradient says about the loss, if the loss was a cross-entropy.

    Args:
        numbers: Mean loss, deviation from a cross-entropy's gradient (0 to 1), and whether the
            output was a softmax's.
        counts: How often each class was the right one.
    """

    numbers: Tensor
    counts: Tensor


def cross_entropy_seen(output: Tensor, gradient: Tensor) -> tuple[Guess, ...]:
    """Read the loss from logits and the gradient that came back to them.

    A cross-entropy sends back, for each row, a multiple of `p - onehot`: softmax, less 1 at the
    right class. Its only negative entry names that class, and so the loss is known. How far the
    gradient is from this form says whether the loss was a cross-entropy. With more than two axes
    the classes may be on the last axis or on axis 1: there is a reading for each.

    Shape:
        `(rows, classes)`, `(..., classes)` or `(rows, classes, ...)`, the same for both.

    Source:
        The gradient of softmax and cross-entropy, derived in these notes: experiments/speed.md.
    """
    if output.ndim < 2 or output.shape != gradient.shape or output.numel() == 0:
        return ()
    axes = [-1] if output.ndim == 2 else [-1, 1]
    return tuple(
        _as_cross_entropy(_rows(output, axis), _rows(gradient, axis))
        for axis in axes
        if output.shape[axis] > 1
    )


def _rows(x: Tensor, axis: int) -> Tensor:
    """Put the classes last and everything else into rows, of which some are taken."""
    per_example = max(1, x.numel() // max(1, x.shape[0]))
    x = x[: max(1, ENTRIES // per_example)].movedim(axis, -1).flatten(0, -2)
    wanted = max(1, min(ROWS, ENTRIES // max(1, x.shape[-1])))
    return x[:: max(1, x.shape[0] // wanted)].float()


def _as_cross_entropy(z: Tensor, g: Tensor) -> Guess:
    log_p = z.log_softmax(-1)
    p = log_p.exp()
    right = g.argmin(-1, keepdim=True)
    counted = (g.abs().sum(-1) > 0).float()  # rows with `ignore_index` have no gradient
    rest = -log_p.gather(-1, right).expm1().clamp_max(-1e-6)  # 1 - p, also where p is nearly 1
    expected = -g.gather(-1, right) / rest * p.scatter_add(-1, right, -torch.ones_like(rest))
    deviation = (g - expected).abs().sum() / g.abs().sum().clamp_min(1e-30)
    loss = -(log_p.gather(-1, right).squeeze(-1) * counted).sum() / counted.sum().clamp_min(1)
    softmaxed = (z.min() >= 0) & ((z.sum(-1) - 1).abs().max() < 1e-2)
    counts = torch.zeros(z.shape[-1], device=z.device)
    counts.index_add_(0, right.squeeze(-1), counted)
    return Guess(torch.stack((loss, deviation, softmaxed.float())), counts)
