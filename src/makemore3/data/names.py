"""The corpus of names, and where it comes from.

The names come from the first of four places that has them: the file that the environment variable
`MAKEMORE_NAMES` names, the user's cache, a verified download of the lecture's file, and last a
corpus that is part of this package, so that everything runs offline.
"""

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import overload

import pooch
import requests

LECTURE_SOURCE = "lecture's names.txt"
BUILT_IN_SOURCE = "built-in corpus"


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, which is used only if its SHA-256 is the expected one."""

    url: str
    size: int
    """Bytes."""
    sha256: str


LECTURE_NAMES = RemoteFile(
    url="https://raw.githubusercontent.com/karpathy/makemore/"
    "988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
    size=228_145,
    sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
)
"""The lecture's `names.txt`, at a fixed commit of `karpathy/makemore`."""


@dataclass(frozen=True)
class Names(Sequence[str]):
    """A corpus of lower-case names, in the order of its file."""

    words: tuple[str, ...]
    source: str
    """`"lecture's names.txt"`, `"built-in corpus"`, or `"file ..."`."""
    sha256: str
    """Digest of the names, whatever file they were read from."""

    @property
    def from_lecture(self) -> bool:
        """Whether these are the lecture's names, in its order."""
        return self.sha256 == LECTURE_NAMES.sha256

    def __len__(self) -> int:
        """Count the names."""
        return len(self.words)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        """Return one name, or a tuple of names for a slice."""
        return self.words[index]


def load_names(
    *,
    remote: RemoteFile = LECTURE_NAMES,
    cache_dir: Path | None = None,
    patience: float = 6.0,
) -> Names:
    """Load the names, and say on stderr, once, where they came from.

    Args:
        remote: The file to download where no other copy is at hand.
        cache_dir: Where downloads are kept; `None` is the user's cache folder.
        patience: Seconds to wait for a server that is silent. A download that failed is not tried
            again in the same process.

    Raises:
        OSError: If `MAKEMORE_NAMES` names a file that cannot be read.
        ValueError: If that file holds anything but lower-case names a-z, one a line.
    """
    if chosen := os.environ.get("MAKEMORE_NAMES"):
        return _names_of_user(Path(chosen).expanduser(), remote)
    return _lecture_or_built_in(remote, cache_dir or Path(pooch.os_cache("makemore3")), patience)


def _names_of_user(path: Path, remote: RemoteFile) -> Names:
    advice = "set MAKEMORE_NAMES to a text file of one name a line, or unset it"
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"MAKEMORE_NAMES is {path}, which cannot be read ({error.strerror}): {advice}"
        raise type(error)(message) from error
    try:
        words = _parse(content)
    except ValueError as error:
        raise ValueError(f"MAKEMORE_NAMES is {path}: {error}; {advice}") from None
    if _digest(words) == remote.sha256:
        _say(f"{len(words):,} names, the {LECTURE_SOURCE} ({path})")
        return Names(words, LECTURE_SOURCE, remote.sha256)
    _say(
        f"{len(words):,} names of {path} ({len(content):,} bytes; not the {LECTURE_SOURCE}, which "
        f"has {remote.size:,} bytes and another digest: expect other numbers than the lecture's)"
    )
    return Names(words, f"file {path}", _digest(words))


@cache
def _lecture_or_built_in(remote: RemoteFile, cache_dir: Path, patience: float) -> Names:
    try:
        words = _parse(_retrieve(remote, cache_dir, patience))
    except (OSError, ValueError) as error:  # no file, or one with another digest
        if isinstance(error, requests.RequestException) and error.response is not None:
            error.response.close()  # pooch leaves it open
        return _built_in(because=_root(error))
    _say(f"{len(words):,} names, the {LECTURE_SOURCE}")
    return Names(words, LECTURE_SOURCE, _digest(words))


def _built_in(because: BaseException) -> Names:
    words = _parse((files("makemore3") / "built_in_names.txt").read_bytes())
    _say(
        f"{len(words):,} names, the {BUILT_IN_SOURCE}, as the download failed ({because}): "
        "expect other numbers than the lecture's, or set MAKEMORE_NAMES to a copy of its file"
    )
    return Names(words, BUILT_IN_SOURCE, _digest(words))


def _retrieve(remote: RemoteFile, cache_dir: Path, patience: float) -> bytes:
    """Return the content of the copy in the cache, downloading it if it is missing or damaged."""

    def retrieve(folder: Path) -> bytes:
        download = pooch.HTTPDownloader(
            progressbar=sys.stderr.isatty(),
            timeout=patience,
            headers={"Accept-Encoding": "identity"},  # so that the bar counts the file's own bytes
        )
        digest = f"sha256:{remote.sha256}"
        file = pooch.retrieve(
            remote.url,
            digest,
            "names.txt",
            folder,
            downloader=download,  # pyright: ignore[reportArgumentType]  # None, says pooch's type
        )
        return Path(file).read_bytes()

    try:
        return retrieve(cache_dir)
    except requests.RequestException:
        raise
    except OSError as error:
        reason = error.strerror or error
        _say(f"cannot keep a download in {cache_dir} ({reason}): the next run downloads again")
    with tempfile.TemporaryDirectory() as folder:
        return retrieve(Path(folder))


def _root(error: BaseException) -> BaseException:
    """Return the error at the root of a chain, which has the system's own short words."""
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = cause
    return error


def _parse(content: bytes) -> tuple[str, ...]:
    """Read one name a line. How lines and file end, and a byte order mark, make no difference."""
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    words = tuple(line.rstrip(" \t") for line in text.rstrip().split("\n"))
    if words == ("",):
        raise ValueError("expected one name a line, got an empty file")
    for number, word in enumerate(words, start=1):
        if not re.fullmatch("[a-z]+", word):
            got = shortened(word) if word else "an empty line"
            raise ValueError(f"line {number}: expected a lower-case name of a-z, got {got}")
    return words


def _digest(words: Iterable[str]) -> str:
    """Digest the names in the form of the lecture's file, whose last line has no line break."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def shortened(text: str) -> str:
    """Quote a text for an error message, however long it is."""
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}... ({len(text):,} characters)"


@cache
def _say(message: str) -> None:
    """Print a message to stderr, each message once in a process."""
    print(f"makemore3: {message}", file=sys.stderr)
