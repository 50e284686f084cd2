"""The steps after rendering: the font as fontTools reads it, the pages as they then are."""

import html
import io
import logging
import re
from pathlib import Path
from typing import Any

import pygments
import pytest
from fontTools.ttLib import TTFont
from mkdocs.config import load_config
from mkdocs.structure.files import Files
from pygments.formatters import HtmlFormatter
from pygments.lexers import BashSessionLexer, PythonLexer

from literate import mkdocs_hooks
from literate.mkdocs_hooks import (
    cached_maths_font,
    cloned,
    focusable_scrollers,
    inline_stylesheets,
    maths_characters,
    maths_font,
    on_post_build,
    plain_code,
)

ROOT_FORMULA = "<math><msqrt><mi>x</mi></msqrt></math>"


def test_code_and_tables_can_be_focused() -> None:
    page = "<pre><span></span><code>a</code></pre><table><tr><td>b</td></tr></table>"
    assert focusable_scrollers(page) == (
        '<pre tabindex="0"><code>a</code></pre>'
        '<div class="lit-table" role="group" aria-label="Table" tabindex="0">'
        '<table class="lit"><tr><td>b</td></tr></table></div>'
    )


def test_tables_with_a_class_of_their_own_and_tables_in_code_are_left_alone() -> None:
    page = '<table class="highlighttable"></table><code>&lt;table&gt;&lt;/table&gt;</code>'
    assert focusable_scrollers(page) == page


def test_code_loses_the_elements_that_have_no_colour_and_none_of_its_text() -> None:
    code = 'for row in rows:\n    print(f"{row:>5}", row[0] < -1.5)  # "n" <p>\n'
    marked = pygments.highlight(code, PythonLexer(), HtmlFormatter())
    thin = plain_code(marked)
    coloured = [name for name in re.findall('class="(.*?)"', marked) if name not in "nopw"]
    assert re.findall('class="(.*?)"', thin) == coloured
    assert {"k", "nb", "s2", "mf", "c1"} < set(coloured)
    assert html.unescape(re.sub("<[^>]*>", "", thin)).strip() == code.strip()


def test_a_command_says_what_to_clone_or_is_not_there() -> None:
    code = "$ git clone REPOSITORY here && cd here\n$ pytest\n"
    block = plain_code(pygments.highlight(code, BashSessionLexer(), HtmlFormatter()))
    address = "https://example.org/makemore3"
    text = html.unescape(re.sub("<[^>]*>", "", cloned(block, address)))
    assert text.strip() == code.replace("REPOSITORY", address).strip()
    assert re.sub("<[^>]*>", "", cloned(block, "")).strip() == "$ pytest"


@pytest.mark.parametrize(
    ("formula", "characters"),
    [
        ("<math><mi>x</mi><mo>&lt;</mo><mn>12</mn></math>", "x𝑥<12"),
        ("<math><mi>h</mi></math>", "hℎ"),  # the one letter that has its italic elsewhere
        ("<math><mi>A</mi><mi>Z</mi><mi>α</mi><mi>ω</mi></math>", "A𝐴Z𝑍α𝛼ω𝜔"),
        ("<math><mi>tanh</mi></math>", "tanh"),  # upright: a name, not a product
        ("<math><mi>∞</mi></math>", "∞"),
        ("<p>not a formula</p>", ""),
    ],
)
def test_characters_are_those_that_the_browser_draws(formula: str, characters: str) -> None:
    assert maths_characters([formula, "<p>x < y</p>"]) == set(characters)


def test_the_font_holds_the_formulas_and_little_else() -> None:
    data = maths_font(frozenset("x𝑥=1("))
    font = TTFont(io.BytesIO(data))
    glyphs = font.getBestCmap()
    assert glyphs is not None
    assert set(map(ord, "x𝑥=1(√")) <= set(glyphs)
    maths: Any = font["MATH"]
    growing = set(maths.table.MathVariants.VertGlyphCoverage.glyphs)
    assert {glyphs[ord("√")], glyphs[ord("(")]} <= growing
    assert maths.table.MathConstants is not None
    assert font.flavor == "woff2"
    assert len(data) < 20_000


def test_the_same_characters_make_one_font_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_maths_font(frozenset("ab"), tmp_path)
    monkeypatch.setattr(mkdocs_hooks, "maths_font", lambda _: b"made again")
    assert cached_maths_font(frozenset("ba"), tmp_path) == first
    assert cached_maths_font(frozenset("abc"), tmp_path) == b"made again"


def test_a_font_that_could_not_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mkdocs_hooks.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match="expected in the package ziamath"):
        cached_maths_font(frozenset("a"), tmp_path / "cache")
    assert list(tmp_path.rglob("*")) == []


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A site of one style sheet, a page in a folder, and a page for addresses that lead nowhere."""
    css = (
        '@font-face{src:url("../fonts/a.woff2")} b{mask:url(data:image/svg+xml,x) url(#id)}'
        "/*# sourceMappingURL=a.css.map */"
    )
    (tmp_path / "assets" / "css").mkdir(parents=True)
    (tmp_path / "assets" / "css" / "a.css").write_text(css)
    (tmp_path / "lecture" / "tanh").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "href", "root", "font"),
    [
        ("lecture/tanh/index.html", "../../assets/css/a.css", "/", "../../assets/fonts/a.woff2"),
        ("index.html", "assets/css/a.css", "/", "assets/fonts/a.woff2"),
        ("404.html", "/assets/css/a.css", "/", "/assets/fonts/a.woff2"),
        ("404.html", "/notes/assets/css/a.css", "/notes/", "/notes/assets/fonts/a.woff2"),
    ],
)
def test_a_style_sheet_is_written_into_the_page(
    built: Path, page: str, href: str, root: str, font: str
) -> None:
    link = f'<link rel="stylesheet" href="{href}">'
    assert inline_stylesheets(f"<head>{link}</head>", built / page, built, root) == (
        f'<head><style>@font-face{{src:url("{font}")}} '
        "b{mask:url(data:image/svg+xml,x) url(#id)}</style></head>"
    )


def test_foreign_style_sheets_stay_links(built: Path) -> None:
    page = '<link rel="stylesheet" href="https://example.org/a.css">'
    assert inline_stylesheets(page, built / "index.html", built) == page


def test_a_missing_style_sheet_is_a_warning(built: Path, caplog: pytest.LogCaptureFixture) -> None:
    page = '<link rel="stylesheet" href="assets/css/b.css">'
    with caplog.at_level(logging.WARNING, "mkdocs.plugins.literate"):
        assert inline_stylesheets(page, built / "index.html", built) == page
    assert caplog.messages == ["index.html: the style sheet assets/css/b.css is not in the site"]


@pytest.mark.parametrize("formula", ["", ROOT_FORMULA])
def test_after_the_build_the_font_is_there_if_a_page_needs_it(
    built: Path, tmp_path_factory: pytest.TempPathFactory, formula: str
) -> None:
    page = built / "index.html"
    page.write_text(f'<link rel="stylesheet" href="assets/css/a.css">{formula}√')
    project = tmp_path_factory.mktemp("project")
    (project / "docs").mkdir()
    (project / "mkdocs.yml").write_text("site_name: made for a test")
    on_post_build(load_config(str(project / "mkdocs.yml"), site_dir=str(built)))
    assert page.read_text().startswith("<style>")
    assert page.read_text().endswith(f"</style>{formula}√")
    assert (built / mkdocs_hooks.MATHS_FONT).exists() == bool(formula)
    assert list(built.rglob(".*.html.*")) == [], "nothing is left half-written"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one page and, outside of its pages, a list of words."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home")
    (tmp_path / "words.txt").write_text("an\nand\nbe\n")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "content"), [("a/w.txt", "an\nand\nbe\n"), ("a/w.front.txt", "0an\n2d\n0be\n")]
)
def test_a_file_from_elsewhere_is_served(project: Path, target: str, content: str) -> None:
    (project / "mkdocs.yml").write_text(
        f"site_name: made\nextra:\n  served:\n    {target}: words.txt"
    )
    config = load_config(str(project / "mkdocs.yml"))
    config.plugins._current_plugin = "a test"  # as when MkDocs calls a hook
    (file,) = mkdocs_hooks.on_files(Files([]), config)
    assert (file.src_uri, file.content_string) == (target, content)


def test_a_file_that_is_not_there_is_named(project: Path) -> None:
    (project / "mkdocs.yml").write_text("site_name: made\nextra: {served: {a.txt: no.txt}}")
    with pytest.raises(FileNotFoundError, match=r"names no\.txt, which is not in"):
        mkdocs_hooks.on_files(Files([]), load_config(str(project / "mkdocs.yml")))


def test_more_than_nine_shared_letters_count_as_nine() -> None:
    assert mkdocs_hooks.front_coded("abcdefghijk\nabcdefghijkl\n") == "0abcdefghijk\n9jkl\n"
