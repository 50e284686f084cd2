"""How large the first weights are: gains, the Kaiming normal draw, and what a function leaves."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.init import calculate_gain

__all__ = ["calculate_gain", "check_sizes", "gaussian_rms", "kaiming_normal"]


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


def gaussian_rms(function: Callable[[Tensor], Tensor], std: float = 1.0) -> float:
    """Return the root mean square of an elementwise function of Gaussian numbers.

    The expectation is integrated numerically, from -10 to 10 standard deviations.

    Args:
        function: Elementwise, such as `torch.tanh`.
        std: Standard deviation of the numbers that go in; their mean is 0.

    Raises:
        ValueError: If `std` is negative or not finite.

    Source:
        He et al. 2015, section 2.2, and Poole et al. 2016, eq. 3, for one layer;
        lecture [1:28:12](https://youtu.be/P6sfmUTpUmc?t=5292) for what it predicts.
    """
    if not 0 <= std < math.inf:
        raise ValueError(f"gaussian_rms needs a finite std from 0 up, got {std}")
    z = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return torch.trapezoid(function(std * z) ** 2 * density, z).sqrt().item()


def check_sizes(owner: str, **sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        ValueError: Naming the owner, the size and its value.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{owner} needs {name} of at least 1, got {size}")
