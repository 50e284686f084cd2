"""Notebooks: what is refused, run, compared and written; and pages made into notebooks."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from markdown import markdown
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from literate.notebook import (
    NotebookError,
    code_cells,
    differences,
    execute,
    figure_texts,
    from_page,
    inputs,
    problems,
    read_notebook,
    write_notebook,
)
from literate.page import parse_page

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 {height}"><path d="M 0 0"/></svg>'
PLOT = "from matplotlib import pyplot as plt\nplt.plot([0, {y}]);"
ALT = "<!-- alt: A line. -->\n**It rises.** See it.\n\nMore."


def printed(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def drawn(height: int = 9) -> NotebookNode:
    data = {"image/svg+xml": SVG.format(height=height), "text/plain": "a figure"}
    return new_output("display_data", data=data)


def made(*cells: NotebookNode) -> NotebookNode:
    count = 0
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
    return new_notebook(cells=list(cells))


def stored(path: Path, *cells: NotebookNode, **values: str) -> NotebookNode:
    write_notebook(made(*cells), path, inputs=values or {"names": "one"}, versions={})
    return read_notebook(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "try.ipynb"


def example(path: Path) -> NotebookNode:
    return stored(
        path,
        new_markdown_cell("# Try\n\nWords."),
        new_code_cell("print(1)", outputs=[printed("0.5\n"), printed("1\n")]),
        new_code_cell("draw()", outputs=[drawn()]),
        new_markdown_cell(ALT),
    )


def edited(path: Path, change: Any) -> NotebookNode:
    """The notebook after somebody has changed its file."""
    notebook = json.loads(path.read_text())
    change(notebook)
    path.write_text(json.dumps(notebook))
    return read_notebook(path)


# --- Reading ---------------------------------------------------------------------------------


def test_cells_have_their_code_their_outputs_and_the_texts_below(path):
    first, second = code_cells(example(path))
    assert (first.number, first.code, first.count, first.text) == (2, "print(1)", 1, "0.5\n1\n")
    assert (second.number, second.count, second.figures) == (3, 2, (SVG.format(height=9),))
    assert second.texts == (("A line.", "**It rises.** See it."),)
    assert inputs(read_notebook(path)) == {"names": "one"}


def test_figures_have_one_paragraph_each():
    source = (
        "<!-- alt: One\n  line. -->\nFirst.\nStill first.\n\n<!-- alt: Two. -->\nSecond.\n\nRest."
    )
    texts, rest = figure_texts(source)
    assert texts == [("One line.", "First.\nStill first."), ("Two.", "Second.")]
    assert rest.strip() == "Rest."
    assert figure_texts("Words.\n\n<!-- alt: Late. -->\nCaption.")[0] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', "no notebook"])
def test_what_is_no_notebook_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(NotebookError, match=r"try\.ipynb: expected a Jupyter notebook: \S"):
        read_notebook(path)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            new_output("error", ename="ZeroDivisionError", evalue="division by zero"),
            "cell 1 stores an error: ZeroDivisionError: division by zero",
        ),
        (new_output("stream", name="stderr", text="x"), "cell 1 has an output of kind stderr"),
        (
            new_output("display_data", data={"image/png": "aaaa"}),
            "an output of kind image/png: expected printed text, or figures as SVG",
        ),
    ],
)
def test_outputs_that_no_page_can_show_are_refused(path, output, message):
    nbformat.write(made(new_code_cell("1", outputs=[output])), path)
    with pytest.raises(NotebookError, match=message):
        read_notebook(path)
    assert code_cells(read_notebook(path, outputs=False))[0].text == ""


# --- Problems --------------------------------------------------------------------------------


def test_what_was_baked_has_no_problems(path):
    assert problems(example(path)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda n: n["cells"][1].update(source="print(2)"),
            "the output of cell 2 is outdated: the code up to it has changed",
        ),
        (
            lambda n: n["cells"].append({**n["cells"][1], "id": "new"}),
            "cell 5 was never baked",
        ),
        (lambda n: n["metadata"].pop("literate"), "cell 2 was never baked"),
        (
            lambda n: n["cells"][2].update(execution_count=7),
            "cell 3 has the execution count 7, expected 2: the outputs must come from one run",
        ),
        (
            lambda n: n["cells"][1].update(execution_count=None),
            "cell 2 has the execution count None, expected 1",
        ),
        (
            lambda n: n["cells"][2].update(outputs=[]),
            r"cell 3 draws 0 figure\(s\), and the Markdown cell below begins with 1 paragraph",
        ),
        (
            lambda n: n["cells"][3].update(source="No alt text."),
            r"cell 3 draws 1 figure\(s\), and the Markdown cell below begins with 0 paragraph",
        ),
        (
            lambda n: n["cells"][3].update(source="<!-- alt: -->\nCaption."),
            "a figure of cell 3 has no alt text",
        ),
        (lambda n: n.update(cells=n["cells"][:2]), "baked with 2 code cells and has 1 now"),
    ],
)
def test_problems_name_their_cell(path, change, message):
    example(path)
    found = problems(edited(path, change))
    assert len(found) >= 1
    assert re.search(message, found[0])


def test_trailing_blanks_do_not_outdate_an_output(path):
    example(path)
    assert problems(edited(path, lambda n: n["cells"][1].update(source="print(1)  \n"))) == []


# --- Differences -----------------------------------------------------------------------------


def test_equal_runs_have_no_differences_and_the_last_digit_may_differ_by_one(path):
    notebook = example(path)
    assert differences(notebook, notebook) == []
    run = edited(path, lambda n: n["cells"][1]["outputs"][0].update(text="0.6\n"))
    assert differences(notebook, run) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n["cells"][1]["outputs"][0].update(text="0.7\n"), "cell 2 printed something"),
        (lambda n: n["cells"][1].update(outputs=[]), "cell 2 printed something else"),
        (lambda n: n["cells"][2].update(outputs=[]), "cell 3 drew 0 figures, 1 are stored"),
        (
            lambda n: n["cells"][2].update(outputs=[drawn(height=19)]),
            "cell 3 drew another figure 1: svg: viewBox",
        ),
    ],
)
def test_differences_name_their_cell(path, change, message):
    notebook = example(path)
    (difference,) = differences(notebook, edited(path, change))
    assert re.search(message, difference)


# --- Executing and writing -------------------------------------------------------------------


def test_a_run_prints_draws_and_counts(path):
    notebook = made(
        new_code_cell("import sys\nx = 2\nprint('seen')\nprint('unseen', file=sys.stderr)"),
        new_code_cell("x * 21"),
        new_code_cell(PLOT.format(y=1)),
        new_markdown_cell(ALT),
    )
    run = execute(notebook, path, time_limit=60)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)
    first, second, third = code_cells(run)
    assert (first.count, second.count, third.count) == (1, 2, 3)
    assert (first.text, second.text, third.text) == ("seen\n", "42\n", "")
    (svg,) = third.figures
    assert 'viewBox="0 0 388.8 216"' in svg  # 5.4 by 3 inches: nothing is cut off
    assert "var(--lit-c0, #2f6db5)" in svg
    write_notebook(run, path, inputs={}, versions={})
    again = execute(read_notebook(path), path, time_limit=60)
    write_notebook(again, path.with_name("again.ipynb"), inputs={}, versions={})
    assert path.read_bytes() == path.with_name("again.ipynb").read_bytes()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "cell 2 failed:(.|\n)*1 / 0(.|\n)*ZeroDivisionError: division by zero"),
        ("while True: pass", "cell 2 ran longer than 3 s:\n\nwhile True: pass"),
        ("import os; os._exit(3)", "cell 2 ended the kernel"),
        ("from IPython.display import HTML; HTML('x')", "cell 2 has an output of kind text/html, "),
    ],
)
def test_a_cell_that_fails_is_named_with_its_code(path, code, message):
    notebook = made(new_markdown_cell("# Words"), new_code_cell(code))
    with pytest.raises(NotebookError, match=message) as caught:
        execute(notebook, path, time_limit=3)
    assert "\x1b" not in str(caught.value)


def test_nothing_is_written_where_texts_and_figures_do_not_fit(path):
    before = example(path) and path.read_bytes()
    with pytest.raises(NotebookError, match=r"try\.ipynb: cell 1 draws 1 figure\(s\), and"):
        write_notebook(
            made(new_code_cell("draw()", outputs=[drawn()])), path, inputs={}, versions={}
        )
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# --- Pages made into notebooks ---------------------------------------------------------------

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
"""


def test_a_page_becomes_cells_in_its_order():
    page = parse_page(PAGE, Path("docs/lecture/page.md"))
    notebook = from_page(page, title="Title", address="https://e.org/lecture/page/", first="setup")
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        ("code", "setup"),
        (
            "markdown",
            "# Heading\n\nSee [chapter 4](https://e.org/lecture/page/../saturated-tanh/#map), "
            "[below](https://e.org/lecture/page/#end) and [4:19](https://youtu.be/x?t=259).",
        ),
        ("code", "x = 1"),
        ("markdown", "**Caption.** More.\n\n**A box**\n\nInside, with `x`."),
        ("code", "if x:\n    print(x)"),
        (
            "markdown",
            "**Second.** Inside.\n\n- An item,\n    - and one below it.\n\n## End",
        ),
    ]
    again = from_page(page, title="Title", address="https://e.org/lecture/page/", first="setup")
    assert nbformat.writes(again) == nbformat.writes(notebook)


def test_without_an_address_links_inside_the_notes_are_text():
    notebook = from_page(parse_page(PAGE, Path("p.md")), title="T", address="", first="")
    assert "See chapter 4, below and [4:19](https://youtu.be/x?t=259)." in notebook.cells[1].source


# --- In the test run and on the site ---------------------------------------------------------


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\naddopts = --codeblocks -p no:cacheprovider\ntestpaths = docs\n")
    pytester.makeconftest("def pytest_literate_inputs():\n    return {'names': 'one'}\n")
    (pytester.path / "docs").mkdir()
    cells = (
        new_markdown_cell("# Try\n\nWords with $x^2$."),
        new_code_cell("print(f'{2 / 3:.3f}')"),
        new_code_cell(PLOT.format(y=1)),
        new_markdown_cell(ALT),
    )
    nbformat.write(made(*cells), pytester.path / "docs" / "try.ipynb")
    return pytester


def test_a_notebook_is_baked_then_compared_and_drift_fails(project):
    path = project.path / "docs" / "try.ipynb"
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*docs/try.ipynb: cell 2 was never baked"])

    result = project.runpytest_inprocess("--bake", "docs/try.ipynb")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["literate: baked try (2 cells)"])
    baked = path.read_bytes()

    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["literate: 2 blocks equal to their baked outputs"])
    assert path.read_bytes() == baked

    edited(path, lambda n: n["cells"][1]["outputs"][0].update(text="0.669\n"))
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["docs/try.ipynb:", "cell 2 printed something else:", "-0.669", "+0.667", "*pytest --bake*"]
    )

    project.makeconftest("def pytest_literate_inputs():\n    return {'names': 'two'}\n")
    result = project.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["literate: 2 blocks ran but were NOT compared*"])


def test_a_failing_bake_leaves_the_notebook_as_it_was(project):
    path = project.path / "docs" / "try.ipynb"
    edited(path, lambda n: n["cells"][2].update(source="1 / 0"))
    before = path.read_bytes()
    result = project.runpytest_inprocess("--bake")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*try.ipynb: cell 3 failed:", "*ZeroDivisionError*"])
    assert path.read_bytes() == before


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text("---\ntitle: T\n---\n\n[[notebook try.ipynb]]\n")
    example(tmp_path / "try.ipynb")
    return tmp_path


def rendered(docs: Path, **options: str) -> str:
    extensions = ["literate", "fenced_code"]
    config = {"literate": {"docs": str(docs), **options}}
    return markdown("[[notebook try.ipynb]]\n", extensions=extensions, extension_configs=config)


def test_a_page_shows_the_notebook_with_what_it_printed_and_drew(docs, caplog):
    html = rendered(docs)
    assert not caplog.records
    assert '<h1>Try</h1>\n<p><a href="try.ipynb">Download this notebook</a></p>' in html
    assert '<code class="language-python">print(1)\n</code>' in html
    assert 'aria-label="Output of block 1"><code>0.5\n1\n</code>' in html
    assert re.search(r'<figure class="lit-figure"[^>]*><svg role="img" aria-label="A line\."', html)
    assert "<figcaption><strong>It rises.</strong> See it.</figcaption>" in html
    assert "<p>More.</p>" in html


def test_colab_opens_the_file_where_its_address_is_known(docs):
    html = rendered(docs, colab="https://colab.example/github/o/r/blob/main/docs")
    assert '<a href="https://colab.example/github/o/r/blob/main/docs/try.ipynb">Open it' in html


def test_a_page_warns_of_an_outdated_notebook(docs, caplog):
    edited(docs / "try.ipynb", lambda n: n["cells"][1].update(source="print(2)"))
    rendered(docs)
    assert "try.ipynb: the output of cell 2 is outdated" in caplog.text


@pytest.mark.parametrize("text", [None, "{"])
def test_a_page_warns_of_a_notebook_that_is_missing_or_damaged(docs, caplog, text):
    (docs / "try.ipynb").unlink()
    if text:
        (docs / "try.ipynb").write_text(text)
    assert "lit-missing" in rendered(docs)
    assert "try.ipynb" in caplog.text
