"""Training against a plain loop, and against itself interrupted in every way."""

import errno
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from makemore3.checkpoint import CheckpointError
from makemore3.data import (
    Dataset,
    Names,
    Split,
    Vocabulary,
    build_split,
    load_dataset,
    minibatch,
)
from makemore3.models import AS_WRITTEN, BATCH_NORM, SOFTMAX_FIXED, STAGES, TANH_FIXED, Stage, mlp
from makemore3.training import History, StepInfo, TrainConfig, evaluate, split_loss, train

CONFIG = TrainConfig(max_steps=30, batch_size=8, lr_decay_step=20)


@dataclass
class Run:
    """A model and its generator, both from one seed, and what training them gives."""

    split: Split
    stage: Stage = BATCH_NORM
    seed: int = 11
    n_hidden: int = 20
    model: nn.Sequential = field(init=False)
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        self.model = mlp(self.stage, n_hidden=self.n_hidden, generator=self.generator)

    def train(self, config: TrainConfig = CONFIG, **options: Any) -> History:
        return train(self.model, self.split, config, generator=self.generator, **options)

    def state(self) -> list[Tensor]:
        return [*self.model.state_dict().values(), self.generator.get_state()]

    def copied(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self.state()]


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    vowels, consonants = "aeiou", "bdfgklmnrst"
    words = tuple(a + b + c for a in consonants for b in vowels for c in consonants)
    return load_dataset(Names(words, "made up", "0" * 64))


# The loop


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_training_is_the_plain_loop_to_the_last_bit(stage: Stage, small_split: Split) -> None:
    ours, oracle = Run(small_split, stage), Run(small_split, stage)
    history = ours.train()
    losses = []
    for i in range(30):
        ix = torch.randint(0, len(small_split), (8,), generator=oracle.generator)
        loss = F.cross_entropy(oracle.model(small_split.x[ix]), small_split.y[ix])
        oracle.model.zero_grad()
        loss.backward()
        lr = 0.1 if i < 20 else 0.01
        for p in oracle.model.parameters():
            assert p.grad is not None
            p.data += -lr * p.grad
        losses.append(loss.item())
    assert history.losses == losses
    assert same(ours.state(), oracle.state())


def test_training_is_torchs_sgd_up_to_rounding(small_split: Split) -> None:
    ours, oracle = Run(small_split), Run(small_split)
    ours.train()
    optimizer = torch.optim.SGD(oracle.model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[20], gamma=0.1)
    for _ in range(30):
        x, y = minibatch(small_split, 8, generator=oracle.generator)
        optimizer.zero_grad()
        F.cross_entropy(oracle.model(x), y).backward()
        optimizer.step()
        schedule.step()
    torch.testing.assert_close(ours.state(), oracle.state(), rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss_and_starts_at_the_decayed_rate_if_told(
    small_split: Split,
) -> None:
    run = Run(small_split)
    before = split_loss(run.model, small_split)
    rates = []
    run.train(
        TrainConfig(max_steps=300, batch_size=16, lr=0.5, lr_decay_step=0),
        callback=lambda info: rates.append(info.lr),
    )
    assert set(rates) == {0.05}
    assert split_loss(run.model, small_split) < before - 0.5


def test_frozen_parameters_stay(small_split: Split) -> None:
    run = Run(small_split)
    embedding = run.model.get_submodule("embedding").get_parameter("weight")
    embedding.requires_grad_(False)
    before = embedding.clone()
    run.train()
    assert torch.equal(embedding, before)


def test_training_puts_the_model_into_training_mode(small_split: Split) -> None:
    run = Run(small_split)
    run.model.eval()
    run.train()
    assert run.model.training
    assert same(run.state(), trained(small_split))


def trained(split: Split) -> list[Tensor]:
    run = Run(split)
    run.train()
    return run.state()


def test_callback_sees_every_step_after_its_update(small_split: Split) -> None:
    run, seen = Run(small_split, SOFTMAX_FIXED), []
    before = [p.detach().clone() for p in run.model.parameters()]

    def look(info: StepInfo) -> None:
        assert info.model is run.model
        if info.step == 0:
            for p, old in zip(run.model.parameters(), before, strict=True):
                assert p.grad is not None
                assert torch.equal(p.data, old + -0.1 * p.grad)
        seen.append((info.step, info.loss, info.lr))

    history = run.train(callback=look)
    rates = [0.1] * 20 + [0.01] * 10
    assert seen == list(zip(range(30), history.losses, rates, strict=True))


def test_training_prints_nothing(
    small_split: Split, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Longer than a second, so that a terminal would have shown the bar.
    Run(small_split).train(checkpoint=tmp_path / "run.pt", callback=lambda _: time.sleep(0.04))
    assert capfd.readouterr() == ("", "")


def test_progress_bar_goes_to_stderr_on_request(
    small_split: Split, capfd: pytest.CaptureFixture[str]
) -> None:
    Run(small_split).train(progress=True)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "/30" in captured.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_steps": 0}, "needs max_steps as a whole number from 1 up, got 0"),
        ({"max_steps": 1.5}, "needs max_steps as a whole number from 1 up, got 1.5"),
        ({"max_steps": True}, "needs max_steps as a whole number from 1 up, got True"),
        ({"batch_size": 0}, "needs batch_size as a whole number from 1 up, got 0"),
        ({"lr_decay_step": -1}, "needs lr_decay_step as a whole number from 0 up, got -1"),
        ({"lr": 0.0}, "needs a finite lr above 0, got 0.0"),
        ({"lr": -0.1}, "needs a finite lr above 0, got -0.1"),
        ({"lr": math.nan}, "needs a finite lr above 0, got nan"),
        ({"lr": math.inf}, "needs a finite lr above 0, got inf"),
    ],
)
def test_config_refuses_what_cannot_train(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"TrainConfig {message}"):
        TrainConfig(**settings)


def test_config_defaults_are_the_lectures() -> None:
    config = TrainConfig()
    assert (config.max_steps, config.batch_size) == (200_000, 32)
    assert [config.lr_at(step) for step in (0, 99_999, 100_000, 199_999)] == [0.1, 0.1, 0.01, 0.01]


def test_an_empty_split_is_refused(small_split: Split) -> None:
    empty = Split(small_split.x[:0], small_split.y[:0])
    with pytest.raises(ValueError, match="train needs at least one example, got an empty split"):
        Run(empty).train()
    with pytest.raises(ValueError, match="split_loss needs at least one example, got an empty"):
        split_loss(Run(empty).model, empty)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_training_at_its_step(
    poison: float, small_split: Split, tmp_path: Path
) -> None:
    run, path = Run(small_split), tmp_path / "run.pt"
    bias = run.model.get_submodule("output").get_parameter("bias")

    def spoil(info: StepInfo) -> None:
        if info.step == 12:
            bias.data.fill_(poison)

    message = r"the loss is nan at step 13: training has diverged; lower the learning rate \(0\.1\)"
    with pytest.raises(FloatingPointError, match=message):
        run.train(callback=spoil, checkpoint=path, checkpoint_every=5)
    resumed = Run(small_split)
    assert len(resumed.train(checkpoint=path)) == 30, "the checkpoint is from before"


def test_an_infinite_loss_is_reported_as_such(small_split: Split) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    y = int(small_split.y[0])
    with torch.no_grad():
        run.model.get_submodule("output").get_parameter("bias")[y] = -math.inf
    only = Split(small_split.x[:1], small_split.y[:1])
    with pytest.raises(FloatingPointError, match="the loss is inf at step 0"):
        train(run.model, only, CONFIG, generator=run.generator)


# History


def test_history_gives_logarithms_and_block_means() -> None:
    history = History([1.0, 10.0, 100.0, 1000.0, 5.0])
    assert len(history) == 5
    assert history.tensor().dtype == torch.float64
    assert history.log10().tolist()[:4] == [0, 1, 2, 3]
    assert history.block_means(2).tolist() == [5.5, 550]
    assert history.block_means(5).tolist() == [223.2]
    assert history.block_means(1).tolist() == history.losses


@pytest.mark.parametrize("size", [0, -1, 6, 1000])
def test_history_refuses_blocks_that_it_cannot_fill(size: int) -> None:
    with pytest.raises(ValueError, match=f"size from 1 to the 5 steps there are, got {size}"):
        History([1.0] * 5).block_means(size)


# Checkpoints: interrupted and resumed equals uninterrupted


class Interruption(Exception):
    pass


def interrupt_at(step: int) -> Callable[[StepInfo], None]:
    def callback(info: StepInfo) -> None:
        if info.step == step:
            raise Interruption

    return callback


@pytest.mark.parametrize("step", [0, 8, 9, 10, 19, 25, 29])
@pytest.mark.parametrize("stage", [AS_WRITTEN, BATCH_NORM], ids=lambda stage: stage.title)
def test_resumed_after_an_exception_equals_uninterrupted(
    stage: Stage, step: int, small_split: Split, tmp_path: Path
) -> None:
    path = tmp_path / "run.pt"
    whole = Run(small_split, stage)
    expected = whole.train()

    with pytest.raises(Interruption):
        Run(small_split, stage).train(
            checkpoint=path, checkpoint_every=10, callback=interrupt_at(step)
        )
    resumed, steps = Run(small_split, stage), []
    history = resumed.train(
        checkpoint=str(path), checkpoint_every=10, callback=lambda info: steps.append(info.step)
    )
    assert history.losses == expected.losses
    assert same(resumed.state(), whole.state())
    assert steps == list(range(step // 10 * 10, 30)), "it continued from the last whole ten"


def test_the_same_model_and_generator_can_be_resumed_in_place(
    small_split: Split, tmp_path: Path
) -> None:
    path, run = tmp_path / "run.pt", Run(small_split)
    for step in (3, 14, 22):
        with pytest.raises(Interruption):
            run.train(checkpoint=path, checkpoint_every=10, callback=interrupt_at(step))
    run.train(checkpoint=path)
    assert same(run.state(), trained(small_split))


def test_checkpoints_change_no_number(small_split: Split, tmp_path: Path) -> None:
    run = Run(small_split)
    run.train(checkpoint=tmp_path / "run.pt", checkpoint_every=1)
    assert same(run.state(), trained(small_split))
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_a_complete_run_is_not_run_again_but_can_go_on(small_split: Split, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    shorter = TrainConfig(max_steps=13, batch_size=8, lr_decay_step=20)
    first = Run(small_split).train(shorter, checkpoint=path)
    assert len(first) == 13

    again = Run(small_split)
    assert again.train(shorter, checkpoint=path, callback=interrupt_at(0)).losses == first.losses

    longer = Run(small_split)
    assert longer.train(checkpoint=path).losses[:13] == first.losses
    assert same(longer.state(), trained(small_split))


CHILD = """
import os, signal, sys
import torch
sys.path.insert(0, sys.argv[1])
from test_training import CONFIG, Run
from makemore3.data import Vocabulary, build_split

torch.set_num_threads(int(sys.argv[2]))
path, how = sys.argv[3:]

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def callback(info):
    if how == "in training" and info.step == 17:
        kill()
    if how == "in writing" and info.step == 19:
        write = torch.save
        def write_half(content, file):
            write(content, file)
            file.truncate(file.tell() // 2)
            file.flush()
            kill()
        torch.save = write_half

split = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())
Run(split).train(CONFIG, checkpoint=path, checkpoint_every=10, callback=callback)
"""


@pytest.mark.parametrize("how", ["in training", "in writing"])
def test_resumed_after_a_kill_equals_uninterrupted(how: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    arguments = [str(Path(__file__).parent), str(torch.get_num_threads()), str(path), how]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()

    split = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())
    whole, resumed, steps = Run(split), Run(split), []
    expected = whole.train()
    history = resumed.train(checkpoint=path, callback=lambda info: steps.append(info.step))
    assert steps == list(range(10, 30)), "step 10 is the last that was written whole"
    assert history.losses == expected.losses
    assert same(resumed.state(), whole.state())


# Checkpoints: what is refused, and what is never lost


@pytest.fixture
def checkpoint(small_split: Split, tmp_path: Path) -> Path:
    path = tmp_path / "run.pt"
    with pytest.raises(Interruption):
        Run(small_split).train(checkpoint=path, checkpoint_every=10, callback=interrupt_at(15))
    return path


def assert_refused(run: Run, path: Path, match: str, config: TrainConfig = CONFIG) -> None:
    content, before = path.read_bytes(), run.copied()
    with pytest.raises(CheckpointError, match=match):
        run.train(config, checkpoint=path)
    assert path.read_bytes() == content, "a refused file stays as it is"
    assert same(run.state(), before), "and so do model and generator"


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.9999])
def test_a_checkpoint_cut_off_is_refused(
    share: float, checkpoint: Path, small_split: Split
) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    message = r"run\.pt is not a whole checkpoint \(.*\): delete it to start from the first step"
    assert_refused(Run(small_split), checkpoint, message)


def test_a_checkpoint_with_a_changed_number_is_refused(
    checkpoint: Path, small_split: Split
) -> None:
    weight = torch.load(checkpoint)["model"]["output.weight"].numpy().tobytes()
    content = bytearray(checkpoint.read_bytes())
    content[content.index(weight) + len(weight) // 2] ^= 1
    checkpoint.write_bytes(content)
    torch.load(checkpoint)  # which does not notice
    message = r"not a whole checkpoint \(wrong checksum in .*\): delete it"
    assert_refused(Run(small_split), checkpoint, message)


def test_a_file_of_something_else_is_refused(small_split: Split, tmp_path: Path) -> None:
    path = tmp_path / "notes.pt"
    path.write_text("remember the milk\n" * 1000)
    assert_refused(Run(small_split), path, r"notes\.pt is not a whole checkpoint")
    torch.save({"weight": torch.ones(3)}, path)
    assert_refused(Run(small_split), path, r"notes\.pt is a torch file, but not a .*another file n")
    torch.save([1, 2], path)
    assert_refused(Run(small_split), path, r"notes\.pt is a torch file, but not a")


def test_a_checkpoint_never_runs_code(small_split: Split, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.mkdir, (tmp_path / "pwned",)

    path = tmp_path / "evil.pt"
    torch.save({"format": Evil()}, path)
    assert_refused(Run(small_split), path, "not a whole checkpoint")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"lr": 0.2}, "lr: 0.1 in the file, 0.2 now"),
        ({"batch_size": 16}, "batch_size: 8 in the file, 16 now"),
        ({"lr_decay_step": 10}, "lr_decay_step: 20 in the file, 10 now"),
        ({"max_steps": 9}, "has 10 steps behind it, more than max_steps = 9: give another file"),
    ],
)
def test_a_checkpoint_of_another_config_is_refused(
    settings: dict[str, Any], match: str, checkpoint: Path, small_split: Split
) -> None:
    config = TrainConfig(**{"max_steps": 30, "batch_size": 8, "lr_decay_step": 20, **settings})
    assert_refused(Run(small_split), checkpoint, match, config)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"stage": TANH_FIXED}, r"(?s)another run:.*model: Sequential.*in the file, .* now\ngive"),
        ({"n_hidden": 21}, r"shapes: .*\[30, 20\].* in the file, .*\[30, 21\].* now"),
        ({"seed": 12}, "seed: 11 in the file, 12 now"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(
    other: dict[str, Any], match: str, checkpoint: Path, small_split: Split
) -> None:
    assert_refused(Run(small_split, **other), checkpoint, match)


def test_stages_of_equal_shape_are_told_apart(small_split: Split, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    Run(small_split, AS_WRITTEN).train(checkpoint=path)
    assert_refused(
        Run(small_split, SOFTMAX_FIXED), path, "model: .*weight_std=1.0.*weight_std=0.01"
    )


def test_a_checkpoint_of_other_data_is_refused(checkpoint: Path, small_split: Split) -> None:
    other = Split(small_split.x, small_split.y.flip(0))
    assert_refused(Run(other), checkpoint, r"examples: \d+ with sha256 \w+ in the file, \d+ with")


def test_a_place_that_cannot_be_written_to_shows_before_the_first_step(
    small_split: Split, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing"):
        Run(small_split).train(checkpoint=tmp_path / "missing" / "run.pt", callback=interrupt_at(0))
    with pytest.raises(IsADirectoryError):
        Run(small_split).train(checkpoint=tmp_path, callback=interrupt_at(0))


def test_a_full_disk_leaves_the_last_whole_checkpoint(
    small_split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "run.pt", torch.save

    def fill_disk(info: StepInfo) -> None:
        if info.step == 19:
            monkeypatch.setattr(torch, "save", write_half)

    def write_half(content: object, file: Any) -> None:
        write(content, file)
        file.truncate(file.tell() // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Run(small_split).train(checkpoint=path, checkpoint_every=10, callback=fill_disk)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    monkeypatch.undo()
    resumed, steps = Run(small_split), []
    resumed.train(checkpoint=path, callback=lambda info: steps.append(info.step))
    assert steps[0] == 10
    assert same(resumed.state(), trained(small_split))


def test_a_new_checkpoint_takes_the_old_ones_place_in_one_move(
    checkpoint: Path, small_split: Split
) -> None:
    content = checkpoint.read_bytes()
    with checkpoint.open("rb") as reader:
        Run(small_split).train(checkpoint=checkpoint)
        assert reader.read() == content, "the old file was moved away, not written over"
    assert checkpoint.read_bytes() != content


@pytest.mark.parametrize("every", [0, -5])
def test_checkpoint_every_below_one_is_refused(every: int, small_split: Split) -> None:
    with pytest.raises(ValueError, match=f"needs checkpoint_every of at least 1, got {every}"):
        Run(small_split).train(checkpoint_every=every)


# Evaluation


def test_split_loss_is_the_mean_over_all_examples(small_split: Split) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    each = [
        -run.model(x.unsqueeze(0)).log_softmax(1)[0, y].item()
        for x, y in zip(small_split.x, small_split.y, strict=True)
    ]
    assert split_loss(run.model, small_split) == pytest.approx(sum(each) / len(each), abs=1e-5)


def test_split_loss_leaves_no_trace(small_split: Split) -> None:
    run = Run(small_split, BATCH_NORM)
    before = run.copied()
    split_loss(run.model, small_split)
    assert run.model.training
    assert same(run.state(), before)
    assert all(p.grad is None for p in run.model.parameters())
    run.model.eval()
    split_loss(run.model, small_split)
    assert not run.model.training


def test_split_loss_uses_the_running_statistics(small_split: Split) -> None:
    run = Run(small_split, BATCH_NORM)
    run.train()
    batch_statistics = F.cross_entropy(run.model(small_split.x), small_split.y).item()
    run.model.eval()
    running_statistics = F.cross_entropy(run.model(small_split.x), small_split.y).item()
    run.model.train()
    assert split_loss(run.model, small_split) != pytest.approx(batch_statistics, abs=1e-6)
    assert split_loss(run.model, small_split) == running_statistics


def test_evaluate_names_the_splits(dataset: Dataset) -> None:
    run = Run(dataset.train)
    losses = evaluate(run.model, dataset)
    assert losses == {
        "train": split_loss(run.model, dataset.train),
        "dev": split_loss(run.model, dataset.dev),
    }
    assert list(evaluate(run.model, dataset, ["test"])) == ["test"]


def test_evaluate_refuses_an_unknown_split(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="the splits train, dev and test, got 'val'"):
        evaluate(Run(dataset.train).model, dataset, ("train", "val"))
