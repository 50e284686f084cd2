"""How fast: every way to train, timed in turn, beside what the machine can do at the most."""

import json
import os
import platform
import statistics
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from makemore3.data import Dataset, minibatch
from makemore3.fast import Method, best_method, train_many
from makemore3.files import written_whole
from makemore3.lab.limits import (
    SIZES,
    SMALL_THINGS,
    limits,
    processor_name,
    timed,
    torch_threads,
)
from makemore3.models import BATCH_NORM_NO_BIAS, LECTURE_SEED, mlp
from makemore3.training import TrainConfig, train

_PATIENCE = 600
"""Seconds after which a process no longer waits for the others."""


class _Way(NamedTuple):
    """A way to train: how many nets a call of `run` trains, and the losses of one of them."""

    nets: int
    run: Callable[[Dataset, int], list[float]]


STAGE = BATCH_NORM_NO_BIAS
"""The net that every method trains."""
NOTEBOOK = "the notebook's loop"
"""The method that the others are compared with."""
COMPARED = 1000
"""Steps whose losses are compared."""
CALIBRATION = 50
"""Steps of a trial run, which tells how many steps a turn has time for."""
STACKS = (1, 4, 16, 64)
"""Nets that are trained at once by the method that stacks them."""
AT_ONCE = 4
"""Runs of the notebook's loop that are started together, where there are as many cores."""


@dataclass(frozen=True)
class Timing:
    """One line of the table.

    Args:
        method: What was timed.
        rate: Median of the steps per second, counted over all nets.
        ratio: Median of the ratio to the notebook's loop in the same round.
        difference: Largest difference of a loss from `training.train` in the first `COMPARED`
            steps of one net, in nats.
    """

    method: str
    rate: float
    ratio: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What `bench` measured, on one machine.

    Args:
        machine: Processor, cores and versions.
        timings: A line for each way to train.
        products: Rates of a product of square matrices in GFLOP/s, by the number of threads and
            then by the number of rows.
        bandwidth: Bytes per second in units of 1e9 that one thread reads and writes, copying
            tensors that no cache can hold.
        microseconds: What small things take: a torch call that adds one number to another, the
            same with its backward pass, and the draw of a minibatch.
    """

    machine: dict[str, str]
    timings: list[Timing]
    products: dict[str, dict[int, float]]
    bandwidth: float
    microseconds: dict[str, float]

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all.

        Raises:
            ValueError: If a number is not finite.
            OSError: If the file cannot be written.
        """
        with written_whole(path) as file:
            file.write(json.dumps(asdict(self), indent=1, allow_nan=False).encode() + b"\n")


def read_speed(path: Path) -> Speed:
    """Read what `Speed.write` wrote.

    Raises:
        ValueError: If the file is damaged or something else.
        OSError: If it cannot be read.
    """
    try:
        found = json.loads(path.read_bytes())
        products = {
            threads: {int(size): rate for size, rate in rates.items()}
            for threads, rates in found["products"].items()
        }
        timings = [Timing(**timing) for timing in found["timings"]]
        return Speed(**{**found, "products": products, "timings": timings})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is no record of speed ({error}): write one with "
            "`python -m makemore3 bench --record FILE`"
        ) from error


def notebook_loop(dataset: Dataset, steps: int) -> list[float]:
    """Train the batch-norm net as the lecture's notebook does: plain tensors, no layers.

    Its normalisation has no epsilon, and its layers no names.

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


def bench(dataset: Dataset, *, rounds: int = 5, seconds: float = 0.5) -> Speed:
    """Measure everything in turn, round after round, and take medians.

    Load on the machine hits all methods of a round, so that the ratios suffer less than the rates.
    Some runs have a process of their own, which imports the caller's main module: a script calls
    this below `if __name__ == "__main__"`.

    Args:
        dataset: The names to train on.
        rounds: How often each measurement has its turn.
        seconds: About how long a turn takes.

    Raises:
        ValueError: If there is less than one round.
    """
    if rounds < 1:
        raise ValueError(f"bench needs at least 1 round, got {rounds}")
    cores = os.cpu_count() or 1
    together = min(cores, AT_ONCE)
    context = get_context("spawn")
    start = context.Barrier(together)
    with (
        torch_threads(1),
        ProcessPoolExecutor(together, context, _join, (dataset, start)) as processes,
    ):
        return _measure(dataset, cores, _ways(cores, together, processes), rounds, seconds)


def _measure(
    dataset: Dataset, cores: int, ways: dict[str, _Way], rounds: int, seconds: float
) -> Speed:
    reference = torch.tensor(_layers(dataset, COMPARED))
    differences: dict[str, float] = {}
    steps: dict[str, int] = {}
    for name, (_, run) in ways.items():
        run(dataset, 1)  # what is slow only once is done: processes start, C++ is compiled
        _, duration = timed(lambda run=run: run(dataset, CALIBRATION))
        steps[name] = max(CALIBRATION, round(CALIBRATION * seconds / duration))
        losses = torch.tensor(run(dataset, COMPARED))
        differences[name] = float((losses - reference).abs().max())

    rates: dict[str, list[float]] = {name: [] for name in ways}
    machine: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (nets, run) in ways.items():
            _, duration = timed(lambda run=run, name=name: run(dataset, steps[name]))
            rates[name].append(nets * steps[name] / duration)
        for name, measured in limits(dataset, cores, seconds / 50):
            machine.setdefault(name, []).append(measured)
    middle = {name: statistics.median(measured) for name, measured in machine.items()}
    return Speed(
        machine={
            "processor": processor_name(),
            "cores": str(cores),
            "python": platform.python_version(),
            "torch": version("torch"),
        },
        timings=[
            Timing(
                name,
                rate=statistics.median(measured),
                ratio=statistics.median(
                    a / b for a, b in zip(measured, rates[NOTEBOOK], strict=True)
                ),
                difference=differences[name],
            )
            for name, measured in rates.items()
        ],
        products={
            _counted(n, "thread"): {size: middle[f"{n} {size}"] for size in SIZES}
            for n in sorted({1, cores})
        },
        bandwidth=middle["bandwidth"],
        microseconds={name: middle[name] for name in SMALL_THINGS},
    )


def _ways(cores: int, together: int, processes: Executor) -> dict[str, _Way]:
    """Return the ways to train that this machine offers, by their names in the table.

    Args:
        cores: The machine's cores; with one there is nothing to compare it with.
        together: How many processes train the notebook's loop at once.
        processes: Those processes.
    """

    def at_once(threads: int) -> _Way:
        def run(dataset: Dataset, steps: int) -> list[float]:
            runs = [processes.submit(_loop_with_others, threads, steps) for _ in range(together)]
            losses, *_ = [run.result() for run in runs]
            return losses

        return _Way(together, run)

    ways = {NOTEBOOK: _Way(1, partial(_loop, 1))}
    if cores > 1:
        ways[f"the same, {_counted(cores, 'thread')}"] = _Way(1, partial(_loop, cores))
        for threads in (1, cores):
            ways[f"{together} at once, {_counted(threads, 'thread')} each"] = at_once(threads)
    ways["makemore3.training"] = _Way(1, _layers)
    for count in STACKS:
        ways[stack_name(count)] = _Way(count, _many("stacked", count))
    if best_method() == "compiled":
        ways["compiled, 1 net"] = _Way(1, _many("compiled", 1))
        if cores > 1:
            ways[f"compiled, {cores} nets on {cores} cores"] = _Way(cores, _many("compiled", cores))
    return ways


def stack_name(count: int) -> str:
    """Return the name of the method that trains so many nets as one stack."""
    return f"stacked, {_counted(count, 'net')}"


def _loop(threads: int, dataset: Dataset, steps: int) -> list[float]:
    with torch_threads(threads):
        return notebook_loop(dataset, steps)


_joined: tuple[Dataset, Barrier]
"""In a process of the pool: what it trains on, and what lets all start together."""


def _join(dataset: Dataset, start: Barrier) -> None:
    global _joined
    _joined = dataset, start


def _loop_with_others(threads: int, steps: int) -> list[float]:
    dataset, start = _joined
    start.wait(timeout=_PATIENCE)
    return _loop(threads, dataset, steps)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"
