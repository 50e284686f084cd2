"""The nets that sweeps compare: each named once, and paired where a page subtracts them."""

from pathlib import Path

import pytest
import torch

from makemore3.data import Dataset
from makemore3.fast.nets import take_apart
from makemore3.lab.records import read_results
from makemore3.lab.sweeps import sweep
from makemore3.lab.variants import DEPTHS, SWEEPS
from makemore3.layers import BatchNorm1d, Linear, Tanh

RECORDS = sorted((Path(__file__).parents[3] / "docs" / "experiments" / "runs").glob("*.jsonl"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_records_of_the_pages_are_those_of_the_sweeps(
    path: Path, lecture_dataset: Dataset, tmp_path: Path
) -> None:
    name = "loss-log" if path.stem == "leak" else path.stem
    results = read_results(path)
    seeds = sorted({result.seed for result in results})
    assert len(results) == len(seeds) * len(SWEEPS[name])
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    # Nothing is trained: net, settings, names and first weights are compared, and all are there.
    assert len(sweep(SWEEPS[name], seeds, lecture_dataset, copy)) == len(results)
    assert copy.read_bytes() == path.read_bytes()


def test_the_records_are_small() -> None:
    assert sum(path.stat().st_size for path in RECORDS) < 250_000


@pytest.mark.parametrize("name", SWEEPS)
def test_every_variant_is_named_once_and_builds_a_net_that_the_fast_trainers_know(
    name: str,
) -> None:
    names = [variant.name for variant in SWEEPS[name]]
    assert len(set(names)) == len(names)
    for variant in SWEEPS[name]:
        assert take_apart(variant.net.build(generator=torch.Generator().manual_seed(3))).layers
        assert variant.config.max_steps in (20_000, 200_000)
        assert variant.config.lr_decay_step * 2 == variant.config.max_steps


@pytest.mark.parametrize("name", ["depth", "depth-and-rate", "deep-rate", "gain", "batch-size"])
def test_nets_with_and_without_batch_norm_start_from_the_same_weights(name: str) -> None:
    half = len(SWEEPS[name]) // 2
    for plain, norm in zip(SWEEPS[name][:half], SWEEPS[name][half:], strict=True):
        assert norm.name == plain.name.replace("plain", "batch-norm")
        assert norm.config == plain.config
        nets = [v.net.build(generator=torch.Generator().manual_seed(3)) for v in (plain, norm)]
        assert not any(isinstance(layer, BatchNorm1d) for layer in nets[0])
        assert any(isinstance(layer, BatchNorm1d) for layer in nets[1])
        weights = [
            [layer.weight for layer in net if isinstance(layer, Linear)][:-1] for net in nets
        ]
        for a, b in zip(*weights, strict=True):
            assert torch.equal(a, b)


def test_the_sweep_of_depths_has_as_many_hidden_layers_as_it_says() -> None:
    generator = torch.Generator().manual_seed(3)
    hidden = [
        sum(isinstance(layer, Tanh) for layer in variant.net.build(generator=generator))
        for variant in SWEEPS["depth"]
    ]
    assert hidden == [*DEPTHS, *DEPTHS]
