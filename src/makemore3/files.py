"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PART = ".part"
"""Ending of a file that is being written; one that is left over can be deleted."""


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Write aside, to the disk, then rename: an interruption leaves the file as it was.

    Raises:
        OSError: If the file cannot be written.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
