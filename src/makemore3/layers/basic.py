"""Embedding, flatten and linear layers."""

import math

import torch
from torch import Tensor, nn

from makemore3.layers.init import check_sizes, kaiming_normal


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
        """Show sizes and initialisation when printed."""
        bias = "bias=False" if self.bias is None else f"bias_std={self.bias_std}"
        return f"{self.fan_in}, {self.fan_out}, weight_std={self.weight_std}, {bias}"
