"""The lecture's layers: `torch.nn.Module` subclasses with `forward` written out.

They keep no `.out`: hooks see every output, see `makemore3.diagnostics`.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import Sequential

from makemore3.init import check_sizes, kaiming_normal

__all__ = ["BatchNorm1d", "Embedding", "Flatten", "Linear", "ReLU", "Sequential", "Tanh"]

Convention = Literal["torch", "lecture", "lecture-std"]
"""Which variance `BatchNorm1d` normalises by, and what it keeps for later."""


class Embedding(nn.Module):
    """A table with one row of numbers per character; looking up is indexing.

    Indices below zero count from the end, as in any indexing.

    Args:
        num_embeddings: Rows, one per character (vocab_size).
        embedding_dim: Numbers per character (n_embd).
        generator: Source of the random numbers; the rows are standard normal.

    Raises:
        ValueError: If a size is less than 1.
        TypeError: In `forward`, if the indices are not integers.
        IndexError: In `forward`, if an index has no row.

    Shape:
        `(...)` int64 in, `(..., embedding_dim)` out; `weight` is `(num_embeddings, embedding_dim)`.

    Source:
        Bengio et al. 2003, the matrix C; lecture [1:53](https://youtu.be/P6sfmUTpUmc?t=113).
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = nn.Parameter(
            torch.randn((num_embeddings, embedding_dim), generator=generator)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Look up the row of each index."""
        if x.dtype not in (torch.int64, torch.int32):
            raise TypeError(
                f"Embedding needs int64 indices, got {x.dtype}: pass encoded characters"
            )
        try:
            return self.weight[x]
        except IndexError as error:
            raise IndexError(
                f"Embedding has {len(self.weight)} rows, but an index from {int(x.min())} to "
                f"{int(x.max())}: encode with the vocabulary the model was made for"
            ) from error

    def extra_repr(self) -> str:
        """Show the sizes when printed."""
        return ", ".join(map(str, self.weight.shape))


class Flatten(nn.Module):
    """Put the embeddings of a context's characters side by side.

    Raises:
        ValueError: In `forward`, if the input does not have 3 axes.

    Shape:
        `(N, T, C)` in, `(N, T * C)` out.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Join the last two axes."""
        if x.ndim != 3:
            raise ValueError(
                f"Flatten needs x of shape (N, T, C), got {tuple(x.shape)}: "
                "put it after an Embedding of (N, T) indices"
            )
        n, t, c = x.shape
        return x.reshape(n, t * c)


class Linear(nn.Module):
    """`x @ weight + bias`, where `weight` is `(fan_in, fan_out)` as in the lecture.

    `torch.nn.Linear` stores the transpose. The product and the sum are two operations:
    fused, they round differently.

    Args:
        fan_in: Inputs of each unit.
        fan_out: Units.
        gain: The weight is Kaiming normal, with standard deviation `gain / sqrt(fan_in)`.
        weight_std: The weight is normal with this standard deviation instead.
        bias: Whether there is a bias; useless directly before a batch norm.
        bias_std: None: the bias is zero and takes no random numbers. Otherwise it is normal with
            this standard deviation, drawn right after the weight, even where that is 0: the
            stream of random numbers decides everything drawn later.
        generator: Source of the random numbers.

    Raises:
        ValueError: If a size is less than 1, a standard deviation is negative or not finite,
            `gain` and `weight_std` are both given, or `bias_std` comes with `bias=False`;
            in `forward`, if the last axis of the input is not `fan_in`.

    Shape:
        `(..., fan_in)` in, `(..., fan_out)` out; `bias` is `(fan_out,)`.

    Source:
        Lecture [1:19:26](https://youtu.be/P6sfmUTpUmc?t=4766).
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        gain: float = 1.0,
        weight_std: float | None = None,
        bias: bool = True,
        bias_std: float | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        check_sizes("Linear", fan_in=fan_in, fan_out=fan_out)
        if weight_std is not None and gain != 1.0:
            raise ValueError(f"Linear takes gain or weight_std, got {gain=} and {weight_std=}")
        if bias_std is not None and not bias:
            raise ValueError(f"Linear has no bias with bias=False, got {bias_std=}")
        for name, value in {"gain": gain, "weight_std": weight_std, "bias_std": bias_std}.items():
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"Linear needs a finite {name} of at least 0, got {value}")

        self.fan_in, self.fan_out = fan_in, fan_out
        self.weight_std = gain / fan_in**0.5 if weight_std is None else weight_std
        self.bias_std = bias_std
        if weight_std is None:
            weight = kaiming_normal(fan_in, fan_out, gain=gain, generator=generator)
        else:
            weight = torch.randn((fan_in, fan_out), generator=generator) * weight_std
        self.weight = nn.Parameter(weight)
        if not bias:
            self.bias = None
        elif bias_std is None:
            self.bias = nn.Parameter(torch.zeros(fan_out))
        else:
            self.bias = nn.Parameter(torch.randn(fan_out, generator=generator) * bias_std)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the weight, then add the bias."""
        if x.ndim == 0 or x.shape[-1] != self.fan_in:
            raise ValueError(
                f"Linear({self.fan_in}, {self.fan_out}) needs x of shape (..., {self.fan_in}), "
                f"got {tuple(x.shape)}: make fan_in the number of features that come in"
            )
        y, bias = x @ self.weight, self.bias  # (N, fan_out), (fan_out,)
        return y if bias is None else y + bias

    def extra_repr(self) -> str:
        """Show sizes and initialisation when printed; a checkpoint tells stages apart by it."""
        bias = "bias=False" if self.bias is None else f"bias_std={self.bias_std}"
        return f"{self.fan_in}, {self.fan_out}, weight_std={self.weight_std}, {bias}"


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
        """The batch's mean and variance, having moved the running ones towards them."""
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
