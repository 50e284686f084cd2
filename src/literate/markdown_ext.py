"""The Python-Markdown extension that shows baked outputs below their blocks. It executes nothing.

Per page it places what each block printed, turns `![alt](baked) caption` into a figure with the
baked SVG inlined, sets the maths that arithmatex found as MathML, and replaces `[[chapters]]` by
the map of the chapters and `[[questions]]` by the viewers' questions. It warns of anything missing
or outdated, so that a strict build fails.
"""

import html
import logging
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

from literate.page import (
    FIGURE_TARGET,
    Block,
    Page,
    PageError,
    front_matter_end,
    normalise,
    read_page,
)
from literate.questions import DIRECTIVES, QuestionError
from literate.reading import Moments, Terms, printed
from literate.store import Baked, Store, StoreError, block_problems, page_files, page_name

# MkDocs counts warnings below this name, so that its strict mode fails on them.
_log = logging.getLogger("mkdocs.plugins.literate")

_OURS = re.compile(r"^\s*(?:(?:```|~~~)\W*py|\[\[\w+\]\]\s*$)", re.MULTILINE)
_AFTER_NORMALISE_BEFORE_FENCES = 27
_AFTER_INLINE = 15
_AFTER_MATHS = 14
_LAST = 13
_AFTER_RAW_HTML = 5
_LABEL_LENGTH = 70
_CLOSING = re.compile(r"[.,;:!?)\]”’]+")
_MINUS = re.compile(r"(?<![\w)\]/=^-])-(?=\d)")
_PERCENT = re.compile(r"(?<=\d)\s(?=%)")
_PLAIN_CODE = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')
_TABLE = re.compile(r"<table>(?P<rows>.*?)</table>", re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th([^>]*)></th>")
_MISSING = (
    '<p class="lit-missing">The output of this block is missing or outdated: '
    "<code>pytest --bake</code> writes it.</p>"
)


@dataclass(frozen=True)
class Source:
    """What a host tells of the page that it renders: the option `page` is a function that does.

    A page that is not written in Markdown brings what is `shown` in it: image targets, and the HTML
    that stands in their place.
    """

    path: Path
    shown: Mapping[str, str] | None = None


class LiterateExtension(Extension):
    """Options: `docs`, the folder of the pages; `store`, that of the baked outputs; `page`, a
    function that returns the `Source` being rendered: without it the page is found by its text.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "docs": ["docs", "the folder of the pages"],
            "store": ["", "the folder of the baked outputs; `baked` in `docs` if empty"],
            "page": ["", "a function that returns the source of the page being rendered"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: D102
        docs = Path(os.fspath(self.getConfig("docs")))
        store = self.getConfig("store")
        baked = Store(Path(os.fspath(store)) if store else docs / "baked")
        state = _State(docs, baked, self.getConfig("page") or (lambda: None), Terms(md, docs))
        md.registerExtension(self)
        self.reset = state.clear
        md.preprocessors.register(_Place(md, state), "literate", _AFTER_NORMALISE_BEFORE_FENCES)
        md.treeprocessors.register(_Draw(md, state), "literate-figures", _AFTER_INLINE)
        md.treeprocessors.register(_Maths(md), "literate-maths", _AFTER_INLINE)
        md.treeprocessors.register(_Numbers(md), "literate-numbers", _AFTER_MATHS)
        md.treeprocessors.register(Moments(md), "literate-moments", _AFTER_MATHS)
        md.treeprocessors.register(state.terms, "literate-terms", _LAST)
        md.postprocessors.register(_Finish(md), "literate", _AFTER_RAW_HTML)


def makeExtension(**options: Any) -> LiterateExtension:
    """The name by which Python-Markdown finds the extension of a module."""
    return LiterateExtension(**options)


@dataclass
class _State:
    docs: Path
    store: Store
    told: Any
    terms: Terms
    shown: dict[str, str] = field(default_factory=dict)
    """Target of an image in the current page -> the HTML in its place."""

    def clear(self) -> None:
        """Forget the page before."""
        self.shown.clear()
        self.terms.page = None

    def find(self, text: str, told: Path | None) -> tuple[Path, int] | None:
        """The page that `text` is of, and how many lines of the file precede it.

        Front matter is gone from what an extension gets. Where several pages have one text, their
        blocks are the same, and so are their outputs: any that is baked will do.
        """
        wanted, found = text.strip(), []
        for path in [told] if told else page_files(self.docs):
            whole = _text(path, path.stat().st_mtime_ns)
            body = "\n".join(whole.split("\n")[front_matter_end(whole) :])
            if wanted in (whole.strip(), body.strip()):
                before = whole[: len(whole) - len(wanted)].count("\n")
                found.append((path, before - text[: text.index(wanted)].count("\n")))
        found.sort(key=lambda item: not self.store.has(page_name(item[0], self.docs)))
        names = ", ".join(str(path) for path, _ in found)
        if told and not found:
            _log.warning("%s: its text was changed before it came here: no output is shown", told)
        elif not found:
            _log.warning("a page with python blocks is not in %s: %.60r", self.docs, wanted)
        elif len(found) > 1:
            _log.warning("%s have the same text: the outputs of the first are shown", names)
        return found[0] if found else None


@lru_cache(maxsize=1000)
def _text(path: Path, changed: int) -> str:
    return normalise(path.read_text(encoding="utf-8-sig", errors="replace")).rstrip()


class _Place(Preprocessor):
    """Puts printed output below its block, and gives each figure its address."""

    def __init__(self, md: Markdown, state: _State) -> None:
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        source: Source | None = self.state.told()
        self.state.terms.page = source.path if source else None
        if source and source.shown is not None:
            self.state.shown.update(source.shown)
            return lines
        text = "\n".join(lines)
        if not _OURS.search(text):
            return lines
        found = self.state.find(text, source.path if source else None)
        if found is None:
            return lines
        path, offset = found
        self.state.terms.page = path
        try:
            page = read_page(path)
        except PageError as error:
            _log.warning("%s", error)
            return lines
        try:
            baked = self.state.store.read(page_name(path, self.state.docs)) or Baked()
        except StoreError as error:
            _log.warning("%s: %s", path, error)
            baked = Baked()
        shown = self._shown(page, baked, dict(enumerate(lines, start=offset + 1)))
        for number, line in enumerate(page.prose(), start=1):
            if make := DIRECTIVES.get(line.strip()):
                try:
                    shown[number] = ["", *make(path, self.state.docs), ""]
                except (PageError, QuestionError) as error:
                    _log.warning("%s", error)
        return [line for number in sorted(shown) for line in shown[number]]

    def _shown(self, page: Page, baked: Baked, lines: dict[int, str]) -> dict[int, list[str]]:
        """The lines by their number in the page, with the outputs below their blocks."""
        shown = {number: [line] for number, line in lines.items()}
        for block in page.blocks:
            below = self._output(page.path, block, baked, shown)
            shown[block.first_line].insert(0, "")
            shown[block.last_line] += ["", block.indent + below, ""]
        return shown

    def _output(self, path: Path, block: Block, baked: Baked, shown: dict[int, list[str]]) -> str:
        """What stands below `block`; its figures get their addresses where the page has them."""
        if problems := block_problems(block, baked):
            for problem in problems:
                _log.warning("%s:%d: %s", path, problem.line, problem.message)
            return self.md.htmlStash.store(_MISSING)
        output = baked.outputs[block.number]
        texts = zip(block.figures, output.figures, strict=True)
        for index, (words, svg) in enumerate(texts, start=1):
            target = f"baked-{block.number}-{index}"
            self.state.shown[target] = svg
            line = words.line
            while not FIGURE_TARGET.search(shown[line][0]):
                line += 1
            shown[line][0] = FIGURE_TARGET.sub(f"]({target}", shown[line][0], count=1)
        return self.md.htmlStash.store(printed(block.number, output.text)) if output.text else ""


class _Draw(Treeprocessor):
    """Turns a paragraph that begins with a baked figure into `<figure>` and `<figcaption>`.

    An image that stands for anything else than a drawing or a picture is replaced by that.
    """

    def __init__(self, md: Markdown, state: _State) -> None:
        super().__init__(md)
        self.state = state

    def run(self, root: ET.Element) -> None:
        for paragraph in list(root.iter("p")):
            image = next(iter(paragraph), None)
            if image is None or image.tag != "img" or (paragraph.text or "").strip():
                continue
            target = image.get("src", "")
            shown = self.state.shown.get(target, "")
            if not shown and target != "baked":
                continue
            paragraph.remove(image)
            label = html.escape(image.get("alt", ""), quote=True)
            if shown and not shown.startswith(("<svg ", "<img ")):
                paragraph.text = self.md.htmlStash.store(shown)
                continue
            caption = ET.Element("figcaption")
            caption.text = (image.tail or "").lstrip()
            caption.extend(paragraph)
            for child in list(paragraph):
                paragraph.remove(child)
            paragraph.tag = "figure"
            paragraph.set("class", "lit-figure")
            paragraph.set("data-search-exclude", "")
            paragraph.append(caption)
            if shown:  # otherwise a warning and a note below the block say so
                drawing = shown.strip().replace("<img ", f'<img alt="{label}" ', 1)
                drawing = drawing.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
                paragraph.text = self.md.htmlStash.store(drawing)


class _Maths(Treeprocessor):
    """Sets what pymdownx.arithmatex found (generic form) as MathML."""

    def run(self, root: ET.Element) -> None:
        converter = LatexToMathML(fancy_error=False)
        for element in root.iter():
            if element.get("class") != "arithmatex":
                continue
            display = element.tag == "div"
            latex = (element.text or "").strip()[2:-2].strip()
            try:
                mathml = converter.convert_with_local_state(
                    html.unescape(latex) if display else latex, displaystyle=display
                )
            except LatexError as error:
                _log.warning("math error in `%s`: %s", latex, error)
                continue
            element.set("class", "lit-math")
            if display:
                words = " ".join(latex.split())
                short = words if len(words) <= _LABEL_LENGTH else words[: _LABEL_LENGTH - 1] + "…"
                element.set("tabindex", "0")
                element.set("role", "group")
                element.set("aria-label", f"Formula: {short}")
            # As text a formula is a row of letters, of no use to a search.
            mathml = mathml.replace("<math", "<math data-search-exclude", 1)
            element.text = self.md.htmlStash.store(mathml)
            if not display and (closing := _CLOSING.match(element.tail or "")):
                # Within the element the style sheet keeps a line from breaking before it.
                element.text += closing[0]
                element.tail = (element.tail or "")[closing.end() :]


class _Numbers(Treeprocessor):
    """Gives negative numbers in prose a minus sign, and keeps a percent sign with its number."""

    def run(self, root: ET.Element) -> None:
        for element in root.iter():
            if element.tag in ("code", "pre"):
                continue
            element.text = _numbers(element.text)
            for child in element:
                child.tail = _numbers(child.tail, behind_element=True)


def _numbers(text: str | None, *, behind_element: bool = False) -> str | None:
    if not text or "://" in text:
        return text

    def minus(match: re.Match[str]) -> str:  # what follows an element at once may be a hyphen
        return "-" if behind_element and match.start() == 0 else "\u2212"

    return _MINUS.sub(minus, _PERCENT.sub("\u00a0", text))


class _Finish(Postprocessor):
    """Lets the keyboard scroll code and tables, mends empty table heads, and thins out the code.

    Names, operators, punctuation and blanks are two thirds of what Pygments wraps, and half of all
    the elements of a page; the style gives them no colour.
    """

    def run(self, text: str) -> str:
        text = text.replace("<pre><span></span><code>", '<pre tabindex="0"><code>')
        text = _EMPTY_HEAD.sub(r"<td\1></td>", text)  # a head without words says nothing
        text = _TABLE.sub(
            r'<div class="lit-table" role="group" aria-label="Table" tabindex="0">'
            r'<table class="lit">\g<rows></table></div>',
            text,
        )
        return _PLAIN_CODE.sub(r"\1", text)
