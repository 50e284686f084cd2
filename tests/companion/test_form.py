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
        f"## From {TIME} to {TIME}",
        "[The lecture](https://youtu.be/P6sfmUTpUmc) and [again](https://youtu.be/P6sfmUTpUmc).",
    ],
)
def test_one_time_at_the_start_of_a_paragraph_is_calm(text):
    assert form.moments(page(text)) == []


def test_more_than_one_time_or_one_inside_is_told_with_its_line():
    text = f"One.\n\n{TIME} Text and {TIME}.\n\nText {TIME}.\n\n- One\n- two {TIME}\n"
    problems = form.moments(page(text))
    late = f"expected {TIME} at the start of its paragraph or caption"
    assert [(p.line, p.message) for p in problems] == [
        (3, "expected one time link a paragraph, found 2: keep one"),
        (5, late),
        (8, late),
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
    (problem,) = form.opening(page(text))
    assert problem.message == (
        "expected at most 1 open block before the first figure, found 2: open with the figure, "
        "or fold what only prepares"
    )


def test_open_blocks_without_a_sentence_between_are_told():
    (problem,) = form.rhythm(page(f"{FIRST}\n{OPEN}\nText.\n\n{OPEN}"))
    told = "expected a sentence between this block and the last one"
    assert (problem.line, problem.message) == (7, told)
    assert form.rhythm(page(f"{FIRST}\n<!-- a comment -->\n{OPEN}"))
    assert form.rhythm(page(f"{FIRST}\n{FOLDED}")) == []
    assert form.rhythm(page(f"{FIRST}\n{CONT}\n\nText.\n{FIRST}")) == []


def test_outputs_fit_a_phone_and_tell_no_test_results():
    text = f"{FIRST}\nText.\n\n{OPEN}\nText.\n\n{OPEN}"
    outputs = [
        "| a table may be as wide as it likes, since it is shown as one |\n" + "x" * 46,
        "x" * 47 + "\n" + "yz" * 40 + "\n" + "z" * 60,
        "near that: True, Falsehood",
    ]
    baked = Baked({n: Output("key", text, ()) for n, text in enumerate(outputs, start=1)})
    problems = form.outputs(page(text), baked)
    assert [(p.line, p.message) for p in problems] == [
        (
            9,
            f"expected output of at most 46 columns, found 80: {'yz' * 30!r}; print fewer, or a "
            "Markdown table",
        ),
        (17, "prints True or False: assert it, print what it means"),
    ]
    assert form.outputs(page(text), Baked({1: Output("key", "Truely Falsehood", ())})) == []
