"""Long training runs that are done once, and afterwards read back."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.fast import Method, best_method, train_many
from makemore3.fast.compiled import recipe
from makemore3.keep.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from makemore3.keep.identity import run_key
from makemore3.training import History, StepInfo, TrainConfig, steps

LONG = 100
"""Steps from which on a run is worth a file."""

LIMIT = 512 * 2**20
"""Bytes that a folder of runs may hold."""

Train = Callable[..., History]


def kept(train: Train, folder: Path, *, least_steps: int = LONG) -> Train:
    """Return a function that does what `train` does, but does a long run only once.

    The state before the last step is kept in `folder`. The same run again continues from there,
    so that all that training leaves behind, the gradients too, is as if it had been repeated, to
    the last bit. Which run is the same is told by `identity.run_key`, from the weights to our own
    source code. A file that is damaged, or does not lead to the loss that it holds, is made again.

    A run with a callback is always done, and so is one that has no key, or that uses Adam, whose
    moments are not kept.

    Args:
        train: `training.train`.
        folder: Where runs are kept; made if it is missing. Where it cannot be written to, runs
            are done without being kept, which is said on stderr.
        least_steps: Steps from which on a run is kept.
    """

    @functools.wraps(train)
    def train_once(
        model: nn.Module,
        split: Split,
        config: TrainConfig | None = None,
        *,
        generator: torch.Generator,
        callback: Callable[[StepInfo], object] | None = None,
        progress: bool | None = None,
    ) -> History:
        config = config or TrainConfig()
        before_last: list[tuple[dict[str, Tensor], Tensor]] = []

        def watch(info: StepInfo) -> None:
            if info.step == config.max_steps - 2:
                before_last.append((_copied(model), generator.get_state()))

        key = None
        long = config.max_steps >= max(least_steps, 2)
        if long and callback is None and config.optimizer == "sgd" and len(split) > 0:
            key = run_key([model], split, [config], [generator])
        if key is None:
            return train(
                model, split, config, generator=generator, callback=callback, progress=progress
            )
        path = folder / f"{key}.pt"
        if (history := _read_back(path, model, split, config, generator)) is not None:
            return history
        history = train(
            model, split, config, generator=generator, callback=watch, progress=progress
        )
        _keep(path, Checkpoint({"key": key}, *before_last[0], history.tensor()))
        return history

    return train_once


def kept_many(
    train_many: Callable[..., list[History]], folder: Path, *, least_steps: int = LONG
) -> Callable[..., list[History]]:
    """Return a function that does what `train_many` does, but each long run only once.

    The end of each run is kept in `folder`. As with `kept`, all that decides the numbers is part of
    the files' names, here also the method and how its trainer is compiled. The compiled trainer
    trains each net by itself, so of a call only the runs that were not done before are done. A
    stack is trained as a whole or not at all: a smaller one may round differently. A call with
    `finished` is always done.

    Args:
        train_many: `fast.train_many`.
        folder: Where runs are kept.
        least_steps: Steps from which on a run is kept; of a stack, those of all its nets together.
    """

    @functools.wraps(train_many)
    def train_many_once(
        models: Sequence[nn.Module],
        split: Split,
        configs: TrainConfig | Sequence[TrainConfig] | None = None,
        *,
        generators: Sequence[torch.Generator],
        method: Method | None = None,
        finished: Callable[[int, History], object] | None = None,
        progress: bool | None = None,
    ) -> list[History]:
        each = configs or TrainConfig()
        each = [each] * len(models) if isinstance(each, TrainConfig) else list(each)
        places = [p.data_ptr() for model in models for p in model.parameters()]
        separate = len(set(places)) == len(places) and len(set(map(id, generators))) == len(models)
        if finished is not None or not separate or len(each) != len(models) or len(split) == 0:
            return train_many(
                models,
                split,
                configs,
                generators=generators,
                method=method,
                finished=finished,
                progress=progress,
            )
        method = method or best_method()
        runs = list(zip(models, each, generators, strict=True))
        everything = range(len(runs))
        paths: dict[int, Path] = {}
        for group in [everything] if method == "stacked" else [[i] for i in everything]:
            if sum(each[i].max_steps for i in group) >= least_steps:
                key = _key_of_many([runs[i] for i in group], split, method)
                paths |= {i: folder / f"{key}-{n}.pt" for n, i in enumerate(group) if key}
        ends = {i: end for i, path in paths.items() if (end := _load(path)) is not None}
        if method == "stacked" and len(ends) < len(runs):
            ends = {}
        missing = [i for i in everything if i not in ends]
        done = train_many(
            [models[i] for i in missing],
            split,
            [each[i] for i in missing],
            generators=[generators[i] for i in missing],
            method=method,
            progress=progress,
        )
        histories = dict(zip(missing, done, strict=True))
        for i, (model, _, generator) in enumerate(runs):
            if i in ends:
                model.train().zero_grad()
                model.load_state_dict(ends[i].model)
                generator.set_state(ends[i].generator)
                histories[i] = History(ends[i].losses.tolist())
            elif i in paths:
                end = (model.state_dict(), generator.get_state(), histories[i].tensor())
                _keep(paths[i], Checkpoint({"key": paths[i].stem}, *end))
        return [histories[i] for i in everything]

    return train_many_once


_Run = tuple[nn.Module, TrainConfig, torch.Generator]


def _key_of_many(runs: Sequence[_Run], split: Split, method: Method) -> str | None:
    models, configs, generators = zip(*runs, strict=True)
    dtypes = {p.dtype for model in models for p in model.parameters()}
    if method == "compiled":
        if not dtypes <= {torch.float32, torch.float64}:
            return None  # for train_many to refuse
        how = sorted(recipe(dtype).digest for dtype in dtypes)
    else:
        how = [torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"]
    return run_key(
        models, split, configs, generators, trainer=train_many.__module__, method=(method, how)
    )


def _load(path: Path) -> Checkpoint | None:
    """Read a file of a run that is kept; None if there is none, or a damaged one."""
    try:
        found = load_checkpoint(path)
    except (CheckpointError, OSError):
        return None
    with suppress(OSError):
        os.utime(path)  # the files that were not used for longest are deleted first
    return found if found.identity == {"key": path.stem} else None


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _read_back(
    path: Path,
    model: nn.Module,
    split: Split,
    config: TrainConfig,
    generator: torch.Generator,
) -> History | None:
    """Restore a kept run and do its last step; None, with nothing changed, if there is none."""
    if (found := _load(path)) is None:
        return None
    start, draws = _copied(model), generator.get_state()
    model.load_state_dict(found.model)
    generator.set_state(found.generator)
    history = History(found.losses.tolist())
    (last,) = steps(model, split, config, generator=generator, first=config.max_steps - 1)
    if last.loss == history.losses[-1]:
        return history
    model.load_state_dict(start)
    generator.set_state(draws)
    return None


def _keep(path: Path, checkpoint: Checkpoint) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, checkpoint)
        _prune(path.parent)
    except OSError as error:
        print(f"makemore3: the run is not kept: {error}", file=sys.stderr)


def _prune(folder: Path) -> None:
    """Delete what was not used for longest, until the rest fits into `LIMIT`."""
    files = []
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # another process prunes too
            files.append((file.stat().st_mtime, file.stat().st_size, file))
    total = 0
    for _, size, file in sorted(files, reverse=True):
        total += size
        if total > LIMIT:
            file.unlink(missing_ok=True)
