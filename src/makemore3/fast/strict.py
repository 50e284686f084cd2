"""What keeps a module or a tensor from being trained by its numbers alone."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from makemore3 import layers as our_layers
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
    Tanh,
)

_GAIN_AND_SHIFT = {"gamma": "_parameters", "beta": "_parameters"}
_RUNNING = {"running_mean": "_buffers", "running_var": "_buffers"}
REGISTERS = {
    Embedding: {"weight": "_parameters"},
    Linear: {"weight": "_parameters", "bias": "_parameters"},
    BatchNorm1d: _GAIN_AND_SHIFT | _RUNNING,
    GhostBatchNorm1d: _GAIN_AND_SHIFT | _RUNNING,
    GroupNorm: _GAIN_AND_SHIFT,
    LayerNorm: _GAIN_AND_SHIFT,
    RMSNorm: {"gamma": "_parameters"},
}
NORMS = (BatchNorm1d, GhostBatchNorm1d, GroupNorm, LayerNorm, RMSNorm)
_OURS = (Residual, Embedding, Flatten, Linear, Tanh, *NORMS)
_METHODS: dict[type, dict[str, object]] = {
    kind: {name: method for name, method in vars(kind).items() if callable(method)}
    for kind in (nn.Sequential, *_OURS)
}
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def refuse_shared_memory(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that share memory, wholly or in part: an update of one would move the other.

    Args:
        tensors: Contiguous tensors, and what to call them.

    Raises:
        ValueError: Naming two tensors that overlap.
    """
    places = sorted((t.data_ptr(), t.data_ptr() + t.nbytes, name) for name, t in tensors.items())
    for (_, end, name), (start, _, other) in pairwise(places):
        if start < end:
            refuse(
                f"train each tensor by itself, but {name} and {other} share memory",
                "give each its own, for example with copy.deepcopy, or train with "
                "makemore3.training",
            )


def refuse_changes(place: str, module: nn.Module) -> None:
    """Refuse a module that does more, or something else, than its class was written to do."""
    if any(getattr(module, hooks) for hooks in _HOOKS):
        refuse(f"call no hooks, and {place} has some", "remove them first")
    if torch_module._has_any_global_hook():
        refuse("call no hooks, and torch has some for all modules", "remove them first")
    kind: type[nn.Module] = type(module)
    replaced = set(vars(module)) & set(dir(kind))
    for base in kind.__mro__:
        own = _METHODS.get(base, {})
        replaced |= {name for name, method in own.items() if vars(base).get(name) is not method}
    if replaced:
        refuse(f"call no methods, and {place} has another {min(replaced)} than {name_of(kind)} had")


def checked(name: str, tensor: object, own: object) -> Tensor:
    """Return the tensor that a layer computes with if it is the layer's own and plain."""
    if type(tensor) not in (nn.Parameter, Tensor) or tensor is not own:
        refuse(f"need {name} as a plain tensor that its layer owns, got {name_of(type(tensor))}")
    assert isinstance(tensor, Tensor)
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        refuse(
            f"need dense tensors on the CPU, got {name}: {tensor.layout} on {tensor.device}",
            "call model.cpu(), or train this net with makemore3.training",
        )
    if tensor.dtype not in (torch.float32, torch.float64):
        refuse(f"need float32 or float64, got {name}: {tensor.dtype}", "call model.float() first")
    if not tensor.is_contiguous():
        refuse(
            f"need contiguous tensors, got {name}: shape {tuple(tensor.shape)} with strides "
            f"{tensor.stride()}",
            f"set {name}.data = {name}.data.contiguous() first",
        )
    is_parameter = isinstance(tensor, nn.Parameter)
    if tensor.requires_grad != is_parameter or tensor.is_inference():
        refuse(
            "train every parameter and no buffer, got "
            f"{name}: requires_grad={tensor.requires_grad}, is_inference={tensor.is_inference()}"
        )
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
        refuse(f"call no hooks, and {name} has some", "remove them first")
    return tensor


def name_of(kind: type) -> str:
    """Name a class: ours by its name alone, another with its module."""
    ours = getattr(our_layers, kind.__name__, None) is kind
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def refuse(why: str, instead: str = "train this net with makemore3.training") -> NoReturn:
    """Raise a ValueError that says why, and what to do instead."""
    raise ValueError(f"the fast trainers {why}: {instead}")
