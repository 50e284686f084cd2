"""Statistics of activations, gradients and parameters, layer by layer."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.diagnostics.hooks import Layers, _watch, record_gradients
from makemore3.diagnostics.saturated import check_threshold, dead_units, share


@dataclass(frozen=True)
class ActivationStats:
    """One layer's output in a few numbers."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    """Standard deviation, divided by N - 1 as in `Tensor.std`."""
    saturated: float
    """Share of entries with |h| above the threshold, from 0 to 1; meant for tanh layers."""
    dead: int | None
    """Number of dead units, see `dead_units`; `None` for layers that are not elementwise."""


def activation_stats(
    model: nn.Module, x: Tensor, *, layers: Layers = None, threshold: float = 0.97
) -> list[ActivationStats]:
    """Run the model forwards once, in the mode it is in, and summarise the outputs of its layers.

    Running statistics and torch's global random numbers are as before.

    Args:
        model: The network.
        x: Its input.
        layers: Which of its layers, as in `record_activations`.
        threshold: An entry counts as saturated if its magnitude is above it.

    Raises:
        ValueError: If the threshold is not between 0 and 1, the model has no such layer, or the
            output of a layer is empty.
        TypeError: If a layer that was asked for returns something other than a tensor.

    Source:
        Lecture [1:26:51](https://youtu.be/P6sfmUTpUmc?t=5211), with its threshold of 0.97.
    """
    check_threshold(threshold)

    def summarise(name: str, layer: nn.Module, x: object, h: Tensor) -> ActivationStats:
        if h.numel() == 0:
            raise ValueError(
                f"expected output from layer {name!r}, got shape {tuple(h.shape)}: "
                "pass at least one row"
            )
        values = h.float()
        return ActivationStats(
            name=name,
            shape=tuple(h.shape),
            mean=values.mean().item(),
            std=values.std().item(),
            saturated=share(values.abs() > threshold),
            dead=_count_dead_units(layer, x),
        )

    with torch.no_grad(), _watch(model, layers, summarise) as stats:
        _run(model, x, {})
    return list(stats.values())


def _run(model: nn.Module, x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """Run with other parameters; running statistics and torch's random numbers stay untouched."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        return torch.func.functional_call(model, parameters | buffers, (x,))


@dataclass(frozen=True)
class GradientStats:
    """The gradient of the loss with respect to one layer's output, in a few numbers."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    """Standard deviation, divided by N - 1 as in `Tensor.std`."""


def gradient_stats(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    layers: Layers = None,
) -> list[GradientStats]:
    """Run the model forwards and backwards once, and summarise the gradients of layer outputs.

    Parameters keep the gradients they had; running statistics and torch's global random numbers
    are as before.

    Args:
        model: The network, in the mode it is in.
        x: Its input.
        y: What the loss compares its output with.
        loss: From output and `y` to one number.
        layers: Which of its layers, as in `record_activations`.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: If a layer that was asked for returns something other than a tensor.
        RuntimeError: If no gradient arrives at a layer.

    Source:
        Lecture [1:31:04](https://youtu.be/P6sfmUTpUmc?t=5464).
    """
    parameters = {
        name: p.detach().clone().requires_grad_(p.requires_grad)
        for name, p in model.named_parameters()
    }
    with torch.enable_grad(), record_gradients(model, layers) as gradients:
        loss(_run(model, x, parameters), y).backward()
    for name, gradient in gradients.items():
        if gradient.isnan().all():
            raise RuntimeError(
                f"expected a gradient at layer {name!r}, none arrived: the loss does not depend "
                "on it, or the gradient is not a number; ask for other layers"
            )
    return [
        GradientStats(name, tuple(g.shape), g.float().mean().item(), g.float().std().item())
        for name, g in gradients.items()
    ]


@dataclass(frozen=True)
class ParameterStats:
    """One parameter and its gradient in a few numbers; standard deviations divide by N - 1."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    grad_mean: float
    grad_std: float

    @property
    def grad_to_data(self) -> float:
        """Size of the gradient against the size of the values; infinite for constant values."""
        return self.grad_std / self.std if self.std else math.inf


def parameter_stats(model: nn.Module, *, min_ndim: int = 2) -> list[ParameterStats]:
    """Summarise the parameters of a model and the gradients they have.

    Args:
        model: The network, after `backward`; training leaves the gradients of its last step.
        min_ndim: The fewest axes of a parameter to be included; 2 leaves out biases, gains and
            the like, as the lecture does, 1 includes them.

    Raises:
        ValueError: If there is no such parameter.
        RuntimeError: If a parameter has no gradient.

    Source:
        Lecture [1:36:36](https://youtu.be/P6sfmUTpUmc?t=5796).
    """
    return [
        ParameterStats(
            name=name,
            shape=tuple(p.shape),
            mean=p.detach().mean().item(),
            std=p.detach().std().item(),
            grad_mean=gradient.mean().item(),
            grad_std=gradient.std().item(),
        )
        for name, p, gradient in _with_gradients(model, min_ndim)
    ]


def _with_gradients(model: nn.Module, min_ndim: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield name, parameter and gradient of each parameter that is trained."""
    found = [
        (name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim >= min_ndim
    ]
    if not found:
        raise ValueError(
            f"expected trained parameters with {min_ndim} axes or more, the model has none: "
            "lower min_ndim"
        )
    for name, p in found:
        if p.grad is None:
            raise RuntimeError(
                f"expected a gradient of {name!r}, it has none: call backward on a loss first"
            )
        yield name, p, p.grad


def _count_dead_units(layer: nn.Module, x: object) -> int | None:
    """Count dead units where the layer is a function of one entry at a time, else `None`."""
    own_numbers = (*layer.parameters(), *layer.buffers())
    if own_numbers or not isinstance(x, Tensor) or x.ndim < 2:
        return None
    try:
        return int(dead_units(layer.forward, x.flatten(0, -2)).sum())
    except ValueError:
        return None
