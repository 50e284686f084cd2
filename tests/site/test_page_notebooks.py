"""Each page with code is also a notebook beside it, which runs from top to bottom by itself."""

import json
from pathlib import Path

import pytest
from mkdocs.config import load_config
from site_visits import Site

from literate.mkdocs_hooks import on_post_build, stamped
from literate.notebook import code_cells, execute, read_notebook
from literate.page import read_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if read_page(path).blocks]
EXECUTED = ["activations", "pytorch-modules", "weights"]
SETUP = load_config(str(ROOT / "mkdocs.yml")).extra["notebook_setup"]


def downloads(site: Site, page: Path) -> Path:
    folder = page.relative_to(DOCS).with_suffix("")
    folder = folder.parent if folder.name == "index" else folder
    return site.folder / folder / f"{page.stem}.ipynb"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_with_code_can_be_downloaded_as_a_notebook(page: Path, site: Site) -> None:
    file = downloads(site, page)
    html = file.with_name("index.html").read_text()
    assert f'<a href="{file.name}" download>Download this page as a notebook</a>' in html
    first, *cells = code_cells(read_notebook(file))
    assert first.code.startswith(SETUP)
    assert [f"{cell.code}\n" for cell in cells] == [block.code for block in read_page(page).blocks]
    text = "\n".join(cell.source for cell in read_notebook(file).cells)
    for leftover in ("pytest-codeblocks", "](baked", "!!!", "???", ".md)", ".md#"):
        assert leftover not in text


@pytest.mark.parametrize("name", EXECUTED)
def test_the_notebook_of_a_page_runs_and_prints_what_the_page_shows(
    name: str, site: Site, tmp_path: Path
) -> None:
    page = DOCS / "lecture" / f"{name}.md"
    notebook = read_notebook(downloads(site, page))
    _, *cells = code_cells(execute(notebook, tmp_path / "page.ipynb", time_limit=300))
    baked = DOCS / "baked" / "lecture" / name
    for block, cell in zip(read_page(page).blocks, cells, strict=True):
        printed = baked / f"{block.number:02}.txt"
        expected = printed.read_text().split() if printed.exists() else []
        assert len(cell.text.split()) == len(expected)
        assert len(cell.figures) == len(block.figures)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gets_what_it_needs_in_its_first_cell(path: Path) -> None:
    assert code_cells(read_notebook(path))[0].code == SETUP


def test_the_repositorys_address_is_filled_in(tmp_path: Path) -> None:
    assert stamped('REPOSITORY = ""  # where', "https://e.org") == (
        'REPOSITORY = "https://e.org"  # where'
    )
    file = tmp_path / "notebooks" / "x.ipynb"
    file.parent.mkdir()
    file.write_text(json.dumps({"cells": [{"source": [SETUP]}]}))
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path))
    config.extra["repository"] = "https://e.org/o/r"
    on_post_build(config)
    (cell,) = json.loads(file.read_text())["cells"]
    assert 'REPOSITORY = "https://e.org/o/r"' in cell["source"][0]
