"""The Python-Markdown extension that shows baked outputs below their blocks. It executes nothing.

Per page it places what each block printed, and turns `![alt](baked) caption` into a figure with the
baked SVG inlined. It warns of anything missing or outdated, so that a strict build fails.
"""

import html
import logging
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from literate.outputs import printed
from literate.page import (
    FIGURE_TARGET,
    Block,
    Page,
    PageError,
    front_matter_end,
    normalise,
    read_page,
)
from literate.store import Baked, Store, StoreError, block_problems, page_files, page_name

# MkDocs counts warnings below this name, so that its strict mode fails on them.
_log = logging.getLogger("mkdocs.plugins.literate")

_PYTHON = re.compile(r"^\s*(?:```|~~~)\W*py", re.MULTILINE)
_AFTER_NORMALISE_BEFORE_FENCES = 27
_AFTER_INLINE = 15
_MISSING = (
    '<p class="lit-missing">The output of this block is missing or outdated: '
    "<code>pytest --bake</code> writes it.</p>"
)

Directive = Callable[[Path, Path], list[str]]
"""Makes the lines that stand in the place of one, of the page's path and the docs folder.

It raises `ValueError` for what a writer has to mend.
"""


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

    Attributes:
        docs: The folder of the pages.
        path: The page being converted; `None` where it is not known.
        directives: Lines of pages that are replaced, such as `[[chapters]]`; other extensions add
            theirs.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "docs": ["docs", "the folder of the pages"],
            "store": ["", "the folder of the baked outputs; `baked` in `docs` if empty"],
            "page": ["", "a function that returns the source of the page being rendered"],
        }
        super().__init__(**options)
        self.docs = Path(os.fspath(self.getConfig("docs")))
        self.path: Path | None = None
        self.directives: dict[str, Directive] = {}
        self._store = Store(Path(os.fspath(self.getConfig("store") or self.docs / "baked")))
        self._shown: dict[str, str] = {}  # image target -> the HTML in its place

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: D102
        md.registerExtension(self)
        place, draw = _Place(md, self.place), _Draw(md, self._shown)
        md.preprocessors.register(place, "literate", _AFTER_NORMALISE_BEFORE_FENCES)
        md.treeprocessors.register(draw, "literate-figures", _AFTER_INLINE)

    def reset(self) -> None:
        """Forget the page before."""
        self._shown.clear()

    def place(self, md: Markdown, lines: list[str]) -> list[str]:
        """The page's lines, with the outputs below their blocks and each figure's own address."""
        source: Source | None = self.getConfig("page")() if self.getConfig("page") else None
        self.path = source.path if source else None
        if source and source.shown is not None:
            self._shown.update(source.shown)
            return lines
        text = "\n".join(lines)
        if not _PYTHON.search(text) and self.directives.keys().isdisjoint(map(str.strip, lines)):
            if self.path and text.strip() not in _text(self.path, self.path.stat().st_mtime_ns):
                self.path = None  # not the page, but what it takes in: a docstring
            return lines
        found = self._find(text, self.path)
        if found is None:
            return lines
        self.path, offset = found
        try:
            page = read_page(self.path)
        except PageError as error:
            _log.warning("%s", error)
            return lines
        try:
            baked = self._store.read(page_name(page.path, self.docs)) or Baked()
        except StoreError as error:
            _log.warning("%s: %s", page.path, error)
            baked = Baked()
        shown = {number: [line] for number, line in enumerate(lines, start=offset + 1)}
        for block in page.blocks:
            output = self._output(page, block, baked, shown)
            below = block.indent + md.htmlStash.store(output) if output else ""
            shown[block.first_line].insert(0, "")
            shown[block.last_line] += ["", below, ""]
        for number, line in enumerate(page.prose(), start=1):
            if make := self.directives.get(line.strip()):
                try:
                    shown[number] = ["", *make(page.path, self.docs), ""]
                except (PageError, ValueError) as error:
                    _log.warning("%s", error)
        return [line for placed in shown.values() for line in placed]

    def _output(self, page: Page, block: Block, baked: Baked, shown: dict[int, list[str]]) -> str:
        """What stands below `block`; its figures get their addresses where the page has them."""
        if problems := block_problems(block, baked):
            for problem in problems:
                _log.warning("%s:%d: %s", page.path, block.first_line, problem)
            return _MISSING
        output = baked.outputs[block.number]
        texts = zip(block.figures, output.figures, strict=True)
        for index, (words, svg) in enumerate(texts, start=1):
            target = f"baked-{block.number}-{index}"
            self._shown[target] = svg
            line = words.line
            while not FIGURE_TARGET.search(shown[line][0]):
                line += 1
            shown[line][0] = FIGURE_TARGET.sub(f"]({target}", shown[line][0], count=1)
        return printed(block.number, output.text) if output.text else ""

    def _find(self, text: str, told: Path | None) -> tuple[Path, int] | None:
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
        found.sort(key=lambda item: not self._store.has(page_name(item[0], self.docs)))
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

    def __init__(self, md: Markdown, place: Callable[[Markdown, list[str]], list[str]]) -> None:
        super().__init__(md)
        self.place = place

    def run(self, lines: list[str]) -> list[str]:
        return self.place(self.md, lines)


class _Draw(Treeprocessor):
    """Turns a paragraph that begins with a baked figure into `<figure>` and `<figcaption>`.

    An image that stands for anything else than a drawing or a picture is replaced by that.
    """

    def __init__(self, md: Markdown, shown: Mapping[str, str]) -> None:
        super().__init__(md)
        self.shown = shown

    def run(self, root: ET.Element) -> None:
        for paragraph in list(root.iter("p")):
            image = next(iter(paragraph), None)
            if image is None or image.tag != "img" or (paragraph.text or "").strip():
                continue
            target = image.get("src", "")
            shown = self.shown.get(target, "")
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
            paragraph[:] = [caption]
            paragraph.tag = "figure"
            paragraph.set("class", "lit-figure")
            paragraph.set("data-search-exclude", "")
            if shown:  # otherwise a warning and a note below the block say so
                drawing = shown.strip().replace("<img ", f'<img alt="{label}" ', 1)
                drawing = drawing.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
                paragraph.text = self.md.htmlStash.store(drawing)
