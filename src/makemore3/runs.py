"""Long runs that were already done in this session, so that no page repeats another's."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from makemore3.data import Split

if TYPE_CHECKING:
    from makemore3.training import TrainConfig

FOLDER = "MAKEMORE_RUNS"
"""The environment variable that names the folder of the runs. Unset, every run is done anew."""

LONG_RUN = 10_000
"""Steps from which on a run is worth a file."""


def run_file(
    model: nn.Module, split: Split, config: "TrainConfig", generator: torch.Generator
) -> Path | None:
    """Return where exactly this run is kept, or None if it has to be done in any case.

    Whatever decides the run's numbers is part of the name, except the code: the folder must not
    outlive a change of it. So the net may hold no layers but this package's, and no hooks.

    Args:
        model: The net before the first step.
        split: The examples that minibatches are drawn from.
        config: Steps, batch size, learning rate.
        generator: Source of the minibatches.
    """
    folder = os.environ.get(FOLDER)
    if not folder or config.max_steps < LONG_RUN or not all(map(_plain, model.modules())):
        return None
    trained = {name: p.requires_grad for name, p in model.named_parameters()}
    settings = (torch.__version__, torch.get_num_threads(), config, model, trained)
    digest = hashlib.sha256(repr(settings).encode())
    tensors = {**model.state_dict(), "x": split.x, "y": split.y, "draws": generator.get_state()}
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.shape} {tensor.dtype} {tensor.device}".encode())
        digest.update(_bytes(tensor))
    return Path(folder) / f"{digest.hexdigest()}.pt"


def _plain(module: nn.Module) -> bool:
    known = type(module) is nn.Sequential or type(module).__module__.startswith("makemore3.layers.")
    forward = module._forward_pre_hooks or module._forward_hooks
    backward = module._backward_pre_hooks or module._backward_hooks
    return known and not forward and not backward


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().flatten().view(torch.uint8).numpy().tobytes()
