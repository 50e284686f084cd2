"""How formulas, numbers, code, tables and the map of the chapters come out on a page."""

import logging
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from markdown import Markdown

EXTENSIONS = [
    "admonition",
    "attr_list",
    "tables",
    "pymdownx.arithmatex",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "literate",
    "companion",
]
CONFIGS = {
    "pymdownx.arithmatex": {"generic": True},
    "pymdownx.highlight": {"pygments_lang_class": True},
}


class Site:
    """A docs folder, and the pages that plain Python-Markdown makes of it."""

    def __init__(self, docs: Path) -> None:
        self.docs = docs
        self.docs.mkdir()

    def page(self, text: str, name: str = "page") -> None:
        (self.docs / f"{name}.md").write_text(text, encoding="utf-8")

    def render(self, name: str = "page") -> str:
        markdown = Markdown(
            extensions=EXTENSIONS,
            extension_configs={**CONFIGS, "literate": {"docs": str(self.docs)}},
        )
        return markdown.convert((self.docs / f"{name}.md").read_text(encoding="utf-8"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "docs")


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


# Maths


def test_maths_becomes_mathml(site):
    site.page(
        "Inline $a < b$ and $1 - t^2$.\n\n"
        "$$\n\\begin{aligned} a &= b \\\\ c &< d \\end{aligned}\n$$\n"
    )
    html = site.render()
    root = tree(html)
    first, _ = [e for e in root.iter("span") if e.get("class") == "lit-math"]
    (display,) = [e for e in root.iter("div") if e.get("class") == "lit-math"]
    assert "".join(first.itertext()).strip() == "a<b"
    assert next(first.iter("math")).attrib == {"data-search-exclude": "", "data-latex": "a < b"}
    latex = "\\begin{aligned} a &= b \\\\ c &< d \\end{aligned}"
    assert next(display.iter("math")).get("display") == "block"
    assert next(display.iter("math")).get("data-latex") == latex
    assert display.attrib == {
        **{"class": "lit-math", "tabindex": "0", "role": "group"},
        "aria-label": f"Formula: {latex}",
    }
    assert [re.sub(r"\s", "", "".join(row.itertext())) for row in display.iter("mtr")] == [
        "a=b",
        "c<d",
    ]
    assert "\\(" not in html
    assert "amp;lt" not in html


def test_a_long_formula_is_named_by_its_beginning(site):
    terms = " + ".join(f"x_{{{number}}}" for number in range(20))
    whole = terms[:69] + "3"
    site.page(f"$$\n{terms}\n$$\n\n$$\n{whole}\n$$\n")
    long, short = (e.get("aria-label") for e in tree(site.render()).iter("div"))
    assert long == f"Formula: {terms[:69]}…"
    assert short == f"Formula: {whole}"


def test_what_closes_a_sentence_stays_with_the_formula_before_it(site):
    site.page("Divide by $n$; the other ($m$) by $n - 1$. Then $k$ is left.\n")
    root = tree(site.render())
    formulas = [e for e in root.iter("span") if e.get("class") == "lit-math"]
    assert ["".join(e.itertext()) for e in formulas] == ["n;", "m)", "n−1.", "k"]
    assert [e.tail for e in formulas] == [" the other (", " by ", " Then ", " is left."]


def test_formula_that_is_not_latex_is_a_warning(site, warnings):
    site.page("Text $\\nosuchcommand{x}$.\n")
    site.render()
    (message,) = warnings.messages
    assert message.startswith("math error in `\\nosuchcommand{x}`: ")
    assert "\x1b" not in message, "colours of a terminal"
    assert warnings.records[0].name == "mkdocs.plugins.companion"


# Numbers


def test_negative_numbers_have_a_minus_sign_and_percent_signs_stay_with_their_number(site):
    site.page("From -3 to -2.5 (-1), **-4** and -5: 20 % of it, and 3 %.\n")
    text = "".join(tree(site.render()).itertext()).strip()
    assert text == "From −3 to −2.5 (−1), −4 and −5: 20\u00a0% of it, and 3\u00a0%."


def test_code_maths_and_hyphens_stay_as_they_are(site):
    site.page(
        "Code `-3` and `5 %`, a 5-layer net, 2026-11-21, 1e-5, ResNet-50, x -y, **Res**-50, "
        "<https://a.example/?-3>.\n\n"
        "    -7 %\n\n$x^{-1}$ and $-2$\n"
    )
    root = tree(site.render())
    text = "".join(root.itertext())
    assert (
        "Code -3 and 5 %, a 5-layer net, 2026-11-21, 1e-5, ResNet-50, x -y, Res-50, https://a.example/?-3."
        in text
    )
    assert "-7 %" in text
    assert len(list(root.iter("math"))) == 2


# Chapters

CHAPTERS = """
video = "VIDEO"
length = 300
[[chapters]]
number = 1
title = "Whole"
start = 0
page = "whole.md"
about = "All of it."
[[chapters]]
number = 2
title = "Half"
start = 100
page = "half.md#here"
about = "One half."
[[chapters]]
number = 3
title = "None"
start = 200
"""


@pytest.fixture
def lecture(site: Site) -> Site:
    site.page("Text.\n", "whole")
    site.page("Text.\n", "half")
    (site.docs / "chapters.toml").write_text(CHAPTERS)
    return site


def test_table_of_chapters_is_computed(lecture, warnings):
    lecture.page("# Map\n\n[[chapters]]\n\nAfter.\n", "index")
    rows = [
        ["".join(cell.itertext()) for cell in row]
        for row in tree(lecture.render("index")).iter("tr")
    ]
    assert rows == [
        ["No.", "Chapter", "Starts at", "To read"],
        ["1", "WholeAll of it.", "0:00", "1 min"],
        ["2", "HalfOne half.", "1:40", "1 min"],
        ["3", "None", "3:20", "to come"],
    ]
    assert 'href="half.md#here"' in lecture.render("index")
    assert warnings.messages == []


# Keyboard and size


def test_code_and_tables_can_be_focused(site):
    site.page("| a |\n|--|\n| b |\n\n`<table></table>`\n\n```text\nx\n```\n")
    html = site.render()
    assert '<div class="lit-table" role="group" aria-label="Table" tabindex="0"><table' in html
    assert html.count('<div class="lit-table"') == 1
    assert '<pre tabindex="0"><code>' in html


def test_a_table_head_without_words_is_no_head(site):
    site.page("|   | a |\n|---|---|\n| b | c |\n\n`<th></th>`\n\n```text\nx\n```\n")
    html = site.render()
    assert "<td></td>\n<th>a</th>" in html
    assert "<code>&lt;th&gt;&lt;/th&gt;</code>" in html


def test_code_loses_the_elements_that_have_no_colour_and_none_of_its_text(site):
    code = 'for row in rows:\n    if row:\n\n        print(f"{row:>5}", row[0] < -1.5)  # "n" <p>\n'
    site.page(f"```python\n{code}```\n")
    html = site.render()
    kinds = set(re.findall('<span class="(.*?)"', html))
    assert {"k", "nb", "s2", "mf", "c1"} < kinds
    assert not kinds & {"n", "o", "p", "w"}
    shown = next(e for e in tree(html).iter("code"))
    assert "".join(shown.itertext()) == code


# Beside other extensions


def test_times_and_words_of_the_glossary_are_set_where_the_page_is_known(site):
    site.page("## gain { #gain }\n\nA factor.\n", "glossary")
    site.page("```python\nx\n```\n\n[4:19](https://youtu.be/x?t=259) A gain of -1.\n")
    (paragraph,) = [p for p in tree(site.render()).iter("p") if p.get("class") is None]
    assert [a.get("class") for a in paragraph.iter("a")] == ["lit-moment", "lit-term"]
    assert "".join(paragraph.itertext()) == "4:19 A gain of −1."


def test_other_extensions_find_the_parts_by_their_names():
    md = Markdown(extensions=["literate", "companion"])
    for part in ("maths", "numbers", "moments", "terms"):
        assert f"companion-{part}" in md.treeprocessors
    assert "companion" in md.postprocessors


def test_it_comes_after_literate_and_says_so():
    with pytest.raises(ValueError, match="expected the extension `literate` before `companion`"):
        Markdown(extensions=["companion", "literate"])


def test_rendering_loads_neither_torch_nor_matplotlib_nor_mkdocs(
    site, assert_it_loads_nothing_heavy
):
    site.page("$x^2$\n")
    assert_it_loads_nothing_heavy(
        "import markdown\n"
        f"html = markdown.markdown('$x^2$', extensions={EXTENSIONS!r},\n"
        f"    extension_configs={CONFIGS!r})\n"
        "assert '<math' in html, html\n"
    )


def tree(html: str) -> ET.Element:
    """The page as elements; markup that does not nest properly fails here."""
    html = re.sub(r"<(br|hr|img)\b([^>]*?)/?>", r"<\1\2/>", html)
    html = re.sub(r" data-search-exclude(?=[ >])", ' data-search-exclude=""', html)
    return ET.fromstring(f"<page>{re.sub(' xmlns=.[^ >]*', '', html)}</page>")
