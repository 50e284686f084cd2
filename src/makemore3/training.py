"""Stochastic gradient descent as in the lecture, or Adam, and the loss on whole splits."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from makemore3.data import Dataset, Split, minibatch
from makemore3.models import LECTURE_SEED, evaluating

Optimizer = Literal["sgd", "adam"]
"""How a gradient becomes a step."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Steps, batch size and learning rate; the defaults are the lecture's.

    Args:
        max_steps: Steps of the whole run.
        batch_size: Examples per step.
        lr: Learning rate.
        lr_decay_step: From this step on the rate is `lr / 10`; steps count from 0.
        optimizer: `"sgd"`: each parameter moves by the rate times its gradient. `"adam"`:
            `torch.optim.Adam` with its default settings; its rates are smaller, about 0.001.

    Raises:
        ValueError: If a setting makes no sense.

    Source:
        Lecture [2:11](https://youtu.be/P6sfmUTpUmc?t=131) and its notebook; Kingma & Ba 2015.
    """

    max_steps: int = 200_000
    batch_size: int = 32
    lr: float = 0.1
    lr_decay_step: int = 100_000
    optimizer: Optimizer = "sgd"

    def __post_init__(self) -> None:
        for name, least in {"max_steps": 1, "batch_size": 1, "lr_decay_step": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(
                    f"TrainConfig needs {name} as a whole number from {least} up, got {value!r}"
                )
        if not 0 < self.lr < math.inf:
            raise ValueError(f"TrainConfig needs a finite lr above 0, got {self.lr!r}")
        if self.optimizer not in get_args(Optimizer):
            raise ValueError(
                f"TrainConfig knows the optimizers {' and '.join(get_args(Optimizer))}, got "
                f"{self.optimizer!r}"
            )

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr if step < self.lr_decay_step else self.lr / 10


@dataclass(frozen=True)
class History:
    """The losses of a training run.

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
    """One step of training, as a callback sees it: after the update, with its gradients.

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


def steps(
    model: nn.Module,
    split: Split,
    config: TrainConfig,
    *,
    generator: torch.Generator,
    first: int = 0,
) -> Iterator[StepInfo]:
    """Train a model in place, step by step: asking for the next item takes the next step.

    Args:
        model: From `(N, block_size)` indices to `(N, vocab_size)` logits.
        split: The examples that minibatches are drawn from.
        config: Steps, batch size, learning rate.
        generator: Source of the minibatches; its state moves on.
        first: Number of the first step, more than 0 where a run goes on.

    Yields:
        The step that was just done.

    Raises:
        ValueError: If there are no examples, or Adam is to start later than at the first step.
        FloatingPointError: If a loss is not a finite number; that step changes no weight.

    Source:
        Lecture [2:02](https://youtu.be/P6sfmUTpUmc?t=122). The order of the random draws, of the
        float operations and their form (`p.data += -lr * p.grad`) are those of its notebook.
    """
    if len(split) == 0:
        raise ValueError("training needs at least one example, got an empty split")
    if first and config.optimizer == "adam":
        raise ValueError(
            f"Adam cannot start at step {first} without the moments of the steps before: train "
            "from the first step on"
        )
    model.train()
    parameters = list(model.parameters())
    adam = torch.optim.Adam(parameters) if config.optimizer == "adam" else None
    for step in range(first, config.max_steps):
        # construct the minibatch
        x, y = minibatch(split, config.batch_size, generator=generator)

        # forward pass
        logits = model(x)  # (batch_size, vocab_size)
        loss = F.cross_entropy(logits, y)
        _refuse_divergence(loss.item(), step, config)

        # backward pass
        for p in parameters:
            p.grad = None
        loss.backward()

        # update
        lr = config.lr_at(step)
        if adam is not None:
            adam.param_groups[0]["lr"] = lr
            adam.step()
        else:
            for p in parameters:
                if (grad := p.grad) is not None:  # a frozen one has none
                    p.data += -lr * grad

        yield StepInfo(step, model, loss.item(), lr)


def _refuse_divergence(loss: float, step: int, config: TrainConfig) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} at step {step}: training has diverged; "
            f"lower the learning rate ({config.lr_at(step):g}) or the scale of the weights"
        )


def train(
    model: nn.Module,
    split: Split,
    config: TrainConfig | None = None,
    *,
    generator: torch.Generator,
    callback: Callable[[StepInfo], object] | None = None,
    progress: bool | None = None,
) -> History:
    """Train a model in place, and return the loss of every step.

    `keep.train_resumably` does the same with a file, from which an interrupted run goes on.

    Args:
        model: From `(N, block_size)` indices to `(N, vocab_size)` logits.
        split: The examples that minibatches are drawn from.
        config: Steps, batch size, learning rate; the lecture's if None.
        generator: Source of the minibatches; its state moves on.
        callback: Called after each update.
        progress: Whether to show a bar on stderr. None: for runs of over a second at a terminal.

    Raises:
        ValueError: If there are no examples.
        FloatingPointError: If a loss is not a finite number.

    Source:
        Lecture [2:02](https://youtu.be/P6sfmUTpUmc?t=122).
    """
    config = config or TrainConfig()
    losses = []
    for info in progress_bar(
        steps(model, split, config, generator=generator), config, shown=progress
    ):
        losses.append(info.loss)
        if callback is not None:
            callback(info)
    return History(losses)


def progress_bar(
    steps: Iterable[StepInfo], config: TrainConfig, *, first: int = 0, shown: bool | None = None
) -> Iterable[StepInfo]:
    """Show a progress bar on stderr while the steps are taken.

    Args:
        steps: What `steps` yields.
        config: How many steps there are.
        first: Number of the first step.
        shown: Whether to show the bar. None: for runs of over a second at a terminal.
    """
    return tqdm(
        steps,
        initial=first,
        total=config.max_steps,
        unit="step",
        delay=1 if shown is None else 0,
        disable=None if shown is None else not shown,
        leave=False,
    )


def first_batch(
    build: Callable[..., nn.Module],
    split: Split,
    *,
    seed: int = LECTURE_SEED,
    batch_size: int = 32,
) -> tuple[nn.Module, Tensor, Tensor]:
    """Build a net, and draw its first minibatch from the same generator, as the lecture does.

    Args:
        build: Makes the net from a keyword `generator`, e.g. `partial(deep_mlp, gain=1)`.
        split: The examples that the minibatch is drawn from.
        seed: Seed of the generator.
        batch_size: Rows of the minibatch.

    Returns:
        The untrained net, the contexts and the characters that follow them.

    Source:
        Lecture [4:31](https://youtu.be/P6sfmUTpUmc?t=271) and its notebook.
    """
    generator = torch.Generator().manual_seed(seed)
    model = build(generator=generator)
    return model, *minibatch(split, batch_size, generator=generator)


def split_loss(model: nn.Module, split: Split) -> float:
    """Return the mean loss over all examples of a split, in nats per character.

    The model works in `eval` mode and without gradients meanwhile. Contexts repeat, in the
    lecture's train split about thirty times each, so the model computes each different one once,
    and its prediction is scored wherever it occurs.

    Raises:
        ValueError: If there are no examples.

    Source:
        Lecture [2:41](https://youtu.be/P6sfmUTpUmc?t=161).
    """
    if len(split) == 0:
        raise ValueError("split_loss needs at least one example, got an empty split")
    contexts, which = split.contexts
    with evaluating(model):
        log_p = F.log_softmax(model(contexts), 1)
    return -log_p[which, split.y].mean().item()


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
