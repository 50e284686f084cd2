"""What holds for any net."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def parameter_count(model: nn.Module) -> int:
    """Count the trainable numbers of a model; running statistics are not among them."""
    return sum(p.numel() for p in model.parameters())


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every layer into `eval` mode, without gradients; afterwards restore each one's mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
