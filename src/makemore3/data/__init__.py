"""The names, their characters as indices, and the examples a language model learns from."""

from makemore3.data.examples import (
    Dataset,
    Split,
    Vocabulary,
    build_split,
    load_dataset,
    minibatch,
)
from makemore3.data.names import LECTURE_NAMES, Names, RemoteFile, load_names

__all__ = [
    "LECTURE_NAMES",
    "Dataset",
    "Names",
    "RemoteFile",
    "Split",
    "Vocabulary",
    "build_split",
    "load_dataset",
    "load_names",
    "minibatch",
]
