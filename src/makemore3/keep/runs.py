"""Long training runs that are done once, and afterwards read back."""

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.keep.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from makemore3.keep.identity import run_key
from makemore3.training import History, StepInfo, TrainConfig, steps

LONG = 10_000
"""Steps from which on a run is worth a file."""

LIMIT = 256 * 2**20
"""Bytes that a folder of runs may hold."""

Train = Callable[..., History]


def kept(train: Train, folder: Path, *, least_steps: int = LONG) -> Train:
    """Return a function that does what `train` does, but does a long run only once.

    The state before the last step is kept in `folder`. The same run again continues from there,
    so that all that training leaves behind, the gradients too, is as if it had been repeated, to
    the last bit. Which run is the same is told by `identity.run_key`, from the weights to our own
    source code. A file that is damaged, or does not lead to the loss that it holds, is made again.

    A run with a callback is always done, and so is one that has no key.

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
        if callback is None and config.max_steps >= max(least_steps, 2) and len(split) > 0:
            key = run_key(model, split, config, generator)
        if key is None:
            return train(
                model, split, config, generator=generator, callback=callback, progress=progress
            )
        path = folder / f"{key}.pt"
        if (history := _read_back(path, key, model, split, config, generator)) is not None:
            return history
        history = train(
            model, split, config, generator=generator, callback=watch, progress=progress
        )
        _keep(path, Checkpoint({"key": key}, *before_last[0], history.tensor()))
        return history

    return train_once


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _read_back(
    path: Path,
    key: str,
    model: nn.Module,
    split: Split,
    config: TrainConfig,
    generator: torch.Generator,
) -> History | None:
    """Restore a kept run and do its last step; None, with nothing changed, if there is none."""
    try:
        found = load_checkpoint(path)
    except (CheckpointError, OSError):
        return None
    if found.identity != {"key": key}:
        return None
    with suppress(OSError):
        os.utime(path)  # the files that were not used for longest are deleted first
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
