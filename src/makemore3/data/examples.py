"""Characters as indices, and names as the examples that a language model learns from."""

import operator
import random
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import torch
from torch import Tensor

from makemore3.data.names import Names, load_names, shortened

END = "."
"""The token that stands before the first and after the last character of a name; index 0."""


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
                f"{shortened(text)}: write names in lower case, without accents"
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

    @cached_property
    def contexts(self) -> tuple[Tensor, Tensor]:
        """The different contexts, `(M, block_size)`, and which of them each example has, `(N,)`."""
        contexts, which = self.x.unique(dim=0, return_inverse=True)
        return contexts, which


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
