"""Names from a model: the notebook's loop as the oracle, and models whose names are known."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.data import Vocabulary
from makemore3.models import BATCH_NORM, LECTURE_SEED, STAGES, Stage, mlp
from makemore3.sampling import SAMPLING_SEED, sample_names

VOCABULARY = Vocabulary()


class Fixed(nn.Module):
    """The same logits whatever the context; remembers the contexts."""

    def __init__(self, **probabilities: float) -> None:
        super().__init__()
        probs = torch.zeros(27)
        for character, p in probabilities.items():
            probs[VOCABULARY.encode("." if character == "end" else character)[0]] = p
        self.logits = probs.log().unsqueeze(0)
        self.contexts: list[list[int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.contexts += x.tolist()
        return self.logits


def by_hand(model: nn.Sequential, count: int, seed: int) -> list[str]:
    """The lecture's loop on plain tensors."""
    state = model.state_dict()
    C, W1, b1 = state["embedding.weight"], state["hidden.weight"], state["hidden.bias"]
    W2, b2 = state["output.weight"], state["output.bias"]
    g = torch.Generator().manual_seed(seed)
    names = []
    while len(names) < count:
        context, name = torch.zeros(1, 3, dtype=torch.int64), ""
        while not name.endswith("."):
            logits = torch.tanh(C[context].view(1, -1) @ W1 + b1) @ W2 + b2
            ix = torch.multinomial(F.softmax(logits, dim=1), num_samples=1, generator=g)
            context = torch.cat([context[:, 1:], ix], dim=1)
            name += ".abcdefghijklmnopqrstuvwxyz"[int(ix)]
        names.append(name.removesuffix("."))
    return names


@pytest.mark.parametrize("stage", list(STAGES.values())[:4], ids=list(STAGES)[:4])
def test_samples_are_those_of_the_lectures_loop(stage: Stage) -> None:
    # The output weight is made small: some stages, untrained, would never draw the end.
    model = mlp(stage, generator=torch.Generator().manual_seed(LECTURE_SEED))
    with torch.no_grad():
        model.get_submodule("output").get_parameter("weight").mul_(0.1)
    names = sample_names(
        model, VOCABULARY, generator=torch.Generator().manual_seed(SAMPLING_SEED), max_length=10**6
    )
    assert names == by_hand(model, 20, 2147483647 + 10)
    assert len(set(names)) > 10


def test_context_shifts_by_one_character_and_starts_anew_with_each_name() -> None:
    model = Fixed(a=1.0)
    names = sample_names(model, VOCABULARY, 2, max_length=4, generator=torch.Generator())
    assert names == ["aaaa", "aaaa"]
    once = [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]]
    assert model.contexts == once + once


def test_context_has_the_models_block_size() -> None:
    model = Fixed(b=1.0)
    sample_names(model, VOCABULARY, 1, block_size=5, max_length=2, generator=torch.Generator())
    assert model.contexts == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 2]]


def test_a_model_that_ends_at_once_writes_empty_names() -> None:
    assert sample_names(Fixed(end=1.0), VOCABULARY, 3, generator=torch.Generator()) == [""] * 3


def test_a_model_that_never_ends_is_cut_off() -> None:
    (name,) = sample_names(Fixed(z=1.0), VOCABULARY, 1, generator=torch.Generator())
    assert name == "z" * 100


def test_characters_come_with_their_probabilities(generator: torch.Generator) -> None:
    names = sample_names(Fixed(end=0.2, a=0.6, b=0.2), VOCABULARY, 2000, generator=generator)
    text = "".join(names)
    # A name has 0.8 / 0.2 = 4 letters on average, with a standard deviation of sqrt(20).
    assert len(text) / 2000 == pytest.approx(4, abs=5 * (20 / 2000) ** 0.5)
    assert text.count("a") / len(text) == pytest.approx(0.75, abs=5 * (0.1875 / 8000) ** 0.5)
    assert set(text) == {"a", "b"}


def test_the_same_seed_gives_the_same_names() -> None:
    model = Fixed(end=0.2, a=0.4, b=0.4)
    first, second, other = (
        sample_names(model, VOCABULARY, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert first == second != other


def test_batch_norm_uses_its_running_statistics(generator: torch.Generator) -> None:
    model = mlp(BATCH_NORM, generator=generator)
    before = [buffer.clone() for buffer in model.buffers()]
    sample_names(model, VOCABULARY, 2, generator=generator)
    assert all(map(torch.equal, before, model.buffers()))
    assert model.training


@pytest.mark.parametrize(("count", "max_length"), [(-1, 100), (1, 0)])
def test_senseless_numbers_are_refused(count: int, max_length: int) -> None:
    with pytest.raises(ValueError, match=f"max_length from 1, got {count}, {max_length}"):
        sample_names(
            Fixed(a=1.0), VOCABULARY, count, max_length=max_length, generator=torch.Generator()
        )


def test_no_names_are_no_names() -> None:
    assert sample_names(Fixed(a=1.0), VOCABULARY, 0, generator=torch.Generator()) == []
