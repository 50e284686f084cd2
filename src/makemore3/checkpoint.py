"""The state of a training run as a file that is either whole or refused."""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from makemore3.files import written_whole

_FORMAT = "makemore3 checkpoint 1"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """All that the rest of a training run depends on, after `len(losses)` steps."""

    run: dict[str, Any]
    """What makes it this run and no other: model, data, seed, batch size, learning rates."""
    model: dict[str, Any]
    """The model's `state_dict`."""
    generator: Tensor
    """State of the generator that draws the minibatches."""
    losses: Tensor
    """Batch loss of every step so far, in nats; `(steps,)` float64."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole or not at all.

    Whatever interrupts it, `path` holds the checkpoint before or this one.

    Raises:
        OSError: If the file cannot be written.
    """
    with written_whole(path) as file:
        torch.save({"format": _FORMAT, **asdict(checkpoint)}, file)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, having checked every byte; code inside the file is never run.

    Raises:
        CheckpointError: If the file is cut off, damaged, or not a checkpoint of this package.
        OSError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            # torch.load reads past damaged bytes; the archive's checksums find them.
            if damaged := zipfile.ZipFile(file).testzip():
                raise zipfile.BadZipFile(f"wrong checksum in {damaged}")
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever the readers meet in a file that is not whole
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({error}): "
            "delete it to start from the first step, or put a copy back"
        ) from error
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        raise CheckpointError(
            f'{path} is a torch file, but not a "{_FORMAT}": give another file name'
        )
    return Checkpoint(**content)
