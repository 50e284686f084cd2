"""Update-to-data ratios, recorded while a model trains."""

from typing import Protocol

from torch import nn

from makemore3.diagnostics.statistics import _with_gradients


class Step(Protocol):
    """A step of training just after its update, such as `training.StepInfo`."""

    @property
    def model(self) -> nn.Module:
        """The model, with the gradients of this step."""
        ...

    @property
    def lr(self) -> float:
        """The learning rate."""
        ...


class UpdateRatios:
    """How much plain gradient descent changes each parameter, step by step.

    `record` is a callback for training. The ratio is `log10(std(lr * grad) / std(data))`, with
    the data after the update; -3 means that a step changes a parameter by about a thousandth of
    its size. A parameter without change has -inf.

    Args:
        min_ndim: The fewest axes of a parameter to be included; 2 leaves out biases, gains and
            the like.

    Source:
        Lecture [1:40:35](https://youtu.be/P6sfmUTpUmc?t=6035), the rule of thumb of -3
        [1:42:12](https://youtu.be/P6sfmUTpUmc?t=6132).
    """

    def __init__(self, *, min_ndim: int = 2) -> None:
        self.min_ndim = min_ndim
        self.ratios: dict[str, list[float]] = {}
        """By the name of the parameter, one number a step."""

    def record(self, step: Step) -> None:
        """Add the ratios of one step.

        Raises:
            ValueError: If the model has no such parameter.
            RuntimeError: If a parameter has no gradient.
        """
        for name, p, gradient in _with_gradients(step.model, self.min_ndim):
            ratio = (step.lr * gradient).std() / p.detach().std()
            self.ratios.setdefault(name, []).append(ratio.log10().item())

    def mean(self, last: int = 100) -> dict[str, float]:
        """Average the ratios of each parameter over the last steps.

        Raises:
            ValueError: If `last` is less than 1, or so many steps have not been recorded.
        """
        recorded = min(map(len, self.ratios.values()), default=0)
        if not 1 <= last <= recorded:
            raise ValueError(
                f"mean needs a number of steps from 1 to the {recorded} recorded, got {last}"
            )
        return {name: sum(ratios[-last:]) / last for name, ratios in self.ratios.items()}
