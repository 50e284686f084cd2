"""What the loss of a trained net owes to its running statistics, and to the names."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from makemore3.data import Split
from makemore3.layers import BatchNorm1d
from makemore3.models import evaluating


def calibrated(model: nn.Module, split: Split) -> nn.Module:
    """Copy a net, with the mean and variance of all of a split as its running ones.

    Args:
        model: A net with `layers.BatchNorm1d` at any depth; it stays as it is.
        split: The examples, which go through the net as one batch.

    Returns:
        The copy, in `eval` mode.

    Source:
        Lecture [54:52](https://youtu.be/P6sfmUTpUmc?t=3292) and its notebook: the statistics are
        measured once, after training.
    """
    model = copy.deepcopy(model).train()
    for layer in model.modules():
        if isinstance(layer, BatchNorm1d):
            layer.momentum = 1.0  # the next batch is all that counts
    with torch.no_grad():
        model(split.x)
    return model.eval()


def error_over_names(
    before: nn.Module, after: nn.Module, words: Sequence[str], split: Split
) -> float:
    """Return the standard error of the difference in loss of two nets, over other names.

    The names are the sample: the characters of a name, and its copies, count as one cluster. Other
    seeds are another matter, whose error the runs of a sweep tell.

    Args:
        before: The net whose loss is subtracted.
        after: The other one.
        words: The names of the split, in its order.
        split: Their examples.

    Raises:
        ValueError: If these are not the names of the examples.

    Source:
        Cochran 1977, section 2.11: the variance of a ratio estimate.
    """
    place = {word: index for index, word in enumerate(words)}  # of copies the last
    which = torch.tensor([place[word] for word in words for _ in range(len(word) + 1)])
    if len(which) != len(split):
        raise ValueError(
            f"error_over_names expects the names of its {len(split)} examples, got {len(words)} "
            f"names with {len(which)} characters, their ends counted"
        )
    losses = []
    for net in (before, after):
        with evaluating(net):
            losses.append(F.cross_entropy(net(split.x), split.y, reduction="none").double())
    difference = torch.bincount(which, losses[1] - losses[0])  # of all characters of a name
    size = torch.bincount(which)
    mean = difference.sum() / size.sum()
    return ((difference - mean * size).square().sum().sqrt() / size.sum()).item()
