"""What makes a page pleasant to read: times in the margin, words explained, outputs as tables.

These are parts of the Markdown extension (`literate.markdown_ext`); each knows nothing of blocks
and of the store.
"""

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

MOMENT = re.compile(r"https://youtu\.be/[\w-]+\?t=\d+")

_ROW = re.compile(r"^\|.*\|\s*$")
_RULE = re.compile(r"^\|[\s:|-]+\|\s*$")
_HEADING = re.compile(r"^## (?P<names>[^{\n]+?)\s*\{\s*#(?P<slug>[\w-]+)\s*\}\s*$")
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


def read_glossary(path: Path) -> list[Term]:
    """Read the entries of a glossary page: `## name, other name { #slug }` and a paragraph each."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    terms = []
    for number, line in enumerate(lines):
        if (match := _HEADING.match(line)) is None:
            continue
        below = "\n".join(lines[number + 1 :]).strip()
        definition = " ".join(_MARKUP.sub(r"\1", re.split(r"\n\s*\n", below)[0]).split())
        names = tuple(name.strip() for name in match["names"].split(","))
        terms.append(Term(names, match["slug"], definition))
    return terms


class Terms(Treeprocessor):
    """Links a word of the glossary where it first stands on a page, its definition at hand."""

    def __init__(self, md: Markdown, docs: Path) -> None:
        super().__init__(md)
        self.docs = docs
        self.page: Path | None = None
        """The page that is converted; without it, or on the glossary, no word is linked."""

    def run(self, root: ET.Element) -> None:  # noqa: D102
        glossary = self.docs / "glossary.md"
        if self.page is None or self.page == glossary:
            return
        depth = len(self.page.relative_to(self.docs).parts) - 1
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


def printed(number: int, text: str) -> str:
    """Return as HTML what block `number` printed: tables as tables, the rest as it stands."""
    parts = [
        _table(lines) if is_table else _plain(number, lines)
        for is_table, lines in _parts(text.rstrip("\n").split("\n"))
    ]
    return f'<div class="lit-output" data-search-exclude>{"".join(parts)}</div>'


def _parts(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Runs of lines that are a Markdown table, and the runs between them."""
    plain: list[str] = []
    rest = list(lines)
    while rest:
        if len(rest) > 1 and _ROW.match(rest[0]) and _RULE.match(rest[1]):
            end = next((i for i, line in enumerate(rest) if not _ROW.match(line)), len(rest))
            if any(line.strip() for line in plain):
                yield False, plain
            yield True, rest[:end]
            plain, rest = [], rest[end:]
        else:
            plain.append(rest.pop(0))
    if any(line.strip() for line in plain):
        yield False, plain


def _plain(number: int, lines: list[str]) -> str:
    text = html.escape("\n".join(lines).strip("\n"), quote=False)
    return (
        f'<pre tabindex="0" role="group" aria-label="Output of block {number}">'
        f"<code>{text}\n</code></pre>"
    )


def _table(lines: list[str]) -> str:
    head, rule, *body = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
    )
    sides = [' class="lit-number"' if cell.endswith(":") else "" for cell in rule]

    def row(cells: list[str], tag: str) -> str:
        return "".join(_cell(cell, tag, side) for cell, side in zip(cells, sides, strict=False))

    rows = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in body)
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(text: str, tag: str, attributes: str) -> str:
    """A cell; above a column of names stands nothing, which is no header then."""
    tag = tag if text else "td"
    return f"<{tag}{attributes}>{html.escape(text, quote=False)}</{tag}>"
