"""The Python-Markdown extension that shows baked outputs below their blocks. It executes nothing.

Per page it places what each block printed, turns `![alt](baked) caption` into a figure with the
baked SVG inlined, sets the maths that arithmatex found as MathML, and replaces `[[chapters]]` by
the map of the chapters, `[[questions]]` by the viewers' questions and `[[notebook file.ipynb]]` by
that notebook, which stands beside the page. It warns of anything missing or outdated, so that a
strict build fails.
"""

import html
import logging
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

from literate.chapters import read_chapters
from literate.notebook import DIRECTIVE, NotebookError, as_page, read_notebook
from literate.page import (
    FIGURE_TARGET,
    Block,
    Page,
    PageError,
    front_matter_end,
    normalise,
    read_page,
)
from literate.questions import QuestionError, about, by_chapter, read_questions
from literate.reading import Moments, Terms, printed
from literate.store import Baked, Store, StoreError, block_problems, page_name

# MkDocs counts warnings below this name, so that its strict mode fails on them.
_log = logging.getLogger("mkdocs.plugins.literate")

_CHAPTERS = "[[chapters]]"
_QUESTIONS = "[[questions]]"
_OURS = re.compile(
    r"^\s*(?:(?:```|~~~)\W*py|\[\[(?:chapters\]\]|questions\]\]|notebook ))", re.MULTILINE
)
_Lines = dict[int, list[str]]
"""What stands in each line of a page, by number: itself, or more than one line."""

_AFTER_NORMALISE_BEFORE_FENCES = 27
_AFTER_INLINE = 15
_AFTER_MATHS = 14
_LAST = 13
_LABEL_LENGTH = 70
_WORDS_A_MINUTE = 230
_CLOSING = re.compile(r"[.,;:!?)\]”’]+")
_MINUS = re.compile(r"(?<![\w)\]/=^-])-(?=\d)")
_PERCENT = re.compile(r"(?<=\d)\s(?=%)")


class LiterateExtension(Extension):
    """Options: `docs`, the folder of the pages; `store`, that of the baked outputs; `colab`, the
    address at which Colab opens the files of `docs`, or "" if there is none.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "docs": ["docs", "the folder of the pages"],
            "store": ["", "the folder of the baked outputs; `baked` in `docs` if empty"],
            "colab": ["", "where Colab opens the files of `docs`; no button if empty"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: D102
        docs = Path(os.fspath(self.getConfig("docs")))
        store = self.getConfig("store")
        baked = Store(Path(os.fspath(store)) if store else docs / "baked")
        state = _State(docs, baked, self.getConfig("colab"), Terms(md, docs))
        md.registerExtension(self)
        self.reset = state.clear
        md.preprocessors.register(_Place(md, state), "literate", _AFTER_NORMALISE_BEFORE_FENCES)
        md.treeprocessors.register(_Draw(md, state), "literate-figures", _AFTER_INLINE)
        md.treeprocessors.register(_Maths(md), "literate-maths", _AFTER_INLINE)
        md.treeprocessors.register(_Numbers(md), "literate-numbers", _AFTER_MATHS)
        md.treeprocessors.register(Moments(md), "literate-moments", _AFTER_MATHS)
        md.treeprocessors.register(state.terms, "literate-terms", _LAST)


def makeExtension(**options: Any) -> LiterateExtension:
    """The name by which Python-Markdown finds the extension of a module."""
    return LiterateExtension(**options)


@dataclass
class _State:
    docs: Path
    store: Store
    colab: str
    terms: Terms
    figures: dict[str, str] = field(default_factory=dict)
    """Target of a figure in the current page -> its SVG."""

    def clear(self) -> None:
        """Forget the page before."""
        self.figures.clear()
        self.terms.page = None

    def find_page(self, text: str) -> tuple[Path, int] | None:
        """The file whose text ends with `text`, and how many lines of the file precede it.

        An extension is not told which page it converts; front matter is gone from what it gets.
        """
        found = []
        wanted = text.strip()
        for path in sorted(self.docs.rglob("*.md")):
            whole = normalise(path.read_text(encoding="utf-8")).rstrip()
            if whole.endswith(wanted):
                before = whole[: len(whole) - len(wanted)].count("\n")
                found.append((path, before - text[: text.index(wanted)].count("\n")))
        return found[0] if len(found) == 1 else None


class _Place(Preprocessor):
    """Puts printed output below its block, and gives each figure its address."""

    def __init__(self, md: Markdown, state: _State) -> None:
        super().__init__(md)
        self.state = state

    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        if not _OURS.search(text):
            return lines
        found = self.state.find_page(text)
        if found is None:
            _log.warning(
                "a page with python blocks is not (or more than once) in %s", self.state.docs
            )
            return lines
        path, offset = found
        self.state.terms.page = path
        try:
            page = read_page(path)
            if notebook := DIRECTIVE.search(page.text):
                return self._notebook(page, path.parent / notebook["file"])
        except PageError as error:
            _log.warning("%s", error)
            return lines
        try:
            baked = self.state.store.read(page_name(path, self.state.docs)) or Baked()
        except StoreError as error:
            _log.warning("%s: %s", path, error)
            baked = Baked()
        shown = self._shown(page, baked, lines, offset)
        for number, line in enumerate(page.prose(), start=1):
            if line.strip() == _CHAPTERS:
                shown[number] = ["", *_chapter_map(self.state), ""]
            elif line.strip() == _QUESTIONS:
                shown[number] = ["", *_questions(path, self.state), ""]
        return _joined(shown)

    def _notebook(self, page: Page, path: Path) -> list[str]:
        """The page with its notebook, and below the title the links to get it."""
        try:
            whole, baked = as_page(page.text, read_notebook(path), page.path)
        except (OSError, NotebookError, PageError) as error:
            _log.warning("%s: %s", path, error)
            return [self.md.htmlStash.store(_MISSING)]
        start = front_matter_end(whole.text)
        shown = self._shown(whole, baked, whole.text.split("\n")[start:], start)
        prose = enumerate(whole.prose(), start=1)
        title = next((n for n, line in prose if line.startswith("# ")), start + 1)
        shown[title] += ["", _links(path, self.state), ""]
        return _joined(shown)

    def _shown(self, page: Page, baked: Baked, lines: list[str], offset: int) -> _Lines:
        """The lines by their number in the page, with the outputs below their blocks."""
        shown = {number: [line] for number, line in enumerate(lines, start=offset + 1)}
        for block in page.blocks:
            below = self._output(page.path, block, baked, shown)
            shown[block.first_line].insert(0, "")
            shown[block.last_line] += ["", block.indent + below, ""]
        return shown

    def _output(self, path: Path, block: Block, baked: Baked, shown: _Lines) -> str:
        """What stands below `block`; its figures get their addresses where the page has them."""
        if problems := block_problems(block, baked):
            for problem in problems:
                _log.warning("%s:%d: %s", path, problem.line, problem.message)
            return self.md.htmlStash.store(_MISSING)
        output = baked.outputs[block.number]
        texts = zip(block.figures, output.figures, strict=True)
        for index, (words, svg) in enumerate(texts, start=1):
            target = f"baked-{block.number}-{index}"
            self.state.figures[target] = svg
            line = words.line
            while not FIGURE_TARGET.search(shown[line][0]):
                line += 1
            shown[line][0] = FIGURE_TARGET.sub(f"]({target}", shown[line][0], count=1)
        if not output.text:
            return ""
        return self.md.htmlStash.store(printed(block.number, output.text))


_MISSING = (
    '<p class="lit-missing">The output of this block is missing or outdated: '
    "<code>pytest --bake</code> writes it.</p>"
)


def _joined(shown: _Lines) -> list[str]:
    return [line for number in sorted(shown) for line in shown[number]]


def _links(path: Path, state: _State) -> str:
    links = [f"[Download this notebook]({path.name})"]
    if state.colab:
        file = path.relative_to(state.docs).as_posix()
        links.append(f"[Open it in Colab]({state.colab.rstrip('/')}/{file})")
    return " · ".join(links)


def _chapter_map(state: _State) -> list[str]:
    lecture = read_chapters(state.docs / "chapters.toml")
    rows = ["| No. | Chapter | Starts at | To read |", "|--:|:--|:--|--:|"]
    before = ""
    for chapter in lecture.chapters:
        file = chapter.page.partition("#")[0]
        title, minutes = f"**{chapter.title}**", "to come"
        if file and (state.docs / file).is_file():
            title = f"[**{chapter.title}**]({chapter.page})"
            minutes = "" if file == before else f"{_minutes(state.docs / file)} min"
        start = lecture.link(chapter.start)
        rows.append(f"| {chapter.number} | {title}<br>{chapter.about} | {start} | {minutes} |")
        before = file
    return rows


def _minutes(path: Path) -> int:
    """Minutes to read a page, with its code and a few seconds for each figure."""
    text = path.read_text(encoding="utf-8")
    return max(1, round(len(text.split()) / _WORDS_A_MINUTE + text.count("](baked") / 6))


def _questions(path: Path, state: _State) -> list[str]:
    """The index of the viewers' questions, or below a page of the notes those about it."""
    folder = state.docs / "questions"
    try:
        questions = read_questions(folder)
    except (PageError, QuestionError) as error:
        _log.warning("%s", error)
        return []
    if path.parent == folder:
        return by_chapter(questions, read_chapters(state.docs / "chapters.toml"))
    return about(questions, path.relative_to(state.docs).as_posix())


class _Draw(Treeprocessor):
    """Turns a paragraph that begins with a baked figure into `<figure>` and `<figcaption>`."""

    def __init__(self, md: Markdown, state: _State) -> None:
        super().__init__(md)
        self.state = state

    def run(self, root: ET.Element) -> None:
        for paragraph in list(root.iter("p")):
            image = next(iter(paragraph), None)
            if image is None or image.tag != "img" or (paragraph.text or "").strip():
                continue
            target = image.get("src", "")
            svg = self.state.figures.get(target)
            if svg is None and target != "baked":
                continue
            paragraph.remove(image)
            caption = ET.Element("figcaption")
            caption.text = (image.tail or "").lstrip()
            caption.extend(paragraph)
            for child in list(paragraph):
                paragraph.remove(child)
            paragraph.tag = "figure"
            paragraph.set("class", "lit-figure")
            paragraph.set("data-search-exclude", "")
            paragraph.append(caption)
            if svg is not None:  # otherwise a warning and a note below the block say so
                label = html.escape(image.get("alt", ""), quote=True)
                drawing = svg.strip().replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
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
                element.set("tabindex", "0")
                element.set("role", "group")
                element.set("aria-label", f"Formula: {_shortened(latex)}")
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


def _shortened(latex: str) -> str:
    words = " ".join(latex.split())
    return words if len(words) <= _LABEL_LENGTH else words[: _LABEL_LENGTH - 1] + "…"
