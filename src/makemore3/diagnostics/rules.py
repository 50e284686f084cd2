"""The rules: what is measured, where the limits lie, what to say, where it is explained."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from makemore3.diagnostics import measures
from makemore3.diagnostics.facts import Facts, Source

When = Literal["start", "training", "both"]
"""When a rule can judge: before training, while training, or both."""
Limits = tuple[float, float]
"""Lowest and highest value that are in order."""

Measure = Callable[[Facts], Iterable[measures.Measured]]

NEVER: Limits = (-math.inf, math.inf)
"""Limits that every value keeps."""


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Args:
        name: What a finding calls it.
        when: Whether it needs the network as it starts, or steps of training.
        measure: From facts to numbers.
        watch: Limits beyond which a value is worth a look.
        problem: Limits beyond which it will most likely hurt.
        words: What a finding says, with `value`, `limit`, `share` (the value in percent),
            `layer` and `count` to fill in.
        advice: What to try.
        source: Where it is explained.
    """

    name: str
    when: When
    measure: Measure
    watch: Limits
    problem: Limits
    words: str
    advice: str
    source: Source


def _above(limit: float) -> Limits:
    return -math.inf, limit


def _below(limit: float) -> Limits:
    return limit, math.inf


def _surely(rule: Rule, measure: Measure, problem: Limits) -> Rule:
    """The rule once more, for what another measure is sure of."""
    return replace(rule, measure=measure, watch=NEVER, problem=problem)


_SIGNAL = Rule(
    "signal per layer",
    "start",
    partial(measures.activation_factor, total=10),
    watch=(0.8, 1.25),
    problem=NEVER,
    words="From layer to layer the outputs grow by a factor of {value:.2f}.",
    advice="Scale each weight by gain over root fan-in, or normalise between the layers.",
    source=Source("30:51", "lecture/kaiming-init.md#why-and-by-how-much"),
)
_GRADIENT = Rule(
    "gradient per layer",
    "both",
    partial(measures.gradient_factor, total=10),
    watch=(0.75, 1.33),
    problem=NEVER,
    words="From layer to layer, going back, the gradient is multiplied by {value:.2f}.",
    advice="Scale each weight by gain over root fan-in, normalise between the layers, or add "
    "residual connections.",
    source=Source("1:30:55", "lecture/gradients.md#the-factor-per-layer"),
)

_GUESS = Rule(
    "no better than a guess",
    "training",
    partial(measures.against_guess, after=100),
    watch=_above(0.97),
    problem=NEVER,
    words="The loss is {value:.3f} times that of a guess which knows only how frequent the "
    "classes are.",
    advice="Look at a batch by hand: do inputs and targets belong together? Then at the rate.",
    source=Source("", "lecture/initial-loss.md#the-loss-to-expect"),
)

RULES = (
    Rule(
        "not a number",
        "both",
        measures.not_finite,
        watch=NEVER,
        problem=_above(0),
        words="{layer}: infinite, or not a number.",
        advice="Lower the learning rate, clip gradients, and look for a division by 0 or a log "
        "of 0.",
        source=Source("", "lecture/initial-loss.md#the-loss-we-get"),
    ),
    Rule(
        "no gradient",
        "both",
        measures.no_gradient,
        watch=_above(0),
        problem=_above(0.5),
        words="{share} of the weights get no gradient: {layer}.",
        advice="Look for detach, no_grad or .data on the way to the loss, for a layer that is "
        "never called, and for weights that are all zero further on.",
        source=Source("20:36", "exercises/all-zero-init.md#which-part-learns"),
    ),
    Rule(
        "constant weights",
        "both",
        measures.constant_weights,
        watch=_above(0),
        problem=_above(0.5),
        words="{share} of the weights have one value in all entries: {layer}.",
        advice="Draw weights at random; units that start alike stay alike. At zero on purpose, "
        "as the last layer of a residual branch may be, is fine.",
        source=Source("12:17", "exercises/all-zero-init.md#which-part-learns"),
    ),
    Rule(
        "never changes",
        "training",
        measures.never_changed,
        watch=NEVER,
        problem=_above(0),
        words="{layer} gets a gradient, but nothing ever changes it.",
        advice="Give the optimizer all parameters, and make it after layers are replaced; or say "
        "requires_grad_(False) if it is meant.",
        source=Source("", "lecture/updates.md#the-ratio"),
    ),
    Rule(
        "frozen",
        "training",
        measures.frozen,
        watch=_above(0),
        problem=NEVER,
        words="{share} of the weights require no gradient: {layer}.",
        advice="Fine if it is meant; otherwise requires_grad_(True) before the optimizer is made.",
        source=Source("", "lecture/updates.md#the-ratio"),
    ),
    Rule(
        "old gradients",
        "training",
        measures.old_gradients,
        watch=NEVER,
        problem=_above(0.5),
        words="In {share} of the sampled steps backward began on top of the gradients of the "
        "step before.",
        advice="Call optimizer.zero_grad() once a step, before backward.",
        source=Source("", "lecture/starter-code.md#one-step-of-training"),
    ),
    Rule(
        "softmax twice",
        "both",
        measures.softmax_twice,
        watch=NEVER,
        problem=_above(0),
        words="The network puts out probabilities, and the loss takes the softmax of them again.",
        advice="Remove the softmax at the end: cross_entropy expects logits.",
        source=Source("", "lecture/initial-loss.md#four-logits"),
    ),
    Rule(
        "first loss",
        "start",
        measures.first_loss,
        watch=_above(1.5),
        problem=_above(3),
        words="The first loss is {value:.1f} times that of a uniform guess.",
        advice="Scale the last layer's weights down; start its bias at zero.",
        source=Source("4:19", "lecture/initial-loss.md#the-loss-to-expect"),
    ),
    Rule(
        "saturated",
        "both",
        measures.saturation,
        watch=_above(0.2),
        problem=_above(0.4),
        words="The median tanh or sigmoid layer has {share} of its outputs at the flat ends.",
        advice="Make the weights before them smaller: gain over root fan-in; or normalise first.",
        source=Source("14:24", "lecture/saturated-tanh.md#the-saturation-map"),
    ),
    Rule(
        "dead units",
        "both",
        measures.dead_units,
        watch=_above(0.05),
        problem=_above(0.4),
        words="{share} of the units of {layer} were flat for every example.",
        advice="Lower the learning rate, scale the weights before them, start biases at zero; or "
        "use a nonlinearity that has no flat part.",
        source=Source("19:16", "lecture/saturated-tanh.md#dead-neurons"),
    ),
    _SIGNAL,
    _surely(_SIGNAL, partial(measures.activation_factor, total=100), (0.6, 1.5)),
    _GRADIENT,
    _surely(_GRADIENT, partial(measures.gradient_factor, total=100), (0.6, 1.7)),
    Rule(
        "gradient in total",
        "both",
        measures.gradient_total,
        watch=_above(3),
        problem=NEVER,
        words="Between the first and the last layer the gradient changes by {value:.1f} powers of "
        "ten.",
        advice="Add residual connections. Batch norm alone multiplies the gradient by 1.15 to 1.2 "
        "a layer at the start: harmless in ten layers, not in fifty.",
        source=Source("1:30:55", "lecture/gradients.md#fifty-layers"),
    ),
    Rule(
        "update size",
        "training",
        measures.update_size,
        watch=(-3.7, -1.5),
        problem=(-4, -1.2),
        words="The median weight changes by 10^{value:.1f} of its size a step; about -3 is usual.",
        advice="Change the learning rate: by ten for each 1.",
        source=Source("1:42:12", "lecture/updates.md#the-ratio"),
    ),
    Rule(
        "huge step",
        "training",
        measures.largest_update,
        watch=NEVER,
        problem=_above(-0.7),
        words="In one sampled step the median weight changed by 10^{value:.1f} of its size.",
        advice="Lower the learning rate, or let it rise over the first steps.",
        source=Source("1:42:12", "lecture/updates.md#the-ratio"),
    ),
    Rule(
        "uneven updates",
        "training",
        measures.uneven_updates,
        watch=_above(1),
        problem=NEVER,
        words="{value:.0f} weights change ten times more or less than the median one.",
        advice="Look at the table: scale the initialisation of what stands out, or give it a "
        "learning rate of its own.",
        source=Source("1:42:12", "lecture/updates.md#without-fan-in-scaling"),
    ),
    Rule(
        "eval mode",
        "training",
        measures.in_eval,
        watch=NEVER,
        problem=_above(0),
        words="{layer} is trained in eval mode.",
        advice="Call model.train() before training, and again after each evaluation.",
        source=Source("", "lecture/pytorch-modules.md#two-modes"),
    ),
    Rule(
        "training mode",
        "training",
        measures.evaluated_in_train,
        watch=_above(0),
        problem=NEVER,
        words="{value:.0f} passes without gradient ran in training mode: their batches went into "
        "the running statistics.",
        advice="Call model.eval() before evaluation and model.train() after it.",
        source=Source("", "lecture/pytorch-modules.md#two-modes"),
    ),
    Rule(
        "small batch",
        "both",
        measures.norm_values,
        watch=_below(8),
        problem=_below(4),
        words="{layer} averages over {value:.0f} values only.",
        advice="Use larger batches, or a norm that does not look at the batch.",
        source=Source("", "lecture/batch-norm.md#the-price"),
    ),
    Rule(
        "loss grows",
        "training",
        measures.loss_growth,
        watch=_above(1.0),
        problem=_above(1.1),
        words="The loss is now {value:.2f} times the first one.",
        advice="Lower the learning rate.",
        source=Source("1:42:12", "lecture/updates.md#the-learning-rate"),
    ),
    _GUESS,
    _surely(_GUESS, partial(measures.against_guess, after=1000), _above(0.985)),
)
"""The table by which `check` and `Monitor` judge."""
