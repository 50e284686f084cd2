"""The command line, run as a reader runs it."""

import argparse
import runpy
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from makemore3 import cli
from makemore3.data import Dataset, Split, Vocabulary, build_split, load_dataset
from makemore3.keep import train_resumably
from makemore3.lab.bench import Timing
from makemore3.lab.published import PUBLISHED
from makemore3.lab.reproduce import compare
from makemore3.layers import ReLU
from makemore3.models import BATCH_NORM, LECTURE_SEED, TANH_FIXED, NetSpec, mlp
from makemore3.sampling import SAMPLING_SEED, sample_names
from makemore3.training import TrainConfig, evaluate, train

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus that is not the lecture's."""
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"{a}{b}{c}a\n" for a in "bdk" for b in "aeio" for c in "lmnr"))
    monkeypatch.setenv("MAKEMORE_NAMES", str(path))
    return path


def test_train_prints_the_losses(own_names: Path, capsys: Captured) -> None:
    dataset = load_dataset()
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    model = mlp(TANH_FIXED, generator=generator)
    train(model, dataset.train, TrainConfig(max_steps=40), generator=generator)
    losses = evaluate(model, dataset)

    assert cli.main(["train", "--stage", "tanh-fixed", "--steps", "40"]) == 0
    out = capsys.readouterr().out
    assert out == (
        "tanh-fixed, 11,897 parameters, 40 steps: "
        f"train loss {losses['train']:.4f}, dev loss {losses['dev']:.4f} nats per character\n"
    )
    cli.main(["train", "--stage", "tanh-fixed", "--steps", "40", "--seed", "1"])
    assert capsys.readouterr().out != out


def test_train_defaults_to_the_softmax_fixed(own_names: Path, capsys: Captured) -> None:
    assert cli.main(["train", "--steps", "1"]) == 0
    assert capsys.readouterr().out.startswith("softmax-fixed, ")


def test_train_continues_from_its_checkpoint(
    own_names: Path, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "run.pt"
    cli.main(["train", "--steps", "30"])
    expected = capsys.readouterr().out
    assert cli.main(["train", "--steps", "20", "--checkpoint", str(path)]) == 0
    capsys.readouterr()
    assert cli.main(["train", "--steps", "30", "--checkpoint", str(path)]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("stage", ["as-written", "batch-norm"])
def test_sample_prints_names_of_the_stage_that_was_trained(
    stage: str, own_names: Path, tmp_path: Path, capsys: Captured
) -> None:
    path = str(tmp_path / "run.pt")
    cli.main(["train", "--stage", stage, "--steps", "200", "--checkpoint", path])
    capsys.readouterr()

    assert cli.main(["sample", "--checkpoint", path, "--count", "7"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == 7
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz") for name in names)
    cli.main(["sample", "--checkpoint", path])
    assert capsys.readouterr().out.splitlines()[:7] == names
    cli.main(["sample", "--checkpoint", path, "--count", "7", "--seed", "1"])
    assert capsys.readouterr().out.splitlines() != names


def test_sample_rebuilds_a_net_that_python_trained(
    small_split: Split, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "run.pt"
    generator = torch.Generator().manual_seed(1)
    spec = NetSpec("deep_mlp", {"nonlinearity": ReLU, "n_hidden": 5, "block_size": 5})
    split = build_split(["emma", "olivia", "ava"], Vocabulary(), block_size=5)
    model = spec.build(generator=generator)
    config = TrainConfig(max_steps=30)
    train_resumably(model, split, config, generator=generator, checkpoint=path, spec=spec)

    assert cli.main(["sample", "--checkpoint", str(path), "--count", "4"]) == 0
    generator = torch.Generator().manual_seed(SAMPLING_SEED)
    names = sample_names(model, Vocabulary(), 4, block_size=5, generator=generator)
    assert capsys.readouterr().out.splitlines() == names


def test_sample_needs_to_know_how_the_net_is_built(
    small_split: Split, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "run.pt"
    generator = torch.Generator().manual_seed(1)
    model = mlp(BATCH_NORM, n_hidden=5, generator=generator)
    config = TrainConfig(max_steps=1)
    train_resumably(model, small_split, config, generator=generator, checkpoint=path)
    assert cli.main(["sample", "--checkpoint", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"makemore3: {path} does not say how its net is built, since it was trained without a "
        "spec: build the net in Python, and sample it with makemore3.sampling\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--steps", "0"], "TrainConfig needs max_steps as a whole number from 1 up"),
        (["train", "--steps", "1", "--checkpoint", "no/such/run.pt"], "No such file or directory"),
        (["sample", "--checkpoint", "missing.pt"], "No such file or directory: 'missing.pt'"),
        (
            ["reproduce", "--quick"],
            "makemore3: the published numbers belong to the lecture's names, but the corpus in use "
            "is file mine.txt: set MAKEMORE_NAMES to a copy of the lecture's names.txt",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str],
    message: str,
    own_names: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(own_names.parent)
    monkeypatch.setenv("MAKEMORE_NAMES", own_names.name)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("makemore3: ")
    assert message in captured.err.splitlines()[-1]
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command"),
        (["train", "--stage", "nonsense"], "invalid choice: 'nonsense'"),
        (["train", "--seed", "-1"], "expected a whole number below 2**64, got '-1'"),
        (["train", "--seed", str(2**64)], "expected a whole number below 2**64"),
        (["sample"], "the following arguments are required: --checkpoint"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert message in capsys.readouterr().err


def test_the_largest_seed_is_one_that_torch_takes(own_names: Path, capsys: Captured) -> None:
    torch.set_num_threads(2)
    assert cli.main(["train", "--steps", "1", "--seed", str(2**64 - 1)]) == 0
    assert torch.get_num_threads() == 1, "more would round differently"


def test_an_interruption_ends_quietly(
    own_names: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "train", interrupt)
    assert cli.main(["train"]) == 130
    assert capsys.readouterr().err.endswith("makemore3: interrupted\n")


def test_reproduce_prints_published_ours_and_digits(
    lecture_dataset: Dataset, capsys: Captured
) -> None:
    assert cli.main(["reproduce", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["published", "ours", "digits", "tolerance"]
    place = lines.index("as-written, step 0 (re-run, lecture 4:31; said: 27)")
    assert lines[place + 1].split() == ["loss", "27.8817", "27.8817", "6", "of", "6", "0.0001"]
    assert lines[-2] == "102 of 102 within their tolerance"
    assert lines[-1] == (
        "left out (--quick): 35, of as-written, trained; softmax-fixed, trained; "
        "tanh-fixed, trained; kaiming, trained; batch-norm, trained; batch-norm-no-bias, trained"
    )


def test_reproduce_fails_when_a_number_is_not_met(
    lecture_dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    wrong = [replace(PUBLISHED[0], value="32,034"), *PUBLISHED[1:5]]
    flushed: list[None] = []
    monkeypatch.setattr(cli, "compare", partial(compare, published=wrong))
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushed.append(None))
    assert cli.main(["reproduce", "--quick"]) == 1
    out = capsys.readouterr().out
    assert len(flushed) >= out.count("\n") - 2, "a line shows as soon as it has been measured"
    assert "32,034      32,033   4 of 5         0  NOT MET: 1 off\n" in out
    assert "4 of 5 within their tolerance" in out


def result(variant: str, seed: int, *losses: float, failure: str | None = None) -> Any:
    by_split = dict(zip(("train", "dev", "test"), losses, strict=bool(losses)))
    return SimpleNamespace(variant=variant, seed=seed, losses=by_split, failure=failure)


def test_the_sweeps_table_puts_each_number_into_its_column() -> None:
    results = [
        result("kaiming", 1, 2.1, 2.3, 2.6),
        result("batch-norm", 1, 1.5, 1.7, 1.9),
        result("kaiming", 2, 2.2, 2.5, 2.9),
        result("tanh-fixed", 7, failure="the loss is nan at step 7"),
        result("kaiming", 3, failure="the loss is inf at step 9"),
    ]
    assert list(cli.sweep_table(["batch-norm", "kaiming", "tanh-fixed"], results)) == [
        "mean and standard deviation  runs           train             dev            test",
        "batch-norm                      1   1.5000      -   1.7000      -   1.9000      -",
        "kaiming                         2   2.1500 0.0707   2.4000 0.1414   2.7500 0.2121",
        "tanh-fixed                      0",
        "tanh-fixed, seed 7: the loss is nan at step 7",
        "kaiming, seed 3: the loss is inf at step 9",
    ]


def test_the_sweeps_table_makes_room_for_a_long_name() -> None:
    name = "a-variant-with-forty-characters-in-a-row"
    head, line = cli.sweep_table([name], [result(name, 1, 1.0, 2.0, 3.0)])
    assert line.startswith(f"{name}    1   1.0000")
    assert len(head) == len(line)


def test_the_benchmarks_table_puts_each_number_into_its_column() -> None:
    timings = [
        Timing(method="the notebook's loop", rate=1234.5, ratio=1.0, difference=0.0),
        Timing(method="compiled, 2 threads", rate=98765.4, ratio=80.04, difference=2.5e-7),
    ]
    assert list(cli.bench_table(timings)) == [
        "the batch-norm net, one hidden layer   steps/s   ratio  loss differs by",
        "the notebook's loop                      1,234     1.0  0.0e+00",
        "compiled, 2 threads                     98,765    80.0  2.5e-07",
    ]


def test_python_m_makemore3_runs_the_commands(
    own_names: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "argv", ["makemore3", "train", "--steps", "1"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("makemore3", run_name="__main__")
    assert capsys.readouterr().out.startswith("softmax-fixed, ")


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [("torch", []), ("torch", ["reproduce"]), ("torch", ["--help"]), ("pooch", []), ("tqdm", [])],
)
def test_without_the_lab_one_line_says_what_to_install(missing: str, arguments: list[str]) -> None:
    program = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; "
        f"sys.argv = ['makemore3', *{arguments!r}]; "
        "runpy.run_module('makemore3', run_name='__main__')"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert child.returncode == 2
    assert child.stdout == ""
    assert child.stderr == (
        f"makemore3 needs {missing}, which is not installed; in the project's folder run: "
        'python -m pip install -e ".[lab]"\n'
    )


def test_a_module_that_is_missing_in_the_package_itself_is_no_matter_of_the_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("makemore3.cli")
    monkeypatch.setitem(sys.modules, "makemore3.cli", None)
    with pytest.raises(ModuleNotFoundError, match=r"makemore3\.cli"):
        runpy.run_module("makemore3", run_name="__main__")


SETUP = """
import torch
from torch import nn

def setup(scale=1.0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 30), nn.Tanh(), nn.Linear(30, 3))
    with torch.no_grad():
        net[0].weight.mul_(scale)
    return net, (torch.randn(32, 4), torch.randint(0, 3, (32,))), nn.functional.cross_entropy

def sick():
    return setup(scale=40.0)

def wrong():
    return 3
"""


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["mine.py:setup"], 0, "problems: 0"),
        (["mine.py:sick"], 1, "PROBLEM: saturated"),
        (["mine.py:setup", "--fail-on", "watch", "--html", "report.html"], 0, "problems: 0"),
        (["mine.py:missing"], 2, "expected a function 'missing' in mine.py; it has setup, sick"),
        (["mine.py:wrong"], 2, "to return (model, (inputs, targets), loss_fn), got 3"),
        (["mine.py"], 2, "expected FILE:FUNCTION"),
        (["other.py:setup"], 2, "expected FILE:FUNCTION"),
        (["mine.txt:setup"], 2, "expected a Python file, got 'mine.txt': its name should end with"),
    ],
)
def test_check_diagnoses_a_network_of_ones_own(
    arguments: list[str],
    status: int,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    for name in ("mine.py", "mine.txt"):
        Path(name).write_text(SETUP)
    assert cli.main(["check", *arguments]) == status
    captured = capsys.readouterr()
    assert word in captured.out + captured.err
    assert Path("report.html").exists() is ("--html" in arguments)
    if status < 2:
        first, *_, last = captured.out.splitlines()
        assert first == "one batch, before training"
        assert last.strip()
        assert captured.err == ""


OPTIONS = """
train       | train the net and print its losses
--stage     | how it starts | softmax-fixed | one of 6
--steps     | default: 200,000 | 200000 | int
--seed      | default: the lecture's | 2147483647 |
--checkpoint FILE | continue from FILE if it exists; write it | None | Path
sample      | print names from a checkpoint of train
--checkpoint FILE |  | required | Path
--count     | default: 20 | 20 | int
--seed      | default: the lecture's | 2147483657 |
reproduce   | measure the published numbers; exit status 1 if one is not met
--quick     | leave out the runs of 200,000 steps (minutes) | False |
sweep       | train variants with many seeds; started again, it goes on where it stopped
name        | which variants | required | one of 15
--record FILE | file that gets a line a run | required | Path
--seeds     | default: 16 | 16 | int
--steps     | default: each variant's own; its decay stays | None | int
--distinct  | split so that no name is in two splits | False |
--scheduler ADDRESS | let this Dask cluster do the runs | None |
bench       | time every way to train (a minute)
--rounds    | turns of each; default: 5 | 5 | int
--seconds   | of a turn; default: 0.5 | 0.5 | float
--record    | file for all that was measured, as JSON | None | Path
playground  | write what the playground's page needs
folder      | docs/assets/playground | required | Path
check       | diagnose a network of yours; exit status 1 if there is a problem
FILE:FUNCTION | a function: (model, (inputs, targets), loss_fn) | required |
--html FILE | write the report there, too | None | Path
--fail-on   | for exit status 1; default: problem | problem | one of 2
"""


def test_every_command_says_what_it_does_and_what_its_options_are_by_default() -> None:
    parser = cli._parser()
    assert (parser.prog, parser.description) == (
        "python -m makemore3",
        "The lecture's MLP: train it, sample it, check it.",
    )
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    said = []
    for told in commands._choices_actions:
        said.append([told.dest, told.help or ""])
        for action in commands.choices[told.dest]._actions[1:]:  # after --help
            name = " ".join(filter(None, [*action.option_strings, action.metavar or ""]))
            default = "required" if action.required else str(action.default)
            kind = f"one of {len(action.choices)}" if action.choices else ""
            if isinstance(action.type, type):
                kind = action.type.__name__
            said.append([name or action.dest, action.help or "", default, kind])
    assert said == [
        [cell.strip() for cell in line.split("|")] for line in OPTIONS.strip().split("\n")
    ]
