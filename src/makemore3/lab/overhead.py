"""What watching a net costs: `Monitor`, beside `wandb.watch` and histograms for TensorBoard.

`python -m makemore3.lab.overhead FILE` measures and writes a record; the other two are left out
where they are not installed.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from makemore3.diagnostics import Monitor
from makemore3.files import written_whole
from makemore3.lab.zoo import nets
from makemore3.models import BATCH_NORM_NO_BIAS, LECTURE_SEED, mlp

BLOCK = 100
"""Steps that are timed together; each method looks at the same share of them."""
NOTHING = "nothing"
"""The loop that nobody watches, which the others are compared with."""

_AfterStep = Callable[[int], object]
_Watching = Callable[[nn.Module, Optimizer], AbstractContextManager[_AfterStep | None]]


@dataclass(frozen=True)
class Cost:
    """One line of the table.

    Args:
        net: The net that was trained.
        method: What watched it.
        ratio: Median over the rounds of its time, as a multiple of that of `NOTHING`.
        low: The lower quartile of the ratios.
        high: The upper quartile.
    """

    net: str
    method: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Costs:
    """What `measure` found, on one machine.

    Args:
        machine: Cores and versions.
        milliseconds: Time of a step without watching, by net.
        costs: A line for each net and method.
    """

    machine: dict[str, str]
    milliseconds: dict[str, float]
    costs: list[Cost]

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all.

        Raises:
            OSError: If the file cannot be written.
        """
        with written_whole(path) as file:
            file.write(json.dumps(asdict(self), indent=1).encode() + b"\n")


def read_costs(path: Path) -> Costs:
    """Read what `Costs.write` wrote.

    Raises:
        ValueError: If the file is damaged or something else.
        OSError: If it cannot be read.
    """
    try:
        found = json.loads(path.read_bytes())
        return Costs(**{**found, "costs": [Cost(**cost) for cost in found["costs"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is no record of costs ({error}): write one with "
            "`python -m makemore3.lab.overhead FILE`"
        ) from error


def measure(rounds: Mapping[str, int]) -> Costs:
    """Time blocks of steps, each method in turn, in an order drawn anew for each round.

    The time is that of the processor, all threads of this process together, so that other work on
    the machine disturbs it little. It leaves out a second process, such as wandb's.

    Args:
        rounds: How many, by the net; of `NETS`.

    Raises:
        ValueError: If there is no such net, or no round.
    """
    if not rounds or rounds.keys() - NETS.keys() or min(rounds.values()) < 1:
        raise ValueError(f"expected at least 1 round for some of {', '.join(NETS)}, got {rounds}")
    generator, milliseconds, costs = random.Random(LECTURE_SEED), {}, []
    for name, count in rounds.items():
        step, model, optimizer = _training(*NETS[name]())
        methods = _methods()
        seconds: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(count + 1):
            for method in generator.sample(list(methods), len(methods)):
                seconds[method].append(_block(step, methods[method](model, optimizer)))
        plain = seconds[NOTHING][1:]  # the first round warms up
        milliseconds[name] = 1000 * statistics.median(plain) / BLOCK
        for method, measured in seconds.items():
            ratios = [a / b for a, b in zip(measured[1:], plain, strict=True)]
            low, middle, high = _quartiles(ratios)
            costs.append(Cost(name, method, middle, low, high))
    packages = ("torch", "wandb", "tensorboard")
    machine = {"cores": str(os.cpu_count()), "python": platform.python_version()}
    machine |= {package: version(package) for package in packages if find_spec(package)}
    return Costs(machine, milliseconds, costs)


def _quartiles(ratios: list[float]) -> tuple[float, float, float]:
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return low, middle, high


def _block(step: Callable[[], None], watching: AbstractContextManager[_AfterStep | None]) -> float:
    start = time.process_time()
    with watching as after_step:
        for n in range(BLOCK):
            step()
            if after_step is not None:
                after_step(n)
    return time.process_time() - start


def _training(
    model: nn.Module, x: Tensor, y: Tensor
) -> tuple[Callable[[], None], nn.Module, Optimizer]:
    optimizer = SGD(model.parameters(), 0.01)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x).flatten(0, -2), y.flatten()).backward()
        optimizer.step()

    return step, model, optimizer


def _lecture() -> tuple[nn.Module, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(BATCH_NORM_NO_BIAS, generator=generator)
    x = torch.randint(0, 27, (32, 3), generator=generator)
    return model, x, torch.randint(0, 27, (32,), generator=generator)


def _convolutions() -> tuple[nn.Module, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(LECTURE_SEED)
        model = nets.convnet(width=32)
        x = torch.randn(32, 3, 16, 16)
        model(x)  # the last layer finds its size
        return model, x, torch.randint(0, 6, (32,))


def _transformer() -> tuple[nn.Module, Tensor, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(LECTURE_SEED)
        tokens = torch.randint(0, 20, (32, 16))
        return nets.GPT(depth=3, width=64), tokens, tokens.roll(-1, 1)


NETS = {
    "the lecture's net": _lecture,
    "conv net": _convolutions,
    "transformer": _transformer,
}
"""What is trained."""


def _methods() -> dict[str, _Watching]:
    methods: dict[str, _Watching] = {NOTHING: lambda model, optimizer: nullcontext()}
    for every in (100, 10, 1):
        methods[f"Monitor, every {every}"] = partial(_monitor, every)
    if find_spec("wandb"):
        for every in (100, 10):
            methods[f"wandb.watch, every {every}"] = partial(_wandb, every)
    if find_spec("tensorboard"):
        for every in (100, 10):
            methods[f"TensorBoard, every {every}"] = partial(_tensorboard, every)
    return methods


@contextmanager
def _monitor(every: int, model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    with Monitor(model, optimizer, every=every):
        yield


@contextmanager
def _wandb(every: int, model: nn.Module, optimizer: Optimizer) -> Iterator[_AfterStep]:
    """Histograms of all weights and gradients, as `wandb.watch` makes them."""
    run = _wandb_run()
    run.watch(model, log="all", log_freq=every)
    try:
        yield lambda n: run.log({"step": n}) if n % every == 0 else None
    finally:
        run.unwatch(model)


def _wandb_run() -> Any:
    wandb = import_module("wandb")
    if wandb.run is None:
        settings = wandb.Settings(silent=True, console="off")
        wandb.init(mode="offline", dir=tempfile.mkdtemp(), settings=settings)
    return wandb.run


@contextmanager
def _tensorboard(every: int, model: nn.Module, optimizer: Optimizer) -> Iterator[_AfterStep]:
    """Histograms of all weights and gradients, written by hand."""
    from torch.utils.tensorboard import SummaryWriter

    def write(n: int) -> None:
        if n % every == 0:
            for name, p in model.named_parameters():
                writer.add_histogram(name, p.detach(), n)
                writer.add_histogram(f"{name}.grad", p.grad, n)

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        yield write


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(prog="python -m makemore3.lab.overhead", description=__doc__)
    parser.add_argument("file", type=Path, help="where the record goes, as JSON")
    parser.add_argument("--rounds", type=int, default=30, help="of the lecture's net; default: 30")
    options = parser.parse_args()
    torch.set_num_threads(1)
    few = max(1, options.rounds // 3)
    found = measure({name: few if index else options.rounds for index, name in enumerate(NETS)})
    for cost in found.costs:
        line = f"{cost.net:20}{cost.method:24}{cost.ratio:7.3f}"
        print(f"{line}  ({cost.low:.3f} to {cost.high:.3f})")
    found.write(options.file)


if __name__ == "__main__":
    sys.exit(main())
