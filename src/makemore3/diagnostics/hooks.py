"""Watch the layers of a model through forward hooks, which are removed afterwards."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Layers = type[nn.Module] | tuple[type[nn.Module], ...] | Iterable[str] | None
"""Which layers: a type or several, dotted names as in `named_modules`, or `None`: all leaves."""


T = TypeVar("T")


@contextmanager
def record_activations(model: nn.Module, layers: Layers = None) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of layers during forward passes.

    Yields a dictionary from layer name to a detached copy of its output. It holds the model's
    latest forward pass; a layer called several times in it has the entries `name`, `name (2)` and
    so on.

    Args:
        model: The network to watch. Only modules can be watched, not calls such as `F.relu`.
        layers: Which of its layers; `None` is every layer without layers of its own.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: When a layer that was asked for returns something other than a tensor. Where all
            layers are recorded, it is left out.

    Source:
        Lecture [13:46](https://youtu.be/P6sfmUTpUmc?t=826).
    """
    with _watch(model, layers, lambda name, layer, x, h: h.detach().clone()) as outputs:
        yield outputs


@contextmanager
def record_gradients(model: nn.Module, layers: Layers = None) -> Iterator[dict[str, Tensor]]:
    """Record the gradient of the loss with respect to the outputs of layers.

    Yields a dictionary from layer name to gradient, in the order in which the layers ran. An entry
    is NaN until `backward` has reached the layer, and stays so if it never does. For names, and
    for a second forward pass, see `record_activations`.

    Args:
        model: The network to watch, while it runs and `backward` is called.
        layers: Which of its layers; `None` is every layer without layers of its own.

    Raises:
        ValueError: If the model has no such layer.
        TypeError: When a layer that was asked for returns something other than a tensor.
        RuntimeError: When no gradient is kept for the output of a layer that was asked for. Where
            all layers are recorded, it is left out.

    Source:
        Lecture [1:30:55](https://youtu.be/P6sfmUTpUmc?t=5455).
    """

    def look(name: str, layer: nn.Module, x: object, h: Tensor) -> Tensor | None:
        if not h.requires_grad:
            if layers is None:
                return None
            raise RuntimeError(
                f"expected a gradient for the output of layer {name!r}, but none is kept: run the "
                "model outside of torch.no_grad, on parameters that require gradients"
            )
        gradient = torch.full_like(h, math.nan)

        def keep(arriving: Tensor) -> None:
            gradient.copy_(arriving)

        h.register_hook(keep)
        return gradient

    with _watch(model, layers, look) as gradients:
        yield gradients


@contextmanager
def _watch(
    model: nn.Module, layers: Layers, look: Callable[[str, nn.Module, Any, Tensor], T | None]
) -> Iterator[dict[str, T]]:
    """Keep what `look(name, layer, first input, output)` returns for each layer, unless None."""
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
