"""Each page with code is also a notebook beside it, which runs from top to bottom by itself."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.config import load_config
from site_visits import Site

from literate.compare import svg_difference, text_difference
from literate.notebook import code_cells, execute, read_notebook
from literate.page import read_page
from literate.store import Store, page_files, page_name

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = page_files(DOCS, "*.ipynb")
PAGES = [path for path in page_files(DOCS) if read_page(path).blocks]
EXECUTED = ["activations", "weights"]
SETUP = load_config(str(ROOT / "mkdocs.yml")).plugins["companion"].config.notebook_setup


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
    baked = Store(DOCS / "baked").read(page_name(page, DOCS))
    assert baked is not None
    for block, cell in zip(read_page(page).blocks, cells, strict=True):
        shown = baked.outputs[block.number]
        assert text_difference(shown.text, cell.text) is None
        for drawn, again, words in zip(shown.figures, cell.figures, block.figures, strict=True):
            if words.not_compared is None:
                assert svg_difference(_without_ids(drawn), _without_ids(again)) is None


def _without_ids(svg: str) -> str:
    """The figure without what names its block or cell."""
    return re.sub(r"\b[bc]\d+f\d+-", "", svg)


class Shown(HTMLParser):
    """The code of a page, and what is printed below it, as a reader copies them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {"code": [], "output": []}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "div":
            kinds = {"highlight": "code", "lit-output": "output"}
            self._open.append(next((kinds[name] for name in classes if name in kinds), ""))
            if self._open[-1]:
                self.found[self._open[-1]].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1]:
            self.found[self._open[-1]][-1] += data


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: page.stem)
def test_code_and_outputs_stand_on_the_page_to_the_last_blank(page: Path, site: Site) -> None:
    shown = Shown(downloads(site, page).with_name("index.html").read_text()).found
    if page.suffix == ".ipynb":
        cells = code_cells(read_notebook(page))
        code, texts = [f"{cell.code}\n" for cell in cells], [cell.text for cell in cells]
    else:
        blocks = read_page(page).blocks
        baked = Store(DOCS / "baked").read(page_name(page, DOCS))
        assert baked is not None
        code = [block.code for block in blocks]
        texts = [baked.outputs[block.number].text for block in blocks]
    # Code that is not executed stands in the same kind of box.
    assert [text for text in shown["code"] if text in set(code)] == code
    printed = [text for text in texts if text]
    assert len(shown["output"]) == len(printed)
    for on_page, text in zip(shown["output"], printed, strict=True):
        if not re.search(r"^\|", text, re.MULTILINE):  # shown as a table
            assert on_page == text.strip("\n") + "\n"  # empty lines around it are not shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gets_what_it_needs_in_its_first_cell(path: Path) -> None:
    assert code_cells(read_notebook(path))[0].code == SETUP
