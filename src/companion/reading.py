"""What makes a page pleasant to read: times in the margin, words explained.

These are parts of the Markdown extension; each knows nothing of blocks and of the store.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

MOMENT = re.compile(r"https://youtu\.be/[\w-]+\?t=\d+")

_HEADING = re.compile(r"^## (?P<title>.+?)\s*\{\s*#(?P<slug>[\w-]+)\s*\}\s*$", re.MULTILINE)
_MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]")


class Moments(Treeprocessor):
    """Marks the time link at the start of a paragraph, so that the style sheet sets it apart."""

    def run(self, root: ET.Element) -> None:  # noqa: D102
        for parent in root.iter():
            if parent.tag not in ("p", "li", "figcaption") or (parent.text or "").strip():
                continue
            link = next(iter(parent), None)
            if link is None or link.tag != "a" or not MOMENT.match(link.get("href", "")):
                continue
            link.set("class", "lit-moment")
            link.set("aria-label", f"{link.text}, play the lecture from here")


@dataclass(frozen=True)
class Term:
    """An entry of the glossary: the words that it explains, its anchor, its first paragraph."""

    names: tuple[str, ...]
    slug: str
    definition: str


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Title, anchor and text of the sections that begin with `## title { #anchor }`."""
    parts = _HEADING.split(text)
    return zip(parts[1::3], parts[2::3], parts[3::3], strict=True)


def read_glossary(path: Path) -> list[Term]:
    """Read the entries of a glossary page: `## name, other name { #slug }` and a paragraph each."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    terms = []
    for title, slug, below in entries(text):
        paragraph = _MARKUP.sub(r"\1", re.split(r"\n\s*\n", below.strip())[0])
        names = tuple(name.strip() for name in title.split(","))
        terms.append(Term(names, slug, " ".join(paragraph.split())))
    return terms


class Terms(Treeprocessor):
    """Links a word of the glossary where it first stands on a page, its definition at hand.

    `page` tells which page is converted; where it is not known, and on the glossary, no word is
    linked.
    """

    def __init__(self, md: Markdown, docs: Path, page: Callable[[], Path | None]) -> None:
        super().__init__(md)
        self.docs = docs
        self.page = page

    def run(self, root: ET.Element) -> None:  # noqa: D102
        page, glossary = self.page(), self.docs / "glossary.md"
        if page is None or page == glossary:
            return
        depth = len(page.relative_to(self.docs).parts) - 1
        target = "../" * depth + "glossary.md"
        open_terms = read_glossary(glossary)
        for element in list(_prose(root)):
            for term in list(open_terms):
                if _link(element, term, f"{target}#{term.slug}"):
                    open_terms.remove(term)


_TEXT = ("p", "li", "td", "dd")
_INSIDE = ("strong", "em")


def _prose(element: ET.Element) -> Iterator[ET.Element]:
    """Elements whose own text is prose, in the order of the page."""
    for child in element:
        if child.tag in ("pre", "code", "a", "h1", "h2", "h3", "h4", "figure", "summary", "math"):
            continue
        if child.get("class") in ("arithmatex", "admonition-title"):
            continue
        if child.tag in _TEXT or (child.tag in _INSIDE and element.tag in _TEXT):
            yield child
        yield from _prose(child)


def _link(element: ET.Element, term: Term, target: str) -> bool:
    """Link the first of the term's names, or its plural, in the text directly inside `element`."""
    names = "|".join(re.escape(name) for name in sorted(term.names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?:{names})(?:e?s)?(?![\w-])", re.IGNORECASE)
    places = [(None, element.text), *((child, child.tail) for child in element)]
    for child, text in places:
        match = pattern.search(text or "")
        if match is None or text is None:
            continue
        link = ET.Element("a", {"class": "lit-term", "href": target, "data-term": term.definition})
        link.text, link.tail = match[0], text[match.end() :]
        if child is None:
            element.text = text[: match.start()]
            element.insert(0, link)
        else:
            child.tail = text[: match.start()]
            element.insert(list(element).index(child) + 1, link)
        return True
    return False
