"""Sample names from a trained model."""

import torch
import torch.nn.functional as F
from torch import nn

from makemore3.data import Vocabulary
from makemore3.models import LECTURE_SEED, evaluating

SAMPLING_SEED = LECTURE_SEED + 10
"""Seed of the lecture's samples."""


def sample_names(
    model: nn.Module,
    vocabulary: Vocabulary,
    count: int = 20,
    *,
    block_size: int = 3,
    max_length: int = 100,
    generator: torch.Generator,
) -> list[str]:
    """Sample names, each character by character until the end token is drawn.

    Args:
        model: From `(1, block_size)` indices to `(1, vocab_size)` logits.
        vocabulary: The model's characters.
        count: How many names.
        block_size: Characters of context the model was made for.
        max_length: Characters after which a name is cut off; an untrained model may never draw
            the end token.
        generator: Source of the random numbers.

    Raises:
        ValueError: If `count` is negative or `max_length` less than 1.

    Source:
        Lecture [3:53](https://youtu.be/P6sfmUTpUmc?t=233).
    """
    if count < 0 or max_length < 1:
        raise ValueError(
            f"sample_names needs a count from 0 and a max_length from 1, got {count}, {max_length}"
        )
    with evaluating(model):
        return [
            vocabulary.decode(_sample(model, block_size, max_length, generator))
            for _ in range(count)
        ]


def _sample(
    model: nn.Module, block_size: int, max_length: int, generator: torch.Generator
) -> list[int]:
    context, ids = [0] * block_size, []
    while len(ids) < max_length:
        probs = F.softmax(model(torch.tensor([context])), dim=1)  # (1, vocab_size)
        ix = int(torch.multinomial(probs, num_samples=1, generator=generator))
        if ix == 0:
            break
        context = [*context[1:], ix]
        ids.append(ix)
    return ids
