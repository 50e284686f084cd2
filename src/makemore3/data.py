"""The names, their characters as indices, and the examples a language model learns from.

The names come from the first of four places that has them: the file that the environment variable
`MAKEMORE_NAMES` names, the user's cache, a verified download of the lecture's file, and last a
corpus that is part of this package, so that everything runs offline.
"""

import hashlib
import operator
import os
import random
import re
import string
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import SupportsIndex, overload

import pooch
import requests
import torch
from torch import Tensor

LECTURE_SOURCE = "lecture's names.txt"
BUILT_IN_SOURCE = "built-in corpus"
END = "."
"""The token that stands before the first and after the last character of a name; index 0."""


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
            got = _short(word) if word else "an empty line"
            raise ValueError(f"line {number}: expected a lower-case name of a-z, got {got}")
    return words


def _digest(words: Iterable[str]) -> str:
    """Digest the names in the form of the lecture's file, whose last line has no line break."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _short(text: str) -> str:
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}... ({len(text):,} characters)"


@cache
def _say(message: str) -> None:
    """Print a message to stderr, each message once in a process."""
    print(f"makemore3: {message}", file=sys.stderr)


@dataclass(frozen=True)
class Vocabulary:
    """The characters a model knows and their indices; the end token `.` has index 0."""

    characters: str = END + string.ascii_lowercase

    @property
    def size(self) -> int:
        """The number of characters, 27 in the lecture."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Turn characters into indices.

        Raises:
            ValueError: If a character is not in the vocabulary.
        """
        ids = [self.characters.find(character) for character in text]
        if -1 in ids:
            raise ValueError(
                f"expected characters of {self.characters!r}, got {text[ids.index(-1)]!r} in "
                f"{_short(text)}: write names in lower case, without accents"
            )
        return ids

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Turn indices, a tensor of one dimension included, into characters.

        Raises:
            ValueError: If an index is not in the vocabulary.
        """
        indices = [operator.index(index) for index in ids]
        for index in indices:
            if not 0 <= index < self.size:
                raise ValueError(f"expected indices from 0 to {self.size - 1}, got {index}")
        return "".join(self.characters[index] for index in indices)


@dataclass(frozen=True, eq=False)
class Split:
    """Examples: `x` holds the contexts, `y` the character that follows each of them.

    Shape:
        `x` is `(N, block_size)`, `y` is `(N,)`; both int64.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.y)


def build_split(words: Iterable[str], vocabulary: Vocabulary, *, block_size: int = 3) -> Split:
    """Turn each name into examples, one for each character and one for the end token.

    Raises:
        ValueError: If there are no words, a word has characters outside the vocabulary, or
            `block_size` is not positive.

    Source:
        Lecture [1:44](https://youtu.be/P6sfmUTpUmc?t=104).
    """
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1 character, got {block_size}")
    contexts: list[list[int]] = []
    targets: list[int] = []
    for word in words:
        context = [0] * block_size
        for target in vocabulary.encode(word + END):
            contexts.append(context)
            targets.append(target)
            context = [*context[1:], target]
    if not targets:
        raise ValueError("build_split needs at least one word, got none")
    return Split(torch.tensor(contexts), torch.tensor(targets))


@dataclass(frozen=True, eq=False)
class Dataset:
    """The names as examples: 80 % of the names to train on, 10 % dev, 10 % test."""

    names: Names
    vocabulary: Vocabulary
    block_size: int
    train: Split
    dev: Split
    test: Split
    words: Mapping[str, Sequence[str]]
    """The names of `"train"`, `"dev"` and `"test"`."""
    shuffle_seed: int
    """Seed of the shuffle that decides which name is in which split."""
    distinct: bool
    """Whether all copies of a name are in one split; in the lecture's they are not."""

    def splits(self) -> dict[str, Split]:
        """Return train, dev and test, and of dev and test also the parts that train shares or not.

        `"dev_seen"` holds the dev names that train has too, `"dev_new"` the others; so do
        `"test_seen"` and `"test_new"`. A pair is left out where it would tell nothing apart.
        """
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        known = set(self.words["train"])
        for name in ("dev", "test"):
            seen = [word for word in self.words[name] if word in known]
            new = [word for word in self.words[name] if word not in known]
            if seen and new:
                for part, words in ((f"{name}_seen", seen), (f"{name}_new", new)):
                    splits[part] = build_split(words, self.vocabulary, block_size=self.block_size)
        return splits


def load_dataset(
    names: Names | None = None,
    *,
    block_size: int = 3,
    shuffle_seed: int = 42,
    distinct: bool = False,
) -> Dataset:
    """Shuffle the names and split them 80/10/10, as the lecture does.

    The lecture's file has many names twice, so that about one dev name in eight is a training name
    too. With `distinct` it is the different names that are shuffled and split, and all copies of a
    name stay together.

    Args:
        names: The corpus; `None` finds it with `load_names`.
        block_size: Characters of context in each example.
        shuffle_seed: Seed of Python's own random numbers, which shuffle the names.
        distinct: Whether no name may be in two splits.

    Raises:
        ValueError: If there are too few names for three splits.

    Source:
        Lecture [1:44](https://youtu.be/P6sfmUTpUmc?t=104).
    """
    names = load_names() if names is None else names
    copies = Counter(names)  # in the order of the file
    words = list(copies) if distinct else list(names)
    random.Random(shuffle_seed).shuffle(words)
    n1, n2 = int(0.8 * len(words)), int(0.9 * len(words))
    if not 0 < n1 < n2:
        raise ValueError(f"an 80/10/10 split needs at least 6 names, got {len(words)}")
    parts = {"train": words[:n1], "dev": words[n1:n2], "test": words[n2:]}
    if distinct:
        parts = {
            name: [word for word in part for _ in range(copies[word])]
            for name, part in parts.items()
        }
    vocabulary = Vocabulary()
    splits = {
        name: build_split(part, vocabulary, block_size=block_size) for name, part in parts.items()
    }
    return Dataset(
        names,
        vocabulary,
        block_size,
        **splits,
        words=parts,
        shuffle_seed=shuffle_seed,
        distinct=distinct,
    )


def minibatch(
    split: Split, batch_size: int, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw examples with replacement, in the notebook's order of random numbers.

    Shape:
        `x` is `(batch_size, block_size)`, `y` is `(batch_size,)`.

    Source:
        Lecture [2:11](https://youtu.be/P6sfmUTpUmc?t=131).
    """
    ix = torch.randint(0, len(split), (batch_size,), generator=generator)
    return split.x[ix], split.y[ix]
