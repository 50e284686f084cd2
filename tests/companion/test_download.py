"""Pages made into notebooks, and links that lead to the site from anywhere."""

from pathlib import Path

import nbformat
import pytest

from companion.download import from_page, relinked
from literate.page import parse_page


def link(target: str) -> str | None:
    """As on a site under a sub-path; one page is not there."""
    if target.startswith("gone"):
        return None
    return "https://e.org/notes/" + target.replace(".md", "/")


PAGE = """---
title: Title
---

# Heading {#top}

See [chapter 4](saturated-tanh.md#map), [below](#end) and [4:19](https://youtu.be/x?t=259).

```python
x = 1
```

![Alt text.](baked "not compared: chaos") **Caption.** More.

!!! note "A box"

    Inside, with `x`.

    <!--pytest-codeblocks:cont-->

    ```python
    if x:
        print(x)
    ```

    ![Alt text.](baked)
    **Second.** Inside.

    - An item,
        - and one below it.

## End

- An item,
    - and one below it.
"""


def made(text: str, **in_place: list[str]) -> list[tuple[str, str]]:
    page = parse_page(text, Path("docs/lecture/page.md"))
    lines = {f"[[{name}]]": lines for name, lines in in_place.items()}
    notebook = from_page(page, title="Title", first="setup", link=link, in_place=lines)
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_a_page_becomes_cells_in_its_order():
    assert made(PAGE) == [
        ("code", "setup"),
        (
            "markdown",
            "# Heading\n\nSee [chapter 4](https://e.org/notes/saturated-tanh/#map), "
            "[below](https://e.org/notes/#end) and [4:19](https://youtu.be/x?t=259).",
        ),
        ("code", "x = 1"),
        ("markdown", "**Caption.** More.\n\n**A box**\n\nInside, with `x`."),
        ("code", "if x:\n    print(x)"),
        (
            "markdown",
            "**Second.** Inside.\n\n- An item,\n    - and one below it.\n\n## End\n\n"
            "- An item,\n    - and one below it.",
        ),
    ]


def test_a_notebook_says_what_it_is_and_is_the_same_after_every_build():
    page = parse_page(PAGE, Path("p.md"))
    first, again = (from_page(page, title="T", first="", link=link) for _ in range(2))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert first.metadata == {"title": "T", "kernelspec": kernel}
    assert [cell.id for cell in first.cells] == [f"cell-{number}" for number in range(1, 7)]
    assert nbformat.writes(first) == nbformat.writes(again)


def test_what_an_example_shows_stays_as_it_is():
    example = "```text\n[a](b.md)\n<!--pytest-codeblocks:cont-->\n![x](baked) C\n[[map]]\n```"
    text = f"# T {{ #t }}\n\n{example}\n\n[[map]]\n\n```python\nseq\n\n```\n"
    assert made(text, map=["| a |", "| [b](c.md) |"])[1:] == [
        ("markdown", f"# T\n\n{example}\n\n| a |\n| [b](https://e.org/notes/c/) |"),
        ("code", "seq"),
    ]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("[a](b.md)", "[a](https://e.org/notes/b/)"),
        ('[a](b.md#c "T")', '[a](https://e.org/notes/b/#c "T")'),
        ("[a [b]](<c.md>)", "[a [b]](https://e.org/notes/c/)"),
        ("![a](b.png)", "![a](https://e.org/notes/b.png)"),
        ("[a](gone.md), ![b](gone.png)", "a, b"),
        ("[a][b]\n\n[b]: c.md", "[a][b]\n\n[b]: https://e.org/notes/c/"),
        ('<a href="b.md">a</a>', '<a href="https://e.org/notes/b/">a</a>'),
        ('<a href="gone.md">a</a>', '<a href="#">a</a>'),
        ("[a](https://o.org/b.md) <mailto:a@b.org>", "[a](https://o.org/b.md) <mailto:a@b.org>"),
        ("![a](attachment:x.png)", "![a](attachment:x.png)"),
        ("[^1]: A note, not a link.", "[^1]: A note, not a link."),
    ],
)
def test_links_lead_to_the_site(text, whole):
    assert relinked(text, link) == whole
