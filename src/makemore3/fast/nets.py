"""What the fast trainers need to know of a net: its embedding, and its linear layers in order.

They compute a net from its tensors, without calling its modules. So a net is read strictly:
whatever could make its modules compute something else is refused, and so are two tensors that are
one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.fast.strict import (
    NORMS,
    REGISTERS,
    checked,
    name_of,
    refuse,
    refuse_changes,
    refuse_shared_memory,
)
from makemore3.layers import (
    BatchNorm1d,
    Convention,
    Embedding,
    Flatten,
    GhostBatchNorm1d,
    GroupNorm,
    Linear,
    Residual,
    RMSNorm,
    Tanh,
)

Norm = BatchNorm1d | GroupNorm | RMSNorm


@dataclass(frozen=True)
class NormSettings:
    """What a norm computes, in numbers.

    Args:
        eps: Added to the variance.
        groups: Groups of features in which each row is normalised by itself; 0: each feature is
            normalised over the rows.
        centred: Whether the mean is subtracted.
        ghost_size: Rows that are normalised together; 0: all.
        momentum: Weight of the new statistics in the running ones.
        unbiased: Whether the variance is the sum of squares over one less than their number.
        running_std: Whether standard deviations are averaged, and squared afterwards.
    """

    eps: float
    groups: int = 0
    centred: bool = True
    ghost_size: int = 0
    momentum: float = 0.0
    unbiased: bool = False
    running_std: bool = False


@dataclass(frozen=True)
class Layer:
    """A linear layer, with the norm and the tanh that may follow it.

    Args:
        linear: The linear layer.
        norm: The norm between linear layer and tanh.
        tanh: Whether there is a tanh.
        residual: Whether the input is added to the output.
    """

    linear: Linear
    norm: Norm | None = None
    tanh: bool = False
    residual: bool = False

    def settings(self) -> NormSettings | None:
        """Return what the norm computes, or None if there is no norm."""
        norm = self.norm
        if isinstance(norm, BatchNorm1d):
            return NormSettings(
                norm.eps,
                ghost_size=norm.ghost_size if isinstance(norm, GhostBatchNorm1d) else 0,
                momentum=norm.momentum,
                unbiased=norm.convention != "torch",
                running_std=norm.convention == "lecture-std",
            )
        if isinstance(norm, GroupNorm):
            return NormSettings(norm.eps, groups=norm.num_groups)
        return None if norm is None else NormSettings(norm.eps, groups=1, centred=False)

    def tensors(self) -> dict[str, Tensor]:
        """Return parameters and running statistics by name, those that there are."""
        found = {
            name: getattr(module, name)
            for module in (self.linear, self.norm)
            for name in REGISTERS.get(type(module), {})
        }
        return {name: tensor.detach() for name, tensor in found.items() if tensor is not None}


@dataclass(frozen=True)
class Net:
    """A net of the lecture's families, taken apart; the tensors are the net's own."""

    embedding: Tensor
    """`(vocab_size, n_embd)`."""
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    """Every tensor that training changes, by its name in the net."""

    def parameters(self) -> list[Tensor]:
        """Return the tensors that have a gradient."""
        return [tensor for tensor in self.tensors.values() if isinstance(tensor, nn.Parameter)]

    @property
    def shape(self) -> tuple[object, ...]:
        """What two nets must have in common to be trained as one stack."""
        settings = [(layer.tanh, layer.residual, layer.settings()) for layer in self.layers]
        shapes = [tensor.shape for layer in self.layers for tensor in layer.tensors().values()]
        return (self.embedding.dtype, self.embedding.shape, *settings, *shapes)

    def check_fit(self, split: Split, batch_size: int) -> None:
        """Refuse examples that this net cannot read; compiled code would not notice.

        Raises:
            ValueError: If the examples are not int64 of shape `(N, block_size)` and `(N,)`, the
                contexts are of another length, an index is out of range, or a norm cannot divide
                a minibatch.
        """
        for layer in self.layers:
            settings = layer.settings()
            if settings is None or settings.groups:
                continue
            if batch_size < 2:
                raise ValueError(f"a batch norm needs at least 2 rows, got {batch_size=}")
            if settings.ghost_size and batch_size % settings.ghost_size:
                raise ValueError(
                    f"a ghost batch norm of this net needs a multiple of {settings.ghost_size} "
                    f"rows, got {batch_size=}"
                )
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
    """Read a net as embedding, flatten, and linear layers, each with its norm and tanh.

    A linear layer with norm and tanh may be the branch of a residual connection. A module without
    parameters may stand in several places.

    Raises:
        ValueError: Naming what keeps this net from being trained by its tensors alone: modules of
            another kind or in another order, hooks, a method that was replaced, sizes that do not
            fit, and tensors that are frozen, shared, not contiguous, not on the CPU, or not all
            float32 or all float64.
    """
    places = _places(model, "")
    modules = [*model._modules.values()] if type(model) is nn.Sequential else [model]
    layers = _layers(modules[2:])
    if [type(module) for module in modules[:2]] != [Embedding, Flatten] or not layers:
        inside = list(places.values())[type(model) is nn.Sequential :]
        kinds = [name_of(type(module)) for module in inside]
        refuse(
            "know a Sequential of embedding, flatten, then linear, norm and tanh in this order, "
            f"got {' '.join(kinds)}"
        )
    for place, module in places.items():
        refuse_changes(place or "the net", module)
    tensors: dict[str, Tensor] = {}
    for place, module in places.items():
        for name, register in REGISTERS.get(type(module), {}).items():
            tensor = getattr(module, name, None)
            if tensor is not None or name != "bias":
                own = getattr(module, register).get(name)
                tensors[f"{place}.{name}"] = checked(f"{place}.{name}", tensor, own)
    embedding, *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != embedding[1].dtype:
            refuse(
                f"need one dtype for all tensors, got {name}: {tensor.dtype} beside "
                f"{embedding[0]}: {embedding[1].dtype}",
                "call model.float() or model.double() first",
            )
    refuse_shared_memory(tensors)
    _refuse_misfits(embedding[1], layers)
    return Net(embedding[1].detach(), tuple(layers), tensors)


def _places(model: nn.Module, place: str) -> dict[str, nn.Module]:
    """Name a module and what is in it, place by place: named_modules() names a module once."""
    places = {place: model}
    if type(model) in (nn.Sequential, Residual):
        for name, module in model._modules.items():
            places |= _places(module, f"{place}.{name}".lstrip(".")) if module else {}
    return places


def _layers(modules: Sequence[nn.Module | None]) -> list[Layer] | None:
    """Read modules in a row as layers, or return None if they are something else."""
    layers: list[Layer] = []
    while modules:
        first, *modules = modules
        # By type, not isinstance: a subclass may compute something else.
        if type(first) is Residual and type(first.branch) is nn.Sequential:
            inner = _layers(list(first.branch._modules.values()))
            if inner is None or len(inner) != 1 or inner[0].residual:
                return None
            layers.append(replace(inner[0], residual=True))
        elif type(first) is Linear:
            norm = modules[0] if modules and type(modules[0]) in NORMS else None
            modules = modules[norm is not None :]
            tanh = bool(modules) and type(modules[0]) is Tanh
            modules = modules[tanh:]
            layers.append(Layer(first, cast("Norm | None", norm), tanh))
        else:
            return None
    return layers


def _refuse_misfits(embedding: Tensor, layers: Iterable[Layer]) -> None:
    """Refuse sizes and settings that no layer is made with; compiled code would not notice."""
    if embedding.ndim != 2 or not embedding.numel():
        refuse(f"need an embedding with two axes, got shape {tuple(embedding.shape)}")
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
        if layer.residual and features != linear.fan_in:
            raise ValueError(
                f"the branch of linear layer {number} of this net makes {features} features of "
                f"{linear.fan_in}, and cannot be added to them"
            )
        if norm is not None and not _has_sense(norm):
            refuse(f"need settings of a norm as its layer accepts them, got {norm}")


def _has_sense(norm: Norm) -> bool:
    """Whether a norm's settings are still such as its layer is made with."""
    if not isinstance(norm.eps, float | int):
        return False
    if isinstance(norm, BatchNorm1d):
        return (
            isinstance(norm.momentum, float | int)
            and norm.convention in get_args(Convention)
            and (not isinstance(norm, GhostBatchNorm1d) or norm.ghost_size >= 2)
        )
    groups = norm.num_groups if isinstance(norm, GroupNorm) else 1
    return groups >= 1 and norm.num_features % groups == 0
