"""The nets that sweeps compare: each named once, and paired where a page subtracts them."""

from pathlib import Path

import pytest
import torch

from makemore3.data import Dataset, load_dataset
from makemore3.fast.nets import take_apart
from makemore3.lab.records import read_results
from makemore3.lab.sweeps import sweep
from makemore3.lab.variants import DEPTHS, NORMS, SWEEPS
from makemore3.layers import BatchNorm1d, Linear, Tanh

RECORDS = sorted((Path(__file__).parents[3] / "docs" / "experiments" / "runs").glob("*.jsonl"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_records_of_the_pages_are_those_of_the_sweeps(
    path: Path, lecture_dataset: Dataset, tmp_path: Path
) -> None:
    name = "loss-log" if path.stem.startswith("leak") else path.stem
    distinct = path.stem.endswith("-distinct")
    dataset = load_dataset(lecture_dataset.names, distinct=True) if distinct else lecture_dataset
    results = read_results(path)
    seeds = sorted({result.seed for result in results})
    assert {result.variant for result in results} == {variant.name for variant in SWEEPS[name]}
    assert len(results) == len(seeds) * len(SWEEPS[name])
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    # Nothing is trained: net, settings, names and first weights are compared, and all are there.
    assert len(sweep(SWEEPS[name], seeds, dataset, copy)) == len(results)
    assert copy.read_bytes() == path.read_bytes()


def test_the_records_are_small() -> None:
    sizes = [path.stat().st_size for path in RECORDS]
    assert max(sizes) < 100_000
    assert sum(sizes) < 350_000


@pytest.mark.parametrize("name", SWEEPS)
def test_every_variant_is_named_once_and_builds_a_net_that_the_fast_trainers_know(
    name: str,
) -> None:
    names = [variant.name for variant in SWEEPS[name]]
    assert len(set(names)) == len(names)
    for variant in SWEEPS[name]:
        assert take_apart(variant.net.build(generator=torch.Generator().manual_seed(3))).layers
        steps, decay = variant.config.max_steps, variant.config.lr_decay_step
        assert decay == (steps - 100_000 if name == "extra-steps" else steps / 2)


@pytest.mark.parametrize(
    "name", ["depth", "deeper", "depth-and-rate", "deep-rate", "gain", "batch-size"]
)
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


@pytest.mark.parametrize("name", ["norm", "norm-deep", "norm-setting", "norm-long"])
def test_the_norms_are_compared_in_nets_that_differ_in_nothing_else(name: str) -> None:
    norms: dict[str, set[str]] = {}
    first: dict[str, dict[str, torch.Tensor]] = {}
    for variant in SWEEPS[name]:
        norm, _, rest = variant.name.partition("-")
        norms.setdefault(rest, set()).add(norm)
        net = variant.net.build(generator=torch.Generator().manual_seed(3))
        layers = take_apart(net).layers
        assert all((layer.norm is None) == (norm == "none") for layer in layers[:-1])
        assert layers[-1].norm is None
        residual = [layer.residual for layer in layers]
        between = "residual" in rest
        assert residual == [False, *[between] * (len(layers) - 2), False]
        assert f"depth{len(layers) - 1}-lr{variant.config.lr:g}" in variant.name
        weights = {key: value for key, value in net.state_dict().items() if "weight" in key}
        alike = first.setdefault(rest, weights)
        names = [key for key in weights if not key.startswith("norm")]
        assert names
        assert all(torch.equal(weights[key], alike[key]) for key in names)
    few = {"norm-deep": {"none", "batch", "layer"}}.get(name, {n or "none" for n in NORMS})
    for rest, found in norms.items():
        assert found == few or (found == {"none"} and rest.endswith(("lr0.01", "lr0.3")))


def test_ghosts_are_compared_with_batches_of_their_size() -> None:
    groups: dict[int, set[int]] = {}
    for variant in SWEEPS["ghost"]:
        for layer in take_apart(variant.net.build(generator=torch.Generator())).layers:
            rows = 0
            if layer.norm is not None:
                settings = layer.settings()
                assert settings is not None
                rows = settings.ghost_size or variant.config.batch_size
                assert rows / settings.momentum == pytest.approx(6_400)
            groups.setdefault(variant.config.batch_size, set()).add(rows)
    assert groups == {8: {0, 8}, 32: {0, 32}, 128: {0, 128}, 512: {0, 8, 32, 128, 512}}


def test_the_sweep_of_depths_has_as_many_hidden_layers_as_it_says() -> None:
    generator = torch.Generator().manual_seed(3)
    hidden = [
        sum(isinstance(layer, Tanh) for layer in variant.net.build(generator=generator))
        for variant in (*SWEEPS["depth"], *SWEEPS["deeper"])
    ]
    assert hidden == [*DEPTHS[:4], *DEPTHS[:4], *DEPTHS[4:], *DEPTHS[4:]]
