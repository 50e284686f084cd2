"""What the rules look at: from facts to one number, or one for each layer it speaks of."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence

from makemore3.diagnostics.facts import Facts

Measured = tuple[str, float]
"""A layer or weight, empty for the whole network, and a number."""

CONSTANT = 1e-6
"""Standard deviation below which entries are the same, up to rounding."""


def first_loss(facts: Facts) -> Iterator[Measured]:
    """First loss, as a multiple of the loss of a uniform guess."""
    if facts.loss and facts.from_start:
        yield "", facts.loss.values[0] / math.log(facts.loss.classes)


def saturation(facts: Facts) -> Iterator[Measured]:
    """Median over the tanh and sigmoid layers of their flat share."""
    shares = [layer.flat[-1] for layer in facts.layers if layer.kind in ("tanh", "sigmoid")]
    if shares := _finite(shares):
        yield "", statistics.median(shares)


def dead_units(facts: Facts) -> Iterator[Measured]:
    """Share of dead units of each layer that has a flat part."""
    for layer in facts.layers:
        if layer.dead is not None:
            yield layer.name, layer.dead / layer.units


def activation_factor(facts: Facts, total: float) -> Iterator[Measured]:
    """Factor per layer by which the signal grows at the start, if in all it is beyond `total`."""
    if facts.from_start:
        yield from _factor([layer.rms[0] for layer in facts.chained()], total)


def gradient_factor(facts: Facts, total: float) -> Iterator[Measured]:
    """Factor per layer by which the gradient grows going back, if in all it is beyond `total`."""
    yield from _factor([_latest(layer.grad_norm) for layer in reversed(facts.chained())], total)


def gradient_total(facts: Facts) -> Iterator[Measured]:
    """Size of the gradient at the first layer as against the last, as a power of ten."""
    norms = [_latest(layer.grad_norm) for layer in facts.chained()]
    if len(norms) > 1 and all(0 < norm < math.inf for norm in norms):
        yield "", abs(math.log10(norms[0] / norms[-1]))


def update_size(facts: Facts) -> Iterator[Measured]:
    """Median over the weights of log10 of update to data."""
    if updates := [update for _, update in _updates(facts)]:
        yield "", statistics.median(updates)


def largest_update(facts: Facts) -> Iterator[Measured]:
    """Largest sample of the median over the weights of log10 of update to data."""
    samples = zip(*(weight.update for weight in facts.weights), strict=True)
    known = [[update for update in sample if not math.isnan(update)] for sample in samples]
    if medians := [statistics.median(sample) for sample in known if sample]:
        yield "", max(medians)


def uneven_updates(facts: Facts) -> Iterator[Measured]:
    """How many weights are a decade or more off the median in their updates."""
    updates = [update for _, update in _updates(facts)]
    if updates and math.isfinite(middle := statistics.median(updates)):
        yield "", sum(abs(update - middle) >= 1 for update in updates)


def not_finite(facts: Facts) -> Iterator[Measured]:
    """Loss, layers and weights with numbers that are infinite or none."""
    if facts.loss_value is not None and not math.isfinite(facts.loss_value):
        yield "The loss", 1
    for layer in facts.layers:
        if not all(map(math.isfinite, layer.std)):
            yield layer.name, 1
    for weight in facts.weights:
        if not all(map(math.isfinite, weight.std)) or math.inf in weight.grad_std:
            yield weight.name, 1


def no_gradient(facts: Facts) -> Iterator[Measured]:
    """Share of the trained weights whose gradient is missing or zero in every sample."""
    trained = [weight for weight in facts.weights if weight.trained]
    without = [weight.name for weight in trained if not any(_positive(weight.grad_std))]
    if without:
        yield ", ".join(without), len(without) / len(trained)


def never_changed(facts: Facts) -> Iterator[Measured]:
    """Weights that get a gradient and that nothing changes."""
    for weight in facts.weights:
        if weight.trained and weight.changed is False and any(_positive(weight.grad_std)):
            yield weight.name, 1


def frozen(facts: Facts) -> Iterator[Measured]:
    """Share of the weights that require no gradient."""
    without = [weight.name for weight in facts.weights if not weight.trained]
    if without:
        yield ", ".join(without), len(without) / len(facts.weights)


def constant_weights(facts: Facts) -> Iterator[Measured]:
    """Share of the weights whose entries are all the same."""
    if facts.from_start and (trained := [weight for weight in facts.weights if weight.trained]):
        same = [weight.name for weight in trained if weight.std[0] < CONSTANT]
        if same:
            yield ", ".join(same), len(same) / len(trained)


def old_gradients(facts: Facts) -> Iterator[Measured]:
    """Share of the steps whose first backward pass found the last step's gradients."""
    yield "", facts.stale


def in_eval(facts: Facts) -> Iterator[Measured]:
    """Layers that were in `eval` mode in steps of training."""
    for name in facts.in_eval:
        yield name, 1


def evaluated_in_train(facts: Facts) -> Iterator[Measured]:
    """Passes without gradient in training mode, where dropout or batch norm care."""
    if facts.norm_values:
        yield "", facts.evaluated_in_train


def norm_values(facts: Facts) -> Iterator[Measured]:
    """Values that each batch norm averages over."""
    yield from facts.norm_values.items()


def softmax_twice(facts: Facts) -> Iterator[Measured]:
    """Whether a cross-entropy on logits was given probabilities."""
    if facts.loss and facts.loss.probabilities:
        yield "", 1


def against_guess(facts: Facts, after: int) -> Iterator[Measured]:
    """Latest loss after so many steps, as a share of what the classes' frequencies alone give."""
    if facts.loss and facts.taken >= after and facts.from_start and facts.loss.guess > 0:
        yield "", statistics.mean(_late(facts.loss.values)) / facts.loss.guess


def loss_growth(facts: Facts) -> Iterator[Measured]:
    """Latest loss as a multiple of the first."""
    if facts.loss and len(facts.loss.values) > 3 and facts.loss.values[0] > 0:
        yield "", statistics.mean(_late(facts.loss.values)) / facts.loss.values[0]


def _updates(facts: Facts) -> Iterator[Measured]:
    """The median of each weight's later samples; new embeddings and the like settle by then."""
    for weight in facts.weights:
        known = [update for update in weight.update if not math.isnan(update)]
        if known:
            yield weight.name, statistics.median(_late(known))


def _factor(sizes: Sequence[float], least: float) -> Iterator[Measured]:
    """Geometric mean of the factors; a short chain that changes little has nothing to say."""
    if len(sizes) < 2 or not all(math.isfinite(size) for size in sizes) or not sizes[0]:
        return
    total = sizes[-1] / sizes[0]
    if total == 0 or abs(math.log(total)) > math.log(least):
        yield "", total ** (1 / (len(sizes) - 1))


def _latest(series: Sequence[float]) -> float:
    known = _finite(series)
    return known[-1] if known else math.nan


def _late(series: Sequence[float]) -> Sequence[float]:
    return series[len(series) // 2 :]


def _finite(numbers: Iterable[float]) -> list[float]:
    return [number for number in numbers if math.isfinite(number)]


def _positive(numbers: Iterable[float]) -> Iterator[bool]:
    return (number > 0 for number in numbers)
