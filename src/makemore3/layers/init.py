"""How large the first weights are: gains and the Kaiming normal draw."""

import torch
from torch import Tensor
from torch.nn.init import calculate_gain

__all__ = ["calculate_gain", "check_sizes", "kaiming_normal"]


def kaiming_normal(fan_in: int, fan_out: int, *, gain: float, generator: torch.Generator) -> Tensor:
    """Draw a weight whose standard deviation is `gain / sqrt(fan_in)`.

    Inputs of mean square 1 then give pre-activations of standard deviation `gain`.
    `torch.nn.init.kaiming_normal_` means the same, but reads `fan_in` from the last axis
    of a transposed weight. The order of the float operations (draw, times gain, over root
    fan-in) is the lecture's: another order rounds differently, and a training run amplifies that.

    Args:
        fan_in: Inputs of each unit.
        fan_out: Units.
        gain: Makes up for the nonlinearity before the layer, e.g. `calculate_gain("tanh")`, 5/3.
        generator: Source of the random numbers.

    Raises:
        ValueError: If `fan_in` or `fan_out` is less than 1.

    Shape:
        `(fan_in, fan_out)`.

    Source:
        He et al. 2015, eq. 10, with the gain in place of root 2;
        lecture [37:20](https://youtu.be/P6sfmUTpUmc?t=2240).
    """
    check_sizes("kaiming_normal", fan_in=fan_in, fan_out=fan_out)
    return torch.randn((fan_in, fan_out), generator=generator) * gain / fan_in**0.5


def check_sizes(owner: str, **sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        ValueError: Naming the owner, the size and its value.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{owner} needs {name} of at least 1, got {size}")
