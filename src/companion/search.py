"""The index of the site's search: one entry for each section of the built pages.

Pagefind makes the index, in pieces of which a browser loads what a query needs. It is given small
documents of our own instead of the pages: a section's words, with its title and its page's as
fields that weigh more; formulas as a person would type them; code, which weighs less; and neither
outputs nor navigation. `find.js` asks the index, and takes misspelt words from `words.json`.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from companion.built import pages
from literate.store import write_whole

FOLDER = "search"  # in the site

# Characters that belong to words here: names of code, shares, powers.
WORD_CHARACTERS = "_/^⁻√"

# What is typed for a sign, found in the sections whose formulas have it.
SPOKEN = {
    "√": "sqrt square root",
    "∑": "sum",
    "∂": "derivative partial",
    "σ": "sigma",
    "μ": "mu",
    "γ": "gamma",
    "β": "beta",
    "ε": "epsilon eps",
    "ϵ": "epsilon eps",
    "δ": "delta",
    "η": "eta learning rate",
    "∞": "infinity",
}

_SUPERSCRIPT = str.maketrans("0123456789-−+n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺ⁿ")
_POWER_OF_TEN = re.compile(r"\b(?:10\^\{?([-−]?\d+)\}?|1e([-−+]?\d+))")
_MATHS = re.compile(r"<math\b.*?</math>", re.DOTALL)
_HEADINGS = ("h1", "h2", "h3")
_VOID = {"br", "hr", "img", "input", "wbr", "source", "col"}
_PROGRAM = ("pagefind", "--silent")
_UNUSED = ("pagefind-*ui*", "pagefind-highlight.js", "wasm.unknown.pagefind")


@dataclass
class Section:
    """A heading of a page and what stands below it, up to the next one.

    Attributes:
        address: Where it is, seen from the site's root.
        page: The page's title.
        title: The section's; for the beginning of a page the page's.
        prose: Sentences, captions, tables and formulas.
        code: The blocks.
        entry: Whether it's an entry of the reference, which weighs less: who asks a question wants
            the notes.
    """

    address: str
    page: str = ""
    title: str = ""
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    entry: bool = False


def index(site: Path) -> None:
    """Write the search index of the built site into its folder `search`, if it has any text.

    Raises:
        RuntimeError: If Pagefind makes none.
    """
    found = [
        section
        for path, page in pages(site, "index.html")
        for section in sections(page, _address(path, site))
    ]
    target = site / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    if not found:
        return
    _make_pieces(found, target)
    for pattern in _UNUSED:
        for path in target.glob(pattern):
            path.unlink()
    words = json.dumps(vocabulary(found), ensure_ascii=False, separators=(",", ":"))
    write_whole(target / "words.json", words.encode())


def sections(page: str, address: str) -> list[Section]:
    """Return the sections of a page's article, in order; a page without an article has none."""
    _, start, article = page.partition("<article")
    article, _, _ = article.partition("</article>")
    reader = _Reader(address)
    reader.feed(_MATHS.sub(lambda formula: html.escape(spelt(formula[0])), start + article))
    return [section for section in reader.sections if section.prose or section.code]


def spelt(mathml: str) -> str:
    """Return a formula as a line of text, such as `std(x) = √(fan_in) · 10⁻³`."""
    known = re.sub(r"&(?!(?:amp|lt|gt|quot|apos|#\w+);)\w+;", lambda e: html.unescape(e[0]), mathml)
    known = re.sub(r"<math[^>]*>", "<math>", known)
    line = "".join(_spelt(ElementTree.fromstring(known)))
    return re.sub(r"\s+", " ", line.replace("\u2061", "")).strip()


def powers(text: str) -> str:
    """Write powers of ten in one way: `1e-3` and `10^-3` become `10⁻³`."""
    return _POWER_OF_TEN.sub(
        lambda power: "10" + (power[1] or power[2]).lstrip("+").translate(_SUPERSCRIPT), text
    )


def vocabulary(found: Iterable[Section]) -> list[str]:
    """Return the words with four letters or more, of code too, the most frequent first."""
    counted = Counter(
        word.lower()
        for section in found
        for text in (section.title, *section.prose, *section.code)
        for word in re.findall(r"[^\W\d_]{4,}(?:\d\w?)?", text)
    )
    return [word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def document(section: Section) -> str:
    """Return a section as the HTML that is indexed."""
    prose = powers(" ".join(section.prose))
    code = powers(" ".join(section.code))
    spoken = " ".join(words for sign, words in SPOKEN.items() if sign in prose)
    fields = {
        "entry" if section.entry else "title": section.title,
        "page": section.page,
        "spoken": spoken,
        "address": section.address,
    }
    meta = "".join(
        f'<span data-pagefind-meta="{name}[content]" content="{html.escape(value)}"></span>'
        for name, value in fields.items()
        if value
    )
    weight = ' data-pagefind-weight="0.5"' if section.entry else ""
    return (
        f'<html lang="en"><body>{meta}<p{weight}>{html.escape(prose)}</p>'
        f'<p data-pagefind-weight="0.4">{html.escape(code)}</p></body></html>'
    )


def _make_pieces(found: list[Section], target: Path) -> None:
    """Hand the documents to Pagefind's program (its Python interface takes 0.1 s for each)."""
    with tempfile.TemporaryDirectory() as folder:
        for number, section in enumerate(found):
            Path(folder, f"{number:05}.html").write_text(document(section), encoding="utf-8")
        command = [sys.executable, "-m", *_PROGRAM]
        options = {"site": folder, "output-path": target, "include-characters": WORD_CHARACTERS}
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"Pagefind made no index of the site: {run.stdout}{run.stderr}")


class _Reader(HTMLParser):
    """Sorts the text of an article into sections."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.sections: list[Section] = []
        self._left_out = 0  # depth within an element that is not indexed
        self._heading = self._code = False
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in _VOID:
            self._text.append(" ")
            return
        if self._left_out:
            self._left_out += 1
        elif _is_left_out(tag, attributes):
            self._left_out = 1
            if tag == "svg" and self.sections and (label := attributes.get("aria-label")):
                self.sections[-1].prose.append(label)
        elif tag in _HEADINGS:
            self._flush()
            anchor = attributes.get("id") if tag != "h1" else None
            page = self.sections[0].page if self.sections else ""
            self.sections.append(Section(self.address + (f"#{anchor}" if anchor else ""), page))
            self.sections[-1].entry = "doc-heading" in (attributes.get("class") or "").split()
            self._heading = True
        elif tag == "pre":
            self._flush()
            self._code = True

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self._left_out:
            self._left_out -= 1
        elif tag in _HEADINGS:
            self._flush()
            self._heading = False
        elif tag == "pre":
            self._flush()
            self._code = False
        elif tag in {"p", "li", "td", "th", "div", "figcaption", "summary", "dt", "dd"}:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self._text.append(data)

    def _flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if not text or not self.sections:
            return
        section = self.sections[-1]
        if self._heading:
            section.title = text
            section.page = section.page or text
        else:
            (section.code if self._code else section.prose).append(text)


def _is_left_out(tag: str, attributes: dict[str, str | None]) -> bool:
    classes = (attributes.get("class") or "").split()
    return (
        tag in {"nav", "svg", "script", "style", "template", "button"}
        or "data-search-exclude" in attributes
        or not {"headerlink", "lit-contents", "lit-download", "lit-moment"}.isdisjoint(classes)
    )


def _address(path: Path, site: Path) -> str:
    folder = path.parent.relative_to(site).as_posix()
    return "" if folder == "." else f"{folder}/"


def _spelt(element: ElementTree.Element) -> Iterator[str]:
    parts = ["".join(_spelt(child)) for child in element]
    match element.tag:
        case "mo":
            sign = element.text or ""
            yield f" {sign} " if sign in "=+−<>≤≥≈·×∼→∝" and sign else sign
        case "mfrac":
            yield f"{_grouped(parts[0])}/{_grouped(parts[1])}"
        case "msqrt":
            yield "√" + _grouped("".join(parts))
        case "msup":
            yield _raised(*parts)
        case "msub":
            yield _lowered(*parts)
        case "msubsup":
            yield _raised(_lowered(parts[0], parts[1]), parts[2])
        case "mover":
            yield parts[0]  # a hat or a bar
        case "munder" | "munderover":
            yield f"{parts[0]} "
        case "mspace":
            yield " "
        case "mtr":
            yield f"{' '.join(parts)}; "
        case _:
            yield (element.text or "") + "".join(parts)


def _raised(base: str, power: str) -> str:
    raised = power.replace(" ", "").translate(_SUPERSCRIPT)
    simple = all(character in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ" for character in raised)
    return base + (raised if simple else f"^{_grouped(power)}")


def _lowered(base: str, below: str) -> str:
    return base + (below if below.isdigit() else f"_{_grouped(below)}")


def _grouped(part: str) -> str:
    part = part.strip()
    return part if re.fullmatch(r"[\w.√⁰-⁹¹²³ⁿ]*|√\([^()]*\)", part) else f"({part})"
