"""The published numbers, measured again and compared digit by digit."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import groupby, takewhile

import torch
import torch.nn.functional as F
from torch import Tensor

from makemore3.data import Dataset, minibatch
from makemore3.diagnostics import (
    parameter_stats,
    record_activations,
    record_gradients,
    saturation,
)
from makemore3.fast import train_many
from makemore3.lab.published import PUBLISHED, Published
from makemore3.lab.scoring import calibrated
from makemore3.layers import Sequential, Tanh
from makemore3.models import AS_WRITTEN, LECTURE_SEED, STAGES, Stage, deep_mlp, mlp, parameter_count
from makemore3.sampling import SAMPLING_SEED, sample_names
from makemore3.training import TrainConfig, evaluate, split_loss, train

W2_TENTH = Stage(title="W2 x 0.1", w1_std=1.0, b1_std=1.0, w2_std=0.1, b2_std=0.0)
"""The lecture's try on the way to `SOFTMAX_FIXED`."""

Measured = dict[str, float | str]
"""What a run measures: numbers, or sampled names, by quantity."""

Measure = Callable[[Dataset], Measured]
"""Computes some of the published numbers, by their names."""


def _sizes(dataset: Dataset) -> Measured:
    return {
        "names": len(dataset.names),
        "vocabulary size": dataset.vocabulary.size,
        "train examples": len(dataset.train),
        "dev examples": len(dataset.dev),
        "test examples": len(dataset.test),
        "context characters": dataset.train.x.shape[1],
    }


def _first_step(dataset: Dataset, *, net: Callable[..., Sequential]) -> Measured:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = net(generator=generator)
    x, y = minibatch(dataset.train, 32, generator=generator)
    return {"parameters": parameter_count(model), "loss": F.cross_entropy(model(x), y).item()}


def _whole_run(dataset: Dataset, *, stage: Stage) -> Measured:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(stage, generator=generator)
    if stage is AS_WRITTEN:  # it magnifies rounding: in the notebook's own order of operations
        history = train(model, dataset.train, generator=generator)
    else:  # the same steps, compiled
        (history,) = train_many([model], dataset.train, generators=[generator])
    losses = history.losses
    measured: Measured = {f"batch {step:,}": losses[step] for step in range(0, 200_000, 10_000)}
    measured |= {f"{name} loss": loss for name, loss in evaluate(model, dataset).items()}
    if stage.batch_norm:
        from_train = calibrated(model, dataset.train)
        for name, split in (("train", dataset.train), ("dev", dataset.dev)):
            measured[f"own {name} loss"] = split_loss(calibrated(model, split), split)
            measured[f"calibrated {name}"] = split_loss(from_train, split)
    return measured


def _six_layers(dataset: Dataset) -> Measured:
    """Train as the notebook does; the statistics are those of the last step, before its update."""
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = deep_mlp(gain=1.0, batch_norm="before", generator=generator)
    config = TrainConfig(max_steps=1001)
    with record_activations(model, Tanh) as activations, record_gradients(model, Tanh) as gradients:
        history = train(model, dataset.train, config, generator=generator)
    measured: Measured = {"parameters": parameter_count(model), "first loss": history.losses[0]}
    measured |= {f"{name} loss": loss for name, loss in evaluate(model, dataset).items()}
    for name, h in activations.items():
        measured[f"{name} mean"], measured[f"{name} std"] = h.mean().item(), h.std().item()
        measured[f"{name} saturated %"] = 100 * saturation(h, threshold=0.97).share
    for name, gradient in gradients.items():
        measured[f"{name} grad mean"] = gradient.mean().item()
        measured[f"{name} grad std"] = gradient.std().item()
    for weight in parameter_stats(model):  # their data after the last update
        name = weight.name.removesuffix(".weight")
        measured[f"{name} grad mean"] = weight.grad_mean
        measured[f"{name} grad std"] = weight.grad_std
        measured[f"{name} grad:data"] = weight.grad_to_data
    generator = torch.Generator().manual_seed(SAMPLING_SEED)
    names = sample_names(model, dataset.vocabulary, generator=generator)
    return measured | {f"name {place}": name for place, name in enumerate(names, start=1)}


def _linear_layer(_: Dataset, *, norm: bool) -> Measured:
    """Send random numbers through a linear layer without scaling, and random gradients back."""
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    tensors = {"input": torch.randn(1000, generator=generator, requires_grad=True)}
    tensors["weight"] = torch.randn((1000, 1000), generator=generator, requires_grad=True)
    x = tensors["weight"] @ tensors["input"]
    tensors["linear" if norm else "output"] = x
    if norm:
        tensors["norm"] = x = (x - x.mean()) / torch.sqrt(x.var() + 1e-5)
    for tensor in tensors.values():
        tensor.retain_grad()
    (x @ torch.randn(1000, generator=generator)).backward()
    return {
        **{f"{name} std": tensor.std().item() for name, tensor in tensors.items()},
        **{f"{name} grad std": _gradient(tensor).std().item() for name, tensor in tensors.items()},
    }


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


LONG_RUNS: dict[str, Measure] = {
    f"{name}, trained": partial(_whole_run, stage=stage) for name, stage in STAGES.items()
}
"""Runs of 200,000 steps: one of about two minutes, the others of seconds with a compiler."""

RUNS: dict[str, Measure] = {
    "data": _sizes,
    **{
        f"{name}, step 0": partial(_first_step, net=partial(mlp, stage))
        for name, stage in {"W2 x 0.1": W2_TENTH, **STAGES}.items()
    },
    "six layers, step 0": partial(_first_step, net=deep_mlp),
    **LONG_RUNS,
    "six layers, batch norm": _six_layers,
    "bonus, linear": partial(_linear_layer, norm=False),
    "bonus, linear and norm": partial(_linear_layer, norm=True),
}
"""What each run of `makemore3.lab.published` does."""


@dataclass(frozen=True)
class Comparison:
    """A published number or name beside ours."""

    published: Published
    measured: float | str

    @property
    def ours(self) -> str:
        """Our number, written with as many digits as the published one; a name as it is."""
        return self._written(chaotic=self.published.chaotic)

    @property
    def difference(self) -> Decimal:
        """How far our number, with all the published digits, is from the published one.

        For a name: its letters from the first one that differs.
        """
        ours, published = self._written(), self.published.value
        if self.published.kind == "text":
            return Decimal(max(len(ours), len(published)) - self._same_letters())
        return abs(_decimal(ours) - _decimal(published))

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= Decimal(self.published.tolerance)

    @property
    def digits(self) -> tuple[int, int]:
        """Leading digits, or letters, that agree, and how many are published.

        Digits agree down to the last place of which the difference is at most half a unit.
        """
        if self.published.kind == "text":
            return self._same_letters(), len(self.published.value)
        number, place = _decimal(self.published.value), self.published.exponent
        published = len(number.as_tuple().digits) if number else -place
        agreed = published
        while self.difference > Decimal(5).scaleb(place - 1):
            place, agreed = place + 1, agreed - 1
        return max(0, agreed), published

    @property
    def verdict(self) -> str:
        """How many digits agree, in words: a zero has none, those of a chaotic run say nothing."""
        if self.published.chaotic:
            return "chaotic"
        if self.published.kind != "text" and not _decimal(self.published.value) and self.agrees:
            return "zero"
        return "{} of {}".format(*self.digits)

    def _written(self, *, chaotic: bool = False) -> str:
        if isinstance(self.measured, str):
            return self.measured
        if "e" in self.published.value:
            places = len(self.published.value.partition("e")[0].partition(".")[2])
            return f"{self.measured:.{places}e}"
        exponent = self.published.exponent
        if chaotic:  # what follows is chance
            exponent = max(exponent, _decimal(self.published.tolerance).adjusted())
        return f"{self.measured:z,.{-exponent}f}"

    def _same_letters(self) -> int:
        pairs = zip(self._written(), self.published.value, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _decimal(number: str) -> Decimal:
    return Decimal(number.replace(",", ""))


def compare(
    dataset: Dataset, published: Sequence[Published] = PUBLISHED, *, quick: bool = False
) -> Iterator[Comparison]:
    """Measure the published numbers; each run happens once, when its first number is due.

    Args:
        dataset: The lecture's names with the lecture's shuffle and context; with other names the
            runs are the same, and the numbers others than the published ones.
        published: The numbers.
        quick: Leave out the numbers of `LONG_RUNS`.
    """
    results: dict[str, Measured] = {}
    for number in published:
        if quick and number.run in LONG_RUNS:
            continue
        if number.run not in results:
            results[number.run] = RUNS[number.run](dataset)
        yield Comparison(number, results[number.run][number.quantity])


_WIDTH = 63


def table(comparisons: Iterable[Comparison]) -> Iterator[str]:
    """Write comparisons as lines of text, each as soon as its number has been measured.

    A line is published, ours, digits that agree, tolerance. What neighbouring lines share stands
    above them: run, source, moment of the lecture, note. Of a chaotic number ours is written only
    as far as the tolerance goes, and its digits are not counted.

    Args:
        comparisons: From `compare`.
    """
    yield _line("", "published", "ours", "digits", "tolerance")
    for heading, group in groupby(comparisons, key=lambda c: _heading(c.published)):
        yield from textwrap.wrap(heading, _WIDTH, subsequent_indent="  ")
        yield from map(_row, group)


def _heading(published: Published) -> str:
    minutes, seconds = divmod(published.moment, 60)
    hours, minutes = divmod(minutes, 60)
    moment = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    note = published.note and f"; {published.note}"
    return f"{published.run} ({published.source}, lecture {moment}{note})"


def _row(comparison: Comparison) -> str:
    published = comparison.published
    line = _line(
        f"  {published.quantity}",
        published.value,
        comparison.ours,
        comparison.verdict,
        published.tolerance,
    )
    return line if comparison.agrees else f"{line}  NOT MET: {comparison.difference} off"


def _line(quantity: str, published: str, ours: str, digits: str, tolerance: str) -> str:
    """Fill columns that fit on a phone; a long quantity moves those after it to the right."""
    line = f"{quantity}{published:>{32 - len(quantity)}} {ours:>11}{digits:>9}"
    return f"{line}{tolerance:>{_WIDTH - len(line)}}"
