"""The checks of what a page says: numbers, times, figures, descriptions, and what is shown."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown import markdown

from companion import lint
from companion.chapters import Chapter, Lecture
from literate.page import CONT, Page, parse_page
from literate.store import Baked, Output, Problem

EXTENSIONS = ["admonition", "attr_list", "toc", "pymdownx.highlight", "pymdownx.superfences"]
VIDEO = "https://youtu.be/VIDEO"
LECTURE = Lecture(
    "VIDEO",
    (
        Chapter(1, "One", 0, 82, "one.md#intro"),
        Chapter(2, "Two", 82, 259, "one.md#two"),
        Chapter(3, "Three", 259, 3700, "three.md"),
        Chapter(4, "Four", 3700, 4000, ""),
    ),
)


def page(text: str) -> Page:
    return parse_page(text, Path("docs/page.md"))


def render(text: str) -> str:
    configs = {"pymdownx.highlight": {"pygments_lang_class": True}}
    return markdown(text, extensions=EXTENSIONS, extension_configs=configs)


def found(problems: list[Problem]) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in problems]


# Numbers in prose


def unknown(prose: str, *, printed: str = "", code: str = "", drawn: str = "") -> list[str]:
    """The numbers of `prose` that neither output nor code has."""
    block = f"\n```python\n{code}\n```\n" if code else ""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{drawn}</text></svg>'
    baked = Baked({1: Output("k", printed, (svg,))})
    return [p.message.split(" stands")[0] for p in lint.numbers(page(prose + "\n" + block), baked)]


MEASURED = {
    "decimal": ("The loss is 3.29 now.", ["3.29"]),
    "end of sentence": ("The loss is 3.29.", ["3.29"]),
    "end of text": ("The loss is 3.29", ["3.29"]),
    "several": ("From 3.29 to 2.07, then 1.5.", ["3.29", "2.07", "1.5"]),
    "without the zero": ("About .05 of them.", [".05"]),
    "percent": ("So 31% and 32 % and 33 percent.", ["31%", "32 %", "33 percent"]),
    "percent with decimals": ("So 31.5 %.", ["31.5 %"]),
    "exponent": ("Below 1e-5 and 2.5E+3.", ["1e-5", "2.5E+3"]),
    "power of ten": ("Below 10^-5 and 10^{-6} and 10⁻⁷.", ["1e-5", "1e-6", "1e-7"]),
    "scientific": ("It is 1.5 × 10⁻³ or 2×10^{4}.", ["1.5e-3", "2e4"]),
    "signs": ("From −0.5 to +0.6 and -0.7.", ["-0.5", "+0.6", "-0.7"]),
    "range": ("Between 0.1–0.2 and 0.3-0.4.", ["0.1", "0.2", "0.3", "0.4"]),
    "thousands": ("It has 1,234.5 and 12\u202f345.6 parts.", ["1,234.5", "12,345.6"]),
    "unit": ("A 5.4-inch figure, 1.5×, 0.1s.", ["5.4", "1.5", "0.1"]),
    "list of numbers": ("So 0.1,0.2;0.3.", ["0.1", "0.2", "0.3"]),
    "emphasis": ("**The loss is 3.29.** It *fell by 1.2*.", ["3.29", "1.2"]),
    "heading": ("## A loss of 3.29", ["3.29"]),
    "admonition title": ('!!! note "A loss of 3.29"\n\n    And 2.07 inside.', ["3.29", "2.07"]),
    "details title": ('??? note "A loss of 3.29"\n\n    Text.', ["3.29"]),
    "tab title": ('=== "At 3.29"\n\n    Text.', ["3.29"]),
    "quotation": ("> The loss is 3.29.", ["3.29"]),
    "list items": ("1. At 3.29\n2. At 2.07\n\n- At 1.5", ["3.29", "2.07", "1.5"]),
    "table": ("| a | b |\n|--|--|\n| 3.29 | 2.07 |", ["3.29", "2.07"]),
    "footnote": ("Text.[^1]\n\n[^1]: It was 3.29.", ["3.29"]),
    "alt text": ("```python\nx\n```\n\n![A curve down to 3.29](baked)\nCaption.", ["3.29"]),
    "caption": ("```python\nx\n```\n\n![A curve](baked)\n**Down to 3.29.** Yes.", ["3.29"]),
    "html": ('<p class="x">The loss is 3.29.</p>', ["3.29"]),
    "comparison": ("|h| > 0.97 < 0.99 holds.", ["0.97", "0.99"]),
    "after a time": ("At 4:19 it is 27.88.", ["27.88"]),
}

NOT_MEASURED = {
    "whole": "There are 32,033 names, 27 characters and -3 of 5/3.",
    "time": "From 4:19 to 1:03:07.",
    "year": "He et al. 2015, 2022-10-04.",
    "version": "With torch 2.13.0, mkdocs 1.6.1 and v1.2.3.",
    "Python": "Python 3.11 or newer, Python 3.11+, version 2.5, section 3.2.",
    "equation": "In equation 2.1, eq. 2.1, § 2.1 and Section 2.1.",
    "name": "The tensors W1.5b, x_0.5 and torch2.13.",
    "code": "Write `x = 0.5` or ``y = `0.6` ``.",
    "code over two lines": "Write `x =\n0.5`.",
    "maths": "So $x = 0.5$ and $$y = 0.6$$ hold.",
    "display maths": "$$\nx = 0.5 \\\\\ny = 0.6\n$$",
    "fence": "```text\n0.5\n```",
    "comment": "Text <!-- 0.5\n\n0.6 --> here.",
    "link label": "See [figure 0.5](other.md).",
    "link target": "See [this](files/0.5.md) and [that](other-0.5.md#a-0.6).",
    "image target": "![A photo](photo-0.5.png)",
    "attributes": "Text {: width=0.5 } and [a](b.md){ .x style='0.5em' }.",
    "tag": '<div style="width: 0.5em">Text</div>',
    "front matter": "---\ndescription: a loss of 0.5\n---\n\nText.",
}


@pytest.mark.parametrize(("prose", "numbers"), MEASURED.values(), ids=MEASURED)
def test_measured_numbers_are_found_wherever_a_reader_meets_them(prose, numbers):
    assert unknown(prose) == numbers


@pytest.mark.parametrize("prose", NOT_MEASURED.values(), ids=NOT_MEASURED)
def test_what_is_not_a_measured_number_in_prose_is_left_alone(prose):
    assert unknown(prose) == []


KNOWN = {
    "as printed": ("It is 3.2958.", "loss 3.2958\n"),
    "rounded": ("It is 3.30, that is 3.3.", "loss 3.2958\n"),
    "half-way up or down": ("It is 0.12 or 0.13.", "x 0.125\n"),
    "percent of a fraction": ("It is 31%, or 31.3 %.", "share 0.3127\n"),
    "percent of a percentage": ("It is 31%, or 31.3 %.", "share 31.27%\n"),
    "fraction of a percentage": ("It is 0.3127.", "share 31.27 %\n"),
    "exponent": ("About 1.2e-5 or 1.2 × 10⁻⁵.", "x 1.23e-05\n"),
    "order of magnitude": ("About 10^-5.", "x 1.23e-05\n"),
    "minus in print": ("It is −0.5, which is 0.5 less.", "x -0.5000\n"),
    "minus sign in print": ("It is -0.5.", "x −0.5\n"),
    "thousands": ("It is 1,234.5.", "x 1234.5\n"),
    "thousands in print": ("It is 12.3 % of 1234.6.", "x 1,234.56 and 12.3%\n"),
    "whole in print": ("It is 3.0.", "x 3\n"),
}

UNKNOWN = {
    "cut off instead of rounded": ("It is 1.38.", "x 1.3863\n", ["1.38"]),
    "more digits than printed": ("It is 3.2958.", "x 3.30\n", ["3.2958"]),
    "last digit": ("It is 3.2959.", "x 3.2958\n", ["3.2959"]),
    "sign": ("It is -0.5.", "x 0.5\n", ["-0.5"]),
    "percent": ("It is 32%.", "x 0.3127\n", ["32%"]),
    "a hundred times without percent": ("It is 31.3.", "x 0.313\n", ["31.3"]),
    "power": ("It is 1.2e-4.", "x 1.23e-05\n", ["1.2e-4"]),
    "part of a longer number": ("It is 2.13.", "torch 2.13.0 x12.13\n", ["2.13"]),
}


@pytest.mark.parametrize(("prose", "printed"), KNOWN.values(), ids=KNOWN)
def test_numbers_that_the_page_printed_are_known(prose, printed):
    assert unknown(prose, printed=printed) == []


@pytest.mark.parametrize(("prose", "printed", "numbers"), UNKNOWN.values(), ids=UNKNOWN)
def test_numbers_that_the_page_did_not_print_are_not(prose, printed, numbers):
    assert unknown(prose, printed=printed) == numbers


def test_numbers_in_figures_are_known():
    drawn = "at <tspan>−0.5</tspan></text><text>0.7"
    assert unknown("It is −0.5, 0.7 or 0.4.", drawn=drawn) == ["0.4"]


def test_literals_of_the_code_are_known_with_either_sign_and_nothing_else_of_it():
    code = 'x = 0.97 - 1_000.5 + 1e-5  # 0.3\nprint(f"{x:.4f} 0.2")\ny = 0x1f + 2j'
    prose = "So 0.97, −0.97, 1,000.5, 1e-5, 0.3, 0.2 and 0.4."
    assert unknown(prose, code=code) == ["0.3", "0.2", "0.4"]


@pytest.mark.parametrize("code", ["x = 0.97\ny = (", "x = 0.97\n  y = 1\n z", "x = 0.97\ny = '"])
def test_code_that_is_not_python_is_left_to_the_test_run(code):
    assert unknown("It is 0.3.", code=code) == ["0.3"]


@given(st.decimals(0, 1000, places=4, allow_nan=False), st.integers(0, 3))
def test_every_rounding_of_a_printed_number_is_known(value, places):
    assert unknown(f"It is {value:.{places}f}.", printed=f"x {value}\n") == []


LINKED = {
    "lecture": f"He says 27.88 at first ([4:31]({VIDEO}?t=271)).",
    "other source": "The paper has 4.82% ([He et al.](https://arxiv.org/abs/1502.01852), 2015).",
    "over lines": "He says 27.88\nat first\n([4:31](https://youtu.be/VIDEO?t=271)).",
    "reference": "He says 27.88 ([the lecture][x]).\n\n[x]: https://youtu.be/VIDEO",
    "short reference": "He says 27.88 in [the lecture].\n\n[The lecture]: https://example.org",
    "bare": "He says 27.88, see https://example.org/x_(y).",
    "autolink": "He says 27.88, see <https://example.org>.",
    "html": 'He says 27.88, see <a href="https://example.org">there</a>.',
    "abbreviation": "It is large, e.g. 27.88, i.e. 8.5 vs. 3.3 ([4:31](https://youtu.be/V?t=271)).",
    "names": "By I. J. Smith et al. it is 4.82 ([paper](https://example.org)).",
    "decimal points": "From 27.88 to 3.3 (cf. eq. 2.1, no. 3) ([a](https://example.org)).",
    "table row": "| he says | 27.88 | [4:31](https://youtu.be/V?t=271) |",
    "list item": "- He says 27.88 ([4:31](https://youtu.be/V?t=271))",
    "title": '!!! note "27.88 ([4:31](https://youtu.be/V?t=271))"',
}

NOT_LINKED = {
    "sentence before": f"It is 3.29. He says more ([4:31]({VIDEO}?t=271)).",
    "sentence after": f"He says so ([4:31]({VIDEO}?t=271)). It is 3.29.",
    "sentence after a question": f"Why ([4:31]({VIDEO}?t=271))? It is 3.29.",
    "bold sentence": f"**He says so ([4:31]({VIDEO}?t=271)).** It is 3.29.",
    "sentence after a number": "See [a](https://example.org) for 27. It is 3.29.",
    "heading above": f"## See [4:31]({VIDEO}?t=271)\nIt is 3.29.",
    "paragraph before": f"See [4:31]({VIDEO}?t=271)\n\nIt is 3.29.",
    "item before": f"- See [4:31]({VIDEO}?t=271)\n- It is 3.29",
    "row before": f"| [4:31]({VIDEO}?t=271) | a |\n|--|--|\n| b | 3.29 |",
    "link inside the site": "It is 3.29 (see [there](other.md)).",
    "caption": f"```python\nx\n```\n\n![At 3.29](baked)\nSee [4:31]({VIDEO}?t=271).",
    "code": "It is 3.29, see `[a](https://example.org)`.",
    "comment": "It is 3.29 <!-- https://example.org -->.",
}


@pytest.mark.parametrize("prose", LINKED.values(), ids=LINKED)
def test_sentence_that_links_to_its_source_may_say_any_number(prose):
    assert unknown(prose) == []


@pytest.mark.parametrize("prose", NOT_LINKED.values(), ids=NOT_LINKED)
def test_link_covers_its_own_sentence_only(prose):
    assert unknown(prose) == ["3.29"]


def test_numbers_are_told_with_their_lines():
    text = "---\ntitle: x\n---\n\nOne.\nAnd.\nTwo\nis 3.29 and\n2.07.\n\n| a |\n|--|\n| 1.5 |\n"
    (first, _, _) = problems = lint.numbers(page(text), Baked())
    assert [problem.line for problem in problems] == [8, 9, 13]
    assert first.message == (
        "3.29 stands in no output and no code of this page: correct it, print it, or link to its "
        "source in the same sentence, or to its moment at the start of the paragraph"
    )


def test_moment_at_the_start_of_a_paragraph_covers_the_paragraph_and_no_more():
    paragraph = f"[4:31]({VIDEO}?t=271) The loss is 27.88. It falls to 3.29.\n\nThen 2.07."
    assert unknown(paragraph) == ["2.07"]
    assert unknown(f"Then 2.07. [4:31]({VIDEO}?t=271) says 3.29.") == ["2.07"]


# Times


def told(text: str, name: str = "") -> list[str]:
    return [problem.message for problem in lint.times(page(text + "\n"), LECTURE, name)]


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (f"[0:04]({VIDEO}?t=4)", "one.md"),
        (f"[1:22]({VIDEO}?t=82)", "one.md"),
        (f"[4:18]({VIDEO}?t=258)", "one.md"),
        (f"[4:19]({VIDEO}?t=259)", "three.md"),
        (f"[1:01:39]({VIDEO}?t=3699)", "three.md"),
        (f"[4:19, chapter 3]({VIDEO}?t=259)", "one.md"),
        (f"[4:19, chapter 3]({VIDEO}?t=259)", "three.md"),
        (f"[1:01:40, chapter 4]({VIDEO}?t=3700)", "one.md"),
        (f"[1:06:39]({VIDEO}?t=3999)", "index.md"),
        (f"[4:19]({VIDEO}?t=259)", ""),
        (f"[The lecture]({VIDEO})", "one.md"),
        ("[The first part](https://youtu.be/OTHER)", "one.md"),
        ("[2:00:00](https://youtu.be/OTHER?t=7200)", "one.md"),
        (f"`[0:05]({VIDEO}?t=4)`", "one.md"),
        (f"<!-- [0:05]({VIDEO}?t=4) -->", "one.md"),
        (f"```text\n[0:05]({VIDEO}?t=4)\n```", "one.md"),
        ("[0:05](https://example.org/?t=4)", "one.md"),
    ],
)
def test_links_to_the_right_moment(link, name):
    assert told(link, name) == []


@pytest.mark.parametrize(
    ("link", "name", "message"),
    [
        (f"[4:20]({VIDEO}?t=259)", "", "[4:20] links to second 259: expected the label 4:19"),
        (f"[04:19]({VIDEO}?t=259)", "three.md", "expected the label 4:19"),
        (f"[61:39]({VIDEO}?t=3699)", "three.md", "expected the label 1:01:39"),
        (f"[here]({VIDEO}?t=259)", "three.md", "expected the label 4:19"),
        (f"[at 4:19]({VIDEO}?t=259)", "three.md", "expected the label 4:19"),
        ("[1:00](https://youtu.be/OTHER?t=7200)", "", "expected the label 2:00:00"),
        (
            f"[4:19]({VIDEO}?t=259)",
            "one.md",
            "in chapter 3, which is not on this page: write [4:19, chapter 3]",
        ),
        (f"[1:21]({VIDEO}?t=81)", "three.md", "write [1:21, chapter 1]"),
        (f"[4:19, chapter 2]({VIDEO}?t=259)", "one.md", "259, which is in chapter 3"),
        (f"[4:19, chapter 2]({VIDEO}?t=259)", "", "which is in chapter 3"),
        (f"[1:06:40]({VIDEO}?t=4000)", "", "but the lecture ends at 1:06:40"),
        (f"{VIDEO}?t=259", "", f"expected a link with a label, found {VIDEO}?t=259 alone"),
        (f"<{VIDEO}?t=259>", "", "expected a link with a label"),
        (f'<a href="{VIDEO}?t=259">4:19</a>', "", "expected a link with a label"),
        (f"[4:19]({VIDEO}?t=259s)", "", f"expected {VIDEO}?t=SECONDS, found {VIDEO}?t=259s"),
        (f"[4:19]({VIDEO}?t=4m19s)", "", f"expected {VIDEO}?t=SECONDS"),
        (f"[4:19]({VIDEO}?si=x&t=259)", "", f"expected {VIDEO}?t=SECONDS"),
        (f"[4:19]({VIDEO}?t=259&x=1)", "", f"expected {VIDEO}?t=SECONDS"),
        ("[4:19](http://youtu.be/VIDEO?t=259)", "", "expected https://youtu.be/VIDEO?t=SECONDS"),
        ("[4:19](https://www.youtube.com/watch?v=VIDEO&t=259s)", "", "found https://www.youtube"),
        ("[4:19](https://youtube.com/watch?v=VIDEO)", "", "found https://youtube.com/watch"),
        ('<iframe src="https://www.youtube-nocookie.com/embed/VIDEO"></iframe>', "", "expected"),
    ],
)  # fmt: skip
def test_links_whose_label_seconds_or_chapter_disagree(link, name, message):
    (problem,) = told(f"Text {link}, and more.", name)
    assert message in problem


@pytest.mark.parametrize(
    ("link", "name", "message"),
    [
        (f"[here]({VIDEO}?t=259)", "", "[here] links to second 259: expected the label 4:19"),
        (
            f"[1:06:40]({VIDEO}?t=4000)",
            "",
            "[1:06:40] links to second 4000, but the lecture ends at 1:06:40",
        ),
        (
            f"[4:19]({VIDEO}?t=259)",
            "one.md",
            "[4:19] links to second 259, in chapter 3, which is not on this page: write [4:19, "
            "chapter 3]",
        ),
        (
            f"[4:19, chapter 2]({VIDEO}?t=259)",
            "",
            "[4:19, chapter 2] links to second 259, which is in chapter 3",
        ),
        (f"{VIDEO}?t=259.", "", f"expected a link with a label, found {VIDEO}?t=259 alone"),
        (f"[a]({VIDEO}?t=x).", "", f"expected {VIDEO}?t=SECONDS, found {VIDEO}?t=x"),
    ],
)
def test_what_disagrees_is_told_to_the_letter(link, name, message):
    assert told(f"Text {link}", name) == [message]


def test_times_are_told_with_their_lines():
    text = f"---\ntitle: x\n---\n\nOne.\nTwo ([4:20]({VIDEO}?t=259),\n[0:04]({VIDEO}?t=5)).\n"
    assert [problem.line for problem in lint.times(page(text), LECTURE)] == [6, 7]


# Figures, description, headings


@pytest.mark.parametrize(
    ("markup", "problems"),
    [
        ("![A curve of the loss over steps.](baked) Caption", []),
        ("![Exactly 20 long text](baked) Caption", []),
        (
            "![Short alt](baked) Caption",
            [(5, "expected an alt text of at least 20 characters, found 'Short alt'")],
        ),
        (
            "![](baked) Caption",
            [(5, "expected an alt text of at least 20 characters, found ''")],
        ),
        (
            "![A curve of the loss.](baked)\nA curve of the  loss.",
            [(5, "the alt text only repeats the caption")],
        ),
    ],
)
def test_figures_need_an_alt_text_of_their_own(markup, problems):
    assert found(lint.figures(page(f"```python\nplot()\n```\n\n{markup}\n"))) == problems


@pytest.mark.parametrize(
    ("front_matter", "problems"),
    [
        (f"description: {'x' * 50}", []),
        (f"description: {'x' * 160}", []),
        (
            "description: >-\n  One line of it, and then\n  the other line, which is long enough.",
            [],
        ),
        (
            f"title: T\ndescription: {'x' * 49}",
            [(3, "expected a description of 50 to 160 characters, found 49")],
        ),
        (
            f"description: {'x' * 161}",
            [(2, "expected a description of 50 to 160 characters, found 161")],
        ),
        ("title: T", [(1, "expected a `description` in the front matter, found none")]),
        ("description: 5", [(1, "expected a `description` in the front matter, found none")]),
        ("- a", [(1, "expected a `description` in the front matter, found none")]),
        (None, [(1, "expected a `description` in the front matter, found none")]),
    ],
)
def test_description_has_the_length_of_a_search_result(front_matter, problems):
    text = "# T\n" if front_matter is None else f"---\n{front_matter}\n---\n\n# T\n"
    assert found(lint.front_matter(page(text))) == problems


def test_front_matter_that_is_not_yaml_is_a_problem():
    ((line, message),) = found(lint.front_matter(page("---\na: b: c\n---\n")))
    assert line == 1
    assert message.startswith("the front matter is not YAML: ")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# One\n\n## Two\n", 1),
        ("---\n# a comment\ntitle: x\n---\n\n# One\n\n```text\n# no heading\n```\n", 1),
        ("One\n===\n", 1),
        ("## Two\n", 0),
        ("# One\n\n# Another\n", 2),
        ("# One\n\nAnother\n===\n", 2),
    ],
)
def test_page_has_one_title(text, count):
    expected = [] if count == 1 else [(1, f"expected one heading of level 1, found {count}")]
    assert found(lint.headings(page(text), render)) == expected


# Fences: shown is executed


@pytest.mark.parametrize(
    "text",
    [
        "Text.\n",
        "```python\nx = 1\n\n\ny = '<&>'\n```\n\n```text\nno\n```\n\n```\nno\n```\n",
        f"```python\nx\n```\n\n{CONT}\n\n```python\ny\n```\n",
        "```python\nx\n```\n\n<!-- pytest-codeblocks:cont -->\n```python\ny\n```\n",
        '!!! note "T"\n\n    ```python\n    def f():\n\n        return 1\n    ```\n',
        "1. a\n\n    ```python\n    x\n    ```\n",
        f"````markdown\n```python\nx\n```\n{CONT}\n````\n",
        "---\ntitle: x\n---\n\n```python\nx\n```\n",
    ],
)  # fmt: skip
def test_blocks_shown_are_blocks_executed(text):
    assert found(lint.fences(page(text), render)) == []


def test_block_that_is_executed_but_shown_as_text_is_found():
    text = "```python\nx\n```\n\nText.\n\n    ```python\n    y\n    ```\n"
    assert found(lint.fences(page(text), render)) == [
        (1, "2 python blocks are executed (lines [1, 7]), 1 shown")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# T\n\nText.\n\n    x = 1\n    print(x)\n",
        "# T\n\n<pre><code>x = 1\n</code></pre>\n",
        "# T\n\n1. a\n\n        x = 1\n",
    ],
)
def test_code_that_is_only_indented_is_found(text):
    ((line, message),) = found(lint.fences(page(text + "\n```text\nx\n```\n"), render))
    assert line == 1
    assert message == (
        "2 pieces of code are shown, 1 stand in fences: what is only indented never runs: fence "
        "it, as `python` or `text`"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("    return", "return"), ("    return", "  return"), ("\n\n", "\n"), ("x = 1", "x  = 1")],
)
def test_code_whose_blanks_are_shown_otherwise_is_found(old, new):
    text = "# T\n\n```python\ndef f():\n    return 1\n\nx = 1\n```\n"

    def careless(body: str) -> str:
        html = re.sub(r"</?span[^>]*>", "", render(body))
        assert old in html
        return html.replace(old, new)

    assert found(lint.fences(page(text), render)) == []
    told = "block 1 is shown otherwise than it is executed"
    assert found(lint.fences(page(text), careless)) == [(3, told)]


def test_block_that_is_shown_but_not_executed_is_found():
    text = "```python\nx\n```\n"
    more = '<div class="language-python highlight"><pre>y</pre></div>'
    assert found(lint.fences(page(text), lambda body: render(body) + more)) == [
        (1, "1 python blocks are executed (lines [1]), 2 shown")
    ]


def test_block_that_is_shown_otherwise_than_executed_is_found():
    text = "Text.\n\n```python\nx = 1\n```\n"
    problems = lint.fences(page(text), lambda body: render(body.replace("x = 1", "x = 2")))
    assert found(problems) == [(3, "block 1 is shown otherwise than it is executed")]
