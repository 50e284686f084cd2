"""Normalisation layers: over the batch, or over the features of each row."""

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
        name = type(self).__name__
        check_sizes(name, num_features=num_features)
        _check_eps(name, eps)
        if not 0 <= momentum <= 1:
            raise ValueError(f"{name} needs momentum from 0 to 1, got {momentum}")
        if convention not in get_args(Convention):
            raise ValueError(
                f"{name} needs a convention of {', '.join(get_args(Convention))}, "
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
        _check_input(type(self).__name__, x, self.num_features)
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
                f"{type(self).__name__} needs at least 2 rows in training, got x of shape "
                f"{tuple(x.shape)}: pass a larger batch, or call eval() on the model first"
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


class GhostBatchNorm1d(BatchNorm1d):
    """Batch norm over groups of `ghost_size` rows, as if each group were a batch of its own.

    So a large batch has the noise of small ones. The running statistics move once for each group,
    in the order of the rows. In `eval` mode it is a `BatchNorm1d`.

    Args:
        num_features: Features of each row.
        ghost_size: Rows in a group.
        eps: As in `BatchNorm1d`.
        momentum: As in `BatchNorm1d`, for each group.
        convention: As in `BatchNorm1d`.

    Raises:
        ValueError: As `BatchNorm1d`; if `ghost_size` is less than 2; in `forward`, when training
            with rows that do not make whole groups.

    Shape:
        `(N, num_features)` in and out, where in training `N` is a multiple of `ghost_size`.

    Source:
        Hoffer et al. 2017, Alg. 1.
    """

    def __init__(
        self,
        num_features: int,
        *,
        ghost_size: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        convention: Convention = "torch",
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, convention=convention)
        if ghost_size < 2:
            raise ValueError(f"GhostBatchNorm1d needs ghost_size of at least 2, got {ghost_size}")
        self.ghost_size = ghost_size

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each group by its own statistics in training, all by the running ones else."""
        if not self.training:
            return super().forward(x)
        if x.ndim == 0 or len(x) == 0 or len(x) % self.ghost_size:
            raise ValueError(
                f"GhostBatchNorm1d needs a multiple of {self.ghost_size} rows in training, got x "
                f"of shape {tuple(x.shape)}: choose a batch size that ghost_size divides"
            )
        return torch.cat([*map(super().forward, x.split(self.ghost_size))])

    def extra_repr(self) -> str:
        """Show the settings when printed."""
        return f"{super().extra_repr()}, ghost_size={self.ghost_size}"


class GroupNorm(nn.Module):
    """Normalise each row by itself, its features in groups, then scale by `gamma`, shift by `beta`.

    No row sees another, so training and `eval` mode are the same. `gamma` starts as 1, `beta` as 0.

    Args:
        num_features: Features of each row.
        num_groups: Groups of neighbouring features; each is normalised by its mean and its biased
            variance.
        eps: Added to the variance, so that a constant group divides by more than 0.

    Raises:
        ValueError: If a size is less than 1, `eps` negative, or `num_features` no multiple of
            `num_groups`; in `forward`, if the input is not `(N, num_features)`.

    Shape:
        `(N, num_features)` in and out; `gamma` and `beta` are `(num_features,)`.

    Source:
        Wu & He 2018, eq. 1-2 and 7; lecture [1:17:28](https://youtu.be/P6sfmUTpUmc?t=4648).
    """

    def __init__(self, num_features: int, *, num_groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        name = type(self).__name__
        check_sizes(name, num_features=num_features, num_groups=num_groups)
        _check_eps(name, eps)
        if num_features % num_groups:
            raise ValueError(
                f"{name} needs num_features as a multiple of num_groups, got {num_features} and "
                f"{num_groups}"
            )
        self.num_features, self.num_groups, self.eps = num_features, num_groups, eps
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each group of each row by its own mean and variance."""
        _check_input(type(self).__name__, x, self.num_features)
        groups = x.reshape(len(x), self.num_groups, -1)
        mean = groups.mean(2, keepdim=True)  # (N, num_groups, 1)
        var = groups.var(2, correction=0, keepdim=True)
        x_hat = ((groups - mean) / torch.sqrt(var + self.eps)).reshape(x.shape)
        return self.gamma * x_hat + self.beta

    def extra_repr(self) -> str:
        """Show the settings when printed."""
        return f"{self.num_features}, num_groups={self.num_groups}, eps={self.eps}"


class LayerNorm(GroupNorm):
    """Normalise each row by itself, all features together: a group norm with one group.

    Args:
        num_features: Features of each row.
        eps: Added to the variance, so that a constant row divides by more than 0.

    Raises:
        ValueError: If `num_features` is less than 1 or `eps` negative; in `forward`, if the input
            is not `(N, num_features)`.

    Shape:
        `(N, num_features)` in and out; `gamma` and `beta` are `(num_features,)`.

    Source:
        Ba, Kiros & Hinton 2016, eq. 3; lecture [1:17:28](https://youtu.be/P6sfmUTpUmc?t=4648).
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5) -> None:
        super().__init__(num_features, num_groups=1, eps=eps)

    def extra_repr(self) -> str:
        """Show the settings when printed."""
        return f"{self.num_features}, eps={self.eps}"


class RMSNorm(nn.Module):
    """Divide each row by the root of its mean square, then scale by `gamma`.

    A layer norm that neither subtracts the mean nor has a `beta`.

    Args:
        num_features: Features of each row.
        eps: Added to the mean square, so that a row of zeros divides by more than 0; torch's
            default is the smallest step of the dtype.

    Raises:
        ValueError: If `num_features` is less than 1 or `eps` negative; in `forward`, if the input
            is not `(N, num_features)`.

    Shape:
        `(N, num_features)` in and out; `gamma` is `(num_features,)`.

    Source:
        Zhang & Sennrich 2019, eq. 4.
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        check_sizes("RMSNorm", num_features=num_features)
        _check_eps("RMSNorm", eps)
        self.num_features, self.eps = num_features, eps
        self.gamma = nn.Parameter(torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Divide each row by its root mean square."""
        _check_input("RMSNorm", x, self.num_features)
        mean_square = x.square().mean(1, keepdim=True)  # (N, 1)
        return self.gamma * (x / torch.sqrt(mean_square + self.eps))

    def extra_repr(self) -> str:
        """Show the settings when printed."""
        return f"{self.num_features}, eps={self.eps}"


def _check_eps(name: str, eps: float) -> None:
    if not eps >= 0:
        raise ValueError(f"{name} needs eps of at least 0, got {eps}")


def _check_input(name: str, x: Tensor, num_features: int) -> None:
    if x.ndim != 2 or x.shape[1] != num_features:
        raise ValueError(
            f"{name}({num_features}) needs x of shape (N, {num_features}), got "
            f"{tuple(x.shape)}: make num_features the fan_out of the layer before"
        )
