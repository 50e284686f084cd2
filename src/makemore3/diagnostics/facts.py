"""What a diagnosis measures, and the form of a finding."""

import math
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["watch", "problem"]
LEVELS: tuple[Level, ...] = ("watch", "problem")
"""From mild to grave."""


@dataclass(frozen=True)
class Source:
    """Where a rule is explained.

    Args:
        moment: A time in the lecture, such as `14:24`; empty where the lecture says nothing.
        notes: The section of these notes, as page and anchor below `docs/`.
    """

    moment: str
    notes: str

    @property
    def url(self) -> str:
        """The lecture's video at that moment, or nothing."""
        if not self.moment:
            return ""
        seconds = 0
        for part in self.moment.split(":"):
            seconds = 60 * seconds + int(part)
        return f"https://youtu.be/P6sfmUTpUmc?t={seconds}"

    def __str__(self) -> str:
        lecture = f"lecture {self.moment}; " if self.moment else ""
        return f"{lecture}notes: {self.notes}"


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Args:
        level: `watch` for a question, `problem` for what will most likely hurt.
        rule: Name of the rule.
        layer: Layer or weight it speaks of; empty for the whole network.
        value: What was measured.
        limit: The limit that it passed.
        words: What was found.
        advice: What to try.
        source: Where it is explained.
    """

    level: Level
    rule: str
    layer: str
    value: float
    limit: float
    words: str
    advice: str
    source: Source


@dataclass(frozen=True)
class LayerFacts:
    """One layer's output and the gradient that came back to it, a number for each sampled step.

    Args:
        name: As in `named_modules`; later calls in the same pass are `name (2)` and so on.
        type: Class of the module.
        kind: What rules know it as: `tanh`, `sigmoid`, `relu`, `smooth`, `weights`, `other`.
        shape: Shape of the output when it was first seen.
        mean: Mean of the output.
        std: Standard deviation of the output, with N - 1.
        flat: Share of the output where the nonlinearity is flat, from 0 to 1; NaN for the rest.
        dead: Units that were flat for every example of the latest samples; `None` for layers
            that have no flat part.
        units: Units of the layer.
        grad_mean: Mean of the loss's gradient with respect to the output; NaN if none arrived.
        grad_std: Standard deviation of that gradient, with N - 1.
        values: Some entries of the latest output, at most about a thousand, for histograms.
        grad_values: The same of the latest gradient.
    """

    name: str
    type: str
    kind: str
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flat: tuple[float, ...]
    dead: int | None
    units: int
    grad_mean: tuple[float, ...]
    grad_std: tuple[float, ...]
    values: tuple[float, ...] = field(default=(), repr=False)
    grad_values: tuple[float, ...] = field(default=(), repr=False)

    @property
    def rms(self) -> tuple[float, ...]:
        """Root of the mean square of the output, which Kaiming's scaling keeps."""
        return tuple(map(math.hypot, self.mean, self.std))

    @property
    def grad_norm(self) -> tuple[float, ...]:
        """Norm of the gradient: it does not change where only the width of the net does."""
        size = math.sqrt(math.prod(self.shape))
        return tuple(
            size * math.hypot(m, s) for m, s in zip(self.grad_mean, self.grad_std, strict=True)
        )


@dataclass(frozen=True)
class WeightFacts:
    """One weight, its gradient and its change, a number for each sampled step.

    Args:
        name: As in `named_parameters`.
        shape: Its shape.
        trained: Whether it requires a gradient.
        std: Standard deviation before the step; of a large weight, of evenly spaced entries.
        grad_std: Standard deviation of its gradient; NaN where there was none.
        update: `log10(std(change) / std(weight))` of the step; NaN before training.
        changed: Whether anything changed it; `None` before training.
        values: Some entries of the latest gradient, at most about a thousand, for histograms.
    """

    name: str
    shape: tuple[int, ...]
    trained: bool
    std: tuple[float, ...]
    grad_std: tuple[float, ...]
    update: tuple[float, ...]
    changed: bool | None = None
    values: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class LossFacts:
    """A cross-entropy over classes, read from the logits and the gradient that it sent back.

    Args:
        classes: Number of classes.
        values: The loss in nats at each sampled step.
        guess: The loss in nats of a net that knows how frequent the classes are, nothing else.
        probabilities: Whether the network's output already was a softmax's.
    """

    classes: int
    values: tuple[float, ...]
    guess: float
    probabilities: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that was measured, before anything is said of it.

    Args:
        training: Whether steps of training were watched, or one batch before it.
        from_start: Whether the first sample shows the network before its first step.
        steps: The sampled steps, counted from 0.
        taken: Steps that were taken while watching, sampled or not.
        layers: Layers in the order in which they first ran.
        weights: Parameters with two axes and more.
        loss: The loss, if it is a cross-entropy over classes.
        loss_value: The loss as `check` computed it; `Monitor` does not see it.
        chain: Names of the layers that are compared with each other from front to back.
        norm_values: Fewest values that a batch norm averaged over in training, by its name.
        in_eval: Dropout and normalising layers that were in `eval` mode in a step of training.
        evaluated_in_train: Passes without gradient of a model in training mode.
        stale: Share of the sampled steps whose first backward pass found old gradients.
        unseen: What could not be watched, in words.
    """

    training: bool
    from_start: bool
    steps: tuple[int, ...]
    taken: int
    layers: tuple[LayerFacts, ...]
    weights: tuple[WeightFacts, ...]
    loss: LossFacts | None
    chain: tuple[str, ...]
    loss_value: float | None = None
    norm_values: dict[str, int] = field(default_factory=dict)
    in_eval: tuple[str, ...] = ()
    evaluated_in_train: int = 0
    stale: float = 0.0
    unseen: tuple[str, ...] = ()

    def chained(self) -> list[LayerFacts]:
        """Layers of the chain, from front to back."""
        by_name = {layer.name: layer for layer in self.layers}
        return [by_name[name] for name in self.chain]
