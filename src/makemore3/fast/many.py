"""Train many of the lecture's nets at once: the maths and the minibatches of `training`, faster."""

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache, partial
from threading import Event
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from tqdm import tqdm

from makemore3.data import Split
from makemore3.fast.compiled import AdamState, CompilerError, library, train_steps
from makemore3.fast.nets import Net, take_apart
from makemore3.fast.stacked import Stack
from makemore3.fast.strict import refuse_shared_memory
from makemore3.training import History, TrainConfig

Method = Literal["compiled", "stacked"]
"""How nets are trained. `"compiled"`: in C++, with one thread for each core, each thread training
one net at a time. `"stacked"`: in plain torch, nets of one shape together, on the GPU if there is
one."""

CHUNK = 1000
"""Steps between two updates of the progress bar."""


@cache
def best_method() -> Method:
    """Return `"compiled"` if a C++ compiler works; otherwise print why not, return `"stacked"`."""
    try:
        library(torch.float32)
    except CompilerError as error:
        print(
            f"makemore3: no compiled trainer, since {error}: plain torch trains instead, "
            "several times slower; install a C++ compiler, or name one in CXX",
            file=sys.stderr,
        )
        return "stacked"
    return "compiled"


def train_many(
    models: Sequence[nn.Module],
    split: Split,
    configs: TrainConfig | Sequence[TrainConfig] | None = None,
    *,
    generators: Sequence[torch.Generator],
    method: Method | None = None,
    finished: Callable[[int, History], object] | None = None,
    progress: bool | None = None,
) -> list[History]:
    """Train models in place, and return the loss of every step of each of them.

    Each model sees the minibatches that `training.train` would draw from its generator, and its
    losses agree with it up to rounding. The order of the float operations is another one, so a
    run that amplifies rounding, as the lecture's first one does, ends elsewhere. Afterwards the
    models are in training mode, as after `train`, but without gradients.

    A model that diverges does not stop the others: its history ends with the first loss that is
    not finite, and its weights are of no use.

    Args:
        models: Nets of `models.mlp` and `models.deep_mlp`: embedding, flatten, then linear, norm
            and tanh in this order, also as residual branches. They are trained by their tensors,
            without a call of their modules; `nets.take_apart` refuses what `train` would train in
            another way.
        split: The examples that minibatches are drawn from.
        configs: Steps, batch size, learning rate; one for all or one each; the lecture's if None.
        generators: Source of each model's minibatches, one generator for each.
        method: How to train; the `best_method` there is if None.
        finished: Called with the number of a model and its history as soon as it is trained, from
            several threads at once.
        progress: Whether to show a bar on stderr. None: for runs of over a second at a terminal.

    Raises:
        ValueError: If there are no examples; a model is of another form, or shares memory with
            another; the numbers of models, generators and configs differ; a generator comes twice;
            a minibatch does not suit a norm; there is no such method; or autocast is on.
        CompilerError: If `method` is `"compiled"` and there is no compiler that works.
    """
    if configs is None or isinstance(configs, TrainConfig):
        configs = [configs or TrainConfig()] * len(models)
    if not len(models) == len(generators) == len(configs):
        raise ValueError(
            "train_many needs as many generators and configs as models, got "
            f"{len(generators)} and {len(configs)} for {len(models)}"
        )
    if len(split) == 0:
        raise ValueError("train_many needs at least one example, got an empty split")
    if method not in (None, *get_args(Method)):
        raise ValueError(f"train_many knows {' and '.join(get_args(Method))}, got {method!r}")
    if torch.is_autocast_enabled("cpu"):
        raise ValueError("train_many computes in the models' own dtype: leave torch.autocast first")
    if len(set(map(id, generators))) < len(generators):
        raise ValueError(
            "train_many needs a generator of its own for each model, got one twice: "
            "make several with the same seed if the minibatches are to be the same"
        )
    nets = [take_apart(model) for model in models]
    for net, config in zip(nets, configs, strict=True):
        net.check_fit(split, config.batch_size)
    refuse_shared_memory(
        {f"models[{i}].{name}": t for i, net in enumerate(nets) for name, t in net.tensors.items()}
    )
    if method is None:
        method = best_method()
    for model in models:
        model.train().zero_grad()
    train_group = _train_compiled if method == "compiled" else _train_stacked

    groups: dict[object, list[int]] = {}
    for index, (net, config) in enumerate(zip(nets, configs, strict=True)):
        together = (net.shape, config.max_steps, config.batch_size, config.optimizer)
        groups.setdefault(index if method == "compiled" else together, []).append(index)
    histories: dict[int, History] = {}
    stop = Event()
    bar = tqdm(
        total=sum(config.max_steps for config in configs),
        unit="step",
        unit_scale=True,
        delay=1 if progress is None else 0,
        disable=None if progress is None else not progress,
        leave=False,
    )

    def train_and_report(group: list[int]) -> None:
        runs = [(nets[i], configs[i], generators[i]) for i in group]
        taken = []
        for losses in train_group(runs, split):
            if stop.is_set():
                return
            taken.append(losses)
            bar.update(losses.numel())
        for index, losses in zip(group, torch.cat(taken, 1), strict=True):
            histories[index] = _history(losses)
            if finished is not None:
                finished(index, histories[index])

    workers = (os.cpu_count() or 1) if method == "compiled" else 1
    with (
        bar,
        _threads_restored(),
        ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, 1)) as pool,
    ):
        try:
            for future in as_completed([pool.submit(train_and_report, g) for g in groups.values()]):
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [histories[index] for index in range(len(models))]


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Put back how many threads torch gives to a new thread, which workers set for everybody."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


_Run = tuple[Net, TrainConfig, torch.Generator]


def _chunks(config: TrainConfig) -> Iterator[tuple[int, Tensor]]:
    """Number of steps and their learning rates, chunk by chunk."""
    for start in range(0, config.max_steps, CHUNK):
        steps = range(start, min(start + CHUNK, config.max_steps))
        yield len(steps), torch.tensor([config.lr_at(s) for s in steps], dtype=torch.float64)


def _draw(
    config: TrainConfig, split: Split, steps: int, generator: torch.Generator
) -> list[Tensor]:
    """The next minibatches: one large draw takes the same random numbers as many small ones."""
    sizes = (steps, config.batch_size)
    ix = torch.randint(0, len(split), sizes, generator=generator).flatten()
    # Several times as fast as indexing with ix.
    return [t.index_select(0, ix).unflatten(0, sizes) for t in (split.x, split.y)]


def _train_compiled(runs: list[_Run], split: Split) -> Iterator[Tensor]:
    ((net, config, generator),) = runs
    adam = AdamState(net) if config.optimizer == "adam" else None
    for steps, lr in _chunks(config):
        x, y = _draw(config, split, steps, generator)
        losses = torch.full((1, steps), math.nan, dtype=net.embedding.dtype)
        done = train_steps(net, x, y, lr, losses, adam)
        yield losses
        if done < steps:
            return


def _train_stacked(runs: list[_Run], split: Split) -> Iterator[Tensor]:
    stack = Stack([net for net, _, _ in runs], adam=runs[0][1].optimizer == "adam")
    for chunks in zip(*(_chunks(config) for _, config, _ in runs), strict=True):
        steps = chunks[0][0]
        drawn = [_draw(config, split, steps, generator) for _, config, generator in runs]
        x, y = (torch.stack(part, 1).to(stack.device) for part in zip(*drawn, strict=True))
        lr = torch.stack([lr for _, lr in chunks], 1).to(stack.device, runs[0][0].embedding.dtype)
        losses = [stack.step(x[s], y[s], lr[s, :, None, None]) for s in range(steps)]
        yield torch.stack(losses, 1).cpu()
    stack.write_back()


def _history(losses: Tensor) -> History:
    wrong = (~losses.isfinite()).nonzero()
    return History((losses[: int(wrong[0]) + 1] if len(wrong) else losses).tolist())
