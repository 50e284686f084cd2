"""Looking inside a network: activations, gradients, weights, updates, and where gradients stop.

Works on any `torch.nn.Module` through forward hooks, and leaves it as it was.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layers = type[nn.Module] | tuple[type[nn.Module], ...] | Iterable[str] | None
"""Which layers: a type or several, dotted names as in `named_modules`, or `None`: all leaves."""

T = TypeVar("T")


@contextmanager
def record_activations(model: nn.Module, layers: Layers = None) -> Iterator[dict[str, Tensor]]:
    """Record what layers put out while the model runs.

    Yields a dictionary from layer name to a detached copy of its output. It holds the model's
    latest run; a layer called several times in it has the entries `name`, `name (2)` and so on.

    Args:
        model: The network to watch. Only modules can be watched, not calls such as `F.relu`.
        layers: Which of its layers; `None` is every layer without layers of its own.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: When a layer that was asked for puts out something else than a tensor. Where
            all are recorded, such a layer is left out.

    Source:
        Lecture [13:46](https://youtu.be/P6sfmUTpUmc?t=826).
    """
    with _watch(model, layers, lambda name, layer, x, h: h.detach().clone()) as outputs:
        yield outputs


@dataclass(frozen=True)
class ActivationStats:
    """One layer's output in a few numbers."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    """With N - 1, like `Tensor.std`."""
    saturated: float
    """Share of entries with |h| above the threshold, from 0 to 1; it speaks of tanh layers."""
    dead: int | None
    """Number of dead units, see `dead_units`; `None` for layers that are not elementwise."""


def activation_stats(
    model: nn.Module, x: Tensor, *, layers: Layers = None, threshold: float = 0.97
) -> list[ActivationStats]:
    """Run the model once, in the mode it is in, and summarise what its layers put out.

    Nothing stays behind: running statistics and torch's global random numbers are as before.

    Args:
        model: The network.
        x: Its input.
        layers: Which of its layers, as in `record_activations`.
        threshold: An entry counts as saturated if its magnitude is above it.

    Raises:
        ValueError: If the threshold is not between 0 and 1, the model has no such layer, or a layer
            puts out nothing.
        TypeError: If a layer that was asked for puts out something else than a tensor.

    Source:
        Lecture [1:26:51](https://youtu.be/P6sfmUTpUmc?t=5211), with its threshold of 0.97.
    """
    _check_threshold(threshold)

    def summarise(name: str, layer: nn.Module, x: object, h: Tensor) -> ActivationStats:
        if h.numel() == 0:
            raise ValueError(
                f"layer {name!r} put out shape {tuple(h.shape)}: pass at least one row"
            )
        values = h.float()
        return ActivationStats(
            name=name,
            shape=tuple(h.shape),
            mean=values.mean().item(),
            std=values.std().item(),
            saturated=_share(values.abs() > threshold),
            dead=_count_dead_units(layer, x),
        )

    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    devices = [x.device] if x.is_cuda else []
    with torch.no_grad(), torch.random.fork_rng(devices), _watch(model, layers, summarise) as stats:
        torch.func.functional_call(model, buffers, (x,))
    return list(stats.values())


@contextmanager
def record_gradients(model: nn.Module, layers: Layers = None) -> Iterator[dict[str, Tensor]]:
    """Record the gradient of the loss with respect to what layers put out.

    Yields a dictionary from layer name to gradient, in the order in which the layers ran. An entry
    is NaN until `backward` has reached the layer, and stays so if it never does. Names and runs
    are those of `record_activations`.

    Args:
        model: The network to watch, while it runs and `backward` is called.
        layers: Which of its layers; `None` is every layer without layers of its own.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: When a layer that was asked for puts out something else than a tensor.
        RuntimeError: When a layer that was asked for puts out something without a gradient. Where
            all are recorded, such a layer is left out.

    Source:
        Lecture [1:30:55](https://youtu.be/P6sfmUTpUmc?t=5455).
    """

    def look(name: str, layer: nn.Module, x: object, h: Tensor) -> Tensor | None:
        if not h.requires_grad:
            if layers is None:
                return None
            raise RuntimeError(
                f"expected a gradient for what layer {name!r} puts out, but none is kept: run the "
                "model outside of torch.no_grad, on parameters that require gradients"
            )
        gradient = torch.full_like(h, math.nan, requires_grad=False)

        def keep(arriving: Tensor) -> None:
            gradient.copy_(arriving)

        h.register_hook(keep)
        return gradient

    with _watch(model, layers, look) as gradients:
        yield gradients


@dataclass(frozen=True)
class GradientStats:
    """The gradient of the loss with respect to one layer's output, in a few numbers."""

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    """With N - 1, like `Tensor.std`."""


def gradient_stats(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    layers: Layers = None,
) -> list[GradientStats]:
    """Run the model forwards and backwards once, and summarise the gradients of layer outputs.

    Nothing stays behind: parameters keep the gradients they had, running statistics and torch's
    global random numbers are as before.

    Args:
        model: The network, in the mode it is in.
        x: Its input.
        y: What the loss compares its output with.
        loss: From output and `y` to one number.
        layers: Which of its layers, as in `record_activations`.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: If a layer that was asked for puts out something else than a tensor.
        RuntimeError: If no gradient arrives at a layer.

    Source:
        Lecture [1:31:04](https://youtu.be/P6sfmUTpUmc?t=5464).
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    parameters = {
        name: p.detach().clone().requires_grad_(p.requires_grad)
        for name, p in model.named_parameters()
    }
    devices = [x.device] if x.is_cuda else []
    recording = record_gradients(model, layers)
    with torch.enable_grad(), torch.random.fork_rng(devices), recording as gradients:
        output = torch.func.functional_call(model, parameters | buffers, (x,))
        loss(output, y).backward()
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
    """One parameter and its gradient in a few numbers; standard deviations are with N - 1."""

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
        min_ndim: Axes that a parameter has at the least; 2 leaves out biases, gains and the
            like, as the lecture does, 1 takes them in.

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


class Step(Protocol):
    """What `UpdateRatios` needs to know of a step of training, just after its update."""

    @property
    def model(self) -> nn.Module:
        """The model, with the gradients of this step."""
        ...

    @property
    def lr(self) -> float:
        """The learning rate."""
        ...


class UpdateRatios:
    """How much plain gradient descent changes each parameter, step by step.

    `record` is a callback for training. The ratio is `log10(std(lr * grad) / std(data))`, with
    the data after the update; -3 means that a step changes a parameter by about a thousandth of
    its size. A parameter without change has -inf.

    Args:
        min_ndim: Axes that a parameter has at the least; 2 leaves out biases, gains and the like.

    Source:
        Lecture [1:40:35](https://youtu.be/P6sfmUTpUmc?t=6035), the rule of thumb of -3
        [1:42:12](https://youtu.be/P6sfmUTpUmc?t=6132).
    """

    def __init__(self, *, min_ndim: int = 2) -> None:
        self.min_ndim = min_ndim
        self.ratios: dict[str, list[float]] = {}
        """By the name of the parameter, one number a step."""

    def record(self, step: Step) -> None:
        """Add the ratios of one step.

        Raises:
            ValueError: If the model has no such parameter.
            RuntimeError: If a parameter has no gradient.
        """
        for name, p, gradient in _with_gradients(step.model, self.min_ndim):
            ratio = (step.lr * gradient).std() / p.detach().std()
            self.ratios.setdefault(name, []).append(ratio.log10().item())

    def mean(self, last: int = 100) -> dict[str, float]:
        """Average the ratios of each parameter over the last steps.

        Raises:
            ValueError: If `last` is less than 1, or so many steps have not been recorded.
        """
        recorded = min(map(len, self.ratios.values()), default=0)
        if not 1 <= last <= recorded:
            raise ValueError(
                f"mean needs a number of steps from 1 to the {recorded} recorded, got {last}"
            )
        return {name: sum(ratios[-last:]) / last for name, ratios in self.ratios.items()}


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
        return _share(self.mask)

    @property
    def dead_units(self) -> int:
        """Number of units saturated in every row: the white columns of the lecture's map."""
        return int(self.mask.all(dim=0).sum())


def saturation(h: Tensor, *, threshold: float = 0.99) -> SaturationReport:
    """Find the activations of a tanh layer that lie in its flat tails.

    Args:
        h: What the layer puts out.
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
    _check_threshold(threshold)
    _check_rows("saturation", h)
    if not h.abs().max() <= 1:
        raise ValueError(
            f"saturation expects what tanh puts out, from -1 to 1, got values from {h.min():.4g} "
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
    """Find the units whose local gradient is (nearly) zero for every row: nothing teaches them.

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


@contextmanager
def _watch(
    model: nn.Module, layers: Layers, look: Callable[[str, nn.Module, Any, Tensor], T | None]
) -> Iterator[dict[str, T]]:
    """Call `look(name, layer, first input, output)` for each layer; keep it, unless it is None."""
    seen: dict[str, T] = {}

    def forget(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.clear()

    def attach(name: str, layer: nn.Module, hooks: ExitStack) -> None:
        first: Any = None

        def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            nonlocal first
            first = inputs[0] if inputs else None
            if isinstance(first, Tensor):
                first = first.detach().clone()  # the layer may work in place

        def after(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
            if isinstance(output, Tensor):
                calls = (f"{name} ({n})" if n > 1 else name for n in count(1))
                key = next(call for call in calls if call not in seen)
                if (sight := look(key, layer, first, output)) is not None:
                    seen[key] = sight
            elif layers is not None:
                raise TypeError(
                    f"expected a tensor from layer {name!r}, got {type(output).__name__}: ask for "
                    f"another layer than {type(layer).__name__}, such as the one that follows it"
                )

        hooks.callback(layer.register_forward_pre_hook(before).remove)
        hooks.callback(layer.register_forward_hook(after).remove)

    selected = _select(model, layers)
    with ExitStack() as hooks:
        hooks.callback(model.register_forward_pre_hook(forget).remove)
        for name, layer in selected.items():
            attach(name, layer, hooks)
        yield seen


def _select(model: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    modules = dict(model.named_modules())
    if layers is None:
        return {name: layer for name, layer in modules.items() if not list(layer.children())}
    wanted = [layers] if isinstance(layers, type | str) else list(layers)
    names = {item for item in wanted if isinstance(item, str)}
    types = tuple(item for item in wanted if isinstance(item, type))
    found = {
        name: layer for name, layer in modules.items() if name in names or isinstance(layer, types)
    }
    if not found or names - found.keys():
        raise ValueError(
            f"expected layers of the model, got {layers!r}; it has "
            + ", ".join(f"{name} ({type(m).__name__})" for name, m in modules.items() if name)
        )
    return found


def _count_dead_units(layer: nn.Module, x: object) -> int | None:
    """Count dead units where the layer is a function of one entry at a time, else `None`."""
    own_numbers = (*layer.parameters(), *layer.buffers())
    if own_numbers or not isinstance(x, Tensor) or x.ndim < 2:
        return None
    try:
        return int(dead_units(layer.forward, x.flatten(0, -2)).sum())
    except ValueError:
        return None


def _share(mask: Tensor) -> float:
    return int(mask.count_nonzero()) / mask.numel()


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold < 1:
        raise ValueError(f"expected a threshold between 0 and 1, got {threshold}")


def _check_rows(caller: str, x: Tensor) -> None:
    if x.ndim != 2 or x.numel() == 0:
        raise ValueError(
            f"{caller} expects a tensor of shape (rows, units), got {tuple(x.shape)}: "
            "put all dimensions but the last into one with flatten(0, -2)"
        )
