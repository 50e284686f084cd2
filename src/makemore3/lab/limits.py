"""What the machine can do at the most: products of matrices, bandwidth, the overhead of calls."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from makemore3.data import Dataset, minibatch
from makemore3.models import LECTURE_SEED

_T = TypeVar("_T")

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Rows and columns of the square matrices that are multiplied."""
STREAM_BYTES = 2**28
"""Bytes of the tensors that are copied, far more than a cache holds."""

_CHAIN = 100
"""Calls that one backward pass goes back through."""
SMALL_THINGS = ("a call", "a call and its backward", "a minibatch")
"""What is so short that its overhead counts: timed in microseconds."""


def limits(dataset: Dataset, cores: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Measure what the machine can do, and yield each number with its name.

    Args:
        dataset: Where the minibatches that are timed come from.
        cores: Threads of the second round of products; the first has one.
        seconds: About how long each measurement takes.

    Yields:
        `"2 512"`: GFLOP/s of a product of square matrices with 512 rows, by 2 threads;
        `"bandwidth"`: GB/s that one thread reads and writes;
        one of `SMALL_THINGS`: microseconds that it takes.
    """
    for threads in sorted({1, cores}):
        with torch_threads(threads):
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
    yield from zip(SMALL_THINGS, (1e6 * duration for duration in measured), strict=True)


def _each(run: Callable[[], object], seconds: float) -> float:
    """Return the seconds of one call: call once to warm up, then time as many as fill `seconds`."""
    run()
    _, one = timed(run)
    count = max(1, round(seconds / max(one, 1e-7)))
    _, duration = timed(lambda: [run() for _ in range(count)])
    return duration / count


def timed(run: Callable[[], _T]) -> tuple[_T, float]:
    """Call `run`, and return its result and how many seconds it took."""
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def processor_name() -> str:
    """Return the processor's name, or its family where the system doesn't tell the name."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
