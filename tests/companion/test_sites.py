"""Sites of MkDocs with both plugins: downloads, addresses, the steps after the build."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.chapters import chapter_map
from companion.mkdocs_plugin import CompanionPlugin
from companion.search import sections
from literate.notebook import write_notebook
from literate.page import read_page
from literate.store import Baked, Output, Store

CONFIG = """
site_name: made for a test
site_url: https://e.org/repo/
theme: {name: material, font: false}
extra:
  repository: https://e.org/code
  served: {assets/words.front.txt: words.txt}
plugins:
  - mkdocs-jupyter:
      include: ["notebooks/*.ipynb"]
      execute: false
      allow_errors: false
      include_source: true
      ignore_h1_titles: true
      cache: false
  - literate
  - companion:
      notebook_setup: REPOSITORY = ""
      colab: https://colab.example/tree/
markdown_extensions:
  - toc: {permalink: true}
  - pymdownx.highlight: {anchor_linenums: false, pygments_lang_class: true}
  - pymdownx.superfences
  - literate: {docs: !relative $docs_dir}
  - companion
validation: {links: {not_found: warn, anchors: warn}}
"""
PAGE = "# Page\n\nSee [the notebook](<notebooks/a try.ipynb#more>).\n\n```python\nx\n```\n"


class Project:
    """A project with a page, a notebook in a folder, and a file that stands elsewhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.docs, self.site = path / "docs", path / "site"
        self.notebook = self.docs / "notebooks" / "a try.ipynb"
        self.notebook.parent.mkdir(parents=True)
        (path / "mkdocs.yml").write_text(CONFIG)
        (path / "words.txt").write_text("ann\nanna\n")
        self.page("index", PAGE)
        cells = [
            new_markdown_cell("# Try\n\nSee [the page](../index.md) and [more](#more).", id="a"),
            new_code_cell(
                "print(1)",
                id="b",
                execution_count=1,
                outputs=[new_output("stream", name="stdout", text="1\n")],
            ),
            new_markdown_cell("## More\n\nWords.", id="c"),
        ]
        write_notebook(new_notebook(cells=cells), self.notebook, inputs={}, versions={})

    def page(self, name: str, text: str) -> None:
        path = self.docs / f"{name}.md"
        path.write_text(text)
        outputs = {b.number: Output(b.key, f"out of {name}\n") for b in read_page(path).blocks}
        Store(self.docs / "baked").write(name, Baked(outputs))

    def build(self, **options: Any) -> str:
        """The strictly built page of the notebook."""
        build(load_config(str(self.path / "mkdocs.yml"), **{"strict": True, **options}))
        folder = self.site / "notebooks"
        found = folder / "a try" / "index.html", folder / "a try.html"
        return next((path.read_text() for path in found if path.exists()), "")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project")


def test_a_build_writes_nothing_but_the_site(project):
    before = {path: path.stat().st_mtime_ns for path in project.path.rglob("*")}
    config = str(project.path / "mkdocs.yml")
    build(load_config(config, strict=True, site_dir=str(project.path.parent / "site")))
    assert {path: path.stat().st_mtime_ns for path in project.path.rglob("*")} == before


@pytest.mark.parametrize("address", ["https://e.org/code", ""])
def test_a_command_says_what_to_clone_or_is_not_there(project, address):
    config = project.path / "mkdocs.yml"
    config.write_text(CONFIG.replace("https://e.org/code", f'"{address}"'))
    project.page("index", "# T\n\n```console\n$ git clone REPOSITORY x && cd x\n$ pytest\n```\n")
    project.build()
    text = re.sub("<[^>]*>", "", (project.site / "index.html").read_text())
    assert ("$ git clone" in text) == (f"$ git clone {address} x &amp;&amp; cd x" in text)
    assert ("$ git clone" in text) == bool(address)
    assert "$ pytest" in text


def test_a_notebooks_page_offers_it_and_is_found_by_its_sections(project):
    html = project.build()
    address = "https://colab.example/tree/notebooks/a%20try/a%20try.ipynb"
    assert (
        '<p><a href="a%20try.ipynb" download>Download this notebook</a> · '
        f'<a href="{address}">Open it in Colab</a></p>'
    ) in html
    found = sections(html, "notebooks/a%20try/")
    assert [section.title for section in found] == ["Try", "More"]
    assert html.index("<h1") < html.index("Download this notebook") < html.index("the page</a>")


def test_files_that_stand_elsewhere_and_the_index_of_the_search_are_part_of_the_site(project):
    project.build()
    assert (project.site / "assets" / "words.front.txt").read_text() == "0ann\n3a\n"
    assert "notebook" in json.loads((project.site / "search" / "words.json").read_text())


# Notebooks to download lead to the site, wherever it lies


@pytest.mark.parametrize(
    ("directories", "page"), [(True, ""), (False, "index.html")], ids=["folders", "files"]
)
def test_links_of_downloaded_notebooks_lead_to_the_site(project, directories, page):
    project.build(use_directory_urls=directories)
    copies = {path.name: nbformat.read(path, 4) for path in project.site.rglob("*.ipynb")}
    assert set(copies) == {"index.ipynb", "a try.ipynb"}
    own = "https://e.org/repo/notebooks/a%20try" + ("/" if directories else ".html")
    text = copies["a try.ipynb"].cells[0].source
    assert f"[the page](https://e.org/repo/{page})" in text
    assert f"[more]({own}#more)" in text
    assert f"[the notebook]({own}#more)" in copies["index.ipynb"].cells[1].source
    first = """REPOSITORY = "https://e.org/code"
%config InteractiveShell.ast_node_interactivity = "none\""""
    assert copies["index.ipynb"].cells[0].source == first
    assert copies["index.ipynb"].metadata.title == "Page"
    assert (copies["index.ipynb"].cells[0].id, len(copies["index.ipynb"].cells)) == ("cell-1", 3)
    for notebook in copies.values():
        nbformat.validate(notebook)
    original = nbformat.read(project.notebook, 4)
    assert copies["a try.ipynb"].cells[1].outputs == original.cells[1].outputs


def test_without_an_address_links_are_text_and_without_options_there_is_no_more(project):
    config = project.path / "mkdocs.yml"
    text = CONFIG.replace("site_url: https://e.org/repo/\n", "")
    options = '      notebook_setup: REPOSITORY = ""\n      colab: https://colab.example/tree/\n'
    config.write_text(text.replace(f"companion:\n{options}", "companion\n"))
    (project.docs / "chapters.toml").write_text(
        'video = "V"\nlength = 9\n[[chapters]]\nnumber = 1\ntitle = "One"\nstart = 0\n'
    )
    project.page("index", "# Page\n\n[[chapters]]\n\n```python\nx\n```\n")
    html = project.build()
    assert '<p><a href="a%20try.ipynb" download>Download this notebook</a></p>' in html
    copy = nbformat.read(project.site / "notebooks" / "a try" / "a try.ipynb", 4)
    assert copy.cells[0].source == "# Try\n\nSee the page and more."
    first, second, _ = nbformat.read(project.site / "index.ipynb", 4).cells
    assert first.source == '\n%config InteractiveShell.ast_node_interactivity = "none"'
    assert second.source == "\n".join(["# Page", "", *chapter_map(project.docs)])


def test_the_templates_are_told_the_commit_unless_the_configuration_tells_it(project):
    plugin = CompanionPlugin()
    config = load_config(str(project.path / "mkdocs.yml"))
    plugin.on_config(config)
    assert config.extra["commit"] == ""
    config.extra["commit"] = "named"
    plugin.on_config(config)
    assert config.extra["commit"] == "named"


def test_what_the_steps_after_the_build_find_fails_a_strict_one(project, caplog):
    project.page("index", '# T\n\n<link rel="stylesheet" href="none.css">\n')
    with pytest.raises(Abort, match="1 warnings"):
        project.build()
    told = [record for record in caplog.records if record.name == "mkdocs.plugins.companion"]
    assert [record.getMessage() for record in told] == [
        "index.html: the style sheet none.css is not in the site"
    ]
