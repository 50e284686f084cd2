"""Sites of MkDocs with the plugin: pages and notebooks, each built as a whole project."""

import json
import logging
import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from literate.notebook import write_notebook
from literate.page import read_page
from literate.store import Baked, Output, Store

CONFIG = """
site_name: made for a test
plugins:
  - mkdocs-jupyter:
      include: ["notebooks/*.ipynb"]
      execute: false
      allow_errors: false
      include_source: true
      ignore_h1_titles: true
      cache: false
  - literate
markdown_extensions:
  - toc: {permalink: true}
  - pymdownx.details
  - pymdownx.highlight: {anchor_linenums: false, pygments_lang_class: true}
  - pymdownx.superfences
  - literate: {docs: !relative $docs_dir}
validation: {links: {not_found: warn, anchors: warn}}
"""
PAGE = "# Page\n\nSee [the notebook](<notebooks/a try.ipynb#more>).\n\n```python\nx\n```\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M 0 0"/></svg>'


class Project:
    """A project with a page, and a notebook in a folder."""

    def __init__(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.path, self.caplog = path, caplog
        self.docs, self.site = path / "docs", path / "site"
        self.notebook = self.docs / "notebooks" / "a try.ipynb"
        self.notebook.parent.mkdir(parents=True)
        (path / "mkdocs.yml").write_text(CONFIG)
        self.page("index", PAGE)
        self.write(
            new_markdown_cell("# Try\n\nSee [the page](../index.md) and [more](#more)."),
            new_code_cell('print("<", 1)\n\nif 1:\n    x', outputs=[printed("< 1\n\n  2\n")]),
            new_code_cell("draw()", outputs=[shown({"image/svg+xml": SVG, "text/plain": "f"})]),
            new_markdown_cell("<!-- alt: A line. -->\n**It rises.** See it.\n\n## More\n\nWords."),
        )

    def page(self, name: str, text: str) -> None:
        path = self.docs / f"{name}.md"
        path.write_text(text)
        outputs = {b.number: Output(b.key, f"out of {name}\n") for b in read_page(path).blocks}
        Store(self.docs / "baked").write(name, Baked(outputs))

    def write(self, *cells: NotebookNode) -> None:
        """A notebook as `pytest --bake` leaves it."""
        count = 0
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"
            if cell.cell_type == "code":
                cell.execution_count = count = count + 1
        notebook = new_notebook(cells=list(cells))
        notebook.metadata.update(title="A title: long", description="What it is about.")
        write_notebook(notebook, self.notebook, inputs={}, versions={})

    def edit(self, change: Callable[[Any], object]) -> None:
        notebook = json.loads(self.notebook.read_text())
        change(notebook)
        self.notebook.write_text(json.dumps(notebook))

    def build(self, **options: Any) -> str:
        """The strictly built page of the notebook."""
        build(load_config(str(self.path / "mkdocs.yml"), **{"strict": True, **options}))
        folder = self.site / "notebooks"
        found = folder / "a try" / "index.html", folder / "a try.html"
        return next(path for path in found if path.exists()).read_text()

    def warned(self) -> list[str]:
        """What a strict build says that fails."""
        with pytest.raises(Abort):
            self.build()
        return [r.getMessage() for r in self.caplog.records if r.levelno >= logging.WARNING]


@pytest.fixture
def project(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Project:
    return Project(tmp_path / "a project", caplog)


def printed(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def shown(data: dict[str, str]) -> NotebookNode:
    return new_output("display_data", data=data)


# Pages


def test_a_page_shows_its_output_whatever_lies_beside_it(project):
    project.page("copy", PAGE)
    (project.docs / ".#index.md").symlink_to("nobody@nowhere.1")
    (project.docs / "index.md~").write_text(PAGE)
    checkpoints = project.docs / "notebooks" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    shutil.copy(project.notebook, checkpoints / "a try-checkpoint.ipynb")
    project.build()
    assert "out of index" in (project.site / "index.html").read_text()
    assert "out of copy" in (project.site / "copy" / "index.html").read_text()
    assert not list(project.site.rglob("*checkpoint*"))


# A notebook is a page like any other


def test_a_notebook_shows_code_outputs_figures_and_text(project):
    config = project.path / "mkdocs.yml"
    config.write_text(CONFIG + "theme: {name: material, font: false}\n")
    html = project.build()
    assert "<title>A title: long - made for a test</title>" in html
    assert '<meta name="description" content="What it is about.">' in html
    assert 'aria-label="Output of block 1"><code>&lt; 1\n\n  2\n</code></pre></div>' in html
    assert '<svg role="img" aria-label="A line." ' in html
    assert "<figcaption><strong>It rises.</strong> See it.</figcaption>" in html
    assert '<h2 id="more">More' in html
    assert re.search('<a href="../../?">the page</a>', html)
    assert html.count("<h1") == 1
    assert "<style" not in html.partition("<body")[2]
    assert 'href="#more"' in html


def test_a_hidden_cell_is_folded_below_its_comment_and_its_figure_stays(project):
    project.page("index", "# Page\n")
    source = '# Draw "it"\n\nprint("""a\n\nb""")'
    hidden = new_code_cell(source, metadata={"jupyter": {"source_hidden": True}})
    drawn = shown({"image/svg+xml": SVG, "text/plain": "f"})
    hidden.outputs = [printed("a\n\nb\n"), drawn]
    words = new_markdown_cell("<!-- alt: A line. -->\n**It rises.**")
    project.write(new_markdown_cell("# T"), NotebookNode(hidden), words)
    page = BeautifulSoup(project.build(), "html.parser")
    (fold,) = page.select("details.setup:not([open])")
    told = {
        part: [e.get_text() for e in fold.select(part)] for part in ("summary", "pre", "figure")
    }
    assert told == {"summary": ["Draw ”it”"], "pre": [f"{source}\n", "a\n\nb\n"], "figure": []}
    (figure,) = page.select("details.setup + figure svg")
    assert figure["aria-label"] == "A line."


TEXTS = {
    "a text fence before the first code": [
        new_markdown_cell("# T\n\n```text\nx\n```"),
        new_code_cell("print(1)", outputs=[printed("1\n")]),
    ],
    "backticks in code": [
        new_markdown_cell("# T"),
        new_code_cell("text = '''\n```python\n```\n````\n'''", outputs=[printed("```\n1\n```\n")]),
    ],
    "another fence": [new_markdown_cell("# T\n\n```bash\nls\n```\n\n~~~text\nx\n~~~")],
    "lines of ours in an example": [
        new_markdown_cell("# T\n\n```text\n[[chapters]]\n![](output-1)\n![x](baked) C\n```"),
        new_code_cell("print(1)", outputs=[printed("[[chapters]]\n")]),
    ],
}


@pytest.mark.parametrize("cells", TEXTS.values(), ids=TEXTS)
def test_nothing_in_a_cell_breaks_the_page(project, cells):
    project.page("index", "# Page\n")
    project.write(*[NotebookNode(cell) for cell in cells])
    html = project.build()
    text = html.replace("<span></span>", "")
    plain = unescape(re.sub("<[^>]*>", "", html))
    for cell in cells:
        assert cell.cell_type != "code" or cell.source in plain
        for output in cell.get("outputs", []):
            assert f"<code>{output.text}</code>" in text
    outputs = html.count('<div class="lit-output"')
    assert outputs == sum(cell.cell_type == "code" for cell in cells)


def test_outputs_of_other_libraries_and_pasted_images_are_shown(project):
    project.page("index", "# Page\n")
    pasted = new_markdown_cell("# T\n\n![Pasted](attachment:a%20b.png)")
    pasted.attachments = {"a b.png": {"image/png": "AAAA"}}
    project.write(
        pasted,
        new_code_cell("table", outputs=[shown({"text/html": "<b>1</b>", "text/plain": "t"})]),
        new_code_cell("picture", outputs=[shown({"image/png": "AAA\nA", "text/plain": "p"})]),
        new_markdown_cell("<!-- alt: Red. -->\nAll red."),
    )
    html = project.build()
    assert '<img alt="Pasted" src="data:image/png;base64,AAAA" />' in html
    assert '<div class="lit-html" tabindex="0"><b>1</b></div>' in html
    assert '<img alt="Red." src="data:image/png;base64,AAAA"/><figcaption>All red.' in html


def test_cells_are_hidden_as_the_plugin_says(project):
    project.page("index", "# Page\n")
    hidden = new_code_cell("secret", outputs=[printed("told\n")])
    hidden.metadata.tags = ["hide"]
    bare = new_code_cell("bare", outputs=[printed("3\n")])
    bare.metadata.tags = ["bare"]
    shown = new_code_cell("y", outputs=[printed("2\n")])
    project.write(new_markdown_cell("# T"), hidden, shown, bare)
    config = project.path / "mkdocs.yml"
    option = "cache: false\n      remove_tag_config: {remove_cell_tags: [hide], "
    option += "remove_input_tags: [bare]}"
    config.write_text(CONFIG.replace("cache: false", option))
    html = project.build()
    assert "secret" not in html
    assert "told" not in html
    assert "bare" not in html
    assert 'aria-label="Output of block 2"><code>2\n' in html
    assert 'aria-label="Output of block 3"><code>3\n' in html


def test_a_users_own_configuration_stays_out(project, tmp_path, monkeypatch):
    (tmp_path / "jupyter_nbconvert_config.py").write_text(
        "c.ClearOutputPreprocessor.enabled = True\nc.TemplateExporter.exclude_output = True\n"
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    assert "<code>&lt; 1\n" in project.build()


# What fails the strict build


def stored_error(notebook: Any) -> None:
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}
    notebook["cells"][1]["outputs"] = [error]


FAILING: dict[str, tuple[Callable[[Any], object], str]] = {
    "stale": (
        lambda n: n["cells"][1].update(source="print(2)"),
        "a try.ipynb: the output of cell 2 is outdated: the code up to it has changed",
    ),
    "never run": (
        lambda n: n["cells"].append({**n["cells"][1], "id": "new"}),
        "a try.ipynb: cell 5 was never baked",
    ),
    "missing": (
        lambda n: n["cells"][2].update(outputs=[]),
        "a try.ipynb: cell 3 draws 0 figure(s), and the Markdown cell below",
    ),
    "out of order": (
        lambda n: n["cells"][2].update(execution_count=1),
        "a try.ipynb: cell 3 has the execution count 1, expected 2",
    ),
    "failed": (stored_error, "a try.ipynb: cell 2 stores an error: KeyError: 'x'"),
    "python shown only": (
        lambda n: n["cells"][0].update(source="# T\n\n```python\nx\n```"),
        "a try.ipynb: cell 1 shows python that never runs",
    ),
    "dead link": (
        lambda n: n["cells"][0].update(source="# T\n\n[a](gone.md)"),
        "'notebooks/a try.ipynb' contains a link 'gone.md'",
    ),
    "dead anchor": (
        lambda n: n["cells"][0].update(source="# T\n\n[a](../index.md#gone)"),
        "'notebooks/a try.ipynb' contains a link '../index.md#gone'",
    ),
}


@pytest.mark.parametrize(("change", "message"), FAILING.values(), ids=FAILING)
def test_a_strict_build_fails_and_names_notebook_and_cell(project, change, message):
    project.edit(change)
    assert any(message in warning for warning in project.warned())


@pytest.mark.parametrize("data", [b"{", b"", b"[]", b"\xff\xfe", b'{"cells": 3}'])
def test_a_damaged_notebook_is_one_clear_line_and_the_next_build_recovers(project, data):
    project.page("index", "# Page\n")
    good = project.notebook.read_bytes()
    project.notebook.write_bytes(data)
    (warning, *_) = project.warned()
    assert "a try.ipynb: expected a Jupyter notebook: " in warning
    assert "\n" not in warning
    told = "This notebook cannot be shown: <code>pytest --bake</code> renews it."
    assert told in project.build(strict=False)
    project.notebook.write_bytes(good)
    assert "It rises." in project.build()


def test_all_that_is_wrong_with_a_notebook_is_told_at_once(project):
    project.edit(lambda n: n["metadata"].pop("literate"))
    (warning, *_) = project.warned()
    first, second = warning.split("\n")
    assert first.endswith("a try.ipynb: cell 2 was never baked")
    assert second == f"{project.notebook}: cell 3 was never baked"


def test_a_page_without_its_output_fails_the_strict_build(project):
    (project.docs / "baked" / "index" / "01.txt").unlink()
    assert any("01.txt is missing" in warning for warning in project.warned())
