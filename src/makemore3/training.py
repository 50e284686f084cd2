"""Plain stochastic gradient descent, as in the lecture: losses, checkpoints, evaluation."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from makemore3.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from makemore3.data import Dataset, Split, minibatch
from makemore3.models import evaluating
from makemore3.runs import run_file


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The lecture's settings, unless told otherwise.

    Args:
        max_steps: Steps of the whole run.
        batch_size: Examples per step.
        lr: Learning rate.
        lr_decay_step: From this step on the rate is `lr / 10`; steps count from 0.

    Raises:
        ValueError: If a setting makes no sense.

    Source:
        Lecture [2:11](https://youtu.be/P6sfmUTpUmc?t=131) and its notebook.
    """

    max_steps: int = 200_000
    batch_size: int = 32
    lr: float = 0.1
    lr_decay_step: int = 100_000

    def __post_init__(self) -> None:
        for name, least in {"max_steps": 1, "batch_size": 1, "lr_decay_step": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(
                    f"TrainConfig needs {name} as a whole number from {least} up, got {value!r}"
                )
        if not 0 < self.lr < math.inf:
            raise ValueError(f"TrainConfig needs a finite lr above 0, got {self.lr!r}")

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr if step < self.lr_decay_step else self.lr / 10


@dataclass(frozen=True)
class History:
    """What training saw.

    Args:
        losses: The batch's loss before each step's update, in nats per character.
    """

    losses: list[float]

    def __len__(self) -> int:
        return len(self.losses)

    def tensor(self) -> Tensor:
        """Return the losses as `(steps,)` float64."""
        return torch.tensor(self.losses, dtype=torch.float64)

    def log10(self) -> Tensor:
        """Return the base-10 logarithm of the losses, which the lecture plots.

        Source:
            Lecture [2:32](https://youtu.be/P6sfmUTpUmc?t=152) and its notebook.
        """
        return self.tensor().log10()

    def block_means(self, size: int = 1000) -> Tensor:
        """Average the losses over blocks of steps; what is left of the last block is dropped.

        Raises:
            ValueError: If there is not one whole block.

        Shape:
            `(steps // size,)`, in nats per character.
        """
        if not 1 <= size <= len(self):
            raise ValueError(
                f"block_means needs a size from 1 to the {len(self)} steps there are, got {size}"
            )
        return self.tensor()[: len(self) // size * size].view(-1, size).mean(1)


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One step of training, as a callback sees it: updated, the gradients still there.

    Args:
        step: Number of the step, from 0.
        model: The model in training.
        loss: The batch's loss before the update, in nats per character.
        lr: The learning rate of this step.
    """

    step: int
    model: nn.Module
    loss: float
    lr: float


def train(
    model: nn.Module,
    split: Split,
    config: TrainConfig | None = None,
    *,
    generator: torch.Generator,
    callback: Callable[[StepInfo], object] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 10_000,
    progress: bool | None = None,
) -> History:
    """Train a model in place, and return the loss of every step.

    With a checkpoint the run can be interrupted at any moment: started again with the same
    arguments it continues from the file, and ends with the very numbers of an uninterrupted run.
    A larger `max_steps` continues a run that was complete.

    Where the environment variable `MAKEMORE_RUNS` names a folder, as in the test run, a long run
    without callback and checkpoint is kept there. The same run again continues before its last
    step, so that everything, the gradients too, is as if it had been repeated.

    Args:
        model: From `(N, block_size)` indices to `(N, vocab_size)` logits.
        split: The examples that minibatches are drawn from.
        config: Steps, batch size, learning rate; the lecture's if None.
        generator: Source of the minibatches; its state moves on, from a checkpoint's if there is
            one.
        callback: Called after each update. After a resumption it sees the steps since the last
            checkpoint again.
        checkpoint: File to continue from where it exists, and to write.
        checkpoint_every: Steps from one writing to the next; the last step writes too.
        progress: Whether to show a bar on stderr. None: for runs of over a second at a terminal.

    Raises:
        ValueError: If there are no examples, or `checkpoint_every` is less than 1.
        CheckpointError: If the file is damaged, or belongs to another run. It stays as it is.
        FloatingPointError: If a loss is not a finite number.

    Source:
        Lecture [2:02](https://youtu.be/P6sfmUTpUmc?t=122). The order of the random draws, of the
        float operations and their form (`p.data += -lr * p.grad`) are those of its notebook.
    """
    config = config or TrainConfig()
    if len(split) == 0:
        raise ValueError("train needs at least one example, got an empty split")
    if checkpoint_every < 1:
        raise ValueError(f"train needs checkpoint_every of at least 1, got {checkpoint_every}")

    losses: list[float] = []
    path = None if checkpoint is None else Path(checkpoint)
    last_save = config.max_steps
    if path is None and callback is None and (path := run_file(model, split, config, generator)):
        checkpoint_every = last_save = config.max_steps - 1
    run = {} if path is None else _identity(model, split, config, generator)

    def save() -> None:
        if path is not None:
            state = Checkpoint(
                run, model.state_dict(), generator.get_state(), History(losses).tensor()
            )
            save_checkpoint(path, state)

    if path is not None and path.exists():
        state = load_checkpoint(path)
        _refuse_other_run(path, state, run, config)
        model.load_state_dict(state.model)
        generator.set_state(state.generator)
        losses = state.losses.tolist()
    else:
        save()  # a place that cannot be written to shows now, not after hours

    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    steps = tqdm(
        range(len(losses), config.max_steps),
        initial=len(losses),
        total=config.max_steps,
        unit="step",
        delay=1 if progress is None else 0,
        disable=None if progress is None else not progress,
        leave=False,
    )
    for step in steps:
        x, y = minibatch(split, config.batch_size, generator=generator)
        logits = model(x)  # (batch_size, vocab_size)
        loss = F.cross_entropy(logits, y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"the loss is {losses[-1]} at step {step}: training has diverged; "
                f"lower the learning rate ({config.lr_at(step):g}) or the scale of the weights"
            )

        for p in parameters:
            p.grad = None
        loss.backward()

        lr = config.lr_at(step)
        for p in parameters:
            if (grad := p.grad) is not None:
                p.data += -lr * grad

        if callback is not None:
            callback(StepInfo(step, model, losses[-1], lr))
        if (step + 1) % checkpoint_every == 0 or step + 1 == last_save:
            save()
    return History(losses)


def describe_model(model: nn.Module) -> str:
    """Describe layers, sizes and initialisation in one line; checkpoints are told apart by it."""
    return " ".join(repr(model).split())


def _identity(
    model: nn.Module, split: Split, config: TrainConfig, generator: torch.Generator
) -> dict[str, Any]:
    """Describe a run by what decides its numbers; `max_steps` only decides how many."""
    digest = hashlib.sha256()
    for tensor in (split.x, split.y):
        digest.update(tensor.cpu().numpy().tobytes())
    return {
        "model": describe_model(model),
        "shapes": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
        "examples": f"{len(split):,} with sha256 {digest.hexdigest()[:16]}",
        "seed": generator.initial_seed(),
        "batch_size": config.batch_size,
        "lr": config.lr,
        "lr_decay_step": config.lr_decay_step,
    }


def _refuse_other_run(
    path: Path, state: Checkpoint, run: dict[str, Any], config: TrainConfig
) -> None:
    differences = [
        f"  {key}: {state.run.get(key)} in the file, {value} now"
        for key, value in run.items()
        if state.run.get(key) != value
    ]
    if differences:
        raise CheckpointError(
            "\n".join([f"{path} is the checkpoint of another run:", *differences])
            + "\ngive another file name, or the settings that the file was made with"
        )
    if len(state.losses) > config.max_steps:
        raise CheckpointError(
            f"{path} has {len(state.losses):,} steps behind it, more than max_steps = "
            f"{config.max_steps:,}: give another file name, or at least as many steps"
        )


def split_loss(model: nn.Module, split: Split) -> float:
    """Return the mean loss over all examples of a split, in nats per character.

    The model works in `eval` mode and without gradients meanwhile.

    Raises:
        ValueError: If there are no examples.

    Source:
        Lecture [2:41](https://youtu.be/P6sfmUTpUmc?t=161).
    """
    if len(split) == 0:
        raise ValueError("split_loss needs at least one example, got an empty split")
    with evaluating(model):
        return F.cross_entropy(model(split.x), split.y).item()


def evaluate(
    model: nn.Module, dataset: Dataset, splits: Sequence[str] = ("train", "dev")
) -> dict[str, float]:
    """Return the loss of each named split, in nats per character.

    Raises:
        ValueError: If a split is none of train, dev, test.
    """
    parts = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
    for name in splits:
        if name not in parts:
            raise ValueError(f"evaluate knows the splits train, dev and test, got {name!r}")
    return {name: split_loss(model, parts[name]) for name in splits}
