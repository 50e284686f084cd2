"""Saturated and dead units, and how much gradient a nonlinearity lets through."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SaturationReport:
    """Which activations of a tanh layer lie in its flat tails.

    Shape:
        `mask` is boolean, `(rows, units)`.
    """

    mask: Tensor
    threshold: float

    @property
    def share(self) -> float:
        """Share of saturated activations, from 0 to 1."""
        return share(self.mask)

    @property
    def dead_units(self) -> int:
        """Number of units saturated in every row: the white columns of the lecture's map."""
        return int(self.mask.all(dim=0).sum())


def saturation(h: Tensor, *, threshold: float = 0.99) -> SaturationReport:
    """Find the activations of a tanh layer that lie in its flat tails.

    Args:
        h: The output of the layer.
        threshold: An entry is saturated if its magnitude is above it; its local gradient is then
            below `1 - threshold**2`.

    Raises:
        ValueError: If `h` is not two-dimensional, is empty or leaves the range of tanh, or if the
            threshold is not between 0 and 1.

    Shape:
        `h` is `(rows, units)`.

    Source:
        Lecture [18:27](https://youtu.be/P6sfmUTpUmc?t=1107), with its threshold of 0.99.
    """
    check_threshold(threshold)
    _check_rows("saturation", h)
    if not h.abs().max() <= 1:
        raise ValueError(
            f"saturation expects outputs of tanh, from -1 to 1, got values from {h.min():.4g} "
            f"to {h.max():.4g}: pass h, not the pre-activations"
        )
    return SaturationReport(h.detach().abs() > threshold, threshold)


def local_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Differentiate an elementwise function by autograd, entry by entry.

    It is the factor by which backpropagation multiplies a gradient on its way through.

    Raises:
        ValueError: If the function is not elementwise, or `x` not floating-point.

    Shape:
        Any; the result has the shape of `x`.

    Source:
        Lecture [15:39](https://youtu.be/P6sfmUTpUmc?t=939).
    """
    refusal = ValueError(
        "local_gradient expects an elementwise function of floating-point numbers, such as "
        "torch.tanh, got one that mixes entries, changes the shape or has no gradient"
    )
    if not x.is_floating_point():
        raise refusal
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        y = function(x.clone())  # the function may work in place
    if y.shape != x.shape or not y.requires_grad:
        raise refusal
    # A diagonal Jacobian, multiplied by any vector of signs, is its diagonal with these signs.
    signs = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(0)).to(x) * 2 - 1
    gradient, signed = (
        torch.autograd.grad(y, x, vector, retain_graph=True, materialize_grads=True)[0]
        for vector in (torch.ones_like(y), signs)
    )
    if not torch.allclose(signed * signs, gradient, equal_nan=True):
        raise refusal
    return gradient


def dead_units(
    function: Callable[[Tensor], Tensor], x: Tensor, *, tolerance: float = 1e-3
) -> Tensor:
    """Find the units that cannot learn: their local gradient is (nearly) zero in every row.

    A dead tanh or sigmoid is saturated in every row, a dead ReLU active in none; a leaky ReLU
    cannot die.

    Args:
        function: The nonlinearity, such as `torch.tanh`.
        x: The pre-activations that go into it, best those of the whole training set.
        tolerance: The largest local gradient that counts as none.

    Raises:
        ValueError: If `x` is not two-dimensional or is empty, or the function is not elementwise.

    Shape:
        `x` is `(rows, units)`; the result is boolean, `(units,)`.

    Source:
        Lecture [19:16](https://youtu.be/P6sfmUTpUmc?t=1156) and
        [21:28](https://youtu.be/P6sfmUTpUmc?t=1288).
    """
    _check_rows("dead_units", x)
    return (local_gradient(function, x).abs() <= tolerance).all(dim=0)


def _check_rows(caller: str, x: Tensor) -> None:
    if x.ndim != 2 or x.numel() == 0:
        raise ValueError(
            f"{caller} expects a tensor of shape (rows, units), got {tuple(x.shape)}: "
            "put all dimensions but the last into one with flatten(0, -2)"
        )


def share(mask: Tensor) -> float:
    """Return the share of entries that are true, from 0 to 1."""
    return int(mask.count_nonzero()) / mask.numel()


def check_threshold(threshold: float) -> None:
    """Refuse a threshold of saturation that is not between 0 and 1.

    Raises:
        ValueError: Naming the value.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"expected a threshold between 0 and 1, got {threshold}")
