"""Fold batch norm into a neighbouring layer: with fixed statistics it only scales and shifts."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from makemore3.layers import BatchNorm1d, Linear

__all__ = ["fold_batchnorm"]

BATCH_NORMS = (BatchNorm1d, _BatchNorm)
LINEAR = (Linear, nn.Linear)
FOLDS_INTO: dict[tuple[type[nn.Module], ...], tuple[type[nn.Module], ...]] = {
    LINEAR: (BatchNorm1d, nn.BatchNorm1d),
    (nn.Conv1d,): (nn.BatchNorm1d,),
    (nn.Conv2d,): (nn.BatchNorm2d,),
    (nn.Conv3d,): (nn.BatchNorm3d,),
}
"""Kinds of layers, and the batch norms whose features are the outputs of such a layer."""


class _Slot(NamedTuple):
    """A layer's place in a Sequential; `name` is the layer's name in the whole model."""

    parent: nn.Sequential
    key: str
    name: str

    @property
    def layer(self) -> Any:  # its attributes are torch's or ours, by its type
        return self.parent.get_submodule(self.key)

    def __str__(self) -> str:
        return _named(self.name, self.layer)


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """Copy a model, and fold each batch norm of the copy into the layer next to it.

    With running statistics a batch norm is `scale * x + shift` for each feature, where
    `scale = gamma / sqrt(running_var + eps)` and `shift = beta - scale * running_mean`. It folds
    into a linear layer or convolution directly before it, else into a linear layer directly after
    it. (Not into a convolution after it: its zero padding would miss the shift.) That layer gets a
    bias if it has none. The products are formed in float64 and rounded once.

    Only in a `Sequential`, nested ones included, is it known which layer follows which; batch norms
    elsewhere are refused. The other layers keep their names, and the model itself stays as it is.
    The copy is in `eval` mode, the only mode in which the two agree.

    Args:
        model: Any net of this package, or of `torch.nn` with `Linear`, `Conv1d`, `Conv2d`, `Conv3d`
            and their batch norms, in `eval` mode. Between a linear layer and its batch norm the
            shape is `(N, features)`.

    Raises:
        ValueError: If a module is in training mode, or a batch norm has no running statistics, no
            layer beside it to fold into, or a place in a Sequential that is used more than once.

    Source:
        Exercise E02 of the [lecture](https://youtu.be/P6sfmUTpUmc); Ioffe & Szegedy 2015, Alg. 2,
        step 11.
    """
    for name, module in model.named_modules():
        if module.training:
            raise ValueError(
                f"fold_batchnorm needs a model in eval mode, got {_named(name, module)} in "
                "training mode, where each batch has statistics of its own: train first, then "
                "call eval() on the model"
            )
    folded = copy.deepcopy(model)
    uses = Counter(module for _, module in folded.named_modules(remove_duplicate=False))
    beside: dict[nn.Module, str] = {}
    for chain in _chains(folded):
        for slot in chain:
            if isinstance(slot.layer, BATCH_NORMS) and uses[slot.parent] > 1:
                raise ValueError(
                    f"expected {slot} in a Sequential that is used once, found it used "
                    f"{uses[slot.parent]} times: put a copy.deepcopy of it in each place"
                )
        left = _fold_chain(chain)
        around = ["nothing", *map(str, left), "nothing"]
        for slot, before, after in zip(left, around, around[2:], strict=False):
            beside[slot.layer] = f"{before} before it and {after} after it"
    for name, module in folded.named_modules():
        if isinstance(module, BATCH_NORMS):
            raise ValueError(
                f"{_named(name, module)} has nothing to fold into: expected, in a Sequential, a "
                "linear layer or convolution with its features directly before it, or a linear "
                f"layer directly after it, got {beside.get(module, 'no Sequential around it')}"
            )
    return folded


def _chains(module: nn.Module, name: str = "") -> Iterator[list[_Slot]]:
    """Yield the layers of each outermost Sequential, in the order in which they are called."""
    if _is_sequential(module):
        chain = list(_slots(module, name))
        inside = [(slot.name, slot.layer) for slot in chain]
        yield chain
    else:
        inside = [(_joined(name, key), child) for key, child in module.named_children()]
    for inner_name, child in inside:
        yield from _chains(child, inner_name)


def _slots(sequential: nn.Sequential, name: str) -> Iterator[_Slot]:
    for key, layer in sequential._modules.items():
        if _is_sequential(layer):
            yield from _slots(layer, _joined(name, key))
        else:
            yield _Slot(sequential, key, _joined(name, key))


def _is_sequential(module: nn.Module | None) -> TypeGuard[nn.Sequential]:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _fold_chain(chain: list[_Slot]) -> list[_Slot]:
    """Fold the batch norms of a chain of layers where possible, and return the remaining places."""
    kept: list[_Slot] = []
    for slot in chain:
        if kept and _fits(slot.layer, before := kept[-1].layer, axis=-1):
            scale, shift = _scale_and_shift(slot)
            weight, bias = _weight(before), _bias(before)
            _replace(kept[-1], weight * scale, bias * scale + shift)
            delattr(slot.parent, slot.key)
        else:
            kept.append(slot)
    left: list[_Slot] = []
    for slot in reversed(kept):
        after = left[-1].layer if left else None
        if isinstance(after, LINEAR) and _fits(slot.layer, after, axis=0):
            scale, shift = _scale_and_shift(slot)
            weight, bias = _weight(after), _bias(after)
            _replace(left[-1], scale[:, None] * weight, shift @ weight + bias)
            delattr(slot.parent, slot.key)
        else:
            left.append(slot)
    return left[::-1]


def _fits(norm: Any, layer: nn.Module, *, axis: int) -> bool:
    """Whether `norm` can fold into `layer`: the right kind, as many features as the weight has."""
    return any(
        isinstance(layer, layers)
        and isinstance(norm, norms)
        and norm.num_features == _weight(layer).shape[axis]
        for layers, norms in FOLDS_INTO.items()
    )


def _scale_and_shift(slot: _Slot) -> tuple[Tensor, Tensor]:
    """Return the factor and the shift of each feature in `eval` mode, in float64."""
    norm = slot.layer
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError(
            f"expected running statistics in {slot}, got track_running_stats=False: in eval mode, "
            "too, it uses those of the batch, which no fixed weights can; make it with "
            "track_running_stats=True and train"
        )
    ours = isinstance(norm, BatchNorm1d)
    gamma, beta = (norm.gamma, norm.beta) if ours else (norm.weight, norm.bias)
    scale = 1 / torch.sqrt(_float64(norm.running_var) + norm.eps)
    scale = scale if gamma is None else _float64(gamma) * scale
    shift = -scale * _float64(norm.running_mean)
    return scale, shift if beta is None else shift + _float64(beta)


def _weight(layer: Any) -> Tensor:
    """Return the weight in float64 with the axis of outputs last, as in the lecture."""
    weight = _float64(layer.weight)
    return weight if isinstance(layer, Linear) else weight.movedim(0, -1)


def _bias(layer: Any) -> Tensor:
    """Return the bias in float64; zeros if there is none."""
    weight = _weight(layer)
    return weight.new_zeros(weight.shape[-1]) if layer.bias is None else _float64(layer.bias)


def _replace(slot: _Slot, weight: Tensor, bias: Tensor) -> None:
    """Put a copy of the layer with these numbers in its place; other uses of the old one stay."""
    layer = copy.deepcopy(slot.layer)
    weight = weight if isinstance(layer, Linear) else weight.movedim(-1, 0)
    for name, value in (("weight", weight), ("bias", bias)):
        value = value.to(slot.layer.weight).contiguous()
        setattr(layer, name, nn.Parameter(value, requires_grad=slot.layer.weight.requires_grad))
    setattr(slot.parent, slot.key, layer)


def _float64(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)  # not every device has float64


def _named(name: str, module: nn.Module) -> str:
    return f"{type(module).__name__} {name!r}" if name else f"the model ({type(module).__name__})"


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
