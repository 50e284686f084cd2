"""A long run of `train_many` is done once, and no other run is mistaken for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training_runs import CONFIG, Run

from makemore3.data import Split
from makemore3.fast import Method, compiled, train_many
from makemore3.keep import kept_many
from makemore3.keep import runs as keep_runs
from makemore3.models import KAIMING, SOFTMAX_FIXED
from makemore3.training import History


class Watched:
    """`train_many` with its runs kept, and the number of nets that are really trained."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trained = folder, 0
        self.train_once = kept_many(self.counted, folder, least_steps=CONFIG.max_steps)

    def counted(self, models: list[nn.Module], *arguments: Any, **options: Any) -> list[History]:
        self.trained += len(models)
        return train_many(models, *arguments, **options)

    def train(self, runs: list[Run], **options: Any) -> list[History]:
        return self.train_once(
            [run.model for run in runs],
            runs[0].split,
            [run.config for run in runs],
            generators=[run.generator for run in runs],
            **{"method": "stacked"} | options,
        )

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "runs")


def pair(split: Split) -> list[Run]:
    return [Run(split, KAIMING, seed=3), Run(split, SOFTMAX_FIXED, seed=4)]


def states(runs: list[Run]) -> list[Tensor]:
    return [tensor for run in runs for tensor in run.state()]


@pytest.mark.parametrize("method", ["stacked", None])
def test_a_call_read_back_is_the_call_itself_to_the_last_bit(
    method: Method | None, watched: Watched, small_split: Split
) -> None:
    alone, first, second = (pair(small_split) for _ in range(3))
    models, generators = zip(*((run.model, run.generator) for run in alone), strict=True)
    expected = train_many(models, small_split, CONFIG, generators=generators, method=method)
    second[0].model.eval()
    second[0].model.get_submodule("output").get_parameter("bias").grad = torch.ones(27)
    for runs in (first, second):
        found = watched.train(runs, method=method)
        assert [history.losses for history in found] == [h.losses for h in expected]
        assert all(map(torch.equal, states(runs), states(alone)))
        assert all(run.model.training for run in runs)
        assert all(p.grad is None for run in runs for p in run.model.parameters())
    assert watched.trained == 2
    assert len(watched.files()) == 2


def another_weight(runs: list[Run]) -> None:
    runs[1].model.get_submodule("output").get_parameter("bias").data[3] += 1e-6


def another_draw_before(runs: list[Run]) -> None:
    torch.rand(1, generator=runs[1].generator)


def another_rate(runs: list[Run]) -> None:
    runs[1].config = replace(CONFIG, lr=0.2)


def another_optimizer(runs: list[Run]) -> None:
    runs[1].config = replace(CONFIG, lr=0.001, optimizer="adam")


@pytest.mark.parametrize(
    "change",
    [another_weight, another_draw_before, another_rate, another_optimizer],
)
@pytest.mark.parametrize("method", ["stacked", None])
def test_a_run_that_differs_in_anything_is_done(
    change: Callable[[list[Run]], None],
    method: Method | None,
    watched: Watched,
    small_split: Split,
) -> None:
    watched.train(pair(small_split), method=method)
    other, alone = pair(small_split), pair(small_split)
    for runs in (other, alone):
        change(runs)
    found = watched.train(other, method=method)
    assert watched.trained == (4 if method == "stacked" else 3), "a stack is trained as a whole"
    models, generators = zip(*((run.model, run.generator) for run in alone), strict=True)
    configs = [run.config for run in alone]
    expected = train_many(models, small_split, configs, generators=generators, method=method)
    assert [history.losses for history in found] == [h.losses for h in expected]
    assert all(map(torch.equal, states(other), states(alone)))


@pytest.mark.parametrize("method", ["stacked", None])
def test_with_other_examples_or_a_watcher_all_runs_are_done(
    method: Method | None, watched: Watched, small_split: Split
) -> None:
    watched.train(pair(small_split), method=method)
    watched.train(pair(Split(small_split.x, small_split.y.roll(1))), method=method)
    assert watched.trained == 4
    seen = {}
    found = watched.train(pair(small_split), method=method, finished=seen.__setitem__)
    assert watched.trained == 6
    assert [seen[0], seen[1]] == found


def test_compiled_runs_are_found_in_another_order_and_in_other_company(
    watched: Watched, small_split: Split
) -> None:
    first, second = pair(small_split)
    histories = watched.train([first, second], method=None)
    again, other = pair(small_split)[::-1], Run(small_split, KAIMING, seed=5)
    found = watched.train([again[0], other, again[1]], method=None)
    assert watched.trained == 3
    assert [found[0], found[2]] == histories[::-1]
    assert all(map(torch.equal, states(again), states([second, first])))
    watched.train(alone := [Run(small_split, KAIMING, seed=5)], method=None)
    assert watched.trained == 3
    assert all(map(torch.equal, states(alone), states([other])))


def test_the_method_and_the_making_of_its_trainer_are_part_of_the_key(
    small_split: Split, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(compiled.recipe.cache_clear)

    def key(method: Method) -> str | None:
        compiled.recipe.cache_clear()
        runs = [(run.model, CONFIG, run.generator) for run in pair(small_split)]
        return keep_runs._key_of_many(runs, small_split, method)

    monkeypatch.setattr(compiled, "_run", lambda command: b"macros of a compiler")
    keys = {key("stacked"), key("compiled")}
    monkeypatch.setattr(compiled, "_run", lambda command: b"macros of another compiler")
    keys |= {key("compiled")}
    monkeypatch.setattr(compiled, "SOURCES", compiled.SOURCES[:1])
    keys |= {key("compiled")}
    assert len(keys) == 4


def test_one_generator_twice_is_refused_although_two_equal_ones_were_kept(
    watched: Watched, small_split: Split
) -> None:
    watched.train([Run(small_split, KAIMING, seed=3), Run(small_split, KAIMING, seed=3)])
    again = [Run(small_split, KAIMING, seed=3), Run(small_split, KAIMING, seed=3)]
    again[1].generator = again[0].generator
    with pytest.raises(ValueError, match="a generator of its own for each model"):
        watched.train(again)
    again = [Run(small_split, KAIMING, seed=3), Run(small_split, KAIMING, seed=3)]
    again[1].model = again[0].model
    with pytest.raises(ValueError, match="models"):
        watched.train(again)


def test_a_missing_or_damaged_file_is_made_again(watched: Watched, small_split: Split) -> None:
    watched.train(alone := pair(small_split))
    first, second = watched.files()
    whole = second.read_bytes()
    for damage in (lambda: second.unlink(), lambda: second.write_bytes(first.read_bytes())):
        trained = watched.trained
        damage()
        watched.train(runs := pair(small_split))
        assert watched.trained == trained + 2
        assert all(map(torch.equal, states(runs), states(alone)))
        assert second.read_bytes() == whole


@pytest.mark.parametrize(("method", "kept"), [("stacked", 2), (None, 1)])
def test_short_runs_are_not_kept(
    method: Method | None, kept: int, watched: Watched, small_split: Split
) -> None:
    runs = pair(small_split)
    runs[0].config = replace(CONFIG, max_steps=29)
    watched.train(runs, method=method)
    assert len(watched.files()) == kept
    watched.train(pair(small_split)[:1], method="stacked")
    assert len(watched.files()) == kept + 1
