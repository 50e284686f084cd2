"""Reading a page: blocks, chains, figures, and everything that is refused."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_codeblocks import extract_from_buffer

from literate.page import CONT, Page, PageError, normalise, parse_page, read_page

PATH = Path("docs/page.md")


def parse(text: str) -> Page:
    return parse_page(text, PATH)


def python(code: str, *, cont: bool = False, indent: str = "") -> str:
    """A fence with `code`, after a paragraph of its own."""
    lines = [*([CONT, ""] if cont else []), "```python", *code.split("\n"), "```"]
    return "\n" + "\n".join(indent + line if line else "" for line in lines) + "\n"


# Blocks


def test_blocks_have_numbers_fence_lines_and_code():
    page = parse("# Title\n\n```python\nx = 1\n\nprint(x)\n```\n\nText.\n\n```python\ny = 2\n```\n")
    assert [(b.number, b.first_line, b.last_line, b.code) for b in page.blocks] == [
        (1, 3, 7, "x = 1\n\nprint(x)\n"),
        (2, 11, 13, "y = 2\n"),
    ]


def test_fences_of_other_languages_are_no_blocks():
    page = parse(
        "```text\nx\n```\n\n```console\n$ ls\n```\n\n```\nplain\n```\n\n```pytb\nError\n```\n"
    )
    assert page.blocks == ()


def test_longer_fence_shows_a_page_inside_a_page():
    page = parse(f"````markdown\n```python\nx\n```\n{CONT}\n````\n" + python("y = 1"))
    assert [b.code for b in page.blocks] == ["y = 1\n"]


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param("!!! note", id="admonition"),
        pytest.param("??? note", id="details"),
        pytest.param('=== "Tab"', id="tab"),
        pytest.param("1. Item", id="list"),
        pytest.param("- Item", id="bullet"),
    ],
)
def test_block_inside_an_indented_element_keeps_its_blank_lines(opening):
    page = parse(opening + "\n" + python("def f():\n    x = 1\n\n    return x", indent="    "))
    (block,) = page.blocks
    assert block.code == "def f():\n    x = 1\n\n    return x\n"
    assert block.indent == "    "


def test_code_is_normalised_as_markdown_shows_it():
    page = parse("```python\r\nif x:\r\n\ty = 1   \r\n   \r\n```\r\n")
    assert page.blocks[0].lines == ("if x:", "    y = 1", "")


def test_line_ends_tabs_and_lone_spaces_are_as_markdown_takes_them():
    assert normalise("a\r\nb\rc\td\n   \n  e \n \n\n") == "a\nb\nc   d\n\n  e \n\n\n"


# Chains and keys


def test_a_block_without_cont_starts_a_chain_afresh():
    page = parse(python("a") + python("b", cont=True) + python("c") + python("d", cont=True))
    assert [[b.code for b in chain] for chain in page.chains()] == [
        ["a\n", "b\n"],
        ["c\n", "d\n"],
    ]


def test_cont_may_be_written_in_all_the_ways_that_pytest_codeblocks_accepts():
    for marker in (CONT, "<!-- pytest-codeblocks:cont -->", "  <!--pytest-codeblocks: cont--->"):
        page = parse(python("a") + f"\n{marker}\n\nText between.\n" + python("b"))
        assert len(page.chains()) == 1


def test_key_depends_on_the_chain_so_far_and_on_nothing_else():
    def keys(*codes: str) -> list[str]:
        first, *others = codes
        blocks = [python(first), *(python(code, cont=True) for code in others)]
        return [b.key for b in parse("".join(blocks)).blocks]

    one, two, three = keys("a = 1", "b = 2", "c = 3")
    assert keys("a = 1", "b = 20", "c = 3")[0] == one
    assert keys("a = 1", "b = 20", "c = 3")[1] != two
    assert keys("a = 1", "b = 20", "c = 3")[2] != three
    assert len({one, two, three}) == 3


def test_keys_stay_what_they_are_as_they_stand_in_the_baked_outputs():
    page = parse(python("a = 1") + python("b = 2", cont=True))
    assert [block.key for block in page.blocks] == ["4a388b7c4b7c6206", "3e537b6a41a4b084"]


def test_key_of_a_fresh_chain_does_not_depend_on_the_chain_before():
    before, after = (
        parse(python("a = 1") + python("b = 2")),
        parse(python("a = 9") + python("b = 2")),
    )
    assert before.blocks[0].key != after.blocks[0].key
    assert before.blocks[1].key == after.blocks[1].key == parse(python("b = 2")).blocks[0].key


def test_key_knows_where_one_block_ends_and_the_next_begins():
    together, apart = parse(python("ab")), parse(python("a") + python("b", cont=True))
    assert together.blocks[-1].key != apart.blocks[-1].key


def test_key_knows_where_a_line_ends():
    assert parse(python("a\nb")).blocks[0].key != parse(python("ab")).blocks[0].key


def test_key_ignores_prose_figure_texts_indentation_and_trailing_spaces():
    plain = parse(python("a = 1"))
    dressed = parse(
        "Text.\n\n!!! note\n" + python("a = 1  ", indent="    ") + "\n![Alt](baked) Caption\n"
    )
    assert plain.blocks[0].key == dressed.blocks[0].key


# Figures


def test_figures_stand_directly_below_their_block():
    page = parse(
        python("plot()")
        + '\n![First\nalt](baked)\nFirst\ncaption\n\n![Second alt](baked "not compared: chaotic")\n'
        "Second caption\n\nText.\n"
    )
    first, second = page.blocks[0].figures
    assert (first.line, first.alt, first.caption, first.not_compared) == (
        6,
        "First alt",
        "First caption",
        None,
    )
    assert (second.line, second.alt, second.caption, second.not_compared) == (
        11,
        "Second alt",
        "Second caption",
        "chaotic",
    )


def test_figure_may_follow_the_fence_without_a_blank_line():
    assert [
        f.line for f in parse("Text.\n```python\nx\n```\n![Alt](baked) C\n").blocks[0].figures
    ] == [5]


def test_ordinary_images_are_no_baked_figures():
    assert parse(python("x") + "\n![A photo](baked.png)\n").blocks[0].figures == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(python("x") + "\nText.\n\n![Alt](baked) Caption\n", 8, id="after-text"),
        pytest.param("![Alt](baked) Caption\n" + python("x"), 1, id="above"),
        pytest.param(python("x") + "\nSee ![Alt](baked)\n", 6, id="inside-a-sentence"),
        pytest.param("```text\nx\n```\n\n![Alt](baked)\n", 5, id="below-another-fence"),
        pytest.param(python("x") + "\n![A](baked) B ![C](baked) D\n", 6, id="two-in-one-paragraph"),
    ],
)
def test_figure_elsewhere_is_refused(text, line):
    with pytest.raises(
        PageError, match=r"must begin a paragraph directly below the python block"
    ) as caught:
        parse(text)
    assert str(caught.value).startswith(f"docs/page.md:{line}: ")


def test_figure_in_inline_code_is_only_mentioned():
    assert parse("Write `![alt](baked) caption` below.\n" + python("x")).blocks[0].figures == ()


# Refusals: every one names page, line and remedy


REFUSED = {
    "open": ("Text.\n\n```python\nx = 1\n", 3, "never closed: add a line with"),
    "text-open": ("```text\nx\n", 1, "never closed"),
    "next": ("```python\nx\n\n```python\ny\n```\n", 1, "found .*python. in line 4"),
    "longer": ("```python\nx\n`````\n", 1, "never closed: expected .```., found"),
    "closed-further-in": ("```python\nx\n  ```\n", 1, "never closed"),
    "closed-further-out": ("    ```python\n    x\n```\n", 1, "never closed"),
    "outdented": ("- a\n\n    ```python\n    if x:\n  y\n    ```\n", 5, "indented less"),
    "title": ('```python title="x"\nx\n```\n', 1, "never run unless its fence"),
    "hl_lines": ("```python hl_lines='1'\nx\n```\n", 1, "never run"),
    "py": ("```py\nx\n```\n", 1, "found the fence ````py`"),
    "python3": ("```python3\nx\n```\n", 1, "found the fence ````python3`"),
    "capital": ("```Python\nx\n```\n", 1, "found the fence ````Python`"),
    "class": ("```{.python}\nx\n```\n", 1, "never run unless its fence"),
    "classes": ("``` { .python .x }\nx\n```\n", 1, "never run unless its fence"),
    "id-and-class": ("```{#id .python}\nx\n```\n", 1, "never run unless its fence"),
    "space": ("``` python\nx\n```\n", 1, "never run unless its fence"),
    "tildes": ("~~~python\nx\n~~~\n", 1, "a fence of tildes is unknown"),
    "hidden-by-tildes": ("~~~\n```python\nx\n```\n~~~\n", 1, "fence of tildes"),
    "sh": ("```sh\nls\n```\n", 1, "found the fence ````sh`: it would be executed"),
    "bash": ("```bash\nls\n```\n", 1, "write `console`"),
    "inline": ("```x``` is code\n\n```python\nx\n```\n", 1, "is inline code for a reader"),
    "quoted": ("> ```python\n> x\n> ```\n", 1, "does not begin its line"),
    "bullet": ("- ```python\n  x\n  ```\n", 1, "does not begin its line"),
    "item": ("2. ```python\n   x\n   ```\n", 1, "indented by four"),
    "pycon": ("```pycon\n>>> x\n```\n", 1, "shown but never run"),
    "ipython3": ("```ipython3\nx\n```\n", 1, "shown but never run"),
    "doctest": ("```doctest\n>>> x\n```\n", 1, "shown but never run"),
    "three": ("1. a\n\n   ```python\n   x\n   ```\n", 3, "indented by 3 spaces.*by four"),
    "two": ("- a\n\n  ```text\n  x\n  ```\n", 3, "indented by 2 spaces.*by four"),
    "empty": ("```python\n\n\n```\n", 1, "this python block is empty"),
    "front-matter": ("---\ntitle: x\n\n# T\n", 1, "the front matter is never closed"),
}


@pytest.mark.parametrize(("text", "line", "message"), REFUSED.values(), ids=REFUSED)
def test_fences_that_would_be_skipped_or_misread_are_refused(text, line, message):
    with pytest.raises(PageError, match=message) as caught:
        parse(text)
    assert str(caught.value).startswith(f"docs/page.md:{line}: ")
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            python("a") + f"\n```text\nb\n```\n\n{CONT}\n" + python("c"),
            10,
            "found a `text` fence: the code would be merged into it, not run",
            id="after-text",
        ),
        pytest.param(
            f"```\nb\n```\n\n{CONT}\n" + python("c"), 5, "found a `plain` fence", id="after-plain"
        ),
        pytest.param(f"{CONT}\n" + python("c"), 1, "found no block", id="nothing-before"),
        pytest.param(
            python("a") + f"\n{CONT}\n\nText.\n",
            6,
            "must stand before a python",
            id="nothing-after",
        ),
        pytest.param(
            python("a") + f"\n{CONT}\n\n```text\nb\n```\n",
            6,
            "must stand before a python block",
            id="before-text",
        ),
        pytest.param(
            python("a") + f"\n{CONT}\n\n{CONT}\n\n```text\nb\n```\n",
            8,
            "must stand before a python block",
            id="two-before-text",
        ),
    ],
)
def test_broken_chains_are_refused(text, line, message):
    with pytest.raises(PageError, match=message) as caught:
        parse(text)
    assert caught.value.line == line


IN_WHOLE = {name: text for name, (text, *_) in REFUSED.items()} | {
    "continues text": python("a") + f"\n```text\nb\n```\n\n{CONT}\n" + python("c"),
    "continues nothing": f"{CONT}\n" + python("c"),
    "continued by nothing": python("a") + f"\n{CONT}\n\nText.\n",
    "another marker": "<!--pytest-codeblocks:skip-->\n" + python("x"),
    "in a comment": "<!--\n" + python("x") + "\n-->\n",
    "figure elsewhere": python("x") + "\nText.\n\n![Alt](baked) Caption\n",
}


def test_what_is_refused_is_told_to_the_letter(as_written):
    """Meant otherwise? Read the new message aloud."""
    told = []
    for name, text in IN_WHOLE.items():
        with pytest.raises(PageError) as caught:
            parse(text)
        told.append(f"{name} | {str(caught.value).removeprefix('docs/page.md:')}")
    as_written("refusals.txt", "\n\n".join(told) + "\n")


@pytest.mark.parametrize(
    "marker",
    [
        "<!--pytest-codeblocks:skip-->",
        "<!--pytest-codeblocks:skipfile-->",
        "<!--pytest-codeblocks:skipif(True)-->",
        "<!--pytest-codeblocks:skip--> and more",
        "<!--pytest-codeblocks:cont--> and more",
        "<!-- pytest-codeblocks: expected-output -->",
        "<!--pytest-codeblocks:importorskip(torch)-->",
        "<!--pytest-codeblocks:expect-error-->",
        "  <!--pytest.mark.skip-->",
        "<!--pytest.mark.skipif(True, reason='no')-->",
    ],
)
def test_markers_that_skip_or_hide_are_refused(marker):
    with pytest.raises(PageError, match=r"every block of a page runs") as caught:
        parse("Text.\n\n" + marker + "\n" + python("x"))
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Text.\n\n<!--\n" + python("x") + "\n-->\n", 3),
        ("Text.\n\n<!-- off:\n" + python("x") + "-->\n", 3),
        ("Text <!-- a --> b <!-- c\n\n" + python("x") + "\n-->\n", 1),
        ("Text <!-- a\n\n<!-- b\n" + python("x") + "\n-->\n", 1),
    ],
)
def test_block_in_an_html_comment_is_refused(text, line):
    with pytest.raises(PageError, match=f"stands in the HTML comment that line {line} opens"):
        parse(text)


def test_comments_that_are_closed_or_only_shown_hide_nothing():
    shown = "<!-- a -->\n\nWrite `<!--` to open.\n\n```html\n<!--\n```\n"
    assert len(parse(shown + python("x")).blocks) == 1


def test_reading_names_the_file_and_the_line_that_is_not_utf8(tmp_path):
    path = tmp_path / "page.md"
    path.write_bytes(b"# Title\n\nna\xefve\n")
    with pytest.raises(PageError, match=re.escape(f"{path}:3: expected text in UTF-8")):
        read_page(path)


def test_reading_accepts_a_byte_order_mark(tmp_path):
    path = tmp_path / "page.md"
    path.write_bytes(b"\xef\xbb\xbf---\ntitle: x\n---\n\n```python\nx\n```\n")
    assert read_page(path).prose() == [""] * 8


def test_prose_leaves_out_fences_and_front_matter():
    page = parse("---\ntitle: x\n---\nOne.\n\n```text\nhidden\n```\nTwo.\n" + python("hidden"))
    assert page.prose() == ["", "", "", "One.", "", "", "", "", "Two.", *[""] * 5]
    assert parse("---\ntitle: x\n...\nOne.\n---\n").prose() == ["", "", "", "One.", "---", ""]


# pytest-codeblocks is the oracle

CODE = st.lists(
    st.sampled_from(["x = 1", "", "  y", "\tz", "'''", "# ``", "<!-- c -->", "print(f'{x}')  "]),
    min_size=1,
    max_size=5,
).filter(lambda lines: any(line.strip() for line in lines))
FENCE = st.builds(
    lambda language, ticks, indent, lines: [
        indent + ticks + language,
        *(indent + line if line else "" for line in lines),
        indent + ticks,
    ],
    st.sampled_from(["python", "python", "python", "text", "console", ""]),
    st.sampled_from(["```", "````"]),
    st.sampled_from(["", "    ", "        "]),
    CODE,
)
PROSE = st.sampled_from([[""], ["Text with `code`."], ["# Heading"], ["!!! note"], ["- item"]])


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Pages of prose and fences; a python fence after a python fence may continue it."""
    lines: list[str] = []
    previous = ""
    for piece in draw(st.lists(PROSE | FENCE, max_size=8)):
        if piece[0].strip().startswith("```"):
            python_again = piece[0].endswith("python") and previous.endswith("python")
            if python_again and draw(st.booleans()):
                lines += [CONT, ""]
            previous = piece[0]
        lines += [*piece, ""]
    return "\n".join(lines)


@given(pages())
@example("1. a\n\n    ```python\n    x\n\n    y\n    ```\n")
def test_chains_are_the_blocks_that_pytest_codeblocks_executes(text):
    ours = [
        (chain[0].first_line, "".join(block.code for block in chain))
        for chain in parse(text).chains()
    ]
    theirs = [
        (block.lineno, block.code)
        for block in extract_from_buffer(io.StringIO(text.expandtabs(4)))
        if block.syntax == "python"
    ]
    assert [line for line, _ in ours] == [line for line, _ in theirs]
    for (_, our_code), (_, their_code) in zip(ours, theirs, strict=True):
        assert _without_blank_lines(our_code) == _without_blank_lines(their_code)


def _without_blank_lines(code: str) -> list[str]:
    return [line.rstrip() for line in code.split("\n") if line.strip()]
