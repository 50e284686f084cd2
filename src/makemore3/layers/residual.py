"""Residual connections."""

from torch import Tensor, nn


class Residual(nn.Module):
    """Add to the input what a branch makes of it: `x + branch(x)`.

    The gradient of the output reaches the input in two ways: through the branch, and directly,
    unchanged, however deep the net is.

    Args:
        branch: Any module whose output has the shape of its input.

    Raises:
        ValueError: In `forward`, if the branch returns another shape.

    Shape:
        That of the branch, unchanged.

    Source:
        He et al. 2016, eq. 1; lecture [1:07:19](https://youtu.be/P6sfmUTpUmc?t=4039).
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch's output to the input."""
        y = self.branch(x)
        if y.shape != x.shape:
            raise ValueError(
                f"Residual needs a branch that keeps the shape, got {tuple(y.shape)} for x of "
                f"shape {tuple(x.shape)}: make its last fan_out its first fan_in"
            )
        return x + y
