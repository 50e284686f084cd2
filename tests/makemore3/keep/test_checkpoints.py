"""Training against itself, interrupted in every way; and files that are not the run's own."""

import errno
import io
import os
import pickle
import signal
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training_runs import CONFIG, Run, same

from makemore3.data import Split, Vocabulary, build_split
from makemore3.keep import CheckpointError, load_checkpoint
from makemore3.keep.identity import checkpoint_identity
from makemore3.layers import ReLU
from makemore3.models import AS_WRITTEN, BATCH_NORM, SOFTMAX_FIXED, TANH_FIXED, NetSpec, Stage, mlp
from makemore3.training import StepInfo, TrainConfig

# Interrupted and resumed equals uninterrupted


def trained(split: Split) -> list[Tensor]:
    run = Run(split)
    run.train()
    return run.state()


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
        Run(small_split, stage).resume(path, every=10, callback=interrupt_at(step))
    resumed, steps = Run(small_split, stage), []
    history = resumed.resume(str(path), every=10, callback=lambda info: steps.append(info.step))
    assert history.losses == expected.losses
    assert same(resumed.state(), whole.state())
    assert steps == list(range(step // 10 * 10, 30)), "it continued from the last whole ten"


def test_the_same_model_and_generator_can_be_resumed_in_place(
    small_split: Split, tmp_path: Path
) -> None:
    path, run = tmp_path / "run.pt", Run(small_split)
    for step in (3, 14, 22):
        with pytest.raises(Interruption):
            run.resume(path, every=10, callback=interrupt_at(step))
    run.resume(path)
    assert same(run.state(), trained(small_split))


def test_the_bar_counts_from_where_the_run_goes_on(
    small_split: Split, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.pt"
    with pytest.raises(Interruption):
        Run(small_split).resume(path, every=10, callback=interrupt_at(14))
    Run(small_split).resume(path, progress=True)
    assert " 10/30 " in capfd.readouterr().err


def test_checkpoints_change_no_number(small_split: Split, tmp_path: Path) -> None:
    run = Run(small_split)
    run.resume(tmp_path / "run.pt", every=1)
    assert same(run.state(), trained(small_split))
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_a_loss_that_is_no_number_leaves_the_checkpoint_before(
    small_split: Split, tmp_path: Path
) -> None:
    run, path = Run(small_split), tmp_path / "run.pt"
    bias = run.model.get_submodule("output").get_parameter("bias")

    def spoil(info: StepInfo) -> None:
        if info.step == 12:
            bias.data.fill_(torch.nan)

    with pytest.raises(FloatingPointError, match="the loss is nan at step 13"):
        run.resume(path, every=5, callback=spoil)
    resumed = Run(small_split)
    assert len(resumed.resume(path)) == 30
    assert same(resumed.state(), trained(small_split))


def test_a_complete_run_is_not_run_again_but_can_go_on(small_split: Split, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    shorter = TrainConfig(max_steps=13, batch_size=8, lr_decay_step=20)
    first = Run(small_split).resume(path, shorter)
    assert len(first) == 13

    again = Run(small_split)
    assert again.resume(path, shorter, callback=interrupt_at(0)).losses == first.losses

    longer = Run(small_split)
    assert longer.resume(path).losses[:13] == first.losses
    assert same(longer.state(), trained(small_split))


CHILD = """
import os, signal, sys
import torch
sys.path.insert(0, sys.argv[1])
from training_runs import Run
from makemore3.data import Vocabulary, build_split

torch.set_num_threads(int(sys.argv[2]))
path, how = sys.argv[3:]

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def callback(info):
    if how == "in training" and info.step == 17:
        kill()
    if how == "in writing" and info.step == 19:
        def cut(file):
            os.ftruncate(file, 1000)
            kill()
        os.fsync = cut

split = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())
Run(split).resume(path, every=10, callback=callback)
"""


@pytest.mark.parametrize("how", ["in training", "in writing"])
def test_resumed_after_a_kill_equals_uninterrupted(how: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    arguments = [str(Path(__file__).parents[1]), str(torch.get_num_threads()), str(path), how]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()

    split = build_split(["emma", "olivia", "ava", "isabella"], Vocabulary())
    whole, resumed, steps = Run(split), Run(split), []
    expected = whole.train()
    history = resumed.resume(path, callback=lambda info: steps.append(info.step))
    assert steps == list(range(10, 30)), "step 10 is the last that was written whole"
    assert history.losses == expected.losses
    assert same(resumed.state(), whole.state())


# What is refused, and what is never lost


@pytest.fixture
def checkpoint(small_split: Split, tmp_path: Path) -> Path:
    path = tmp_path / "run.pt"
    with pytest.raises(Interruption):
        Run(small_split).resume(path, every=10, callback=interrupt_at(15))
    return path


def assert_refused(run: Run, path: Path, match: str, config: TrainConfig = CONFIG) -> None:
    content, before = path.read_bytes(), run.copied()
    with pytest.raises(CheckpointError, match=match):
        run.resume(path, config)
    assert path.read_bytes() == content, "a refused file stays as it is"
    assert same(run.state(), before), "and so do model and generator"


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.9999])
def test_a_checkpoint_cut_off_is_refused(
    share: float, checkpoint: Path, small_split: Split
) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    message = r"run\.pt (is (empty|cut off or damaged)|begins with b'PK?').*give another file name"
    assert_refused(Run(small_split), checkpoint, message)


def test_a_checkpoint_with_a_changed_number_is_refused(
    checkpoint: Path, small_split: Split
) -> None:
    weight = torch.load(checkpoint)["model"]["output.weight"].numpy().tobytes()
    content = bytearray(checkpoint.read_bytes())
    content[content.index(weight) + len(weight) // 2] ^= 1
    checkpoint.write_bytes(content)
    torch.load(checkpoint)  # which does not notice
    message = r"is cut off or damaged \(wrong checksum in .*\): put a copy back, or give another"
    assert_refused(Run(small_split), checkpoint, message)


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("notes.txt", "remember the milk")
    return content.getvalue()


def saved(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def scripted() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(nn.Linear(2, 3)), file)
    return file.getvalue()


LAYERS = r"makemore3\.layers"
FIRST = (r"basic\.Embedding", r"basic\.Flatten", r"basic\.Linear")
"""Three of the classes of a net, sorted by name; more are not named."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"remember the milk" * 1000, r"begins with b'remember the', so it is no checkpoint"),
        (pickle.dumps({"a": 1}), r"begins with b'\\x80.*, so it is no checkpoint"),
        (saved([1], _use_new_zipfile_serialization=False), r"begins with b'\\x80.*no checkpoint"),
        (archive(), "is an archive, but no checkpoint"),
        (scripted(), "is an archive, but no checkpoint"),
        (saved([1, 2]), "holds a list, and is no checkpoint"),
        (saved({"step": 3, "weights": {}}), "holds a dict, and is no checkpoint"),
        (saved({"step": 3, "w": torch.ones(3)}), "holds a dict, and is no checkpoint"),
        (saved(torch.ones(3)), "holds a Tensor, and is no checkpoint"),
        (
            saved(nn.Linear(2, 3).state_dict()),
            r".*a state_dict of 2 tensors.*no checkpoint",
        ),
        (
            saved({"format": "makemore3 checkpoint 1"}),
            "has the format 'makemore3 checkpoint 1', ex",
        ),
        (
            saved(mlp(BATCH_NORM, n_hidden=5, generator=torch.Generator())),
            rf"holds Python objects \({', '.join(f'{LAYERS}.{name}' for name in FIRST)}\), as "
            r"torch\.save\(model\) writes.*no checkpoint",
        ),
        (
            saved({"model": nn.Linear(2, 3), "step": 1000}),
            r"holds Python objects \(torch\.nn\.modules\.linear\.Linear\).*no checkpoint",
        ),
    ],
)
def test_a_file_of_something_else_is_named_and_left_alone(
    content: bytes, message: str, small_split: Split, tmp_path: Path
) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(content)
    assert_refused(Run(small_split), path, rf"mine\.pt {message}.*give another file name")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "delete" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_checkpoint_never_runs_code(small_split: Split, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.mkdir, (tmp_path / "pwned",)

    path = tmp_path / "evil.pt"
    torch.save({"format": Evil()}, path)
    assert_refused(Run(small_split), path, r"holds Python objects \(.*pathlib.*It was not read")
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
        ({"stage": TANH_FIXED}, r"(?s)another run:.*net: .*batch norm.* in the file, .* now\ngive"),
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
    Run(small_split, AS_WRITTEN).resume(path)
    assert_refused(Run(small_split, SOFTMAX_FIXED), path, "net: .*'w2_std': 1.0.*'w2_std': 0.01")


def test_a_net_without_a_spec_is_told_by_its_first_weights(
    small_split: Split, tmp_path: Path
) -> None:
    path = tmp_path / "run.pt"
    with pytest.raises(Interruption):
        Run(small_split).resume(path, every=10, spec=None, callback=interrupt_at(15))
    other = Run(small_split)
    with torch.no_grad():
        other.model.get_submodule("output").get_parameter("bias")[3] += 1e-6
    with pytest.raises(CheckpointError, match=r"net: first weights with .* in the file, first"):
        other.resume(path, spec=None)
    with pytest.raises(CheckpointError, match=r"net: first weights with .* in the file, {'fun"):
        Run(small_split).resume(path)
    resumed = Run(small_split)
    resumed.resume(path, spec=None)
    assert same(resumed.state(), trained(small_split))
    assert load_checkpoint(path).spec is None


def test_a_spec_of_another_net_is_refused(small_split: Split, tmp_path: Path) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    run.model[4] = ReLU()  # which has no weights that could tell it from tanh
    with pytest.raises(ValueError, match=r"the spec .*'softmax fixed'.* builds another net"):
        run.resume(tmp_path / "run.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_net_is_rebuilt_from_the_file_alone(small_split: Split, tmp_path: Path) -> None:
    path, run = tmp_path / "run.pt", Run(small_split)
    run.resume(path)
    found = load_checkpoint(path)
    assert found.spec == run.spec
    assert isinstance(found.spec, NetSpec)
    model = found.spec.build(generator=torch.Generator())
    model.load_state_dict(found.model)
    x = small_split.x
    assert torch.equal(model.eval()(x), run.model.eval()(x))


def test_a_checkpoint_of_other_data_is_refused(checkpoint: Path, small_split: Split) -> None:
    other = Split(small_split.x, small_split.y.flip(0))
    assert_refused(Run(other), checkpoint, r"examples: \d+ with sha256 \w+ in the file, \d+ with")


def test_a_place_that_cannot_be_written_to_shows_before_the_first_step(
    small_split: Split, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing"):
        Run(small_split).resume(tmp_path / "missing" / "run.pt", callback=interrupt_at(0))
    with pytest.raises(IsADirectoryError):
        Run(small_split).resume(tmp_path, callback=interrupt_at(0))


def test_a_full_disk_leaves_the_last_whole_checkpoint(
    small_split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.pt"

    def fill_disk(info: StepInfo) -> None:
        if info.step == 19:
            monkeypatch.setattr(os, "fsync", full)

    def full(file: int) -> None:
        os.ftruncate(file, 1000)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        Run(small_split).resume(path, every=10, callback=fill_disk)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    monkeypatch.undo()
    resumed, steps = Run(small_split), []
    resumed.resume(path, callback=lambda info: steps.append(info.step))
    assert steps[0] == 10
    assert same(resumed.state(), trained(small_split))


FULL = """
import resource, sys
from makemore3.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(main(["train", "--steps", "9", "--checkpoint", sys.argv[2]]))
"""


def test_where_no_room_is_left_the_command_says_so_in_one_line(
    checkpoint: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{a}{b}{c}\n" for a in "bdk" for b in "aeio" for c in "lmnr"))
    path = tmp_path / "new.pt"
    command = [sys.executable, "-c", FULL, "10_000", str(path)]
    child = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"MAKEMORE_NAMES": str(names)}
    )
    assert child.returncode == 2
    assert child.stderr.splitlines()[1:] == [f"makemore3: [Errno 27] File too large: '{path}'"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["names.txt", "run.pt"]


def test_a_new_checkpoint_takes_the_old_ones_place_in_one_move(
    checkpoint: Path, small_split: Split
) -> None:
    content = checkpoint.read_bytes()
    with checkpoint.open("rb") as reader:
        Run(small_split).resume(checkpoint)
        assert reader.read() == content, "the old file was moved away, not written over"
    assert checkpoint.read_bytes() != content


def test_a_run_whose_state_a_checkpoint_does_not_hold_is_refused(
    small_split: Split, tmp_path: Path
) -> None:
    config = replace(CONFIG, optimizer="adam")
    with pytest.raises(ValueError, match="a checkpoint holds no state of adam: train with"):
        Run(small_split).resume(tmp_path / "run.pt", config)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("every", [0, -5])
def test_an_interval_below_one_step_is_refused(
    every: int, small_split: Split, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"needs every of at least 1, got {every}"):
        Run(small_split).resume(tmp_path / "run.pt", every=every)


def test_what_tells_a_run_from_others_is_written_as_in_every_file_so_far() -> None:
    split = build_split(["ab"], Vocabulary())
    generator = torch.Generator().manual_seed(3)
    spec = NetSpec("mlp", {"stage": "kaiming", "n_hidden": 2})
    model = spec.build(generator=generator)
    config = TrainConfig(max_steps=7, batch_size=5, lr=0.2, lr_decay_step=6)
    found = checkpoint_identity(model, spec, split, config, generator)
    assert found == {
        "net": {"function": "mlp", "arguments": {"stage": "kaiming", "n_hidden": 2}},
        "shapes": {
            **{"embedding.weight": [27, 10], "hidden.weight": [30, 2], "hidden.bias": [2]},
            **{"output.weight": [2, 27], "output.bias": [27]},
        },
        "examples": "3 with sha256 cfd2ab8dcf345b15",
        **{"seed": 3, "batch_size": 5, "lr": 0.2, "lr_decay_step": 6, "optimizer": "sgd"},
    }
    with torch.no_grad():
        for number, p in enumerate(model.parameters()):
            p.fill_(number)
    unnamed = checkpoint_identity(model, None, split, config, generator)
    assert unnamed == found | {"net": "first weights with sha256 0ac93935fc93b961"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"weight": torch.ones(2)}, "weights alone (a state_dict of 1 tensors)"),
        ({"weight": torch.ones(2), "epoch": 3}, "a dict"),
        ([torch.ones(2)], "a list"),
    ],
)
def test_only_a_dictionary_of_tensors_is_taken_for_weights(
    content: object, what: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(tmp_path / "a.pt")
    told = f"{tmp_path / 'a.pt'} holds {what}, and is no checkpoint of this package: give another "
    assert str(raised.value).startswith(f"{told}file name to start from the first step")
