"""Normalisation layers."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from makemore3.layers.init import check_sizes

Convention = Literal["torch", "lecture", "lecture-std"]
"""Which variance `BatchNorm1d` normalises by, and what it keeps for later."""


class BatchNorm1d(nn.Module):
    """Normalise each feature over the batch, then scale by `gamma`, shift by `beta`.

    `gamma` starts as 1, `beta` as 0, the running mean as 0, the running variance as 1.
    In `eval` mode the running statistics stand in for the batch's, so one row suffices.

    Args:
        num_features: Features of each row.
        eps: Added to the variance, so that a constant feature divides by more than 0.
        momentum: Weight of the *new* batch statistic in the running one (torch's meaning).
        convention: `"torch"`, which is also the paper's: the variance that normalises is
            biased (over N), the one that goes into `running_var` unbiased (over N - 1).
            `"lecture"`: unbiased in both; at N = 32 its output is sqrt(31/32) = 0.984 of torch's.
            `"lecture-std"`, the lecture's first part: as `"lecture"`, but the new batch is weighed
            in as a standard deviation, so that `running_var` holds the square of a running one.

    Raises:
        ValueError: If `num_features` is less than 1, `eps` negative, `momentum` outside
            [0, 1] or `convention` unknown; in `forward`, if the input is not
            `(N, num_features)`, or when training with fewer than 2 rows.

    Shape:
        `(N, num_features)` in and out; `gamma`, `beta`, `running_mean`, `running_var` are
        `(num_features,)`.

    Source:
        Ioffe & Szegedy 2015, Alg. 1-2; lecture [40:40](https://youtu.be/P6sfmUTpUmc?t=2440),
        its running standard deviation [58:20](https://youtu.be/P6sfmUTpUmc?t=3500), its module
        [1:20:32](https://youtu.be/P6sfmUTpUmc?t=4832).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        convention: Convention = "torch",
    ) -> None:
        super().__init__()
        check_sizes("BatchNorm1d", num_features=num_features)
        if not eps >= 0:
            raise ValueError(f"BatchNorm1d needs eps of at least 0, got {eps}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"BatchNorm1d needs momentum from 0 to 1, got {momentum}")
        if convention not in get_args(Convention):
            raise ValueError(
                f"BatchNorm1d needs a convention of {', '.join(get_args(Convention))}, "
                f"got {convention!r}"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.convention = convention
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise by the batch's statistics in training, by the running ones otherwise."""
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(
                f"BatchNorm1d({self.num_features}) needs x of shape (N, {self.num_features}), "
                f"got {tuple(x.shape)}: make num_features the fan_out of the layer before"
            )
        if self.training:
            mean, var = self._batch_statistics(x)
        else:
            mean, var = self.running_mean, self.running_var
        x_hat = (x - mean) / torch.sqrt(var + self.eps)  # (N, num_features)
        return self.gamma * x_hat + self.beta

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean and variance, and move the running ones towards them."""
        if x.shape[0] < 2:
            raise ValueError(
                f"BatchNorm1d needs at least 2 rows in training, got x of shape {tuple(x.shape)}: "
                "pass a larger batch, or call eval() on the model first"
            )
        mean = x.mean(0)
        unbiased = x.var(0)
        with torch.no_grad():
            self.running_mean.copy_(self._moved(self.running_mean, mean))
            if self.convention == "lecture-std":
                running_std = self._moved(self.running_var.sqrt(), unbiased.sqrt())
                self.running_var.copy_(running_std.square())
            else:
                self.running_var.copy_(self._moved(self.running_var, unbiased))
        return mean, x.var(0, correction=0) if self.convention == "torch" else unbiased

    def _moved(self, running: Tensor, new: Tensor) -> Tensor:
        return (1 - self.momentum) * running + self.momentum * new

    def extra_repr(self) -> str:
        """Show the settings when printed."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"convention={self.convention!r}"
        )
