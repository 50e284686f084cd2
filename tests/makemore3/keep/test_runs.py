"""A long run that was already done is read back, and no other run is mistaken for it."""

import inspect
import os
import shutil
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training_runs import CONFIG, Run, same

import makemore3
from makemore3 import fast, training
from makemore3.data import Split
from makemore3.keep import kept, kept_many, load_checkpoint, runs, save_checkpoint
from makemore3.layers import BatchNorm1d, ReLU, Tanh
from makemore3.models import AS_WRITTEN, BATCH_NORM, Stage
from makemore3.training import History


class Watched:
    """`training.train` with its runs kept, and the number of the steps that it really does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.steps = folder, 0
        self.train_once = kept(training.train, folder, least_steps=CONFIG.max_steps)
        for place in (training, runs):
            monkeypatch.setattr(place, "steps", self.counted)

    def counted(self, *arguments: Any, steps: Any = training.steps, **options: Any) -> Any:
        for info in steps(*arguments, **options):
            self.steps += 1
            yield info

    def train(self, run: Run, **options: Any) -> History:
        self.steps = 0
        return self.train_once(run.model, run.split, run.config, generator=run.generator, **options)

    def files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path / "runs", monkeypatch)


def everything(run: Run) -> list[Tensor]:
    """All that training changes: weights, running statistics, gradients, generator."""
    gradients = [p.grad for p in run.model.parameters()]
    assert all(gradient is not None for gradient in gradients)
    return [*run.state(), *(gradient for gradient in gradients if gradient is not None)]


@pytest.mark.parametrize("stage", [AS_WRITTEN, BATCH_NORM], ids=lambda stage: stage.title)
def test_a_run_read_back_is_the_run_itself_to_the_last_bit(
    stage: Stage, watched: Watched, small_split: Split
) -> None:
    alone = Run(small_split, stage)
    expected = alone.train()
    first, second = Run(small_split, stage), Run(small_split, stage)
    second.model.eval()
    for run, done in ((first, 30), (second, 1)):
        assert watched.train(run).losses == expected.losses
        assert watched.steps == done
        assert run.model.training
        assert same(everything(run), everything(alone))


def test_a_run_goes_on_from_a_run_read_back(watched: Watched, small_split: Split) -> None:
    for done in (30, 1):
        run = Run(small_split)
        losses = []
        for _ in range(2):
            losses += watched.train(run).losses
            assert watched.steps == done
    assert len(set(losses)) == 60
    assert len(watched.files()) == 2


def another_weight(run: Run) -> None:
    run.model.get_submodule("output").get_parameter("bias").data[3] += 1e-6


def another_buffer(run: Run) -> None:
    run.model.get_submodule("norm").get_buffer("running_mean")[0] = 1e-6


def another_draw_before(run: Run) -> None:
    torch.rand(1, generator=run.generator)


def another_example(run: Run) -> None:
    run.split = Split(run.split.x, run.split.y.roll(1))


def another_setting_of_a_layer(run: Run) -> None:
    norm = run.model.get_submodule("norm")
    assert isinstance(norm, BatchNorm1d)
    norm.convention = "torch"


def another_precision(run: Run) -> None:
    run.model.double()


def a_frozen_embedding(run: Run) -> None:
    run.model.get_submodule("embedding").requires_grad_(False)


def another_config(setting: str, value: float) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        run.config = replace(CONFIG, **{setting: value})

    return change


def another_nonlinearity(run: Run) -> None:
    run.model[4] = ReLU()


def one_layer_in_two_places(run: Run) -> None:
    run.model.append(run.model[4])


def one_norm_in_two_places(run: Run) -> None:
    *first, last = run.model
    run.model = nn.Sequential(*first, run.model[3], last)


def equal_layers_in_two_places(run: Run) -> None:
    run.model.append(Tanh())


@pytest.mark.parametrize(
    "change",
    [
        another_weight,
        another_buffer,
        another_draw_before,
        another_example,
        another_setting_of_a_layer,
        another_precision,
        a_frozen_embedding,
        another_nonlinearity,
        one_layer_in_two_places,
        equal_layers_in_two_places,
        pytest.param(another_config("lr", 0.2), id="another lr"),
        pytest.param(another_config("lr_decay_step", 10), id="another lr_decay_step"),
        pytest.param(another_config("batch_size", 9), id="another batch_size"),
        pytest.param(another_config("max_steps", 31), id="another max_steps"),
    ],
)
def test_a_run_that_differs_in_anything_is_done(
    change: Callable[[Run], None], watched: Watched, small_split: Split
) -> None:
    watched.train(Run(small_split))
    other = Run(small_split)
    change(other)
    watched.train(other)
    assert watched.steps == other.config.max_steps
    assert len(watched.files()) == 2


def test_a_shared_layer_is_not_taken_for_two_equal_ones(
    watched: Watched, small_split: Split
) -> None:
    for change in (
        one_layer_in_two_places,
        one_norm_in_two_places,
        equal_layers_in_two_places,
    ):
        for steps in (CONFIG.max_steps, 1):
            run = Run(small_split)
            change(run)
            watched.train(run)
            assert watched.steps == steps, "the second time it is read back"
    assert len(watched.files()) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_with_other_threads_is_done(
    threads: int, watched: Watched, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.train(Run(small_split))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    watched.train(Run(small_split))
    assert watched.steps == CONFIG.max_steps


def test_a_run_on_another_processor_or_torch_is_done(
    watched: Watched, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name, value in (
        (torch.backends.cpu, "get_cpu_capability", lambda: "ANOTHER"),
        (torch, "__version__", "0.4"),
        (torch, "get_float32_matmul_precision", lambda: "medium"),
        (torch, "are_deterministic_algorithms_enabled", lambda: True),
        (torch, "is_autocast_enabled", lambda *_: True),
    ):
        with monkeypatch.context() as patch:
            watched.train(Run(small_split))
            patch.setattr(place, name, value)
            watched.train(Run(small_split))
        assert watched.steps == CONFIG.max_steps


class Doubled(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def layer_of_ones_own(run: Run) -> None:
    run.model = Doubled(OrderedDict(run.model.named_children()))


def layer_that_draws(run: Run) -> None:
    run.model.add_module("dropout", nn.Dropout())


def hook(run: Run) -> None:
    run.model.get_submodule("tanh").register_forward_hook(lambda *_: None)


def hook_for_gradients(run: Run) -> None:
    run.model.get_submodule("tanh").register_full_backward_hook(lambda *_: None)


def hook_of_a_weight(run: Run) -> None:
    run.model.get_submodule("output").get_parameter("weight").register_hook(lambda _: None)


def hook_after_a_weights_gradient(run: Run) -> None:
    weight = run.model.get_submodule("output").get_parameter("weight")
    weight.register_post_accumulate_grad_hook(lambda _: None)


def method_of_one_layer(run: Run) -> None:
    run.model[4].forward = torch.relu


def attribute_that_is_no_plain_value(run: Run) -> None:
    run.model[4].scale = torch.ones(20)


def buffer_that_is_not_written_down(run: Run) -> None:
    run.model[4].register_buffer("scale", torch.ones(20), persistent=False)


@pytest.mark.parametrize(
    "change",
    [
        layer_of_ones_own,
        layer_that_draws,
        hook,
        hook_for_gradients,
        hook_of_a_weight,
        hook_after_a_weights_gradient,
        method_of_one_layer,
        attribute_that_is_no_plain_value,
        buffer_that_is_not_written_down,
    ],
)
def test_a_net_that_may_do_more_than_its_layers_say_is_trained(
    change: Callable[[Run], None], watched: Watched, small_split: Split
) -> None:
    run = Run(small_split)
    change(run)
    watched.train(run)
    assert watched.steps == CONFIG.max_steps
    assert watched.files() == []


def net_of_torchs_layers(run: Run) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        run.model = nn.Sequential(
            nn.Embedding(27, 10),
            nn.Flatten(),
            nn.Linear(30, 20),
            nn.BatchNorm1d(20),
            nn.Tanh(),
            nn.Linear(20, 27),
        )


def test_a_net_of_torchs_own_layers_is_kept(watched: Watched, small_split: Split) -> None:
    ends = []
    for done in (30, 1):
        run = Run(small_split)
        net_of_torchs_layers(run)
        watched.train(run)
        assert watched.steps == done
        ends.append(everything(run))
    assert same(*ends)


def test_an_exchanged_method_of_torch_is_noticed(
    watched: Watched, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: 2 * (x @ self.weight.T))
    for _ in range(2):
        run = Run(small_split)
        net_of_torchs_layers(run)
        watched.train(run)
        assert watched.steps == 30
    assert watched.files() == []


def test_a_hook_for_all_nets_is_noticed(watched: Watched, small_split: Split) -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        watched.train(Run(small_split))
    finally:
        handle.remove()
    assert watched.files() == []


@pytest.mark.parametrize("method", [lambda self, x: torch.tanh(2 * x), ReLU.forward])
def test_a_method_that_was_exchanged_is_noticed(
    method: Callable[..., Tensor],
    watched: Watched,
    small_split: Split,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = watched.train(Run(small_split)).losses
    monkeypatch.setattr(Tanh, "forward", method)
    for _ in range(2):
        assert watched.train(Run(small_split)).losses != before
        assert watched.steps == CONFIG.max_steps
    assert len(watched.files()) == 1


def test_a_short_run_or_one_with_a_callback_is_not_kept(
    watched: Watched, small_split: Split
) -> None:
    short, seen = Run(small_split), []
    short.config = replace(CONFIG, max_steps=29)
    watched.train(short)
    watched.train(Run(small_split), callback=seen.append)
    assert len(seen) == CONFIG.max_steps
    assert watched.files() == []


def test_a_run_of_adam_is_not_kept(watched: Watched, small_split: Split) -> None:
    run = Run(small_split)
    run.config = replace(CONFIG, optimizer="adam")
    watched.train(run)
    assert watched.files() == []


# What the folder holds, and what happens to it


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def another_format(path: Path) -> None:
    torch.save({"losses": [1.0]}, path)


def another_loss(path: Path) -> None:
    found = load_checkpoint(path)
    found.losses[-1] += 1e-6
    save_checkpoint(path, found)


def another_key(path: Path) -> None:
    found = load_checkpoint(path)
    save_checkpoint(path, replace(found, identity={"key": "of another run"}))


@pytest.mark.parametrize("damage", [half, nothing, another_format, another_loss, another_key])
def test_a_damaged_file_is_made_again(
    damage: Callable[[Path], None], watched: Watched, small_split: Split
) -> None:
    watched.train(alone := Run(small_split))
    (path,) = watched.files()
    whole = path.read_bytes()
    damage(path)
    watched.train(run := Run(small_split))
    assert watched.steps >= CONFIG.max_steps
    assert same(everything(run), everything(alone))
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_made_is_said_and_the_run_is_done(
    watched: Watched, small_split: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.folder.write_text("in the way")
    watched.train(run := Run(small_split))
    said = capsys.readouterr().err
    assert said.startswith("makemore3: the run is not kept: [Errno ")
    assert said.endswith(f"'{watched.folder}'\n")
    run_without = Run(small_split)
    run_without.train()
    assert same(everything(run), everything(run_without))


def test_what_was_not_used_for_longest_is_deleted_when_the_folder_is_full(
    watched: Watched, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = {}
    for seed in (1, 2, 3):
        before = set(watched.files())
        watched.train(Run(small_split, seed=seed))
        (seeds[seed],) = set(watched.files()) - before
        os.utime(seeds[seed], (seed, seed))
    watched.train(Run(small_split, seed=1))
    assert watched.steps == 1
    size = seeds[1].stat().st_size
    monkeypatch.setattr(runs, "LIMIT", 3 * size + size // 2)
    watched.train(Run(small_split, seed=4))
    assert seeds[1].exists(), "it was used just now"
    assert not seeds[2].exists()
    assert seeds[3].exists()
    assert len(watched.files()) == 3


# The source is part of the key

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from training_runs import Run
from makemore3 import fast, training
from makemore3.data import Vocabulary, build_split
from makemore3.keep import kept

run = Run(build_split(["emma", "olivia", "ava", "isabella"], Vocabulary()))
train = kept(training.train, Path(sys.argv[2]), least_steps=30)
print(train(run.model, run.split, run.config, generator=run.generator).losses[-1])
"""


def test_a_change_of_our_source_makes_another_run(tmp_path: Path) -> None:
    package, folder = tmp_path / "makemore3", tmp_path / "runs"
    shutil.copytree(Path(makemore3.__file__).parent, package)

    def last_loss() -> float:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(Path(__file__).parents[1]), str(folder)],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            check=True,
            text=True,
        )
        return float(child.stdout)

    def edit(file: str, old: str, new: str) -> None:
        text = (package / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (package / file).write_text(text.replace(old, new), encoding="utf-8")

    first = last_loss()
    assert (last_loss(), len(list(folder.iterdir()))) == (first, 1)
    edit("sampling.py", "[0] * block_size", "[1] * block_size")
    edit("layers/nonlinearities.py", "Nonlinearities.", "Functions of one number.")
    edit("training.py", "# forward pass", "# forwards")
    assert (last_loss(), len(list(folder.iterdir()))) == (first, 1), "these decide no number"
    edit("layers/nonlinearities.py", "torch.tanh(x)", "torch.tanh(2 * x)")
    assert (second := last_loss()) != first
    edit(
        "layers/norms.py",
        "return (1 - self.momentum) * running + self.momentum * new",
        "return new",
    )
    last_loss()  # the running statistics take no part in the loss
    edit("training.py", "p.data += -lr * grad", "p.data += -0.5 * lr * grad")
    assert last_loss() not in (first, second)
    edit("data/examples.py", "(batch_size,), generator", "(batch_size + 1,), generator")
    last_loss()
    assert len(list(folder.iterdir())) == 5


def test_a_source_that_was_edited_after_it_was_loaded_keeps_nothing(tmp_path: Path) -> None:
    package, folder = tmp_path / "makemore3", tmp_path / "runs"
    shutil.copytree(Path(makemore3.__file__).parent, package)
    edit = f"""
import makemore3.layers
file = Path({str(package / "layers" / "nonlinearities.py")!r})
file.write_text(file.read_text().replace("torch.tanh(x)", "torch.tanh(2 * x)"))
"""
    program = CHILD.replace("\nrun = ", f"{edit}\nrun = ")
    subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parents[1]), str(folder)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=True,
    )
    assert "2 * x" in (package / "layers" / "nonlinearities.py").read_text()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("keep", "function"),
    [(kept, training.train), (kept_many, fast.train_many)],
    ids=["one", "many"],
)
def test_what_is_kept_is_called_as_before(
    keep: Callable[..., Any], function: Callable[..., Any], tmp_path: Path
) -> None:
    called = inspect.signature(keep(function, tmp_path), follow_wrapped=False)
    assert called == inspect.signature(function)
