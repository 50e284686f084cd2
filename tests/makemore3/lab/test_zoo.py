"""The zoo: how it is parted, and what a verdict says. The page on diagnosing runs all of it."""

import pytest

from makemore3.diagnostics import RULES
from makemore3.lab.zoo import CASES, halves, verdict

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
