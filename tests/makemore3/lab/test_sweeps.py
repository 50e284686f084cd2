"""Sweeps: paired, resumable after any interruption, and honest about runs that fail."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from makemore3 import cli
from makemore3.data import Dataset, minibatch
from makemore3.fast import Method, best_method
from makemore3.fast.nets import take_apart
from makemore3.lab.sweeps import (
    DEPTHS,
    SWEEPS,
    Result,
    Variant,
    minibatch_generator,
    read_result,
    read_results,
    seeds,
    sweep,
)
from makemore3.layers import BatchNorm1d, Linear, Tanh
from makemore3.models import BATCH_NORM, KAIMING, LECTURE_SEED, deep_mlp, mlp
from makemore3.training import TrainConfig, evaluate, train

CONFIG = TrainConfig(max_steps=60, lr_decay_step=40)
VARIANTS = (
    Variant("kaiming", partial(mlp, KAIMING), CONFIG),
    Variant("deep", partial(deep_mlp, batch_norm="before"), CONFIG),
)
SPLITS = ("train", "dev", "test")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_of_the_lectures_seed_is_the_lectures_run(made_up: Dataset, tmp_path: Path) -> None:
    results = sweep(VARIANTS, seeds(2), made_up, tmp_path)
    assert [(r.variant, r.seed) for r in results] == [
        ("kaiming", LECTURE_SEED),
        ("kaiming", 1),
        ("deep", LECTURE_SEED),
        ("deep", 1),
    ]
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(KAIMING, generator=generator)
    history = train(model, made_up.train, CONFIG, generator=generator)
    assert results[0].losses == pytest.approx(evaluate(model, made_up, SPLITS), abs=1e-5)
    assert results[0].curve == pytest.approx(history.losses, abs=2e-5)
    assert results[0].curve_block == 1
    assert results[0].failure is None


def test_the_minibatches_of_a_seed_are_the_same_for_every_variant(
    made_up: Dataset, tmp_path: Path
) -> None:
    deep = sweep(VARIANTS, [7], made_up, tmp_path)[1]
    model = deep_mlp(batch_norm="before", generator=torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(7)
    mlp(KAIMING, generator=generator)  # takes as many random numbers as the lecture's first net
    assert torch.equal(generator.get_state(), minibatch_generator(7).get_state())
    history = train(model, made_up.train, CONFIG, generator=generator)
    assert deep.curve == pytest.approx(history.losses, abs=2e-5)
    x, _ = minibatch(made_up.train, 4, generator=minibatch_generator(8))
    assert not torch.equal(x, minibatch(made_up.train, 4, generator=minibatch_generator(7))[0])


def test_a_file_says_all_that_decides_its_numbers(made_up: Dataset, tmp_path: Path) -> None:
    (result,) = sweep(VARIANTS[:1], [1], made_up, tmp_path, max_steps=450)
    (path,) = tmp_path.iterdir()
    assert path.name == "kaiming-1.json"
    content = json.loads(path.read_bytes())
    assert content["start"]["max_steps"] == 450
    assert content["start"]["names"] == "0" * 16
    assert content["start"]["model"].startswith("Sequential( (embedding): Embedding(27, 10)")
    assert content["versions"]["torch"].startswith("2.")
    assert set(content["losses"]) == set(SPLITS)
    assert (content["curve_block"], len(content["curve"])) == (2, 225)
    assert read_results(tmp_path) == [result]


SCRIPT = """
import sys
from pathlib import Path
from makemore3.data import Names, load_dataset
from test_sweeps import *
words = Path(sys.argv[2]).read_text().split()
sweep(LONG, [1, 2, 3], load_dataset(Names(tuple(words), "made up", "0" * 64)), Path(sys.argv[1]))
"""
LONG = tuple(
    Variant(name, partial(mlp, stage), TrainConfig(max_steps=4000))
    for name, stage in {"kaiming": KAIMING, "batch-norm": BATCH_NORM}.items()
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_moment_and_started_again_it_ends_with_the_same_bytes(
    made_up: Dataset, tmp_path: Path
) -> None:
    if best_method() != "compiled":
        pytest.skip("there is no C++ compiler, and a stack writes all its files at its end")
    words = tmp_path / "words.txt"
    words.write_text("\n".join(made_up.names))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    sweep(LONG, [1, 2, 3], made_up, whole)

    killed.mkdir()
    command = [sys.executable, "-c", SCRIPT, str(killed), str(words)]
    for runs in (1, 3):
        child = subprocess.Popen(command, cwd=Path(__file__).parent)
        while len(list(killed.glob("*.json"))) < runs:
            assert child.poll() is None
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert runs <= len(list(killed.glob("*.json"))) < 6
    (killed / "kaiming-1.json.123.part").write_bytes(b'{"varia')  # killed while it wrote
    before = {path: path.stat().st_mtime_ns for path in killed.glob("*.json")}
    sweep(LONG, [1, 2, 3], made_up, killed)
    assert contents(killed) == contents(whole)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_a_stack_is_trained_as_a_whole_or_not_at_all(made_up: Dataset, tmp_path: Path) -> None:
    method: Method = "stacked"
    first = sweep(VARIANTS, [1, 2], made_up, tmp_path, method=method)
    expected = contents(tmp_path)
    (tmp_path / "deep-1.json").unlink()
    assert sweep(VARIANTS, [1, 2], made_up, tmp_path, method=method) == first
    assert contents(tmp_path) == expected
    assert first[0].versions["trainer"] == "torch, stacked"


def test_a_run_that_fails_is_named_and_not_dropped(made_up: Dataset, tmp_path: Path) -> None:
    variants = (
        Variant("lost", partial(mlp, KAIMING), TrainConfig(max_steps=60, lr=3e38)),
        VARIANTS[0],
    )
    lost, stable = sweep(variants, [1], made_up, tmp_path)
    assert lost.failure is not None
    assert lost.failure.startswith("the loss is ")
    step = int(lost.failure.rpartition(" ")[2])
    assert len(lost.curve) == step < 60
    assert lost.losses == {}
    assert stable.failure is None
    assert set(stable.losses) == set(SPLITS)
    again = sweep(variants, [1], made_up, tmp_path)
    assert again == [lost, stable]


def test_bad_input_is_refused(made_up: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Variant needs a name of letters.*, got 'a/b'"):
        Variant("a/b", partial(mlp, KAIMING))
    with pytest.raises(ValueError, match="at least 1 seed, got 0"):
        seeds(0)
    with pytest.raises(ValueError, match="each seed once, got 5 twice"):
        sweep(VARIANTS, [5, 5], made_up, tmp_path)
    with pytest.raises(ValueError, match="each variant once, got 'kaiming' twice"):
        sweep(VARIANTS[:1] * 2, [5], made_up, tmp_path)
    with pytest.raises(ValueError, match="holds no results: sweep into it first"):
        read_results(tmp_path)


def test_files_of_other_runs_and_damaged_files_are_refused(
    made_up: Dataset, tmp_path: Path
) -> None:
    sweep(VARIANTS[:1], [1], made_up, tmp_path)
    path = tmp_path / "kaiming-1.json"
    good = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"kaiming-1.json is the result of another run:\n  max_steps: 60 in the"
    ):
        sweep(VARIANTS[:1], [1], made_up, tmp_path, max_steps=70)
    assert path.read_bytes() == good
    for bad in (good[:-20], b"[]", b'{"variant": "kaiming"}'):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"kaiming-1.json is not the result of a run .*again"):
            sweep(VARIANTS[:1], [1], made_up, tmp_path)
        with pytest.raises(ValueError, match="is not the result of a run"):
            read_result(path)


def test_the_command_prints_means_and_names_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "mine.txt"
    names.write_text("".join(f"{a}{b}{c}a\n" for a in "bdk" for b in "aeio" for c in "lmnr"))
    monkeypatch.setenv("MAKEMORE_NAMES", str(names))
    folder = tmp_path / "runs"
    command = ["sweep", "loss-log", "--folder", str(folder), "--seeds", "2", "--steps", "20"]
    assert cli.run(command) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[-4:] == ["runs", *SPLITS]
    assert [line.split()[:2] for line in lines] == [
        [name, "2"]
        for name in ("as-written", "softmax-fixed", "tanh-fixed", "kaiming", "batch-norm")
    ]
    assert len(list(folder.iterdir())) == 10

    path = folder / "kaiming-1.json"
    failed = {**json.loads(path.read_bytes()), "failure": "the loss is nan at step 7", "losses": {}}
    path.write_text(json.dumps(failed))
    assert cli.run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].split()[:2] == ["kaiming", "1"]
    assert lines[4].split()[3] == "-"
    assert lines[-1] == "kaiming, seed 1: the loss is nan at step 7"
    assert isinstance(read_result(path), Result)


@pytest.mark.parametrize("name", SWEEPS)
def test_every_variant_is_named_once_and_builds_a_net_that_the_fast_trainers_know(
    name: str,
) -> None:
    names = [variant.name for variant in SWEEPS[name]]
    assert len(set(names)) == len(names)
    for variant in SWEEPS[name]:
        assert take_apart(variant.build(generator=torch.Generator().manual_seed(3))).layers
        assert variant.config.max_steps in (20_000, 200_000)
        assert variant.config.lr_decay_step * 2 == variant.config.max_steps


@pytest.mark.parametrize("name", ["depth", "depth-and-rate", "deep-rate", "gain", "batch-size"])
def test_nets_with_and_without_batch_norm_start_from_the_same_weights(name: str) -> None:
    half = len(SWEEPS[name]) // 2
    for plain, norm in zip(SWEEPS[name][:half], SWEEPS[name][half:], strict=True):
        assert norm.name == plain.name.replace("plain", "batch-norm")
        assert norm.config == plain.config
        nets = [v.build(generator=torch.Generator().manual_seed(3)) for v in (plain, norm)]
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
        sum(isinstance(layer, Tanh) for layer in variant.build(generator=generator))
        for variant in SWEEPS["depth"]
    ]
    assert hidden == [*DEPTHS, *DEPTHS]
