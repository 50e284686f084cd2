"""Notebooks: what is refused, run, compared and written; and pages made into notebooks."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from literate.notebook import (
    NotebookError,
    code_cells,
    differences,
    execute,
    figure_texts,
    inputs,
    problems,
    read_notebook,
    write_notebook,
)

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
    keys = ["c191e48922165fda", "e3dcf987f6fd50d5"]  # stand in the notebooks, so they stay the same
    assert read_notebook(path).metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "literate": {"inputs": {"names": "one"}, "keys": keys, "versions": {}},
    }


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
        (
            new_output("stream", name="stderr", text="x"),
            "cell 1 has an output of kind stderr: expected text, a table as HTML, or a picture",
        ),
        (
            new_output("display_data", data={"text/x": "a", "application/pdf": "aaaa"}),
            "cell 1 has an output of kind application/pdf, text/x: expected text, a table as HTML, "
            "or a picture",
        ),
        (
            new_output("display_data", data={"text/html": "<script>x</script>"}),
            "cell 1 outputs HTML with scripts or addresses of other sites, which no page loads: "
            "print a text, or draw a figure",
        ),
        (
            new_output("display_data", data={"text/html": "<img src='//e.org/x.png'>"}),
            "cell 1 outputs HTML with scripts or addresses of other sites, which no page loads: "
            "print a text, or draw a figure",
        ),
        (
            printed("x" * 100_001),
            "cell 1: expected at most 100,000 characters of output, found more: print a summary",
        ),
        (
            new_output("display_data", data={"image/svg+xml": f"<svg>{'x' * 60_000}</svg>"}),
            "cell 1: expected figures of at most 60,000 bytes, one of this cell has 60,011: reduce "
            "the data before drawing",
        ),
        (
            new_output("display_data", data={"image/png": "x" * 60_000}),
            "cell 1: expected figures of at most 60,000 bytes, one of this cell has 60,035: reduce "
            "the data before drawing",
        ),
        (
            new_output("display_data", data={"image/jpeg": "x" * 60_000}),
            "cell 1: expected figures of at most 60,000 bytes, one of this cell has 60,036: reduce "
            "the data before drawing",
        ),
    ],
)
def test_outputs_that_no_page_can_show_are_refused(path, output, message):
    nbformat.write(made(new_code_cell("1", outputs=[output])), path)
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert str(caught.value) == f"{path}: {message}"
    assert code_cells(read_notebook(path, outputs=False))[0].text == ""


@pytest.mark.parametrize(
    "html",
    [
        *(f"<{tag} data=x>" for tag in ("script", "IFRAME", "object", "embed", "link")),
        *('<a href="https://e.org">', "<img src=//e.org>", "<img src='http://e.org/x.png'>"),
    ],
)
def test_html_that_acts_or_loads_is_refused(path, html):
    output = new_output("display_data", data={"text/html": html})
    nbformat.write(made(new_code_cell("1", outputs=[output])), path)
    with pytest.raises(NotebookError, match="outputs HTML with scripts or addresses of other"):
        read_notebook(path)


def test_html_that_only_shows_is_read(path):
    html = '<b>script</b><linked/><a href="#x">x</a><img src="x.png">https://e.org'
    output = new_output("display_data", data={"text/html": html})
    nbformat.write(made(new_code_cell("1", outputs=[output])), path)
    assert code_cells(read_notebook(path))[0].html == html


def test_as_much_output_as_a_block_may_print_is_read(path):
    outputs = [printed("x" * 50_000)] * 2
    nbformat.write(made(new_code_cell("1", outputs=outputs)), path)
    assert len(code_cells(read_notebook(path))[0].text) == 100_000


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
            "cell 3 has the execution count 7, expected 2: the outputs must come from one run from "
            "top to bottom",
        ),
        (
            lambda n: n["cells"][1].update(execution_count=None),
            "cell 2 has the execution count None, expected 1: the outputs must come from one run "
            "from top to bottom",
        ),
        (
            lambda n: n["cells"][2].update(outputs=[]),
            "cell 3 draws 0 figure(s), and the Markdown cell below begins with 1 paragraph(s) "
            "`<!-- alt: alt text -->` with a caption in the next line: there must be one for each",
        ),
        (
            lambda n: n["cells"][3].update(source="No alt text."),
            "cell 3 draws 1 figure(s), and the Markdown cell below begins with 0 paragraph(s) "
            "`<!-- alt: alt text -->` with a caption in the next line: there must be one for each",
        ),
        (
            lambda n: n["cells"][3].update(source="<!-- alt: -->\nCaption."),
            "a figure of cell 3 has no alt text",
        ),
        (
            lambda n: n["cells"][2].update(metadata={"jupyter": {"source_hidden": True}}),
            "the source of cell 3 is hidden: begin it with a comment that says what it does",
        ),
        (
            lambda n: n.update(cells=n["cells"][:2]),
            "it was baked with 2 code cells and has 1 now",
        ),
    ],
)
def test_problems_name_their_cell(path, change, message):
    example(path)
    assert problems(edited(path, change))[0] == message


def test_a_hidden_cell_says_in_its_first_line_what_it_does(path):
    hidden = new_code_cell("#  Draw it\n# twice\nx", metadata={"jupyter": {"source_hidden": True}})
    shown = new_code_cell("x  # no title")
    first, second = code_cells(stored(path, hidden, shown))
    assert (first.fold, second.fold) == ("Draw it", None)


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
        new_code_cell(
            "import sys\nx = 2\nprint('seen', flush=True)\n"
            "print('unseen', file=sys.stderr, flush=True)\nprint('too')"
        ),
        new_code_cell("x * 21"),
        new_code_cell(PLOT.format(y=1)),
        new_markdown_cell(ALT),
    )
    children = set(psutil.Process().children())
    run = execute(notebook, path, time_limit=60)
    assert children >= set(psutil.Process().children()), "the kernel goes on"
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)
    assert [len(cell.outputs) for cell in run.cells[:3]] == [1, 1, 1]
    assert run.cells[2].outputs[0].data["text/plain"] == "a figure"
    first, second, third = code_cells(run)
    assert (first.count, second.count, third.count) == (1, 2, 3)
    assert (first.text, second.text, third.text) == ("seen\ntoo\n", "42\n", "")
    (svg,) = third.figures
    assert 'viewBox="0 0 388.8 216"' in svg  # 5.4 by 3 inches: nothing is cut off
    assert "var(--lit-c0, #2f6db5)" in svg
    assert "url(#c3f1-" in svg
    write_notebook(run, path, inputs={}, versions={})
    again = execute(read_notebook(path), path, time_limit=60)
    write_notebook(again, path.with_name("again.ipynb"), inputs={}, versions={})
    assert path.read_bytes() == path.with_name("again.ipynb").read_bytes()


def test_outputs_of_other_libraries_are_kept_and_compared(path):
    table = "<table><tr><td>1</td></tr></table>"
    code = (
        "import io\nfrom IPython.display import HTML, display\nfrom PIL import Image\n"
        f"display(HTML({table!r}))\nprint('text')\nImage.new('RGB', (2, 2), 'red')"
    )
    run = execute(made(new_code_cell(code), new_markdown_cell(ALT)), path, time_limit=60)
    write_notebook(run, path, inputs={}, versions={})
    (cell,) = code_cells(read_notebook(path))
    assert (cell.text, cell.html) == ("text\n", table)
    (picture,) = cell.figures
    assert picture.startswith('<img src="data:image/png;base64,')
    again = execute(read_notebook(path), path, time_limit=60)
    assert differences(read_notebook(path), again) == []
    other = execute(
        made(new_code_cell(code.replace("red", "blue").replace(">1<", ">2<"))), path, time_limit=60
    )
    assert len(differences(read_notebook(path), other)) == 2


def test_the_users_own_settings_stay_out(path, tmp_path, monkeypatch):
    """IPython's start-up files and options, and another kernel of the same name."""
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("print('from startup'); leaked = True")
    settings = "c.InteractiveShell.ast_node_interactivity = 'all'\n"
    (profile / "ipython_config.py").write_text(settings)
    (profile / "ipython_kernel_config.py").write_text(settings)
    (tmp_path / "startup.py").write_text("leaked = True")
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "other"}))
    for name, value in {
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_PATH": tmp_path / "jupyter",
        "JUPYTER_CONFIG_DIR": tmp_path / "jupyter",
        "PYTHONSTARTUP": tmp_path / "startup.py",
    }.items():
        monkeypatch.setenv(name, str(value))
    cell = new_code_cell("import sys\n1\n'leaked' in globals(), sys.executable")
    (run,) = code_cells(execute(made(cell), path, time_limit=60))
    assert run.text == f"(False, {sys.executable!r})\n"


def test_a_notebook_runs_in_its_own_folder_whatever_that_is_called(tmp_path):
    folder = tmp_path / "another folder"
    folder.mkdir()
    (folder / "data.txt").write_text("read")
    code = "from pathlib import Path\nprint(Path.cwd().name, Path('data.txt').read_text())"
    run = execute(made(new_code_cell(code)), folder / "a try.ipynb", time_limit=60)
    assert code_cells(run)[0].text == "another folder read\n"


def test_an_empty_cell_is_none(path):
    notebook = made(new_code_cell("print(1)"), new_code_cell(" \n"), new_code_cell("print(2)"))
    notebook.cells.append(new_code_cell("", id="last"))
    run = execute(notebook, path, time_limit=60)
    write_notebook(run, path, inputs={}, versions={})
    assert [(cell.number, cell.text) for cell in code_cells(read_notebook(path))] == [
        (1, "1\n"),
        (3, "2\n"),
    ]
    assert problems(read_notebook(path)) == []


@pytest.mark.parametrize("info", ["python", "py", "pycon", " {.python .x}"])
def test_python_in_a_markdown_cell_is_a_problem(path, info):
    example(path)
    shown = edited(path, lambda n: n["cells"][0].update(source=f"# T\n\n> ```{info}\n> x\n> ```"))
    told = "cell 1 shows python that never runs: make it a code cell, or a `text` fence"
    assert problems(shown) == [told]


def test_fences_of_other_languages_in_a_markdown_cell_are_no_problem(path):
    example(path)
    source = "# T\n\n```bash\nls\n```\n\n~~~text\n```python\n~~~\n\n````md\n```python\n```\n````"
    assert problems(edited(path, lambda n: n["cells"][0].update(source=source))) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "cell 2 failed:(.|\n)*1 / 0(.|\n)*ZeroDivisionError: division by zero"),
        ("while True: pass", "cell 2 ran longer than 3 s:\n\nwhile True: pass"),
        ("import os; os._exit(3)", "cell 2 ended the kernel"),
        (
            "from IPython.display import HTML; HTML('<script>x</script>')",
            "cell 2 outputs HTML with scripts",
        ),
        ("print('x' * 100_001)", "cell 2: expected at most 100,000 characters of output"),
    ],
)
def test_a_cell_that_fails_is_named_with_its_code(path, code, message):
    notebook = made(new_markdown_cell("# Words"), new_code_cell(code))
    with pytest.raises(NotebookError, match=message) as caught:
        execute(notebook, path, time_limit=3)
    assert "\x1b" not in str(caught.value)


def test_nothing_is_written_where_texts_and_figures_do_not_fit(path):
    before = example(path) and path.read_bytes()
    cells = [new_code_cell("draw()", outputs=[drawn()]) for _ in range(2)]
    with pytest.raises(NotebookError) as caught:
        write_notebook(made(*cells), path, inputs={}, versions={})
    for number, line in enumerate(str(caught.value).split("\n"), start=1):
        assert line.startswith(f"{path}: cell {number} draws 1 figure(s), and the Markdown cell")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# --- In the test run ---------------------------------------------------------------------------


CONFTEST = """
def pytest_literate_inputs():
    return {'names': 'one'}
def pytest_literate_kernel_lines():
    return ['import builtins', 'builtins.given = 2']
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\naddopts = --codeblocks -p no:cacheprovider\ntestpaths = docs\n")
    pytester.makeconftest(CONFTEST)
    (pytester.path / "docs").mkdir()
    cells = (
        new_markdown_cell("# Try\n\nWords with $x^2$."),
        new_code_cell("print(f'{given / 3:.3f}')"),
        new_code_cell(PLOT.format(y=1)),
        new_markdown_cell(ALT),
    )
    nbformat.write(made(*cells), pytester.path / "docs" / "try.ipynb")
    return pytester


def test_a_notebook_is_baked_then_compared_and_drift_fails(project):
    path = project.path / "docs" / "try.ipynb"
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*docs/try.ipynb: cell 2 was never baked", "docs/try.ipynb: cell 3 was never baked"]
    )

    result = project.runpytest_inprocess("--bake", "docs/try.ipynb::cells")
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
        ["docs/try.ipynb: cell 2 printed something else:", "-0.669", "+0.667", "*pytest --bake*"]
    )

    project.makeconftest(CONFTEST.replace("one", "two"))
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
