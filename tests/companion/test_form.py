"""The form of a page: calm times, an early figure, folded plumbing, narrow outputs."""

from pathlib import Path

import pytest

from companion import form
from literate.page import CONT, Page, parse_page
from literate.store import Baked, Output

TIME = "[4:19](https://youtu.be/P6sfmUTpUmc?t=259)"
FIGURE = "![What it shows, in words.](baked)\n**Caption.**\n"
OPEN = f"{CONT}\n\n```python\nx\n```\n"
FIRST = OPEN.removeprefix(f"{CONT}\n\n")
FOLDED = f'??? setup "Imports"\n\n    {CONT}\n\n    ```python\n    x\n    ```\n'


def page(text: str) -> Page:
    return parse_page(text, Path("page.md"))


@pytest.mark.parametrize(
    "text",
    [
        f"{TIME} Text.\n\n{TIME} More text\non two lines.",
        f"- {TIME} One.\n- {TIME} Two.",
        f"1. {TIME} One.",
        f"| {TIME} | {TIME} |\n|--|--|\n| {TIME} | {TIME} |",
        f"{FIRST}\n![What it shows.](baked)\n{TIME} **Caption.**",
        f'!!! note "Title"\n\n    {TIME} Text.',
        "[The lecture](https://youtu.be/P6sfmUTpUmc) and [again](https://youtu.be/P6sfmUTpUmc).",
    ],
)
def test_one_time_at_the_start_of_a_paragraph_is_calm(text):
    assert form.moments(page(text)) == []


def test_more_than_one_time_or_one_inside_is_told_with_its_line():
    text = f"One.\n\n{TIME} Text and {TIME}.\n\nText {TIME}.\n\n- One\n- two {TIME}\n"
    problems = form.moments(page(text))
    assert [(p.line, p.message[:40]) for p in problems] == [
        (3, "expected one time link a paragraph, foun"),
        (5, "expected [4:19](https://youtu.be/P6sfmUT"),
        (8, "expected [4:19](https://youtu.be/P6sfmUT"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{FIRST}\n{FIGURE}\nText.\n\n{OPEN}\nText.\n\n{OPEN}", None),
        (f"{FIRST}\n{FOLDED}\n{FIGURE}", None),
        (f"{FIRST}\nText.\n\n{OPEN}\n{FIGURE}", None),
        (f"{FIRST}\nText.\n\n{OPEN}\nText.\n\n{OPEN}\n{FIGURE}", 9),
    ],
)
def test_first_figure_comes_early(text, line):
    assert [p.line for p in form.opening(page(text))] == ([] if line is None else [line])


def test_open_fold_counts_as_open():
    text = f"{FIRST}\n{FOLDED}\n{FOLDED.replace('???', '???+')}\nText.\n\n{OPEN}\n{FIGURE}"
    assert [form.is_folded(page(text), block) for block in page(text).blocks] == [
        False,
        True,
        False,
        False,
    ]
    assert len(form.opening(page(text))) == 1


def test_open_blocks_without_a_sentence_between_are_told():
    assert [p.line for p in form.rhythm(page(f"{FIRST}\n{OPEN}\nText.\n\n{OPEN}"))] == [7]
    assert form.rhythm(page(f"{FIRST}\n{FOLDED}")) == []


def test_outputs_fit_a_phone_and_tell_no_test_results():
    text = f"{FIRST}\nText.\n\n{OPEN}\nText.\n\n{OPEN}"
    outputs = [
        "| a table may be as wide as it likes, since it is shown as one |\n" + "x" * 46,
        "x" * 47,
        "near that: True",
    ]
    baked = Baked({n: Output("key", text, ()) for n, text in enumerate(outputs, start=1)})
    problems = form.outputs(page(text), baked)
    assert [(p.line, p.message[:30]) for p in problems] == [
        (9, "expected output of at most 46 "),
        (17, "prints True or False: assert i"),
    ]
