"""What outlives a process: checkpoints, and long runs that are done once.

Training itself knows nothing of this room; the room wraps it from outside.
"""

from makemore3.keep.checkpoints import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    train_resumably,
)
from makemore3.keep.runs import LONG, kept, kept_many

__all__ = [
    "LONG",
    "Checkpoint",
    "CheckpointError",
    "kept",
    "kept_many",
    "load_checkpoint",
    "save_checkpoint",
    "train_resumably",
]
