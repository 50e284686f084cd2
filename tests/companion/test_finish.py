"""The steps after a build: the font as fontTools reads it, the pages as they then are."""

import io
import json
import subprocess
import sys
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from companion import finish as finish_steps
from companion import machines
from companion.finish import cached_maths_font, finish, maths_characters, maths_font

ROOT_FORMULA = "<math><msqrt><mi>x</mi></msqrt></math>"


@pytest.mark.parametrize(
    ("formula", "characters"),
    [
        ("<math><mi>x</mi><mo>&lt;</mo><mn>12</mn></math>", "x𝑥<12"),
        ("<math><mi>h</mi></math>", "hℎ"),  # the one letter that has its italic elsewhere
        ("<math><mi>A</mi><mi>Z</mi><mi>α</mi><mi>ω</mi></math>", "A𝐴Z𝑍α𝛼ω𝜔"),
        ("<math><mi>a</mi><mi>z</mi><mi>Α</mi><mi>Ω</mi></math>", "a𝑎z𝑧Α𝛢Ω𝛺"),
        ("<math><mi>tanh</mi></math>", "tanh"),  # upright: a name, not a product
        ("<math><mi>∞</mi></math>", "∞"),
        ("<p>not a formula</p>", ""),
    ],
)
def test_characters_are_those_that_the_browser_draws(formula: str, characters: str) -> None:
    assert maths_characters([formula, "<p>x < y</p>"]) == set(characters)


def test_the_font_holds_the_formulas_and_little_else() -> None:
    data = maths_font(frozenset("x𝑥=1(i\u0302"))
    font = TTFont(io.BytesIO(data))
    glyphs = font.getBestCmap()
    assert glyphs is not None
    assert set(map(ord, "x𝑥=1(√")) <= set(glyphs)
    maths: Any = font["MATH"]
    growing = set(maths.table.MathVariants.VertGlyphCoverage.glyphs)
    assert {glyphs[ord("√")], glyphs[ord("(")]} <= growing
    assert maths.table.MathConstants is not None
    rules: Any = font["GSUB"]
    features = {record.FeatureTag for record in rules.table.FeatureList.FeatureRecord}
    assert features == {"ssty", "dtls", "flac"}
    assert {"fpgm", "prep", "cvt "}.isdisjoint(font.keys()), "it has hints"
    assert font.flavor == "woff2"
    assert len(data) < 20_000


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    for steps in (finish_steps, machines):
        monkeypatch.setattr(steps, "user_cache_path", lambda name: folder / name)
    return folder


def test_the_same_characters_make_one_font_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_maths_font(frozenset(ascii_lowercase))
    monkeypatch.setattr(finish_steps, "maths_font", lambda _: b"made again")
    assert cached_maths_font(frozenset(reversed(ascii_lowercase))) == first
    assert cached_maths_font(frozenset("abc")) == b"made again"


@pytest.mark.parametrize("damage", [b"", b"\0" * 20, None])
def test_a_kept_font_that_is_damaged_is_made_again(cache: Path, damage: bytes | None) -> None:
    font = cached_maths_font(frozenset("ab"))
    (kept,) = (cache / "makemore3").glob("maths-*")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-9] if damage is None else damage)
    assert cached_maths_font(frozenset("ab")) == font
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(finish_steps, "user_cache_path", lambda name: tmp_path / "file" / name)
    assert cached_maths_font(frozenset("a")) == maths_font(frozenset("a"))


def test_a_font_that_could_not_be_made_leaves_nothing_behind(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish_steps.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError) as raised:
        cached_maths_font(frozenset("a"))
    assert str(raised.value) == (
        "The maths font STIX Two Math was expected in the package ziamath, which is not installed; "
        "run: python -m pip install -e ."
    )
    assert list(cache.rglob("*")) == []


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
    ("page", "href", "font"),
    [
        ("lecture/tanh/index.html", "../../assets/css/a.css", "../../assets/fonts/a.woff2"),
        ("index.html", "assets/css/a.css", "assets/fonts/a.woff2"),
        ("404.html", "/assets/css/a.css", "/assets/fonts/a.woff2"),
        ("404.html", "/notes/assets/css/a.css", "/notes/assets/fonts/a.woff2"),
    ],
)
def test_a_style_sheet_is_written_into_the_page(
    built: Path, page: str, href: str, font: str
) -> None:
    (built / page).write_text(f'<head><link rel="stylesheet" href="{href}"></head>')
    assert finish(built, built) == []
    whole = (
        f'<head><style>@font-face{{src:url("{font}")}} '
        "b{mask:url(data:image/svg+xml,x) url(#id)}</style></head>"
    )
    assert (built / page).read_text() == whole
    assert finish(built, built) == []
    assert (built / page).read_text() == whole


def test_foreign_style_sheets_stay_links(built: Path) -> None:
    page = '<link rel="stylesheet" href="https://example.org/a.css">'
    (built / "index.html").write_text(page)
    assert finish(built, built) == []
    assert (built / "index.html").read_text() == page


def test_a_missing_style_sheet_is_a_problem(built: Path) -> None:
    page = '<link rel="stylesheet" href="assets/css/b.css">'
    names = [f"{letter}.html" for letter in "abcdefgh"]
    for name in reversed(names):
        (built / name).write_text(page)
    missing = "the style sheet assets/css/b.css is not in the site"
    assert finish(built, built) == [f"{name}: {missing}" for name in names]
    assert {(built / name).read_text() for name in names} == {page}


def test_every_step_is_taken(built: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    docs = tmp_path_factory.mktemp("docs")
    (docs / "chapters.toml").write_text(
        'video = "V"\nlength = 9\n[[chapters]]\nnumber = 1\ntitle = "One"\nstart = 0\n'
        'page = "index.md"\n'
    )
    (built / "index.html").write_text(
        '<head><title>T</title></head><nav class="lit-nav"><ul><li><a href=".">Home</a></li></ul>'
        '</nav><article><h1 id="m.f">T</h1><p>Words</p><pre><span class="nn">m</span> '
        f'<span class="kn">import</span> f</pre>{ROOT_FORMULA}</article>'
    )
    assert finish(built, docs) == []
    assert '<a class="lit-entry" href="./#m.f">f</a>' in (built / "index.html").read_text()
    made = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {name for name in made if not name.startswith("search/")} == {
        *("index.html", "index.md", "llms.txt", "assets/css/a.css", "assets/lecture.json"),
        "assets/fonts/stix-two-math.woff2",  # as the style sheet of the maths names it
    }
    assert "search/words.json" in made


@pytest.mark.parametrize("formula", ["", ROOT_FORMULA])
def test_the_font_is_there_if_a_page_needs_it(built: Path, formula: str) -> None:
    page = built / "index.html"
    page.write_text(f'<link rel="stylesheet" href="assets/css/a.css">{formula}√')
    finish(built, built)
    assert page.read_text().startswith("<style>")
    assert page.read_text().endswith(f"</style>{formula}√")
    assert (built / finish_steps.MATHS_FONT).exists() == bool(formula)
    assert list(built.rglob(".*.html.*")) == [], "nothing is left half-written"


def test_the_repositorys_address_is_filled_into_notebooks(built: Path) -> None:
    setup = 'REPOSITORY = ""  # where it is\nprint("REPOSITORY")'
    notebook = built / "lecture" / "x.ipynb"
    notebook.write_text(json.dumps({"cells": [{"source": [setup]}]}))
    finish(built, built)
    assert json.loads(notebook.read_text())["cells"][0]["source"] == [setup]
    finish(built, built, repository="https://e.org/o/r")
    source = json.loads(notebook.read_text())["cells"][0]["source"]
    assert source == [setup.replace('""', '"https://e.org/o/r"')]


def test_the_command_for_other_builders_takes_the_steps(built: Path) -> None:
    (built / "index.html").write_text('<link rel="stylesheet" href="assets/css/a.css">')
    (built / "x.ipynb").write_text(json.dumps({"cells": [{"source": ['REPOSITORY = ""']}]}))
    (built / "docs").mkdir()
    command = ["finish", str(built), "--docs", str(built / "docs"), "--repository", "https://e.org"]
    subprocess.run([sys.executable, "-m", "literate", *command], check=True)
    assert "<style>" in (built / "index.html").read_text()
    assert "https://e.org" in (built / "x.ipynb").read_text()


def test_a_problem_that_a_step_finds_fails_the_command(built: Path) -> None:
    (built / "index.html").write_text('<link rel="stylesheet" href="assets/css/b.css">')
    command = [sys.executable, "-m", "literate", "finish", str(built), "--docs", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the style sheet assets/css/b.css is not in the site" in done.stderr
