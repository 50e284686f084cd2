"""Small made-up tasks: what a net learns from, batch by batch, without an end."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FEATURES = 20
"""Numbers in a row."""
CLASSES = 6
"""Classes of rows, images and sequences."""
CHANNELS, SIZE = 3, 8
"""Channels, and rows and columns, of an image."""
TOKENS, LENGTH = 20, 16
"""Different tokens, and tokens of a sequence."""

Batch = tuple[Tensor, Tensor]
Task = Callable[[torch.Generator], Batch]


def _fixed(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


_TEACHER = _fixed(FEATURES, 12, seed=1), _fixed(12, CLASSES, seed=2)
_TEMPLATES = _fixed(CLASSES, CHANNELS, SIZE, SIZE, seed=3)
_FOLLOWS = (2.0 * _fixed(TOKENS, TOKENS, seed=4)).softmax(1)


def rows(size: int = 64) -> Task:
    """Rows of numbers, with the class that a small fixed net gives them."""

    def draw(generator: torch.Generator) -> Batch:
        x = torch.randn(size, FEATURES, generator=generator)
        return x, (torch.tanh(x @ _TEACHER[0]) @ _TEACHER[1]).argmax(1)

    return draw


def imbalanced_rows(size: int = 64) -> Task:
    """Rows of two classes, of which one is rare."""

    def draw(generator: torch.Generator) -> Batch:
        x = torch.randn(size, FEATURES, generator=generator)
        return x, (x[:, :2].sum(1) > 1.8).long()

    return draw


def measured_rows(size: int = 64) -> Task:
    """Rows of numbers, with a number to be predicted."""

    def draw(generator: torch.Generator) -> Batch:
        x = torch.randn(size, FEATURES, generator=generator)
        return x, torch.tanh(x @ _TEACHER[0])[:, :1]

    return draw


def images(size: int = 32, noise: float = 1.0) -> Task:
    """Images of one pattern for each class, in noise."""

    def draw(generator: torch.Generator) -> Batch:
        y = torch.randint(0, CLASSES, (size,), generator=generator)
        seen = torch.randn(size, CHANNELS, SIZE, SIZE, generator=generator)
        return _TEMPLATES[y] + noise * seen, y

    return draw


def sequences(size: int = 16) -> Task:
    """Sequences in which each token depends on the one before; the target is the next token."""

    def draw(generator: torch.Generator) -> Batch:
        tokens = [torch.randint(0, TOKENS, (size,), generator=generator)]
        for _ in range(LENGTH):
            chances = _FOLLOWS[tokens[-1]]
            tokens.append(torch.multinomial(chances, 1, generator=generator)[:, 0])
        drawn = torch.stack(tokens, 1)
        return drawn[:, :-1], drawn[:, 1:]

    return draw


def classed_sequences(size: int = 32) -> Task:
    """Sequences with one class each, by the kind of token that is most frequent."""

    def draw(generator: torch.Generator) -> Batch:
        y = torch.randint(0, CLASSES, (size,), generator=generator)
        often = torch.rand(size, LENGTH, generator=generator) < 0.4
        noise = torch.randint(0, TOKENS, (size, LENGTH), generator=generator)
        return torch.where(often, y[:, None], noise), y

    return draw


def by_token(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over all places of all sequences, in nats per token."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
