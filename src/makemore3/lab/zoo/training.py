"""How an animal of the zoo is trained, and what most of them share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from makemore3.lab.zoo import tasks

Loss = Callable[[Tensor, Tensor], Tensor]
Make = Callable[[list[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Training:
    """A net and how it is trained.

    Args:
        model: The net, in training mode.
        task: What draws its batches.
        optimizer: Makes its optimizer from the parameters that it is given.
        loss: From output and targets to one number.
        steps: How many.
        zero_grad: Whether gradients are cleared before each step.
        eval_mode: Whether it is trained in `eval` mode.
        evaluate_every: Steps between evaluations in training mode; 0 for none.
        accumulate: Batches whose gradients are added up for one step.
        autocast: Number format of mixed precision.
        given: The parameters that the optimizer is given; `None` for all.
        spoil: A change of each batch, by mistake.
        clip: Norm to which gradients are clipped.
        warmup: Steps in which the learning rate rises.
    """

    model: nn.Module
    task: tasks.Task
    optimizer: Make
    loss: Loss = F.cross_entropy
    steps: int = 120
    zero_grad: bool = True
    eval_mode: bool = False
    evaluate_every: int = 0
    accumulate: int = 1
    autocast: torch.dtype | None = None
    given: list[nn.Parameter] | None = None
    spoil: Callable[[Tensor, Tensor], tasks.Batch] | None = None
    clip: float | None = None
    warmup: int = 0


sgd, adam = partial(SGD, lr=0.1), partial(Adam, lr=1e-3)
adamw, momentum = partial(AdamW, lr=1e-3), partial(SGD, lr=0.05, momentum=0.9)
rows, images, sequences = tasks.rows(), tasks.images(), tasks.sequences()
tanh_gain, relu_gain = 5 / 3, 2**0.5


def language(model: nn.Module, optimizer: Make = adamw, **other: Any) -> Training:
    """A language model; the loss is the mean over all tokens."""
    return Training(model, sequences, optimizer, tasks.by_token, **other)
