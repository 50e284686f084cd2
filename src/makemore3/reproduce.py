"""Measure again what was published, and say how many digits agree."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import torch
import torch.nn.functional as F

from makemore3.data import Dataset, minibatch
from makemore3.models import LECTURE_SEED, STAGES, Stage, mlp, parameter_count
from makemore3.published import PUBLISHED, Published
from makemore3.training import evaluate, train

W2_TENTH = Stage(title="W2 x 0.1", w1_std=1.0, b1_std=1.0, w2_std=0.1, b2_std=0.0)
"""The lecture's try on the way to `SOFTMAX_FIXED`."""

Measure = Callable[[Dataset], dict[str, float]]


def _sizes(dataset: Dataset) -> dict[str, float]:
    return {
        "names": len(dataset.names),
        "vocabulary size": dataset.vocabulary.size,
        "train examples": len(dataset.train),
        "dev examples": len(dataset.dev),
        "test examples": len(dataset.test),
    }


def _first_step(dataset: Dataset, *, stage: Stage) -> dict[str, float]:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(stage, generator=generator)
    x, y = minibatch(dataset.train, 32, generator=generator)
    return {"parameters": parameter_count(model), "loss": F.cross_entropy(model(x), y).item()}


def _whole_run(dataset: Dataset, *, stage: Stage) -> dict[str, float]:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(stage, generator=generator)
    train(model, dataset.train, generator=generator)
    return {f"{name} loss": loss for name, loss in evaluate(model, dataset).items()}


LONG_RUNS: dict[str, Measure] = {
    f"{name}, trained": partial(_whole_run, stage=STAGES[name])
    for name in ("as-written", "softmax-fixed", "tanh-fixed", "kaiming", "batch-norm-no-bias")
}
"""Runs of 200,000 steps, one or two minutes each."""

RUNS: dict[str, Measure] = {
    "data": _sizes,
    "W2 x 0.1, step 0": partial(_first_step, stage=W2_TENTH),
    **{f"{name}, step 0": partial(_first_step, stage=stage) for name, stage in STAGES.items()},
    **LONG_RUNS,
}
"""What each run of `makemore3.published` does."""


@dataclass(frozen=True)
class Comparison:
    """A published number beside ours."""

    published: Published
    measured: float

    @property
    def ours(self) -> str:
        """Our number, written with as many decimals as the published one."""
        return f"{self.measured:,.{self.published.decimals}f}"

    @property
    def difference(self) -> Decimal:
        """How far our number, so written, is from the published one."""
        return abs(_decimal(self.ours) - _decimal(self.published.value))

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= Decimal(self.published.tolerance)

    @property
    def digits(self) -> tuple[int, int]:
        """Leading digits that agree, and how many are published.

        They agree down to the last place of which the difference is at most half a unit.
        """
        place = self.published.decimals
        published = sum(map(str.isdigit, self.published.value.lstrip("0.")))
        while self.difference > Decimal(5).scaleb(-place - 1):
            place -= 1
        return max(0, published - self.published.decimals + place), published


def _decimal(number: str) -> Decimal:
    return Decimal(number.replace(",", ""))


def compare(
    dataset: Dataset, published: Sequence[Published] = PUBLISHED, *, quick: bool = False
) -> Iterator[Comparison]:
    """Measure the published numbers; each run happens once, when its first number is due.

    Args:
        dataset: The lecture's names with the lecture's shuffle and context.
        published: The numbers.
        quick: Leave out the numbers of `LONG_RUNS`.

    Raises:
        ValueError: If the names are not the lecture's.
    """
    if not dataset.names.from_lecture:
        raise ValueError(
            "the published numbers belong to the lecture's names, but the corpus in use is "
            f"{dataset.names.source}: set MAKEMORE_NAMES to a copy of the lecture's names.txt"
        )
    results: dict[str, dict[str, float]] = {}
    for number in published:
        if quick and number.run in LONG_RUNS:
            continue
        if number.run not in results:
            results[number.run] = RUNS[number.run](dataset)
        yield Comparison(number, results[number.run][number.quantity])
