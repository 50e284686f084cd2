"""What the fast trainers need to know of a net: its embedding, and its linear layers in order.

They compute a net from its tensors, without calling its modules. So a net is read strictly:
whatever could make its modules compute something else is refused, and so are two tensors that are
one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from makemore3 import layers as our_layers
from makemore3.data import Split
from makemore3.layers import BatchNorm1d, Convention, Embedding, Flatten, Linear, Tanh


@dataclass(frozen=True)
class Layer:
    """A linear layer, with the batch norm and the tanh that may follow it."""

    linear: Linear
    norm: BatchNorm1d | None
    tanh: bool

    def tensors(self) -> dict[str, Tensor]:
        """Return parameters and running statistics by name, those that there are."""
        found: dict[str, Tensor | None] = {"weight": self.linear.weight, "bias": self.linear.bias}
        if (norm := self.norm) is not None:
            found |= {"gamma": norm.gamma, "beta": norm.beta}
            found |= {"running_mean": norm.running_mean, "running_var": norm.running_var}
        return {name: tensor.detach() for name, tensor in found.items() if tensor is not None}


@dataclass(frozen=True)
class Net:
    """A net of the lecture's families, taken apart; the tensors are the net's own."""

    embedding: Tensor
    """`(vocab_size, n_embd)`."""
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    """Every tensor that training changes, by its name in the net."""

    @property
    def shape(self) -> tuple[object, ...]:
        """What two nets must have in common to be trained as one stack."""
        settings = [
            (b.tanh, b.norm and (b.norm.eps, b.norm.momentum, b.norm.convention))
            for b in self.layers
        ]
        shapes = [tensor.shape for layer in self.layers for tensor in layer.tensors().values()]
        return (self.embedding.dtype, self.embedding.shape, *settings, *shapes)

    def check_fit(self, split: Split) -> None:
        """Refuse examples that this net cannot read; compiled code would not notice.

        Raises:
            ValueError: If the examples are not int64 of shape `(N, block_size)` and `(N,)`, the
                contexts are of another length, or an index is out of range.
        """
        vocab_size, n_embd = self.embedding.shape
        n_inputs, n_outputs = self.layers[0].linear.fan_in, self.layers[-1].linear.weight.shape[1]
        for name, indices, axes in (("x", split.x, 2), ("y", split.y, 1)):
            if indices.dtype != torch.int64 or indices.ndim != axes or len(indices) != len(split):
                raise ValueError(
                    "the fast trainers need int64 x of shape (N, block_size) and y of shape (N,), "
                    f"got {name}: {indices.dtype} of shape {tuple(indices.shape)}"
                )
        if n_inputs != (given := split.x.shape[1] * n_embd):
            raise ValueError(
                f"the first linear layer of this net needs {n_inputs} features, but gets {given}"
            )
        for name, indices, size in (("x", split.x, vocab_size), ("y", split.y, n_outputs)):
            if not 0 <= indices.min() <= indices.max() < size:
                raise ValueError(
                    f"this net knows indices from 0 to {size - 1}, but {name} has some from "
                    f"{int(indices.min())} to {int(indices.max())}"
                )


def take_apart(model: nn.Module) -> Net:
    """Read a net as embedding, flatten, and linear layers, each with its batch norm and tanh.

    A module without parameters may stand in several places.

    Raises:
        ValueError: Naming what keeps this net from being trained by its tensors alone: modules of
            another kind or in another order, hooks, a method that was replaced, sizes that do not
            fit, and tensors that are frozen, shared, not contiguous, not on the CPU, or not all
            float32 or all float64.
    """
    places = model._modules if type(model) is nn.Sequential else {"": model}
    layers = _in_order(list(places.values()))  # model.children() would name each module once
    for place, module in {"the net": model, **places}.items():
        assert module is not None
        _refuse_changes(place, module)
    tensors: dict[str, Tensor] = {}
    for place, module in places.items():
        for name, register in _REGISTERS.get(type(module), {}).items():
            tensor = getattr(module, name, None)
            if tensor is not None or name != "bias":
                own = getattr(module, register).get(name)
                tensors[f"{place}.{name}"] = _checked(f"{place}.{name}", tensor, own)
    embedding, *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != embedding[1].dtype:
            _refuse(
                f"need one dtype for all tensors, got {name}: {tensor.dtype} beside "
                f"{embedding[0]}: {embedding[1].dtype}",
                "call model.float() or model.double() first",
            )
    refuse_shared_memory(tensors)
    _refuse_misfits(embedding[1], layers)
    return Net(embedding[1].detach(), layers, tensors)


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
            _refuse(
                f"train each tensor by itself, but {name} and {other} share memory",
                "give each its own, for example with copy.deepcopy, or train with "
                "makemore3.training",
            )


_REGISTERS = {
    Embedding: {"weight": "_parameters"},
    Linear: {"weight": "_parameters", "bias": "_parameters"},
    BatchNorm1d: {
        "gamma": "_parameters",
        "beta": "_parameters",
        "running_mean": "_buffers",
        "running_var": "_buffers",
    },
}
_KINDS = (nn.Sequential, Embedding, Flatten, Linear, BatchNorm1d, Tanh)
_METHODS: dict[type[nn.Module], dict[str, object]] = {
    kind: {n: m for n, m in vars(kind).items() if callable(m)} for kind in _KINDS
}
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def _in_order(modules: list[nn.Module | None]) -> tuple[Layer, ...]:
    kinds = [type(module) for module in modules]
    known = kinds[:3] == [Embedding, Flatten, Linear]
    layers: list[Layer] = []
    for module, before in zip(modules[2:], kinds[1:], strict=False):
        # By type, not isinstance: a subclass may compute something else.
        if type(module) is Linear:
            layers.append(Layer(module, None, False))
        elif type(module) is BatchNorm1d and before is Linear:
            layers[-1] = Layer(layers[-1].linear, module, False)
        elif type(module) is Tanh and before in (Linear, BatchNorm1d):
            layers[-1] = Layer(layers[-1].linear, layers[-1].norm, True)
        else:
            known = False
            break
    if not known:
        _refuse(
            "know a Sequential of embedding, flatten, then linear, batch norm and tanh in this "
            f"order, got {' '.join(map(_name, kinds)) or 'none'}"
        )
    return tuple(layers)


def _refuse_changes(place: str, module: nn.Module) -> None:
    """Refuse a module that does more, or something else, than its class was written to do."""
    if any(getattr(module, hooks) for hooks in _HOOKS):
        _refuse(f"call no hooks, and {place} has some", "remove them first")
    if torch_module._has_any_global_hook():
        _refuse("call no hooks, and torch has some for all modules", "remove them first")
    kind: type[nn.Module] = type(module)
    replaced = set(vars(module)) & set(dir(kind))
    replaced |= {name for name, own in _METHODS[kind].items() if vars(kind).get(name) is not own}
    if replaced:
        _refuse(f"call no methods, and {place} has another {min(replaced)} than {_name(kind)} had")


def _checked(name: str, tensor: object, own: object) -> Tensor:
    """Return the tensor that a layer computes with if it is the layer's own and plain."""
    if type(tensor) not in (nn.Parameter, Tensor) or tensor is not own:
        _refuse(f"need {name} as a plain tensor that its layer owns, got {_name(type(tensor))}")
    assert isinstance(tensor, Tensor)
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        _refuse(
            f"need dense tensors on the CPU, got {name}: {tensor.layout} on {tensor.device}",
            "call model.cpu(), or train this net with makemore3.training",
        )
    if tensor.dtype not in (torch.float32, torch.float64):
        _refuse(f"need float32 or float64, got {name}: {tensor.dtype}", "call model.float() first")
    if not tensor.is_contiguous():
        _refuse(
            f"need contiguous tensors, got {name}: shape {tuple(tensor.shape)} with strides "
            f"{tensor.stride()}",
            f"set {name}.data = {name}.data.contiguous() first",
        )
    is_parameter = isinstance(tensor, nn.Parameter)
    if tensor.requires_grad != is_parameter or tensor.is_inference():
        _refuse(
            "train every parameter and no buffer, got "
            f"{name}: requires_grad={tensor.requires_grad}, is_inference={tensor.is_inference()}"
        )
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
        _refuse(f"call no hooks, and {name} has some", "remove them first")
    return tensor


def _refuse_misfits(embedding: Tensor, layers: Iterable[Layer]) -> None:
    """Refuse sizes and settings that no layer is made with; compiled code would not notice."""
    if embedding.ndim != 2 or not embedding.numel():
        _refuse(f"need an embedding with two axes, got shape {tuple(embedding.shape)}")
    features = None
    for number, layer in enumerate(layers, 1):
        linear, norm = layer.linear, layer.norm
        if features not in (None, linear.fan_in):
            raise ValueError(
                f"linear layer {number} of this net needs {linear.fan_in} features, but gets "
                f"{features}"
            )
        features = linear.weight.shape[-1]
        if norm is not None and norm.num_features != features:
            raise ValueError(
                f"the norm of linear layer {number} of this net needs {norm.num_features} "
                f"features, but gets {features}"
            )
        for name, tensor in layer.tensors().items():
            wanted = (linear.fan_in, features) if name == "weight" else (features,)
            if tuple(tensor.shape) != wanted or not tensor.numel():
                raise ValueError(
                    f"linear layer {number} of this net needs a {name} of shape {wanted}, got "
                    f"{tuple(tensor.shape)}"
                )
        if norm is not None and (
            not isinstance(norm.eps, float | int)
            or not isinstance(norm.momentum, float | int)
            or norm.convention not in get_args(Convention)
        ):
            _refuse(f"need numbers and a known convention as settings of a norm, got {norm}")


def _name(kind: type) -> str:
    """Name a class: ours by its name alone, another with its module."""
    ours = getattr(our_layers, kind.__name__, None) is kind
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"


def _refuse(why: str, instead: str = "train this net with makemore3.training") -> NoReturn:
    raise ValueError(f"the fast trainers {why}: {instead}")
