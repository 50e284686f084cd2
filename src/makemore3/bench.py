"""How much faster than the lecture notebook's loop: every way to train, timed in turn."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from makemore3.data import Dataset, minibatch
from makemore3.fast import Method, best_method, train_many
from makemore3.models import BATCH_NORM_NO_BIAS, LECTURE_SEED, mlp
from makemore3.training import TrainConfig, train

STAGE = BATCH_NORM_NO_BIAS
COMPARED = 1000
"""Steps whose losses are compared."""
STACK = 16
"""Nets that are trained at once by the methods that train many."""


@dataclass(frozen=True)
class Timing:
    """One line of the table.

    Args:
        method: What was timed.
        rate: Median of the steps per second, counted over all nets.
        ratio: Median of the ratio to the notebook's loop in the same round.
        difference: Largest difference of a loss from `training.train`.
    """

    method: str
    rate: float
    ratio: float
    difference: float


def notebook_loop(dataset: Dataset, steps: int) -> list[float]:
    """Train the batch-norm net as the lecture's notebook does: plain tensors, no layers.

    Its normalisation has no epsilon, so its losses differ from ours in the sixth digit.

    Source:
        Lecture [58:06](https://youtu.be/P6sfmUTpUmc?t=3486) and its notebook.
    """
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(STAGE, generator=generator)
    table, w1, w2, b2 = (
        model.get_parameter(name).detach().clone()
        for name in ("embedding.weight", "hidden.weight", "output.weight", "output.bias")
    )
    gain, shift = torch.ones((1, w1.shape[1])), torch.zeros((1, w1.shape[1]))
    running_mean, running_std = torch.zeros_like(shift), torch.ones_like(gain)
    parameters = [table, w1, w2, b2, gain, shift]
    for p in parameters:
        p.requires_grad = True
    losses: list[float] = []
    for _ in range(steps):
        x, y = minibatch(dataset.train, 32, generator=generator)
        embedded = table[x]
        pre_activation = embedded.view(embedded.shape[0], -1) @ w1
        mean = pre_activation.mean(0, keepdim=True)
        std = pre_activation.std(0, keepdim=True)
        normalised = gain * (pre_activation - mean) / std + shift
        with torch.no_grad():
            running_mean = 0.999 * running_mean + 0.001 * mean
            running_std = 0.999 * running_std + 0.001 * std
        loss = F.cross_entropy(torch.tanh(normalised) @ w2 + b2, y)
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            assert p.grad is not None
            p.data += -0.1 * p.grad
        losses.append(loss.log10().item())
    return [10**loss for loss in losses]


def _layers(dataset: Dataset, steps: int) -> list[float]:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(STAGE, generator=generator)
    config = TrainConfig(max_steps=steps)
    return train(model, dataset.train, config, generator=generator, progress=False).losses


def _many(method: Method, count: int) -> Callable[[Dataset, int], list[float]]:
    def run(dataset: Dataset, steps: int) -> list[float]:
        generators = [torch.Generator().manual_seed(LECTURE_SEED) for _ in range(count)]
        models = [mlp(STAGE, generator=generator) for generator in generators]
        config = TrainConfig(max_steps=steps)
        options = {"generators": generators, "method": method, "progress": False}
        return train_many(models, dataset.train, config, **options)[0].losses

    return run


def bench(dataset: Dataset, *, rounds: int = 5, seconds: float = 0.5) -> list[Timing]:
    """Time every method in turn, round after round, and compare the losses of their first steps.

    Load on the machine hits all methods of a round alike, so that the ratios stand.

    Args:
        dataset: The names to train on.
        rounds: How often each method has its turn.
        seconds: About how long a turn takes.

    Raises:
        ValueError: If there is less than one round.
    """
    if rounds < 1:
        raise ValueError(f"bench needs at least 1 round, got {rounds}")
    cores = os.cpu_count() or 1
    methods: dict[str, tuple[int, Callable[[Dataset, int], list[float]]]] = {
        "the notebook's loop": (1, notebook_loop),
        "makemore3.training": (1, _layers),
        f"stacked, {STACK} nets": (STACK, _many("stacked", STACK)),
    }
    if best_method() == "compiled":
        methods["compiled, 1 net"] = (1, _many("compiled", 1))
        methods[f"compiled, {cores} nets on {cores} cores"] = (cores, _many("compiled", cores))

    reference = torch.tensor(_layers(dataset, COMPARED))
    differences: dict[str, float] = {}
    steps: dict[str, int] = {}
    for name, (_, run) in methods.items():
        losses, duration = _timed(run, dataset, COMPARED)
        differences[name] = float((torch.tensor(losses) - reference).abs().max())
        steps[name] = max(100, round(COMPARED * seconds / duration))
    rates: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, (nets, run) in methods.items():
            _, duration = _timed(run, dataset, steps[name])
            rates[name].append(nets * steps[name] / duration)
    base = rates["the notebook's loop"]
    return [
        Timing(
            name,
            rate=statistics.median(measured),
            ratio=statistics.median(a / b for a, b in zip(measured, base, strict=True)),
            difference=differences[name],
        )
        for name, measured in rates.items()
    ]


def _timed(
    run: Callable[[Dataset, int], list[float]], dataset: Dataset, steps: int
) -> tuple[list[float], float]:
    start = time.perf_counter()
    losses = run(dataset, steps)
    return losses, time.perf_counter() - start
