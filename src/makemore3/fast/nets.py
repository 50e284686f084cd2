"""What the fast trainers need to know of a net: its embedding, and its linear layers in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.layers import BatchNorm1d, Embedding, Flatten, Linear, Tanh


@dataclass(frozen=True)
class Block:
    """A linear layer, and the batch norm and the tanh that may follow it."""

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
class Blocks:
    """A net of the lecture's families, taken apart; the tensors are the net's own."""

    embedding: Tensor
    """`(vocab_size, n_embd)`."""
    blocks: tuple[Block, ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """What two nets must have in common to be trained as one stack."""
        settings = [
            (b.tanh, b.norm and (b.norm.eps, b.norm.momentum, b.norm.convention))
            for b in self.blocks
        ]
        return (self.embedding.dtype, tuple(settings), *(t.shape for t in self.tensors()))

    def check_fit(self, split: Split) -> None:
        """Refuse examples that this net cannot read; compiled code would not notice.

        Raises:
            ValueError: If the contexts are of another length, or an index is out of range.
        """
        vocab_size, n_embd = self.embedding.shape
        first, last = self.blocks[0].linear, self.blocks[-1].linear
        _refuse_misfit(first.fan_in, split.x.shape[1] * n_embd, "the first linear layer")
        for name, indices, size in (("x", split.x, vocab_size), ("y", split.y, last.fan_out)):
            if not 0 <= indices.min() <= indices.max() < size:
                raise ValueError(
                    f"this net knows indices from 0 to {size - 1}, but {name} has some from "
                    f"{int(indices.min())} to {int(indices.max())}"
                )

    def tensors(self) -> Iterator[Tensor]:
        """Yield every tensor that training changes, always in the same order."""
        yield self.embedding
        for block in self.blocks:
            yield from block.tensors().values()


def take_apart(model: nn.Module) -> Blocks:
    """Read a net as embedding, flatten, and blocks of linear, batch norm, tanh.

    Raises:
        ValueError: If the net has another form, has hooks or frozen parameters, or is not
            contiguous float32 or float64 on the CPU.
    """
    layers = list(model.children())
    kinds = [type(layer) for layer in layers]
    known = type(model) is nn.Sequential and kinds[:3] == [Embedding, Flatten, Linear]
    blocks: list[Block] = []
    for layer, before in zip(layers[2:], kinds[1:], strict=False):
        if isinstance(layer, Linear):
            blocks.append(Block(layer, None, False))
        elif isinstance(layer, BatchNorm1d) and before is Linear:
            blocks[-1] = Block(blocks[-1].linear, layer, False)
        elif isinstance(layer, Tanh) and before in (Linear, BatchNorm1d):
            blocks[-1] = Block(blocks[-1].linear, blocks[-1].norm, True)
        else:
            known = False
            break
    if not known:
        raise ValueError(
            "the fast trainers know embedding, flatten, then linear, batch norm and tanh in this "
            f"order, got {' '.join(kind.__name__ for kind in kinds) or type(model).__name__}: "
            "train this net with makemore3.training"
        )
    if any(m._forward_hooks or m._forward_pre_hooks for m in model.modules()):
        raise ValueError("the fast trainers call no hooks, and the net has some: remove them first")
    for name, parameter in model.named_parameters():
        fits = parameter.device.type == "cpu" and parameter.is_contiguous()
        if not fits or not parameter.requires_grad or parameter.dtype not in _DTYPES:
            raise ValueError(
                f"the fast trainers need trainable float32 or float64 on the CPU, got {name}: "
                f"{parameter.dtype} on {parameter.device}, requires_grad={parameter.requires_grad}"
            )
    for before, after in pairwise(blocks):
        _refuse_misfit(after.linear.fan_in, before.linear.fan_out, "a linear layer")
    for block in blocks:
        if block.norm is not None:
            _refuse_misfit(block.norm.num_features, block.linear.fan_out, "a batch norm")
    embedding = layers[0].get_parameter("weight").detach()
    return Blocks(embedding, tuple(blocks))


def _refuse_misfit(wanted: int, given: int, what: str) -> None:
    if wanted != given:
        raise ValueError(f"{what} of this net needs {wanted} features, but gets {given}")


_DTYPES = (torch.float32, torch.float64)
