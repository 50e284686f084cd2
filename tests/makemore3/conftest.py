import hypothesis
import pytest
import torch

from makemore3.data import Dataset, Names, Split, Vocabulary, build_split, load_dataset

hypothesis.settings.register_profile("makemore3", deadline=None)  # a loaded machine is no failure
hypothesis.settings.load_profile("makemore3")


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture(scope="session")
def small_split() -> Split:
    words = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia", "amelia"]
    return build_split(words, Vocabulary())


@pytest.fixture(scope="session")
def made_up() -> Dataset:
    """A small data set for what trains on any."""
    vowels, consonants = "aeiou", "bdfgklmnrst"
    words = tuple(a + b + c for a in consonants for b in vowels for c in consonants)
    return load_dataset(Names(words, "made up", "0" * 64))


@pytest.fixture(scope="session")
def lecture_dataset() -> Dataset:
    """The lecture's data; without it there is nothing that its published numbers could check."""
    dataset = load_dataset()
    if not dataset.names.from_lecture:
        pytest.skip(f"published numbers need the lecture's names, not {dataset.names.source}")
    return dataset
