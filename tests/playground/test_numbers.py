"""Random numbers, data, nets, losses and diagnostics are those of torch and of the package."""

import hashlib
import json
import math
import random
import string
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from playground_nets import CHAOTIC, DEEP, NETS, built

from companion.served import front_coded
from makemore3.data import Dataset, Vocabulary, minibatch
from makemore3.diagnostics import (
    UpdateRatios,
    activation_stats,
    gradient_stats,
    parameter_stats,
    record_activations,
    saturation,
)
from makemore3.layers import BatchNorm1d, Tanh
from makemore3.models import LECTURE_SEED
from makemore3.sampling import SAMPLING_SEED, sample_names
from makemore3.training import TrainConfig, evaluate, train

Evaluate = Callable[..., Any]
"""The fixture `js`."""


def check_draws(drawn: list[float], expected: torch.Tensor) -> None:
    """Bit for bit where torch makes normal numbers with AVX2; elsewhere it rounds differently."""
    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        assert drawn == expected.flatten().tolist()
    else:
        torch.testing.assert_close(torch.tensor(drawn), expected.flatten(), rtol=1e-6, atol=1e-6)


def made(name: str) -> str:
    stage, changes, _ = NETS[name]
    return f"made({json.dumps(stage)}, {json.dumps(changes)})"


@pytest.mark.parametrize("count", [16, 17, 27, 270, 6000])
@pytest.mark.parametrize("seed", [42, LECTURE_SEED, 2**32 - 1])
def test_normal_numbers_are_torchs(js: Evaluate, count: int, seed: int):
    drawn = js(f"[...new Twister({seed}).randn({count})]")
    check_draws(drawn, torch.randn(count, generator=torch.Generator().manual_seed(seed)))


def test_fewer_than_sixteen_are_refused(js: Evaluate):
    with pytest.raises(Exception, match="16 numbers or more, got 15"):
        js("new Twister(1).randn(15)")


def test_whole_numbers_are_torchs(js: Evaluate):
    drawn = js("[...new Twister(5).randint(182625, 2000)]")
    generator = torch.Generator().manual_seed(5)
    assert drawn == torch.randint(0, 182_625, (2000,), generator=generator).tolist()


def test_draws_from_a_distribution_are_torchs(js: Evaluate):
    probs = torch.rand(27, generator=torch.Generator().manual_seed(1))
    probs /= probs.sum()
    drawn = js(
        "(p) => { const t = new Twister(9); return p.map(() => t.multinomial(p)) }", probs.tolist()
    )
    generator = torch.Generator().manual_seed(9)
    expected = [int(torch.multinomial(probs, 1, generator=generator)) for _ in range(27)]
    assert drawn == expected


@pytest.mark.parametrize("count", [2, 3, 1000])
def test_the_shuffle_is_pythons(js: Evaluate, count: int):
    words = list(range(count))
    random.Random(42).shuffle(words)
    assert js(f"Twister.python(42).shuffle([...Array({count}).keys()])") == words


def test_the_examples_are_the_packages(js: Evaluate, names: Dataset):
    for split, expected in (("train", names.train), ("dev", names.dev)):
        x, y = (js(f"corpus.{split}.{part}.join()") for part in "xy")
        contexts = expected.x @ torch.tensor([27**2, 27, 1])
        assert x == ",".join(map(str, contexts.tolist()))
        assert y == ",".join(map(str, expected.y.tolist()))


def test_the_built_in_names_come_whole(js: Evaluate):
    words = (files("makemore3") / "built_in_names.txt").read_text()
    assert js("unfold", front_coded(words)) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emma\nOlivia", 'line 2: expected a lower-case name of a-z, got "Olivia"'),
        ("", 'line 1: expected a lower-case name of a-z, got ""'),
        ("a\nb\nc\nd\ne", "expected 6 names or more, got 5"),
    ],
)
def test_a_file_of_something_else_is_refused(js: Evaluate, text: str, message: str):
    assert js("(text) => { try { parse(text) } catch (e) { return e.message } }", text) == message


@pytest.mark.parametrize("name", NETS)
def test_first_weights_are_the_packages(js: Evaluate, name: str):
    model, _ = built(name)
    drawn = js(f"weightsOf({made(name)}.net).map(({{ name, values }}) => [name, [...values]])")
    parameters = dict(model.named_parameters())
    assert [key for key, _ in drawn] == [key for key, p in parameters.items() if p.ndim == 2]
    for key, values in drawn:
        check_draws(values, parameters[key].detach())


@pytest.mark.parametrize("name", NETS)
def test_losses_are_torchs(js: Evaluate, names: Dataset, name: str):
    steps = 10 if name in CHAOTIC else 300
    model, generator = built(name)
    history = train(model, names.train, TrainConfig(max_steps=steps), generator=generator)
    losses = js(f"{made(name)}.advance({steps})")
    assert losses == pytest.approx(history.losses, rel=1e-5 if name in CHAOTIC else 2e-6)


def test_the_chaotic_run_is_the_same_in_every_browser(js: Evaluate):
    losses = js(
        """(text) => {
          const run = new Run(engine, dataset(parse(text)), stages["as-written"].settings)
          return run.advance(1001)
        }""",
        (files("makemore3") / "built_in_names.txt").read_text(),
    )
    digest = hashlib.sha256(torch.tensor(losses).numpy().tobytes()).hexdigest()
    assert digest.startswith("c88ac2bf2afe12d2"), (
        "every operation is rounded exactly: what has changed?"
    )


def test_the_same_run_in_pieces_is_the_same_run(js: Evaluate):
    whole = js("made('batch-norm', {}).advance(60)")
    pieces = js(
        """(() => {
          const run = made("batch-norm", {})
          run.look()
          const losses = [...run.advance(7)]
          const { losses: one } = run.lookAndStep()
          run.look()
          return [...losses, ...one, ...run.advance(52)]
        })()"""
    )
    assert pieces == whole


@pytest.mark.parametrize("name", ["tanh-fixed", "batch-norm", "six-layers-batch-norm"])
def test_losses_of_the_splits_and_names_are_the_packages(js: Evaluate, names: Dataset, name: str):
    model, generator = built(name)
    train(model, names.train, TrainConfig(max_steps=200), generator=generator)
    ours = js(
        f"""(() => {{
          const run = {made(name)}
          run.advance(200)
          const losses = [corpus.train, corpus.dev].map((split) => run.loss(distinct(split)))
          const sampled = run.sample(new Twister({SAMPLING_SEED}), 20, 100)
          return [losses, sampled, run.parameters]
        }})()"""
    )
    losses, sampled, parameters = ours
    assert losses == pytest.approx(list(evaluate(model, names).values()), rel=1e-6)
    generator = torch.Generator().manual_seed(SAMPLING_SEED)
    assert sampled == sample_names(model, Vocabulary(), 20, generator=generator)
    assert parameters == sum(p.numel() for p in model.parameters())


def test_a_split_can_be_judged_by_its_own_statistics(js: Evaluate, names: Dataset):
    model, generator = built("batch-norm")
    train(model, names.train, TrainConfig(max_steps=200), generator=generator)
    for layer in model.modules():
        if isinstance(layer, BatchNorm1d):
            layer.momentum = 1.0
    model.train()
    model(names.dev.x)
    own = js(
        "(() => { const run = made('batch-norm', {}); run.advance(200);"
        " return run.lossByOwnStatistics(distinct(corpus.dev)) })()"
    )
    assert own == pytest.approx(evaluate(model, names)["dev"], rel=1e-6)


@pytest.mark.parametrize("steps", [0, 200])
@pytest.mark.parametrize("name", ["softmax-fixed", "batch-norm", *DEEP, "linear"])
def test_diagnostics_are_the_packages(js: Evaluate, names: Dataset, name: str, steps: int):
    model, generator = built(name)
    if steps:
        train(model, names.train, TrainConfig(max_steps=steps), generator=generator)
    x, y = minibatch(names.train, 32, generator=generator)
    view = js(f"(() => {{ const run = {made(name)}; run.advance({steps}); return run.look() }})()")
    layers = [report["name"] for report in view["out"]]
    threshold = view["threshold"]
    model.train()
    outputs = activation_stats(model, x, layers=layers, threshold=threshold)
    for ours, stats in zip(view["out"], outputs, strict=True):
        assert ours["mean"] == pytest.approx(stats.mean, abs=1e-6)
        assert ours["std"] == pytest.approx(stats.std, rel=1e-5)
        assert sum(ours["counts"]) == 32 * stats.shape[1]
    for ours, stats in zip(view["saturation"], outputs, strict=bool(view["hasTanh"])):
        assert (ours["share"], ours["dead"]) == (pytest.approx(stats.saturated), stats.dead)
    gradients = gradient_stats(model, x, y, layers=layers)
    for ours, stats in zip(view["gradient"], gradients, strict=True):
        assert ours["std"] == pytest.approx(stats.std, rel=1e-5, abs=1e-8)
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    weights = zip(view["weight"], view["weightGradient"], parameter_stats(model), strict=True)
    for data, gradient, stats in weights:
        assert data["name"] == gradient["name"] == stats.name
        assert data["mean"] == pytest.approx(stats.mean, rel=1e-5, abs=1e-8)
        assert data["std"] == pytest.approx(stats.std, rel=1e-5)
        assert gradient["std"] == pytest.approx(stats.grad_std, rel=1e-5, abs=1e-8)


def test_the_map_is_the_packages(js: Evaluate, names: Dataset):
    model, generator = built("softmax-fixed")
    x, _ = minibatch(names.train, 32, generator=generator)
    with record_activations(model, Tanh) as activations:
        model(x)
    report = saturation(activations["tanh"], threshold=0.99)
    (ours,) = js(
        "(s) => made('softmax-fixed', {}).look().saturation.map("
        "({ map, ...rest }) => ({ ...rest, map: [...map] }))"
    )
    assert ours["map"] == report.mask.flatten().int().tolist()
    assert ours["white"] == report.dead_units


@pytest.mark.parametrize("name", ["tanh-fixed", *DEEP])
def test_update_ratios_are_the_packages(js: Evaluate, names: Dataset, name: str):
    model, generator = built(name)
    ratios = UpdateRatios()
    config = TrainConfig(max_steps=101)
    train(model, names.train, config, generator=generator, callback=ratios.record)
    noted = js(f"(() => {{ const run = {made(name)}; run.advance(101); return run.updates }})()")
    assert [each["step"] for each in noted] == list(range(0, 101, 10))
    for each in noted:
        expected = [ratio[each["step"]] for ratio in ratios.ratios.values()]
        assert each["ratios"] == pytest.approx(expected, abs=1e-4)


def test_running_statistics_are_the_layers(js: Evaluate, names: Dataset):
    model, generator = built("six-layers-batch-norm")
    train(model, names.train, TrainConfig(max_steps=50), generator=generator)
    norms = js(
        "(() => { const run = made('six-layers-batch-norm', {}); run.advance(50);"
        " return run.look().norms })()"
    )
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm1d)]
    for ours, layer in zip(norms, layers, strict=True):
        assert ours["running"]["mean"] == pytest.approx(layer.running_mean.tolist(), abs=1e-5)
        assert ours["running"]["std"] == pytest.approx(layer.running_var.sqrt().tolist(), abs=1e-5)


def test_a_diverging_run_says_so(js: Evaluate):
    steps, diverged, last = js(
        """(() => {
          const run = made("six-layers", { lr: 10, tanh: false, gain: 5 })
          const losses = run.advance(200)
          return [run.steps, run.diverged, String(losses.at(-1))]
        })()"""
    )
    assert diverged
    assert steps < 200
    assert not math.isfinite(float(last.replace("Infinity", "inf")))


def test_the_alphabet_is_the_packages(js: Evaluate):
    assert js("CHARACTERS") == "." + string.ascii_lowercase


def test_the_largest_net_has_room(js: Evaluate):
    largest = {"depth": 20, "hidden": 300, "batch": 128}
    assert largest == {key: js(f"controls.{key}.values.at(-1)[0]") for key in largest}
    losses, shares = js(
        """(largest) => {
          const run = made("six-layers-batch-norm", largest)
          const shares = run.look().saturation.map(({ share }) => share)
          const losses = run.advance(2)
          return [[...losses, run.loss(distinct(corpus.dev))], shares]
        }""",
        largest,
    )
    assert all(2 < loss < 5 for loss in losses)
    assert len(shares) == 19
