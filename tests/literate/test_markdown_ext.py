"""Placing outputs and figures in a page, with plain Python-Markdown and without MkDocs."""

import logging
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from markdown import Markdown

from literate.markdown_ext import LiterateExtension, Source
from literate.page import CONT, read_page
from literate.store import Baked, Output, Store

EXTENSIONS = [
    "admonition",
    "attr_list",
    "footnotes",
    "md_in_html",
    "tables",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.tabbed",
]
CONFIGS = {
    "pymdownx.tabbed": {"alternate_style": True},
    "pymdownx.highlight": {"pygments_lang_class": True},
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><g id="{0}"><text>{0}</text></g></svg>\n'


class Site:
    """A docs folder with a store, and the pages that plain Python-Markdown makes of it."""

    def __init__(self, docs: Path) -> None:
        self.docs = docs
        self.store = Store(docs / "baked")

    def page(self, text: str, name: str = "page") -> Path:
        path = self.docs / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def bake(self, name: str = "page", *, texts: dict[int, str] | None = None) -> None:
        """What a test run would have written: `out N` and the announced figures of each block."""
        page = read_page(self.docs / f"{name}.md")
        outputs = {
            block.number: Output(
                block.key,
                (texts or {}).get(block.number, f"out {block.number}\n"),
                tuple(SVG.format(f"b{block.number}f{i + 1}") for i in range(len(block.figures))),
            )
            for block in page.blocks
        }
        self.store.write(name, Baked(outputs))

    def render(self, name: str = "page", *extensions: str) -> str:
        text = (self.docs / f"{name}.md").read_text(encoding="utf-8")
        text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # as MkDocs does
        literate = {"docs": str(self.docs)}
        markdown = Markdown(
            extensions=[*EXTENSIONS, *extensions, "literate"],
            extension_configs={**CONFIGS, "literate": literate},
        )
        return markdown.convert(text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "docs")


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def order(html: str, *parts: str) -> bool:
    """Whether each part occurs, once, after the one before."""
    assert [html.count(part) for part in parts] == [1] * len(parts), html
    places = [html.index(part) for part in parts]
    return places == sorted(places)


# Places

PLACES = {
    "at top level": ("", "", '<div class="language-python'),
    "in an admonition": ('!!! note "Title"\n', "    ", '<div class="admonition note">'),
    "in details": ('??? note "Title"\n', "    ", '<details class="note">'),
    "in a tab": ('=== "Tab"\n', "    ", '<div class="tabbed-block">'),
    "in a numbered list": ("1. Item\n", "    ", "<ol>\n<li>"),
    "in a bullet list": ("- Item\n", "    ", "<ul>\n<li>"),
    "in a list in a list": ("- Item\n\n    1. Inner\n", "        ", "<ol>\n<li>"),
    "in a tab in an admonition": ('!!! note\n\n    === "T"\n', "        ", '"tabbed-block">'),
}
BODY = """
```python
x = 1

plot()
```

![Alt "text"](baked)
Caption with a < b and `code`.

After.
"""


@pytest.mark.parametrize(("head", "indent", "tag"), PLACES.values(), ids=PLACES)
def test_output_and_figure_stand_below_their_block_inside_what_holds_it(
    site, head, indent, tag, warnings
):
    body = "\n".join(indent + line if line else "" for line in BODY.split("\n"))
    site.page(f"# Title\n\n{head}{body}\n\nOutside.\n")
    site.bake()
    html = site.render()
    assert warnings.messages == []
    assert order(
        html,
        tag,
        "plot</span>",
        '<div class="lit-output"',
        "out 1\n",
        '<figure class="lit-figure"',
        '<svg role="img" aria-label="Alt &quot;text&quot;" xmlns',
        "<figcaption>Caption with",
        "</figcaption>",
        "<p>After.</p>",
        "<p>Outside.</p>",
    )
    root = tree(html)
    holder = next(e for e in root.iter() if {c.tag for c in e} >= {"figure", "div"})
    inside = [child.tag for child in holder if child.tag in {"div", "figure", "p"}]
    assert inside[inside.index("figure") - 2 :][:4] == ["div", "div", "figure", "p"]
    assert (holder.tag == "page") == (indent == "")


def test_fence_directly_below_a_paragraph_and_above_a_figure_is_set_apart(site, warnings):
    site.page("Text.\n```python\nplot()\n```\n![Alt](baked) Caption\n")
    site.bake()
    html = site.render()
    assert [child.tag for child in tree(html)] == ["p", "div", "div", "figure"]
    assert warnings.messages == []


def test_whole_page_has_unique_ids_and_no_placeholder_left(site, warnings):
    fence = (
        "\n```python\nplot({0})\n```\n\n![Alt {0}](baked)\nCaption {0}.\n\n![Again](baked)\nMore.\n"
    )
    page = "# Title\n" + "".join(
        f"\n{CONT}\n{fence.format(n)}\nText {n}.\n" for n in range(1, 6)
    ).replace(f"\n{CONT}\n", "", 1)
    site.page(page)
    site.bake()
    html = site.render()
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == 10
    assert len(set(ids)) == 10
    assert html.count("<figure ") == html.count("<figcaption>") == 10
    assert html.count('class="lit-output"') == 5
    for placeholder in ("\x02", "\x03", "wzxhzdk", "klzzwxh", "(baked", 'src="baked'):
        assert placeholder not in html
    assert warnings.messages == []


def test_block_without_output_shows_none(site):
    site.page("```python\nx = 1\n```\n")
    site.bake(texts={1: ""})
    assert "lit-" not in site.render()


def test_output_is_shown_as_it_was_printed(site):
    site.page("```python\nx\n```\n")
    printed = "<b> & 'a' \"b\"\n\n  indented\n# no heading\n*no emphasis* [[map]]\n"
    site.bake(texts={1: printed})
    html = site.render()
    (pre,) = [e for e in tree(html).iter("pre") if e.get("role")]
    assert "".join(pre.itertext()) == printed
    assert 'aria-label="Output of block 1"' in html


def test_front_matter_tabs_line_ends_and_lone_spaces_do_not_hide_the_page(site, warnings):
    path = site.page("")
    text = "---\ntitle: x\n---\n\n# T\n   \n```python\nif x:\n\ty = 1\n```\n  \nEnd.\n"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    site.bake()
    assert "out 1" in site.render()
    assert warnings.messages == []


def test_pages_with_equal_blocks_get_their_own_outputs(site):
    for name in ("one", "part/two"):
        site.page(f"# {name}\n\n```python\nx\n```\n", name)
    site.bake("one", texts={1: "of one\n"})
    site.bake("part/two", texts={1: "of two\n"})
    assert "of one" in site.render("one")
    assert "of two" in site.render("part/two")


def test_store_elsewhere_is_an_option(site, tmp_path):
    site.page("```python\nx\n```\n")
    site.store = Store(tmp_path / "elsewhere")
    site.bake()
    text = (site.docs / "page.md").read_text()
    options = {"docs": str(site.docs), "store": str(tmp_path / "elsewhere")}
    markdown = Markdown(
        extensions=["fenced_code", "literate"], extension_configs={"literate": options}
    )
    assert "out 1" in markdown.convert(text)


def test_one_renderer_can_convert_page_after_page(site):
    literate = {"docs": str(site.docs)}
    markdown = Markdown(
        extensions=[*EXTENSIONS, "literate"], extension_configs={**CONFIGS, "literate": literate}
    )
    for name in ("one", "two"):
        site.page(f"# {name}\n" + BODY, name)
        site.bake(name, texts={1: f"of {name}\n"})
    for name in ("one", "two"):
        html = markdown.reset().convert((site.docs / f"{name}.md").read_text())
        assert f"of {name}" in html
        assert html.count("<figure") == 1


def test_a_figure_of_the_page_before_is_none_of_the_next(site):
    literate = {"docs": str(site.docs)}
    markdown = Markdown(
        extensions=[*EXTENSIONS, "literate"], extension_configs={**CONFIGS, "literate": literate}
    )
    site.page(BODY)
    site.bake()
    assert "<figure" in markdown.convert(BODY)
    assert "<figure" not in markdown.reset().convert("![Alt](baked-1-1)\n")


# Figures


def test_alt_text_and_caption_keep_what_markdown_makes_of_them(site):
    site.page(
        '```python\nx\n```\n\n![R&D: a < b, *h* in `tanh`, "q"](baked)\n'
        "**Claim.** See [this](https://example.org), x.\n\n![Plain](baked) Other *caption*\n"
    )
    site.bake()
    html = site.render()
    assert 'aria-label="R&amp;D: a &lt; b, *h* in tanh, &quot;q&quot;"' in html
    assert '<figcaption><strong>Claim.</strong> See <a href="https://example.org">this</a>' in html
    assert "<figcaption>Other <em>caption</em></figcaption>" in html
    figures = list(tree(html).iter("figure"))
    assert ["data-search-exclude" in figure.attrib for figure in figures] == [True, True]


def test_alt_text_may_take_two_lines_and_a_caption_may_show_how_a_figure_is_written(site):
    site.page("```python\nx\n```\n\n![Two\nlines](baked) As `![a](baked)` says.\n")
    site.bake()
    html = site.render()
    assert 'aria-label="Two\nlines"' in html
    assert "<figcaption>As <code>![a](baked)</code> says.</figcaption>" in html


def test_figure_not_compared_keeps_its_reason_to_itself(site):
    site.page('```python\nx\n```\n\n![Alt](baked "not compared: chaotic") Caption\n')
    site.bake()
    assert "not compared" not in site.render()


def test_ordinary_images_stay_images(site):
    site.page("```python\nx\n```\n\n![Alt](photo.png) text\n")
    site.bake()
    html = site.render()
    assert '<img alt="Alt" src="photo.png"' in html
    assert "<figure" not in html


# Lines that are replaced


def with_map(site: Site, name: str = "page") -> str:
    """The page, with `[[map]]` replaced by a table that names it."""
    literate = LiterateExtension(docs=str(site.docs))
    literate.directives["[[map]]"] = table
    text = (site.docs / f"{name}.md").read_text()
    return Markdown(extensions=[*EXTENSIONS, literate], extension_configs=CONFIGS).convert(text)


def table(path: Path, docs: Path) -> list[str]:
    if path.stem == "bad":
        raise ValueError(f"{path}: expected a better page")
    return ["| page |", "|--|", f"| {path.relative_to(docs).as_posix()} |"]


def test_a_directive_moves_no_output_and_is_told_the_page(site, warnings):
    site.page("# T\n\n[[map]]\n" + BODY + "\n  [[map]]\n", "part/page")
    site.bake("part/page")
    root = tree(with_map(site, "part/page"))
    assert [child.tag for child in root] == ["h1", "table", "div", "div", "figure", "p", "table"]
    assert [cell.text for cell in root.iter("td")] == ["part/page.md"] * 2
    assert warnings.messages == []


def test_a_directive_is_replaced_on_a_page_without_blocks_and_in_a_fence_only_shown(site):
    site.page("# T\n\n```text\n[[map]]\n```\n\n[[map]]\n")
    html = with_map(site)
    assert html.count("<table>") == 1
    assert html.count("[[map]]") == 1


def test_a_directive_that_cannot_be_followed_is_a_warning_and_stays(site, warnings):
    path = site.page("# T\n\n[[map]]\n", "bad")
    assert "[[map]]" in with_map(site, "bad")
    assert warnings.messages == [f"{path}: expected a better page"]


# Warnings, with page and line


def told(site: Site, caplog: pytest.LogCaptureFixture, name: str = "page") -> list[str]:
    html = site.render(name)
    assert {record.name for record in caplog.records} <= {"mkdocs.plugins.literate"}
    assert "(baked" not in html
    return [message.removeprefix(f"{site.docs}/") for message in caplog.messages]


def test_output_never_baked_is_a_warning_and_shown(site, warnings):
    site.page("---\ntitle: x\n---\n\n# T\n\n```python\nx\n```\n")
    assert told(site, warnings) == ["page.md:7: block 1 was never baked"]
    assert (
        '<p class="lit-missing">The output of this block is missing or outdated: '
        "<code>pytest --bake</code> writes it.</p>"
    ) in site.render()


def test_outdated_output_is_a_warning_and_never_shown(site, warnings):
    site.page(f"# T\n\n```python\nx\n```\n\n{CONT}\n\n```python\ny\n```\n")
    site.bake()
    site.page(f"# T\n\n```python\nx\n```\n\n{CONT}\n\n```python\nz\n```\n")
    assert told(site, warnings) == [
        "page.md:9: the output of block 2 is outdated: the code up to it has changed"
    ]
    html = site.render()
    assert "out 1" in html
    assert "out 2" not in html


def test_damaged_output_is_a_warning(site, warnings):
    site.page("```python\nx\n```\n")
    site.bake()
    (site.store.root / "page/01.txt").write_text("edited\n")
    first, second = told(site, warnings)
    assert first == (
        f"page.md: {site.store.root}/page/01.txt is not what was baked (damaged or edited by "
        "hand): restore it from version control, or run `pytest --bake` for the page"
    )
    assert second == "page.md:1: block 1 was never baked"
    assert "edited" not in site.render()


def test_figure_without_its_text_is_a_warning(site, warnings):
    site.page("```python\nx\n```\n\n![Alt](baked) Caption\n")
    site.bake()
    site.page("```python\nx\n```\n\n![](baked) Caption\n")
    (message,) = told(site, warnings)
    assert message.startswith("page.md:1: the figure in line 5 has no alt text: ")


def test_page_that_cannot_be_read_is_a_warning_with_the_files_line(site, warnings):
    site.page("---\ntitle: x\n---\n\nText.\n\n```python\nx\n```\n\n```py\ny\n```\n")
    site.render()
    (message,) = warnings.messages
    assert message.startswith(f"{site.docs}/page.md:11: found the fence")


def test_text_of_no_page_is_a_warning(site, warnings):
    site.docs.mkdir()
    options = {"docs": str(site.docs)}
    markdown = Markdown(
        extensions=["fenced_code", "literate"], extension_configs={"literate": options}
    )
    html = markdown.convert(f"```python\n{'x' * 60}\n```\n")
    assert "x" in html
    beginning = "'```python\\n" + "x" * 48
    assert warnings.messages == [f"a page with python blocks is not in {site.docs}: {beginning}"]


def test_without_options_the_pages_are_in_docs_and_their_outputs_in_docs_baked(
    site, warnings, monkeypatch
):
    site.page("```python\nx\n```\n")
    site.bake()
    monkeypatch.chdir(site.docs.parent)
    assert "out 1" in Markdown(extensions=["literate"]).convert("```python\nx\n```\n")
    assert warnings.messages == []


@pytest.mark.parametrize("name", [".#page.md", "folder.md/", ".hidden/page.md", "latin.md"])
def test_files_beside_the_pages_hide_nothing(site, warnings, name):
    site.page(BODY)
    site.bake()
    other = site.docs / name
    if name == ".#page.md":  # the lock of an editor
        other.symlink_to("nobody@nowhere.1")
    elif name.endswith("/"):
        other.mkdir()
    else:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(BODY.encode() if name[0] == "." else b"\xff")
    assert "out 1" in site.render()
    assert warnings.messages == []


def test_a_copy_of_a_page_takes_no_output_away_and_is_named(site, warnings):
    site.page(BODY)
    site.bake()
    site.page("---\ntitle: A copy\n---\n" + BODY, "a copy")
    assert "out 1" in site.render()
    (message,) = warnings.messages
    copy, page = (str(site.docs / f"{name}.md") for name in ("a copy", "page"))
    assert message == f"{page}, {copy} have the same text: the outputs of the first are shown"


def test_a_page_that_ends_as_another_is_not_taken_for_it(site, warnings):
    site.page("# Longer\n" + BODY, "longer")
    site.page(BODY)
    site.bake(texts={1: "of the page\n"})
    assert "of the page" in site.render()
    assert warnings.messages == []


def test_other_extensions_find_the_parts_by_their_names():
    md = Markdown(extensions=["literate"])
    assert "literate" in md.preprocessors
    assert "literate-figures" in md.treeprocessors


# What a host tells


def hosted(site: Site, source: Source, text: str) -> str:
    literate = {"docs": str(site.docs), "page": lambda: source}
    return Markdown(
        extensions=[*EXTENSIONS, "literate"], extension_configs={**CONFIGS, "literate": literate}
    ).convert(text)


def test_the_page_that_a_host_names_is_the_one_and_no_other_is_read(site, warnings):
    for name in ("one", "two"):
        site.page(BODY, name)
        site.bake(name, texts={1: f"of {name}\n"})
    assert "of two" in hosted(site, Source(site.docs / "two.md"), BODY)
    assert warnings.messages == []


def test_a_text_that_another_plugin_changed_is_a_warning_that_names_the_page(site, warnings):
    path = site.page(BODY)
    site.bake()
    assert "out 1" not in hosted(site, Source(path), "More.\n" + BODY)
    told = "its text was changed before it came here: no output is shown"
    assert warnings.messages == [f"{path}: {told}"]


def test_a_text_that_a_page_takes_in_is_not_the_page(site, warnings):
    path = site.page("# Page\n\nIts own *words*.\n\n::: module\n")
    literate = LiterateExtension(docs=str(site.docs), page=lambda: Source(path))
    md = Markdown(extensions=[literate])
    told = []
    for text in ("# Page\n\nIts own *words*.\n\n::: module", "A docstring."):
        md.reset()
        md.convert(text)
        told.append(literate.path)
    assert told == [path, None]
    assert warnings.messages == []


def test_what_a_host_brings_is_shown_in_the_place_of_its_images(site, warnings):
    shown = {
        "output-1": '<div class="lit-output">one</div>',
        "baked-1-1": '<svg viewBox="0 0 1 1"></svg>',
        "baked-1-2": '<img src="data:image/png;base64,AA"/>',
    }
    text = (
        "```python\nx\n```\n\n![](output-1)\n\n![A &](baked-1-1)\n**B**\n\n![C](baked-1-2)\nD\n\n"
        "```text\n![](output-1)\n```\n"
    )
    html = hosted(site, Source(site.docs / "x.ipynb", shown), text)
    assert html.count('<div class="lit-output">one</div>') == 1
    assert html.count("<figure") == 2
    assert "<p><div" not in html
    assert '<svg role="img" aria-label="A &amp;" viewBox="0 0 1 1"></svg>' in html
    assert "<figcaption><strong>B</strong></figcaption>" in html
    assert '<img alt="C" src="data:image/png;base64,AA"/>' in html
    assert "![](output-1)" in html
    assert warnings.messages == []


def test_text_without_python_needs_no_file(site, warnings):
    site.docs.mkdir()
    options = {"docs": str(site.docs)}
    markdown = Markdown(
        extensions=["fenced_code", "literate"], extension_configs={"literate": options}
    )
    assert markdown.convert("Text.\n\n```text\nx\n```\n").startswith("<p>Text.</p>")
    assert warnings.messages == []


# Imports


def test_rendering_loads_neither_torch_nor_matplotlib_nor_mkdocs(
    site, assert_it_loads_nothing_heavy
):
    site.page(BODY)
    site.bake()
    assert_it_loads_nothing_heavy(
        "import pathlib, markdown\n"
        f"text = pathlib.Path({str(site.docs / 'page.md')!r}).read_text()\n"
        f"literate = {{'docs': {str(site.docs)!r}}}\n"
        f"html = markdown.markdown(text, extensions={[*EXTENSIONS, 'literate']!r},\n"
        f"    extension_configs={{**{CONFIGS!r}, 'literate': literate}})\n"
        "assert '<figure' in html, html\n"
    )


def tree(html: str) -> ET.Element:
    """The page as elements; markup that does not nest properly fails here."""
    html = re.sub(r"<(input|br|hr|img)\b([^>]*?)/?>", r"<\1\2/>", html)
    html = re.sub(r" (data-search-exclude|checked|open)(?=[ >])", r' \1=""', html)
    html = re.sub(r' xmlns="[^"]*"', "", html)
    return ET.fromstring(f"<page>{html.replace('&para;', '¶')}</page>")
