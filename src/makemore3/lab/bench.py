"""How fast: every way to train, timed in turn, beside what the machine can do at the most."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F

from makemore3.data import Dataset, minibatch
from makemore3.fast import Method, best_method, train_many
from makemore3.keep import written_whole
from makemore3.models import BATCH_NORM_NO_BIAS, LECTURE_SEED, mlp
from makemore3.training import TrainConfig, train

_PATIENCE = 600
"""Seconds after which a process no longer waits for the others."""

_T = TypeVar("_T")
_Method = tuple[int, Callable[[Dataset, int], list[float]]]

STAGE = BATCH_NORM_NO_BIAS
NOTEBOOK = "the notebook's loop"
"""The method that the others are compared with."""
COMPARED = 1000
"""Steps whose losses are compared."""
CALIBRATION = 50
"""Steps that tell how many fill a turn."""
STACKS = (1, 4, 16, 64)
"""Nets that are trained at once by the method that stacks them."""
AT_ONCE = 4
"""Runs of the notebook's loop that are started together, where there are as many cores."""
SIZES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Rows and columns of the square matrices that are multiplied."""
STREAM_BYTES = 2**28
"""Bytes of the tensors that are copied, far more than a cache holds."""


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
            OSError: If the file cannot be written.
        """
        with written_whole(path) as file:
            file.write(json.dumps(asdict(self), indent=1).encode() + b"\n")


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
        _torch_threads(1),
        ProcessPoolExecutor(together, context, _join, (dataset, start)) as processes,
    ):
        return _measure(dataset, cores, _methods(cores, together, processes), rounds, seconds)


def _measure(
    dataset: Dataset, cores: int, methods: dict[str, _Method], rounds: int, seconds: float
) -> Speed:
    reference = torch.tensor(_layers(dataset, COMPARED))
    differences: dict[str, float] = {}
    steps: dict[str, int] = {}
    for name, (_, run) in methods.items():
        run(dataset, 1)  # what is slow only once is done: processes start, C++ is compiled
        _, duration = _timed(lambda run=run: run(dataset, CALIBRATION))
        steps[name] = max(CALIBRATION, round(CALIBRATION * seconds / duration))
        losses = torch.tensor(run(dataset, COMPARED))
        differences[name] = float((losses - reference).abs().max())

    rates: dict[str, list[float]] = {name: [] for name in methods}
    limits: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (nets, run) in methods.items():
            _, duration = _timed(lambda run=run, name=name: run(dataset, steps[name]))
            rates[name].append(nets * steps[name] / duration)
        for name, measured in _limits(dataset, cores, seconds / 50):
            limits.setdefault(name, []).append(measured)
    middle = {name: statistics.median(measured) for name, measured in limits.items()}
    return Speed(
        machine={
            "processor": _processor(),
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
        microseconds={name: middle[name] for name in _SMALL},
    )


def _methods(cores: int, together: int, processes: Executor) -> dict[str, _Method]:
    """By its name, how many nets a method trains, and how."""

    def at_once(threads: int) -> _Method:
        def run(dataset: Dataset, steps: int) -> list[float]:
            runs = [processes.submit(_loop_with_others, threads, steps) for _ in range(together)]
            losses, *_ = [run.result() for run in runs]
            return losses

        return together, run

    methods: dict[str, _Method] = {NOTEBOOK: (1, partial(_loop, 1))}
    if cores > 1:
        methods[f"the same, {_counted(cores, 'thread')}"] = (1, partial(_loop, cores))
        for threads in (1, cores):
            methods[f"{together} at once, {_counted(threads, 'thread')} each"] = at_once(threads)
    methods["makemore3.training"] = (1, _layers)
    for count in STACKS:
        methods[stack_name(count)] = (count, _many("stacked", count))
    if best_method() == "compiled":
        methods["compiled, 1 net"] = (1, _many("compiled", 1))
        if cores > 1:
            name = f"compiled, {cores} nets on {cores} cores"
            methods[name] = (cores, _many("compiled", cores))
    return methods


def stack_name(count: int) -> str:
    """Return the name of the method that trains so many nets as one stack."""
    return f"stacked, {_counted(count, 'net')}"


def _loop(threads: int, dataset: Dataset, steps: int) -> list[float]:
    with _torch_threads(threads):
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


_CHAIN = 100
"""Calls that one backward pass goes back through."""
_SMALL = ("a call", "a call and its backward", "a minibatch")


def _limits(dataset: Dataset, cores: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Yield what the machine can do: GFLOP/s by threads and size, GB/s, microseconds."""
    for threads in sorted({1, cores}):
        with _torch_threads(threads):
            for size in SIZES:
                a = torch.ones(size, size)
                out = torch.empty_like(a)
                duration = _each(lambda a=a, out=out: torch.mm(a, a, out=out), seconds)
                yield f"{threads} {size}", 2 * size**3 / duration / 1e9
    stream = torch.ones(STREAM_BYTES // 4)
    copy = torch.empty_like(stream)
    yield "bandwidth", 2 * STREAM_BYTES / _each(lambda: copy.copy_(stream), seconds) / 1e9

    number, leaf = torch.ones(1), torch.ones(1, requires_grad=True)
    generator = torch.Generator().manual_seed(LECTURE_SEED)

    def chain() -> None:
        total = leaf
        for _ in range(_CHAIN):
            total = total + number
        torch.autograd.grad(total, leaf)

    measured = (
        _each(lambda: torch.add(number, number), seconds),
        _each(chain, seconds) / _CHAIN,
        _each(lambda: minibatch(dataset.train, 32, generator=generator), seconds),
    )
    yield from zip(_SMALL, (1e6 * duration for duration in measured), strict=True)


def _each(run: Callable[[], object], seconds: float) -> float:
    """How long one call takes: the mean of as many as fill the time, once it is warm."""
    run()
    _, one = _timed(run)
    count = max(1, round(seconds / max(one, 1e-7)))
    _, duration = _timed(lambda: [run() for _ in range(count)])
    return duration / count


def _timed(run: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count > 1)}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
