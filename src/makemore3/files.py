"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PART = ".part"
"""Ending of a file that is still being written; one that is left over can be deleted."""


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing, and give it that name once all of it is on the disk.

    An interruption, an error or a full disk leaves `path` as it was.

    Raises:
        OSError: If the file cannot be written; the message names `path`.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        if error.filename not in (None, str(aside)):
            raise  # the caller's own trouble with another file
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        aside.unlink(missing_ok=True)
