"""The zoo: how it is parted, and what a verdict says. The page on diagnosing runs all of it."""

import random
import re
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from makemore3.diagnostics import RULES, check
from makemore3.lab.zoo import CASES, Case, halves, verdict, verdicts
from makemore3.lab.zoo.training import Training

BY_NAME = {case.name: case for case in CASES}


def test_the_zoo_is_large_and_its_rules_exist() -> None:
    names = {rule.name for rule in RULES}
    assert len(BY_NAME) == len(CASES)
    for half in halves():
        assert sum(case.healthy for case in half) >= 15
        assert sum(not case.healthy for case in half) >= 19
    for case in CASES:
        assert set(case.rules) <= names, case.name


def test_the_halves_are_drawn_by_name_alone() -> None:
    limits, judged = halves()
    assert {case.name for case in limits} | {case.name for case in judged} == set(BY_NAME)
    assert not {case.name for case in limits} & {case.name for case in judged}
    assert halves(reversed(CASES)) == (limits, judged)


@pytest.mark.parametrize(
    ("name", "rule", "level"),
    [
        ("softmax twice, MLP", "softmax twice", "problem"),
        ("head not in the optimizer", "never changes", "problem"),
        ("body frozen by mistake", "frozen", "watch"),
        ("loss with a logarithm", "not a number", "problem"),
    ],
)
def test_a_verdict_names_the_sickness(name: str, rule: str, level: str) -> None:
    found = verdict(BY_NAME[name])
    assert found.found
    assert rule in (found.accused if level == "problem" else found.watched)


def test_a_healthy_one_is_not_accused_and_repeats() -> None:
    first, second = (verdict(BY_NAME["MLP tanh, Kaiming, SGD"]) for _ in range(2))
    assert not first.accused
    assert not first.found
    assert str(first.after) == str(second.after)


def test_a_verdict_has_the_findings_of_both_reports_by_name() -> None:
    def reported(*found: str) -> Any:
        pairs = [each.split(": ") for each in found]
        return SimpleNamespace(findings=[SimpleNamespace(level=a, rule=b) for a, b in pairs])

    made = verdicts.Verdict(
        Case("own", CASES[0].train, ("b", "z")),
        reported("watch: e", "problem: f", "problem: c", "watch: d", "watch: c"),
        reported("watch: a", "problem: g", "watch: f", "problem: c"),
    )
    assert (made.accused, made.watched, made.found) == (("c", "f", "g"), ("a", "d", "e"), False)
    assert replace(made, case=replace(made.case, rules=("z", "e"))).found
    assert replace(made, case=replace(made.case, rules=("z", "g"))).found


def described(case: Case) -> str:
    """Net, optimizer, first loss, its gradient and what is not as usual, in a line."""
    torch.manual_seed(1)
    training = case.train()
    model, generator = training.model.eval(), torch.Generator().manual_seed(1)
    x, y = training.task(generator)
    x, y = training.spoil(x, y) if training.spoil else (x, y)
    loss = training.loss(model(x), y)
    loss.backward()
    sizes = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    gradient = torch.stack(sizes).norm()
    optimizer = training.optimizer(training.given or list(model.parameters()))
    group = optimizer.param_groups[0]
    given = sum(p.numel() for p in group["params"])
    settings = {"lr": group["lr"]}
    settings |= {key: group[key] for key in ("momentum", "weight_decay") if group.get(key)}
    usual = {f.name: f.default for f in fields(Training)}
    settings |= {
        name: value
        for name in ("steps", "zero_grad", "eval_mode", "evaluate_every", "accumulate", "clip")
        if (value := getattr(training, name)) != usual[name]
    }
    settings |= {"warmup": training.warmup} if training.warmup else {}
    settings |= {"autocast": training.autocast} if training.autocast else {}
    dropouts = {m.p for m in model.modules() if isinstance(m, nn.Dropout)}
    settings |= {"dropout": max(dropouts)} if dropouts - {0.0} else {}
    shown = ", ".join(f"{key} {value}" for key, value in settings.items())
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    count = sum(p.numel() for p in model.parameters())
    return (
        f"{case.name} | {count:,} weights, {given:,} given, {frozen:,} frozen | loss {loss:.6g} "
        f"(gradient {gradient:.6g}) "
        f"| {type(optimizer).__name__}, {shown} | {'; '.join(case.rules) or 'healthy'}\n"
    )


def alike(old: str, new: str) -> bool:
    """Whether two texts are the same, numbers with a point up to what machines differ by."""
    number = r"\d+\.\d+(?:e[+-]\d+)?"
    numbers = [[float(found) for found in re.findall(number, text)] for text in (old, new)]
    texts = [re.sub(number, "", text) for text in (old, new)]
    return texts[0] == texts[1] and numbers[1] == pytest.approx(numbers[0], rel=1e-4)


def test_every_animal_is_the_one_that_was_described(as_written: Callable[..., None]) -> None:
    as_written("zoo.txt", "".join(map(described, CASES)), alike)


def test_the_larger_half_judges() -> None:
    cases = [
        Case(name, CASES[0].train, rules) for name in "abcde" for rules in ((), ("saturated",))
    ]
    limits, judged = halves(cases)
    assert [case.healthy for case in limits] == [True, True, False, False]
    assert [case.healthy for case in judged] == [True] * 3 + [False] * 3
    names = list("abcde")
    random.Random(verdicts.SEED).shuffle(names)
    assert [case.name for case in limits] == [*names[:2], *names[:2]]


def first_is_largest(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.randn(8, 4, generator=generator)
    return x, x[:, :3].argmax(1)


def test_an_animal_is_trained_as_it_says() -> None:
    spoilt: list[Tensor] = []

    def spoil(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        spoilt.append(x)
        return 2 * x, y

    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))

    made: list[nn.Module] = []

    def train() -> Training:
        made.append(net())
        return Training(
            made[0],
            first_is_largest,
            partial(SGD, lr=0.5),
            steps=5,
            accumulate=2,
            clip=0.05,
            warmup=3,
            spoil=spoil,
        )

    found = verdict(Case("own", train, ("saturated",)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(verdicts.SEED)
        alone = net()
    generator = torch.Generator().manual_seed(verdicts.SEED)

    def batch() -> tuple[Tensor, Tensor]:
        x, y = first_is_largest(generator)
        return 2 * x, y

    before = check(alone, batch(), F.cross_entropy)
    optimizer = SGD(alone.parameters())
    for lr in (1 / 6, 1 / 3, 0.5, 0.5, 0.5):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        for _ in range(2):
            x, y = batch()
            (F.cross_entropy(alone(x), y) / 2).backward()
        nn.utils.clip_grad_norm_(alone.parameters(), 0.05)
        optimizer.step()
    for p, trained in zip(alone.parameters(), made[0].parameters(), strict=True):
        torch.testing.assert_close(trained, p)
    assert str(found.before) == str(before)
    assert (found.after.taken, found.after.steps) == (5, (0,))
    assert len(spoilt) == 1 + 1 + 10  # to find out sizes, to check, and for each backward pass
    assert not found.found


@pytest.mark.parametrize(
    ("changes", "evaluated", "in_eval", "stale"),
    [
        ({}, 0, (), 0),
        ({"evaluate_every": 4}, 5, (), 0),
        ({"eval_mode": True}, 0, ("1",), 0),
        ({"zero_grad": False}, 0, (), 2 / 3),  # the first of the three samples has none before it
    ],
)
def test_what_is_wrong_on_purpose_happens(
    changes: dict[str, Any], evaluated: int, in_eval: tuple[str, ...], stale: float
) -> None:
    def train() -> Training:
        net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
        return Training(net, first_is_largest, partial(SGD, lr=0.5), steps=21, **changes)

    report = verdict(Case("own", train)).after
    assert report.steps == (0, 10, 20)
    assert (report.evaluated_in_train, report.in_eval) == (evaluated, in_eval)
    assert report.stale == pytest.approx(stale)
