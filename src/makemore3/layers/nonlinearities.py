"""Nonlinearities."""

import torch
from torch import Tensor, nn


class Tanh(nn.Module):
    """Squash into (-1, 1); the local gradient is `1 - tanh(x)**2`.

    Shape:
        Any, unchanged.

    Source:
        Lecture [13:36](https://youtu.be/P6sfmUTpUmc?t=816).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply tanh to each element."""
        return torch.tanh(x)


class ReLU(nn.Module):
    """Pass what is positive, replace the rest by 0; the local gradient is 1 or exactly 0.

    Shape:
        Any, unchanged.

    Source:
        Lecture [20:57](https://youtu.be/P6sfmUTpUmc?t=1257).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply ReLU to each element."""
        return torch.relu(x)
