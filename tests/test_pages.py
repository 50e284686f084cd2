"""The real pages and the README, checked by `companion.lint` against what was baked."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from markdown import Markdown
from mkdocs.config import load_config

from companion import form, lint
from companion.chapters import Lecture, read_chapters
from literate.notebook import code_cells, read_notebook
from literate.notebook_page import convert
from literate.page import Page, PageError, parse_page, read_page
from literate.store import Baked, Output, Problem, Store, StoreError, page_files, page_name

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
STORE = Store(DOCS / "baked")
OURS = ("literate", "companion")
NOTEBOOKS = page_files(DOCS, "*.ipynb")
PAGES = [*page_files(DOCS), *NOTEBOOKS]

STARTS = [
    *[0, 82, 259, 779, 1673, 2440, 3787, 3890, 4450],
    *[4715, 5211, 5454, 5527, 5775, 5995, 6364, 6694],
]
"""The seconds at which the lecture's 17 chapters start, from the video's own table."""


def moments(path: Path) -> list[Problem]:
    return form.moments(page(path))


def opening(path: Path) -> list[Problem]:
    return form.opening(page(path))


def rhythm(path: Path) -> list[Problem]:
    return form.rhythm(page(path))


def outputs(path: Path) -> list[Problem]:
    return form.outputs(page(path), stored(path))


def numbers(path: Path) -> list[Problem]:
    return lint.numbers(page(path), stored(path))


def times(path: Path) -> list[Problem]:
    return lint.times(page(path), lecture(), _below_docs(path))


def figures(path: Path) -> list[Problem]:
    return lint.figures(page(path))


def headings(path: Path) -> list[Problem]:
    return lint.headings(page(path), render)


def fences(path: Path) -> list[Problem]:
    return lint.fences(page(path), render)


def front_matter(path: Path) -> list[Problem]:
    return lint.front_matter(page(path))


def baked(path: Path) -> list[Problem]:
    if path in NOTEBOOKS:
        return []  # its outputs are its own, and `convert` has checked them
    problems = STORE.problems(page(path), page_name(path, DOCS))
    remedy = f": `pytest --bake {path.relative_to(ROOT)}` writes the page's outputs anew"
    return [Problem(problem.line, problem.message + remedy) for problem in problems]


Check = Callable[[Path], list[Problem]]
OF_EVERY_PAGE: list[Check] = [numbers, times, figures, headings, fences]
OF_PAGES_IN_DOCS: list[Check] = [front_matter, baked, moments, rhythm, outputs]
OF_LECTURE_PAGES_AND_NOTEBOOKS: list[Check] = [opening]
CASES = [
    pytest.param(path, check, id=f"{path.relative_to(ROOT).as_posix()}-{check.__name__}")
    for path in [README, *PAGES]
    for check in [
        *OF_EVERY_PAGE,
        *(OF_PAGES_IN_DOCS if path in PAGES else []),
        *(
            OF_LECTURE_PAGES_AND_NOTEBOOKS
            if path.parent == DOCS / "lecture" or path in NOTEBOOKS
            else []
        ),
    ]
]


@pytest.mark.parametrize(("path", "check"), CASES)
def test_page(path: Path, check: Check):
    try:
        problems = check(path)
    except PageError as error:
        pytest.fail(str(error), pytrace=False)
    if problems:
        shown = path.relative_to(ROOT)
        lines = [f"{shown}:{problem.line}: {problem.message}" for problem in problems]
        pytest.fail("\n".join(lines), pytrace=False)


def test_every_folder_of_outputs_belongs_to_a_page():
    orphans = STORE.orphans(page_name(path, DOCS) for path in page_files(DOCS))
    assert orphans == [], f"remove from {STORE.root.relative_to(ROOT)}, or bake again: {orphans}"


def test_chapters_are_the_lectures():
    assert [chapter.start for chapter in lecture().chapters] == STARTS
    assert lecture().video == "P6sfmUTpUmc"
    assert lecture().chapters[-1].end == 6957


@pytest.mark.parametrize("chapter", read_chapters(DOCS / "chapters.toml").chapters, ids=str)
def test_page_of_a_chapter_exists(chapter):
    assert not chapter.page or (DOCS / chapter.page.partition("#")[0]) in PAGES


@cache
def page(path: Path) -> Page:
    """A page; a notebook as the Markdown that the site makes of it."""
    if path not in NOTEBOOKS:
        return read_page(path)
    text, _ = convert(path, {"remove_tag_config": {}})
    text = re.sub(r"^!\[\]\(output-\d+\)$", "", text, flags=re.MULTILINE)
    return parse_page(re.sub(r"\]\(baked-\d+-\d+\)", "](baked)", text), path)


@cache
def stored(path: Path) -> Baked:
    """What is baked for the page; nothing where the check of the outputs tells what is wrong."""
    if path in NOTEBOOKS:
        cells = enumerate(code_cells(read_notebook(path)), start=1)
        return Baked({number: Output("", cell.text, cell.figures) for number, cell in cells})
    try:
        baked = STORE.read(page_name(path, DOCS)) if path in PAGES else None
    except StoreError:
        baked = None
    return baked or Baked()


@cache
def lecture() -> Lecture:
    return read_chapters(DOCS / "chapters.toml")


@cache
def render(text: str) -> str:
    """The page as the site's own extensions make it, without the outputs."""
    site = load_config(str(ROOT / "mkdocs.yml"))
    extensions = [name for name in site.markdown_extensions if name not in OURS]
    named = {**site.mdx_configs["pymdownx.highlight"], "pygments_lang_class": True}
    configs = {**site.mdx_configs, "pymdownx.highlight": named}
    return Markdown(extensions=extensions, extension_configs=configs).convert(text)


def _below_docs(path: Path) -> str:
    return path.relative_to(DOCS).as_posix() if path in PAGES else ""
