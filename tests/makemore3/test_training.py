"""Training against a plain loop, losses against their definition."""

import math
import time
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from training_runs import CONFIG, Run, same

from makemore3 import training
from makemore3.data import Dataset, Names, Split, load_dataset, minibatch
from makemore3.models import BATCH_NORM, KAIMING, SOFTMAX_FIXED, STAGES, Stage, mlp
from makemore3.training import (
    History,
    StepInfo,
    TrainConfig,
    evaluate,
    first_batch,
    split_loss,
    steps,
    train,
)


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


def train_by_torch(oracle: Run, optimizer: torch.optim.Optimizer) -> None:
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[20], gamma=0.1)
    for _ in range(30):
        x, y = minibatch(oracle.split, 8, generator=oracle.generator)
        optimizer.zero_grad()
        F.cross_entropy(oracle.model(x), y).backward()
        optimizer.step()
        schedule.step()


def test_training_is_torchs_sgd_up_to_rounding(small_split: Split) -> None:
    ours, oracle = Run(small_split), Run(small_split)
    ours.train()
    train_by_torch(oracle, torch.optim.SGD(oracle.model.parameters(), lr=0.1))
    torch.testing.assert_close(ours.state(), oracle.state(), rtol=1e-4, atol=1e-5)


def test_adam_is_torchs(small_split: Split) -> None:
    config = TrainConfig(max_steps=30, batch_size=8, lr=0.01, lr_decay_step=20, optimizer="adam")
    ours, oracle = Run(small_split), Run(small_split)
    ours.train(config)
    train_by_torch(oracle, torch.optim.Adam(oracle.model.parameters(), lr=0.01))
    torch.testing.assert_close(ours.state(), oracle.state(), rtol=1e-5, atol=1e-6)
    by_sgd = Run(small_split)
    by_sgd.train(TrainConfig(max_steps=30, batch_size=8, lr=0.01, lr_decay_step=20))
    assert not same(ours.state(), by_sgd.state())


def test_adam_starts_at_the_first_step(small_split: Split) -> None:
    run, config = Run(small_split), TrainConfig(max_steps=3, optimizer="adam")
    with pytest.raises(ValueError, match="Adam cannot start at step 2 without the moments"):
        next(steps(run.model, small_split, config, generator=run.generator, first=2))


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
    embedding.grad = torch.ones_like(embedding)  # from before it was frozen
    run.train()
    assert torch.equal(embedding, before)


def test_weights_change_in_place(small_split: Split) -> None:
    run = Run(small_split)
    places = [p.data_ptr() for p in run.model.parameters()]
    run.train()
    assert [p.data_ptr() for p in run.model.parameters()] == places


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


def test_training_prints_nothing(small_split: Split, capfd: pytest.CaptureFixture[str]) -> None:
    # Longer than a second, so that a terminal would have shown the bar.
    Run(small_split).train(callback=lambda _: time.sleep(0.04))
    assert capfd.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_for_runs_of_over_a_second(
    small_split: Split, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Run(small_split).train()
    assert capsys.readouterr().err == ""
    Run(small_split).train(callback=lambda _: time.sleep(0.05))
    assert "/30" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shown", "delay", "disable"), [(None, 1, None), (True, 0, False), (False, 0, True)]
)
def test_a_progress_bar_counts_all_steps_and_goes_when_they_are_done(
    shown: bool | None, delay: float, disable: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, object]] = []
    monkeypatch.setattr(training, "tqdm", lambda steps, **options: made.append(options) or steps)
    taken = training.progress_bar([], TrainConfig(max_steps=7), first=3, shown=shown)
    assert list(taken) == []
    assert made == [
        {
            **{"initial": 3, "total": 7, "unit": "step", "leave": False},
            **{"delay": delay, "disable": disable},
        }
    ]


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
        ({"optimizer": "rmsprop"}, "knows the optimizers sgd and adam, got 'rmsprop'"),
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
    with pytest.raises(ValueError, match="training needs at least one example, got an empty split"):
        Run(empty).train()
    with pytest.raises(ValueError, match="split_loss needs at least one example, got an empty"):
        split_loss(Run(empty).model, empty)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_training_at_its_step(
    poison: float, small_split: Split
) -> None:
    run = Run(small_split)
    bias = run.model.get_submodule("output").get_parameter("bias")

    def spoil(info: StepInfo) -> None:
        if info.step == 12:
            bias.data.fill_(poison)

    message = r"the loss is nan at step 13: training has diverged; lower the learning rate \(0\.1\)"
    with pytest.raises(FloatingPointError, match=message):
        run.train(callback=spoil)
    assert bias.isnan().all() or bias.isinf().all(), "the step that diverged changed nothing"


def test_an_infinite_loss_is_reported_as_such(small_split: Split) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    y = int(small_split.y[0])
    with torch.no_grad():
        run.model.get_submodule("output").get_parameter("bias")[y] = -math.inf
    only = Split(small_split.x[:1], small_split.y[:1])
    with pytest.raises(FloatingPointError, match="the loss is inf at step 0"):
        train(run.model, only, CONFIG, generator=run.generator)


def test_steps_are_taken_one_by_one_and_can_start_later(small_split: Split) -> None:
    ours, oracle = Run(small_split), Run(small_split)
    history = oracle.train()
    seen = []
    for first in (0, 12):
        for info in steps(ours.model, ours.split, CONFIG, generator=ours.generator, first=first):
            seen.append((info.step, info.loss))
            if info.step == 11:
                break
    assert seen == list(enumerate(history.losses))
    assert same(ours.state(), oracle.state())


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


# Evaluation


def test_split_loss_is_the_mean_over_all_examples(small_split: Split) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    each = [
        -run.model(x.unsqueeze(0)).log_softmax(1)[0, y].item()
        for x, y in zip(small_split.x, small_split.y, strict=True)
    ]
    assert split_loss(run.model, small_split) == pytest.approx(sum(each) / len(each), abs=1e-5)


def test_split_loss_computes_each_different_context_once(small_split: Split) -> None:
    run = Run(small_split, SOFTMAX_FIXED)
    asked: list[list[int]] = []
    run.model.register_forward_pre_hook(lambda _, x: asked.extend(x[0].tolist()))
    split_loss(run.model, small_split)
    assert sorted(asked) == sorted(map(list, set(map(tuple, small_split.x.tolist()))))
    assert len(asked) < len(small_split)


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
    assert split_loss(run.model, small_split) == pytest.approx(running_statistics, abs=1e-6)


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


def test_first_batch_is_drawn_after_the_net_from_one_generator(small_split: Split) -> None:
    model, x, y = first_batch(partial(mlp, KAIMING), small_split, seed=4, batch_size=7)
    generator = torch.Generator().manual_seed(4)
    same = mlp(KAIMING, generator=generator)
    wanted = minibatch(small_split, 7, generator=generator)
    assert all(map(torch.equal, model.parameters(), same.parameters()))
    assert torch.equal(x, wanted[0])
    assert torch.equal(y, wanted[1])
