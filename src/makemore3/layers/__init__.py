"""The lecture's layers: `torch.nn.Module` subclasses with `forward` written out.

They keep no `.out`: hooks see every output, see `makemore3.diagnostics`.
"""

from torch.nn import Sequential

from makemore3.layers.basic import Embedding, Flatten, Linear
from makemore3.layers.init import calculate_gain, check_sizes, gaussian_rms, kaiming_normal
from makemore3.layers.nonlinearities import ReLU, Tanh
from makemore3.layers.norms import (
    BatchNorm1d,
    Convention,
    GhostBatchNorm1d,
    GroupNorm,
    LayerNorm,
    RMSNorm,
)
from makemore3.layers.residual import Residual

__all__ = [
    "BatchNorm1d",
    "Convention",
    "Embedding",
    "Flatten",
    "GhostBatchNorm1d",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "ReLU",
    "Residual",
    "Sequential",
    "Tanh",
    "calculate_gain",
    "check_sizes",
    "gaussian_rms",
    "kaiming_normal",
]
