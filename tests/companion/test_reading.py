"""Times in the margin, words explained."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from markdown import Markdown

from companion.reading import Moments, Terms, read_glossary

VIDEO = "https://youtu.be/P6sfmUTpUmc"
GLOSSARY = """# Glossary

Words.

## fan-in, fan in { #fan-in }

The number of **inputs** of a [unit](index.md).
On two lines.

More of it.

## gain { #gain }

A factor of the weights.
"""


def moments(text: str) -> list[str]:
    md = Markdown()
    md.treeprocessors.register(Moments(md), "moments", 1)
    root = ET.fromstring(f"<div>{md.convert(text)}</div>")
    found = [a for a in root.iter("a") if a.get("class") == "lit-moment"]
    for link in found:
        assert link.get("aria-label") == f"{link.text}, play the lecture from here"
    return [link.text or "" for link in found]


def test_time_at_the_start_of_a_paragraph_or_an_item_is_set_apart():
    text = f"[4:19]({VIDEO}?t=259) Text.\n\n- [5:00]({VIDEO}?t=300) Item.\n- Other.\n"
    assert moments(text) == ["4:19", "5:00"]


@pytest.mark.parametrize(
    ("tag", "link"), [("p", True), ("li", True), ("figcaption", True), ("div", False)]
)
def test_time_is_set_apart_at_the_start_of_captions_too(tag, link):
    root = ET.fromstring(f'<div><{tag}>\n<a href="{VIDEO}?t=1">0:01</a> It falls.</{tag}></div>')
    Moments(Markdown()).run(root)
    assert (root.find(f"{tag}/a[@class='lit-moment']") is not None) == link


@pytest.mark.parametrize(
    "text",
    [
        f"Text [4:19]({VIDEO}?t=259).",
        "[A page](other.md) first.",
        f"[The lecture]({VIDEO}) first.",
        f"**Bold** [4:19]({VIDEO}?t=259).",
    ],
)
def test_other_links_stay_as_they_are(text):
    assert moments(text) == []


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "glossary.md").write_text(GLOSSARY, encoding="utf-8")
    return tmp_path


def linked(docs: Path, text: str, page: str | None = "lecture/page.md") -> list[tuple[str, str]]:
    md = Markdown(extensions=["tables", "attr_list"])
    terms = Terms(md, docs, lambda: None if page is None else docs / page)
    md.treeprocessors.register(terms, "terms", 1)
    root = ET.fromstring(f"<div>{md.convert(text)}</div>")
    return [
        (a.text or "", a.get("href") or "") for a in root.iter("a") if a.get("class") == "lit-term"
    ]


def test_glossary_is_read_with_its_first_paragraphs(docs):
    terms = read_glossary(docs / "glossary.md")
    assert [(term.names, term.slug) for term in terms] == [
        (("fan-in", "fan in"), "fan-in"),
        (("gain",), "gain"),
    ]
    assert terms[0].definition == "The number of inputs of a unit. On two lines."
    assert read_glossary(docs / "none.md") == []


def test_first_place_of_each_word_is_linked_to_the_glossary(docs):
    text = "# The gain\n\nThe `gain` and *the* Fan in, some gains and a gain.\n\n- fan-in\n"
    assert linked(docs, text) == [
        ("Fan in", "../glossary.md#fan-in"),
        ("gains", "../glossary.md#gain"),
    ]


def test_the_longest_of_a_words_names_is_linked(docs):
    (docs / "glossary.md").write_text("## net, net of nets { #net }\n\nLayers.\n")
    assert linked(docs, "A net of nets.") == [("net of nets", "../glossary.md#net")]


def test_words_inside_other_words_links_and_code_are_none(docs):
    assert linked(docs, "Again, `gain`, [gain](x.md), gain-like, bargain.") == []


@pytest.mark.parametrize(
    ("html", "count"),
    [
        *((f"<{tag}>gain</{tag}>", 1) for tag in ("p", "li", "td", "dd")),
        *((f"<p><{tag}>gain</{tag}></p>", 1) for tag in ("strong", "em")),
        *((f"<{tag}>gain</{tag}>", 0) for tag in ("strong", "em", "span", "div", "th", "dt")),
        *(
            (f"<{tag}><p>gain</p></{tag}>", 0)
            for tag in ("pre", "code", "a", "h1", "h2", "h3", "h4", "figure", "summary", "math")
        ),
        *((f'<p class="{name}">gain</p>', 0) for name in ("arithmatex", "admonition-title")),
    ],
)
def test_words_are_linked_in_prose_alone(docs, html, count):
    root = ET.fromstring(f"<div><div>{html}</div></div>")
    Terms(Markdown(), docs, lambda: docs / "index.md").run(root)
    assert len([a for a in root.iter("a") if a.get("class") == "lit-term"]) == count


@pytest.mark.parametrize(
    "text",
    ["A *gain*.", "A **gain**.", "- gains", "| a |\n|--|\n| gain |", "> Two\n> gaines.", "A GAIN"],
)
def test_words_are_linked_wherever_prose_stands(docs, text):
    assert [target for _, target in linked(docs, text, "a/b/page.md")] == ["../../glossary.md#gain"]


def test_text_around_a_word_stays_whole(docs):
    md = Markdown()
    md.treeprocessors.register(Terms(md, docs, lambda: docs / "index.md"), "terms", 1)
    html = md.convert("One gain **two** and, fan-in too.")
    assert "".join(ET.fromstring(html).itertext()) == "One gain two and, fan-in too."
    assert 'data-term="A factor of the weights."' in html
    assert 'href="glossary.md#gain"' in html


def test_glossary_itself_and_pages_that_are_not_known_have_no_links(docs):
    assert linked(docs, "A gain.", "glossary.md") == []
    assert linked(docs, "A gain.", None) == []
