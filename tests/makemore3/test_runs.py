"""A long run that was already done is read back, and no other run is mistaken for it."""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from makemore3 import runs, training
from makemore3.checkpoint import CheckpointError
from makemore3.data import Split, minibatch
from makemore3.layers import BatchNorm1d
from makemore3.models import AS_WRITTEN, BATCH_NORM, Stage, mlp
from makemore3.training import History, TrainConfig, train

CONFIG = TrainConfig(max_steps=30, batch_size=8, lr_decay_step=20)


class Run:
    """A net and its generator, both from one seed."""

    def __init__(self, split: Split, stage: Stage = BATCH_NORM, seed: int = 11) -> None:
        self.split = split
        self.config = CONFIG
        self.generator = torch.Generator().manual_seed(seed)
        self.model: nn.Module = mlp(stage, n_hidden=20, generator=self.generator)

    def train(self, **options: Any) -> History:
        return train(self.model, self.split, self.config, generator=self.generator, **options)

    def everything(self) -> list[Tensor | None]:
        """All that training changes: weights, running statistics, gradients, generator."""
        gradients = [p.grad for p in self.model.parameters()]
        return [*self.model.state_dict().values(), *gradients, self.generator.get_state()]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each step that is really done."""
    done: list[int] = []

    def counted(split: Split, size: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        done.append(len(done))
        return minibatch(split, size, generator=generator)

    monkeypatch.setattr(training, "minibatch", counted)
    return done


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEMORE_RUNS", str(tmp_path))
    monkeypatch.setattr(runs, "LONG_RUN", CONFIG.max_steps)
    return tmp_path


@pytest.mark.parametrize("stage", [AS_WRITTEN, BATCH_NORM], ids=lambda stage: stage.title)
def test_a_run_read_back_is_the_run_itself_to_the_last_bit(
    stage: Stage,
    folder: Path,
    steps: list[int],
    small_split: Split,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("MAKEMORE_RUNS")
        alone = Run(small_split, stage)
        expected = alone.train()
        assert list(folder.iterdir()) == []
    first, second = Run(small_split, stage), Run(small_split, stage)
    second.model.eval()
    for run, done in ((first, 30), (second, 1)):
        steps.clear()
        assert run.train().losses == expected.losses
        assert len(steps) == done
        assert run.model.training
        for ours, theirs in zip(run.everything(), alone.everything(), strict=True):
            assert ours is not None
            assert theirs is not None
            assert torch.equal(ours, theirs)


def test_a_run_goes_on_from_a_run_read_back(
    folder: Path, steps: list[int], small_split: Split
) -> None:
    for done in (60, 2):
        steps.clear()
        run = Run(small_split)
        losses = run.train().losses + run.train().losses
        assert len(steps) == done
    assert len(set(losses)) == 60
    assert len(list(folder.iterdir())) == 2


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
        pytest.param(another_config("lr", 0.2), id="another lr"),
        pytest.param(another_config("lr_decay_step", 10), id="another lr_decay_step"),
        pytest.param(another_config("batch_size", 9), id="another batch_size"),
        pytest.param(another_config("max_steps", 31), id="another max_steps"),
    ],
)
def test_a_run_that_differs_in_anything_is_done(
    change: Callable[[Run], None], folder: Path, steps: list[int], small_split: Split
) -> None:
    Run(small_split).train()
    other = Run(small_split)
    change(other)
    steps.clear()
    other.train()
    assert len(steps) == other.config.max_steps
    assert len(list(folder.iterdir())) == 2


class Doubled(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def layer_of_ones_own(run: Run) -> None:
    run.model = Doubled(OrderedDict(run.model.named_children()))


def layer_of_torch(run: Run) -> None:
    run.model.add_module("dropout", nn.Dropout())


def hook(run: Run) -> None:
    run.model.get_submodule("tanh").register_forward_hook(lambda *_: None)


def hook_for_gradients(run: Run) -> None:
    run.model.get_submodule("tanh").register_full_backward_hook(lambda *_: None)


@pytest.mark.parametrize("change", [layer_of_ones_own, layer_of_torch, hook, hook_for_gradients])
def test_a_net_that_may_do_more_than_its_layers_say_is_trained(
    change: Callable[[Run], None], folder: Path, small_split: Split
) -> None:
    run = Run(small_split)
    change(run)
    run.train()
    assert list(folder.iterdir()) == []


def test_a_short_run_or_one_that_is_watched_or_has_its_own_file_is_not_kept(
    folder: Path, small_split: Split, tmp_path_factory: pytest.TempPathFactory
) -> None:
    short = Run(small_split)
    short.config = replace(CONFIG, max_steps=29)
    short.train()
    Run(small_split).train(callback=lambda info: None)
    Run(small_split).train(checkpoint=tmp_path_factory.mktemp("own") / "run.pt")
    assert list(folder.iterdir()) == []


def test_a_damaged_file_is_an_error_that_names_it(folder: Path, small_split: Split) -> None:
    Run(small_split).train()
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=f"{path.name} is not a whole .*: delete it to start"):
        Run(small_split).train()


def test_a_folder_that_is_missing_shows_before_the_first_step(
    folder: Path, steps: list[int], small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEMORE_RUNS", str(folder / "missing"))
    with pytest.raises(FileNotFoundError, match="missing"):
        Run(small_split).train()
    assert steps == []


def test_the_test_run_keeps_its_runs_in_a_folder_of_its_own() -> None:
    assert Path(os.environ["MAKEMORE_RUNS"]).is_dir()
