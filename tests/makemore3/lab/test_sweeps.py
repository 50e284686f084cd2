"""Sweeps: paired, resumable after any interruption, and honest about runs that fail."""

import json
import math
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from makemore3 import cli
from makemore3.data import Dataset, Names, Split, load_dataset, minibatch
from makemore3.fast import best_method, train_many
from makemore3.lab import sweeps
from makemore3.lab.records import read_results
from makemore3.lab.sweeps import minibatch_generator, seeds, sweep
from makemore3.lab.variants import Variant
from makemore3.models import KAIMING, LECTURE_SEED, NetSpec, deep_mlp, mlp
from makemore3.training import TrainConfig, evaluate, train

CONFIG = TrainConfig(max_steps=60, lr_decay_step=40)
VARIANTS = (
    Variant("kaiming", NetSpec("mlp", {"stage": "kaiming"}), CONFIG),
    Variant("deep", NetSpec("deep_mlp", {"batch_norm": "before"}), CONFIG),
)
SPLITS = ("train", "dev", "test")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.jsonl"


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_of_the_lectures_seed_is_the_lectures_run(made_up: Dataset, path: Path) -> None:
    results = sweep(VARIANTS, seeds(2), made_up, path)
    assert [(r.variant, r.seed) for r in results] == [
        ("kaiming", LECTURE_SEED),
        ("kaiming", 1),
        ("deep", LECTURE_SEED),
        ("deep", 1),
    ]
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(KAIMING, generator=generator)
    train(model, made_up.train, CONFIG, generator=generator)
    assert results[0].losses == pytest.approx(evaluate(model, made_up, SPLITS), abs=1e-5)
    assert results[0].failure is None


def test_the_minibatches_of_a_seed_are_the_same_for_every_variant(
    made_up: Dataset, path: Path
) -> None:
    deep = sweep(VARIANTS, [7], made_up, path)[1]
    model = deep_mlp(batch_norm="before", generator=torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(7)
    mlp(KAIMING, generator=generator)  # takes as many random numbers as the lecture's first net
    assert torch.equal(generator.get_state(), minibatch_generator(7).get_state())
    train(model, made_up.train, CONFIG, generator=generator)
    assert deep.losses == pytest.approx(evaluate(model, made_up, SPLITS), abs=1e-5)
    x, _ = minibatch(made_up.train, 4, generator=minibatch_generator(8))
    assert not torch.equal(x, minibatch(made_up.train, 4, generator=minibatch_generator(7))[0])


def test_a_record_says_all_that_decides_its_numbers(made_up: Dataset, path: Path) -> None:
    path = path.parent / "of" / "runs" / "some.jsonl"  # folders are made
    results = sweep(VARIANTS, [2, 1], made_up, path, max_steps=45)
    header, *rest = lines(path)
    assert header["data"]["names"] == "0" * 16
    assert header["data"]["shuffle_seed"] == 42
    digest = f"{len(made_up.train):,} with sha256 [0-9a-f]{{16}}"
    assert re.fullmatch(digest, header["data"]["train"])
    assert list(header["data"])[-3:] == list(SPLITS)
    assert header["versions"] == {
        "makemore3": version("makemore3"),
        "torch": version("torch"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "trainer": "C++" if best_method() == "compiled" else "torch, stacked",
    }
    assert header["shared"] == {"max_steps": 45, "batch_size": 32, "lr": 0.1, "lr_decay_step": 40}
    assert header["variants"] == {
        "deep": {"net": {"function": "deep_mlp", "arguments": {"batch_norm": "before"}}},
        "kaiming": {"net": {"function": "mlp", "arguments": {"stage": "kaiming"}}},
    }
    assert tuple(header["splits"]) == SPLITS
    assert [line[:2] for line in rest] == [["deep", 1], ["deep", 2], ["kaiming", 1], ["kaiming", 2]]
    assert all(len(line) == 3 + len(SPLITS) for line in rest)
    assert all(loss == round(loss, 6) for _, _, _, *losses in rest for loss in losses)
    assert [len(weights) for weights in {weights for _, _, weights, *_ in rest}] == [7] * 4
    assert read_results(path) == [results[i] for i in (3, 2, 1, 0)]


def test_names_that_train_has_too_have_losses_of_their_own(path: Path) -> None:
    words = tuple(a + b + c for a in "bdfgk" for b in "aeiou" for c in "lmnrst")
    dataset = load_dataset(Names(words + words[::2], "made up", "0" * 64))
    (result,) = sweep(VARIANTS[:1], [1], dataset, path)
    parts = dataset.splits()
    assert list(result.losses) == list(parts)
    for split in ("dev", "test"):
        sizes = [len(parts[f"{split}_{part}"]) for part in ("seen", "new")]
        whole = sum(
            size * result.losses[f"{split}_{part}"]
            for size, part in zip(sizes, ("seen", "new"), strict=True)
        )
        assert whole / sum(sizes) == pytest.approx(result.losses[split], abs=2e-6)


def test_a_record_of_fewer_losses_is_continued_with_as_many(path: Path, tmp_path: Path) -> None:
    words = tuple(a + b + c for a in "bdfgk" for b in "aeiou" for c in "lmnrst")
    dataset = load_dataset(Names(words + words[::2], "made up", "0" * 64))
    full = sweep(VARIANTS[:1], [1, 2], dataset, tmp_path / "full.jsonl")
    header, *rest = lines(tmp_path / "full.jsonl")
    assert tuple(header["splits"][: len(SPLITS)]) == SPLITS
    line = rest[0][: 3 + len(SPLITS)]
    path.write_text(f"{json.dumps({**header, 'splits': SPLITS})}\n{json.dumps(line)}\n")
    results = sweep(VARIANTS[:1], [1, 2], dataset, path)
    assert [r.losses for r in results] == [
        {split: r.losses[split] for split in SPLITS} for r in full
    ]


SCRIPT = """
import sys
from pathlib import Path
from makemore3.data import Names, load_dataset
from test_sweeps import *
words = Path(sys.argv[2]).read_text().split()
sweep(LONG, [1, 2, 3], load_dataset(Names(tuple(words), "made up", "0" * 64)), Path(sys.argv[1]))
"""
LONG = tuple(
    Variant(name, NetSpec("mlp", {"stage": name}), TrainConfig(max_steps=4000))
    for name in ("kaiming", "batch-norm")
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_moment_and_started_again_it_ends_with_the_same_bytes(
    made_up: Dataset, path: Path, tmp_path: Path
) -> None:
    if best_method() != "compiled":
        pytest.skip("there is no C++ compiler, and a stack writes all its lines at its end")
    words = tmp_path / "words.txt"
    words.write_text("\n".join(made_up.names))
    sweep(LONG, [1, 2, 3], made_up, path)

    killed = tmp_path / "killed.jsonl"
    command = [sys.executable, "-c", SCRIPT, str(killed), str(words)]
    for runs in (1, 3):
        child = subprocess.Popen(command, cwd=Path(__file__).parent)
        while not killed.exists() or killed.read_bytes().count(b"\n") < 1 + runs:
            assert child.poll() is None
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert runs < killed.read_bytes().count(b"\n") < 1 + 6
    killed.with_name("killed.jsonl.123.part").write_bytes(b"{")  # killed while it rewrote the file
    with killed.open("ab") as file:
        file.write(b'["kai')  # or while it added a line
    sweep(LONG, [1, 2, 3], made_up, killed)
    assert killed.read_bytes() == path.read_bytes()
    assert not list(tmp_path.glob("*.part"))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many nets each call trains from now on."""
    counts = []

    def train_many(models: list[Any], *args: Any, **kwargs: Any) -> object:
        counts.append(len(models))
        return original(models, *args, **kwargs)

    original: Callable[..., object] = sweeps.train_many
    monkeypatch.setattr(sweeps, "train_many", train_many)
    return counts


def test_only_missing_runs_are_trained(
    made_up: Dataset, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if best_method() != "compiled":
        pytest.skip("there is no C++ compiler, and a stack is trained as a whole")
    trained = counted(monkeypatch)
    sweep(VARIANTS, [1, 2], made_up, path)
    whole = path.read_bytes()
    header, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, rest[2], rest[0], rest[3]]))
    first = sweep(VARIANTS, [1, 2], made_up, path)
    assert path.read_bytes() == whole
    assert sweep(VARIANTS, [1, 2], made_up, path) == first
    assert trained == [4, 1]
    sweep(VARIANTS[:1], [3], made_up, path)  # runs are added, and the others stay
    assert trained == [4, 1, 1]
    assert len(read_results(path)) == 5


def test_a_stack_is_trained_as_a_whole_or_not_at_all(
    made_up: Dataset, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = counted(monkeypatch)
    first = sweep(VARIANTS, [1, 2], made_up, path, method="stacked")
    whole = path.read_bytes()
    assert sweep(VARIANTS, [1, 2], made_up, path, method="stacked") == first
    assert trained == [4]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert sweep(VARIANTS, [1, 2], made_up, path, method="stacked") == first
    assert trained == [4, 4]
    assert path.read_bytes() == whole
    assert first[0].versions["trainer"] == "torch, stacked"

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "train_many", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep(VARIANTS, [1, 2, 3], made_up, path, method="stacked")
    with pytest.raises(ValueError, match="holds no results"):  # of a stack that is half done
        read_results(path)


@pytest.mark.parametrize("progress", [True, False, None])
def test_the_trainer_is_told_how(
    progress: bool | None, made_up: Dataset, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, object] = {}
    monkeypatch.setattr(sweeps, "train_many", lambda *_, **options: told.update(options))
    with pytest.raises(KeyError):  # nothing was trained
        sweep(VARIANTS, [1], made_up, path, method="stacked", progress=progress)
    assert (told["method"], told["progress"]) == ("stacked", progress)


def test_a_run_that_fails_is_named_and_not_dropped(made_up: Dataset, path: Path) -> None:
    net = VARIANTS[0].net
    variants = (
        Variant("lost", net, TrainConfig(max_steps=60, lr=3e38)),
        Variant("lost-at-the-end", net, TrainConfig(max_steps=1, lr=1e38)),
        VARIANTS[0],
    )
    lost, at_the_end, stable = sweep(variants, [1], made_up, path)
    assert lost.failure is not None
    assert lost.failure.startswith("the loss is ")
    model = net.build(generator=torch.Generator().manual_seed(1))
    generators = [minibatch_generator(1)]
    (history,) = train_many(
        [model], made_up.train, variants[0].config, generators=generators, progress=False
    )
    assert 0 < len(history) < 60
    last = f"the loss is {history.losses[-1]} at step {len(history) - 1}"
    assert lost.failure == last, "steps count from 0"
    assert lost.losses == {}
    # The loss of its one batch is that of the first weights; only the last weights are lost.
    assert at_the_end.failure is not None
    assert re.fullmatch("the train loss is (nan|inf) after the last step", at_the_end.failure)
    assert at_the_end.losses == {}
    assert stable.failure is None
    assert tuple(stable.losses) == SPLITS
    assert "NaN" not in path.read_text()
    assert sweep(variants, [1], made_up, path) == [lost, at_the_end, stable]


@pytest.mark.parametrize("split", SPLITS)
def test_a_loss_of_any_split_that_is_not_finite_is_a_failure(
    split: str, made_up: Dataset, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = made_up.splits()[split]
    monkeypatch.setattr(
        sweeps, "split_loss", lambda _, part: math.inf if torch.equal(part.y, broken.y) else 2.0
    )
    (result,) = sweep(VARIANTS[:1], [1], made_up, path)
    assert result.failure == f"the {split} loss is inf after the last step"


def test_bad_input_is_refused(made_up: Dataset, path: Path) -> None:
    with pytest.raises(ValueError, match=r"Variant needs a name of letters.*, got 'a/b'"):
        Variant("a/b", VARIANTS[0].net)
    with pytest.raises(ValueError, match="at least 1 seed, got 0"):
        seeds(0)
    with pytest.raises(ValueError, match="each seed once, got 5 twice"):
        sweep(VARIANTS, [5, 5], made_up, path)
    with pytest.raises(ValueError, match="each variant once, got 'kaiming' twice"):
        sweep(VARIANTS[:1] * 2, [5], made_up, path)
    assert not path.exists()


def trained_with(setting: str, value: Any) -> Callable[[Dataset, Variant], Any]:
    """Change one setting of a variant, and leave the data."""
    return lambda d, v: (d, replace(v, config=replace(v.config, **{setting: value})))


OTHER_SETTINGS = {**dict.fromkeys(asdict(CONFIG), 7), "optimizer": "adam"}


@pytest.mark.parametrize(
    ("key", "change"),
    [
        *((key, trained_with(key, value)) for key, value in OTHER_SETTINGS.items()),
        ("net", lambda d, v: (d, replace(v, net=NetSpec("mlp", {"stage": "tanh-fixed"})))),
        ("net", lambda d, v: (d, replace(v, net=NetSpec("deep_mlp", {})))),
        ("names", lambda d, v: (replace(d, names=replace(d.names, sha256="1" * 64)), v)),
        ("shuffle_seed", lambda d, v: (load_dataset(d.names, shuffle_seed=7), v)),
        ("train", lambda d, v: (load_dataset(d.names, shuffle_seed=7), v)),
        ("test", lambda d, v: (load_dataset(d.names, shuffle_seed=7), v)),
        ("dev", lambda d, v: (replace(d, dev=Split(d.dev.x.flip(0), d.dev.y)), v)),
        ("dev", lambda d, v: (replace(d, dev=Split(d.dev.x, d.dev.y.flip(0))), v)),
        ("block_size", lambda d, v: (load_dataset(d.names, block_size=4), v)),
        ("distinct", lambda d, v: (load_dataset(d.names, distinct=True), v)),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_runs_of_other_settings_are_refused(
    key: str,
    change: Callable[[Dataset, Variant], tuple[Dataset, Variant]],
    seed: int,
    made_up: Dataset,
    path: Path,
) -> None:
    sweep(VARIANTS[:1], [1], made_up, path)
    good = path.read_bytes()
    dataset, variant = change(made_up, VARIANTS[0])
    with pytest.raises(ValueError, match=r"some.jsonl is the record of other runs:\n") as caught:
        sweep([variant], [seed], dataset, path)
    assert f"\n  {key}: " in str(caught.value)
    assert path.read_bytes() == good


def test_a_run_is_told_by_its_first_weights(made_up: Dataset, path: Path) -> None:
    (result,) = sweep(VARIANTS[:1], [1], made_up, path)
    weights = result.start["weights"]
    path.write_text(path.read_text().replace(weights, "0" * 7))
    with pytest.raises(ValueError, match=f"\n  weights: {'0' * 7} in the file, {weights} now\n"):
        sweep(VARIANTS[:1], [1], made_up, path)


def test_a_record_is_not_continued_with_other_versions(made_up: Dataset, path: Path) -> None:
    (result,) = sweep(VARIANTS[:1], [1], made_up, path)
    path.write_text(path.read_text().replace(result.versions["torch"], "1.0"))
    (again,) = sweep(VARIANTS[:1], [1], made_up, path)  # nothing is missing
    assert again.versions["torch"] == "1.0"
    with pytest.raises(ValueError, match=r"other runs:\n  torch: 1.0 in the file, 2\..* now\n"):
        sweep(VARIANTS[:1], [1, 2], made_up, path)


def test_a_record_without_a_run_binds_nobody(made_up: Dataset, path: Path) -> None:
    sweep(VARIANTS[:1], [1], made_up, path)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])  # killed before its first run
    other = replace(VARIANTS[0], config=replace(CONFIG, max_steps=7))
    (result,) = sweep([other], [1], load_dataset(made_up.names, shuffle_seed=7), path)
    assert read_results(path) == [result]
    assert (result.start["max_steps"], result.start["shuffle_seed"]) == (7, 7)


@pytest.fixture
def own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tmp_path / "mine.txt"
    words = [f"{a}{b}{c}a\n" for a in "bdk" for b in "aeio" for c in "lmnr"]
    names.write_text("".join(words + words[::3]))
    monkeypatch.setenv("MAKEMORE_NAMES", str(names))


@pytest.mark.usefixtures("own_names")
def test_the_command_prints_means_and_names_failures(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sweep", "loss-log", "--record", str(path), "--seeds", "2", "--steps", "20"]
    assert cli.main(command) == 0
    head, *table = capsys.readouterr().out.splitlines()
    assert head.split()[-4:] == ["runs", *SPLITS]
    names = ("as-written", "softmax-fixed", "tanh-fixed", "kaiming", "batch-norm")
    assert [line.split()[:2] for line in table] == [[name, "2"] for name in names]
    for name, line in zip(names, table, strict=True):
        numbers = [float(number) for number in line.split()[2:]]
        runs = [run.losses for run in read_results(path) if run.variant == name]
        losses = torch.tensor([[run[split] for split in SPLITS] for run in runs])
        assert numbers[::2] == pytest.approx(losses.mean(0).tolist(), abs=1e-4)
        assert numbers[1::2] == pytest.approx(losses.std(0).tolist(), abs=1e-4)

    text = path.read_text().splitlines()
    (place,) = (i for i, line in enumerate(text) if line.startswith('["kaiming",1,'))
    text[place] = json.dumps([*json.loads(text[place])[:3], "the loss is nan at step 7"])
    path.write_text("\n".join(text) + "\n")
    assert cli.main(command) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[4].split()[:2] == ["kaiming", "1"]
    assert table[4].split()[3] == "-"
    assert table[-1] == "kaiming, seed 1: the loss is nan at step 7"


@pytest.mark.usefixtures("own_names")
def test_the_command_splits_by_distinct_names_when_told(path: Path) -> None:
    command = ["sweep", "loss-log", "--seeds", "1", "--steps", "2", "--record"]
    assert cli.main([*command, str(path)]) == 0
    assert "dev_seen" in read_results(path)[0].losses
    other = path.with_name("other.jsonl")
    assert cli.main([*command, str(other), "--distinct"]) == 0
    assert tuple(read_results(other)[0].losses) == SPLITS


@pytest.mark.parametrize(("progress", "disable"), [(None, None), (True, False), (False, True)])
def test_a_cluster_shows_its_runs_in_a_bar_that_goes_when_they_are_done(
    progress: bool | None,
    disable: bool | None,
    made_up: Dataset,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if best_method() != "compiled":
        pytest.skip("there is no C++ compiler, and a cluster trains with nothing else")
    shown: list[dict[str, object]] = []

    def here(_: str, function: Callable[..., Any], shared: object, calls: list[Any]) -> Any:
        return ((index, function(shared, *call)) for index, call in enumerate(calls))

    def bar(outcomes: object, **options: object) -> object:
        shown.append(options)
        return outcomes

    monkeypatch.setattr(sweeps, "call_on_cluster", here)
    monkeypatch.setattr(sweeps, "tqdm", bar)
    torch.set_num_threads(2)  # as a worker may have found it
    there = sweep(VARIANTS, [1], made_up, path, scheduler="tcp://x", progress=progress)
    assert torch.get_num_threads() == 1, "more would round differently"
    assert shown == [{"total": 2, "unit": "run", "disable": disable, "leave": False}]
    assert capsys.readouterr().err == "", "the workers show no bars of their own"
    assert there == sweep(VARIANTS, [1], made_up, path.with_name("here.jsonl"), progress=False)
