"""What a computation asks of the machine, counted and not timed: the same on every machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """What a computation in torch costs.

    Args:
        calls: Operations that torch carries out one by one, those of the backward pass included.
        flops: Multiplications and additions of the matrix products, two for each pair of numbers.
        traffic: Bytes of the tensors that the operations are given and return. A view moves
            nothing, and indexing reads only the rows that it returns. Other operations may touch
            less than the whole of a tensor: the number is an upper bound.
    """

    calls: int
    flops: int
    traffic: int

    def __sub__(self, other: "Cost") -> "Cost":
        """Return what this costs more than `other`."""
        return Cost(
            self.calls - other.calls, self.flops - other.flops, self.traffic - other.traffic
        )


def cost_of(run: Callable[[], object]) -> Cost:
    """Call `run`, and count what it asks of torch in this thread.

    Source:
        The products are counted by torch's own `FlopCounterMode`.
    """
    with _Counter() as counter, FlopCounterMode(display=False) as products:
        run()
    return Cost(counter.calls, products.get_total_flops(), counter.traffic)


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = self.traffic = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.calls += 1
        if not func.is_view:
            # Of the table that it looks up in, indexing reads only the rows that it returns.
            read = (out, *args[1:]) if func.overloadpacket is torch.ops.aten.index else args
            self.traffic += sum(
                tensor.nbytes
                for tensor in tree_leaves((read, kwargs, out))
                if isinstance(tensor, Tensor)
            )
        return out
