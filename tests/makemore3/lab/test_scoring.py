"""What a loss owes to the running statistics, and to the names."""

import pytest
import torch
from torch import nn

from makemore3.data import Dataset, Split, Vocabulary, build_split
from makemore3.lab.scoring import calibrated, error_over_names
from makemore3.models import BATCH_NORM, KAIMING, mlp
from makemore3.training import split_loss


@pytest.fixture
def pair() -> tuple[nn.Module, nn.Module]:
    nets = [mlp(KAIMING, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    return nets[0], nets[1]


def test_the_error_over_names_is_that_of_a_mean_over_drawn_names(
    pair: tuple[nn.Module, nn.Module],
) -> None:
    words = [a + b + c * 2 for a in "bdfgk" for b in "aeiou" for c in "lmnrstvz"]
    vocabulary = Vocabulary()
    error = error_over_names(*pair, words, build_split(words, vocabulary))
    # Names of one length: the plain error of a mean of 200 differences.
    each = [
        split_loss(pair[1], part) - split_loss(pair[0], part)
        for part in (build_split([word], vocabulary) for word in words)
    ]
    plain = torch.tensor(each).std(correction=0) / len(each) ** 0.5
    assert error == pytest.approx(plain.item(), rel=1e-3)
    # And it is what redrawing the names shows.
    generator = torch.Generator().manual_seed(1)
    draws = torch.randint(len(words), (2_000, len(words)), generator=generator)
    assert error == pytest.approx(torch.tensor(each)[draws].mean(1).std().item(), rel=0.06)


def test_copies_of_a_name_say_nothing_new(pair: tuple[nn.Module, nn.Module]) -> None:
    words = [a + b + c for a in "bdfgk" for b in "aeiou" for c in "lmn"]
    one, two = (
        error_over_names(*pair, given, build_split(given, Vocabulary()))
        for given in (words, words * 2)
    )
    assert one == pytest.approx(two, rel=1e-6)


def test_names_of_other_examples_are_refused(
    made_up: Dataset, pair: tuple[nn.Module, nn.Module]
) -> None:
    message = "expects the names of its .* examples, got 1 names with 4 characters"
    with pytest.raises(ValueError, match=message):
        error_over_names(*pair, ["bob"], made_up.dev)


@pytest.mark.parametrize("own", [True, False])
def test_a_calibrated_net_standardises_by_the_statistics_of_the_split(
    own: bool,
) -> None:
    generator = torch.Generator().manual_seed(1)
    model = mlp(BATCH_NORM, n_hidden=5, generator=generator)
    splits = [
        Split(torch.randint(27, (n, 3), generator=generator), torch.zeros(n)) for n in (50, 80)
    ]
    source, target = splits[0], splits[0 if own else 1]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    found = calibrated(model, source)
    assert not found.training

    with torch.no_grad():
        mean, std = model[:3](source.x).mean(0), model[:3](source.x).std(0)
        h = torch.tanh((model[:3](target.x) - mean) / (std**2 + 1e-5).sqrt())
        torch.testing.assert_close(found(target.x), model[-1](h))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), f"{name} of the net itself has changed"
