"""Each mission can be done, step by step, by doing what it says; and none is done at once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "playground.md").read_text()

# What a reader does: changes to the mission's settings, and the steps that are taken with them.
# Behind it, which things of the mission have been seen by then.
WAYS = {
    "hockey-stick": [
        ({}, 0, []),
        ({}, 1001, [0]),
        ({"w2": 0.01, "b2": 0}, 1001, [0, 1]),
    ],
    "white-columns": [
        ({"w1": 0.5}, 0, []),
        ({}, 0, [0]),
        ({"w1": 3}, 0, [0, 1]),
        ({"w1": 0.1, "b1": 0.01}, 0, [0, 1, 2]),
    ],
    "gain": [({}, 0, []), ({"gain": 0.5}, 0, [0]), ({"gain": 3}, 0, [0, 1])],
    "five-thirds": [({"depth": 6}, 0, []), ({}, 0, [0]), ({"gain": 5 / 3}, 0, [0, 1])],
    "linear-layers": [({"tanh": True}, 0, []), ({}, 0, [0]), ({"gain": 1}, 0, [0, 1])],
    "batch-norm-forgives": [({}, 0, []), ({"gain": 0.2}, 0, [0]), ({"gain": 3}, 0, [0, 1])],
    "one-over-gain-squared": [
        ({}, 0, []),
        ({}, 1, [0]),
        ({"gain": 2, "norm": False}, 1, [0]),
        ({"gain": 2}, 1, [0, 1]),
    ],
    "minus-three": [
        ({}, 100, []),
        ({}, 1001, [0]),
        ({"lr": 0.03}, 1001, [0, 1]),
        ({"lr": 1}, 1001, [0, 1, 2]),
    ],
    "a-unit-dies": [({}, 0, [0]), ({"lr": 0.1}, 1001, [0]), ({}, 1001, [0, 1])],
}

SEE = """([id, changes, steps]) => {
  const [, start, , , goals] = MISSIONS.find(([each]) => each === id)
  const { settings } = fromQuery(start)
  const run = made(settings.stage, { ...settings, ...changes })
  const losses = run.advance(steps)
  const sight = look(run.settings, { losses, updates: run.updates }, run.look())
  window.sights.push(sight)
  return goals.map((test) => test(sight, window.sights.slice(0, -1)))
}"""


@pytest.mark.parametrize("mission", WAYS)
def test_a_mission_can_be_done(js: Callable[..., Any], mission: str):
    js("() => { window.sights = [] }")
    seen: set[int] = set()
    for changes, steps, expected in WAYS[mission]:
        tests = js(SEE, [mission, changes, steps])
        seen |= {i for i, true in enumerate(tests) if true}
        assert sorted(seen) == expected, (changes, steps)
    assert len(seen) == js(f"MISSIONS.find(([id]) => id === {mission!r})[4].length")


def test_every_mission_stands_on_the_page_with_as_many_things_to_see(js: Callable[..., Any]):
    missions = js("MISSIONS.map(([id, , , answer, goals]) => [id, goals.length, answer])")
    assert [id for id, *_ in missions] == list(WAYS) == re.findall(r"^### .*\{#(.+)\}$", PAGE, re.M)
    for id, goals, answer in missions:
        section = PAGE.partition(f"{{#{id}}}")[2].partition("\n##")[0]
        assert len(re.findall(r"^\d+\. ", section, re.M)) == goals, id
        assert answer < len(re.findall(r"^- ", section, re.M)), id
