"""Makes the notebooks that a site offers for download: of pages, and of notebooks on the site.

A notebook leaves the site behind, so its links must be whole addresses.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

import nbformat
from nbformat import NotebookNode

from literate.notebook import KERNEL
from literate.page import CONT_MARKER, Page, front_matter_end

Link = Callable[[str], str | None]
"""The whole address of a link's target on the site, or `None` where it has none."""

_FIGURE_PARAGRAPH = re.compile(r"^!\[.*?\]\(baked[^)]*\)\s*", re.DOTALL | re.MULTILINE)
_LABEL = r"\[(?P<label>(?:[^\[\]]|\[[^\[\]]*\])*)\]"
_LINK = re.compile(
    rf"(?P<image>!?){_LABEL}\((?:<(?P<angled>[^<>\n]+)>|(?P<target>[^)\s<>]+))"
    r"(?P<title>\s+\"[^\"]*\")?\)"
)
_DEFINITION = re.compile(r"^(?P<head> {0,3}\[[^\]^]+\]:\s*)(?P<target>\S+)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"(?P<head>\b(?:href|src)=\")(?P<target>[^\"]+)")
_BOX = re.compile(r'(?:!!!|\?\?\?\+?|===) *[\w ]*(?:"(?P<title>[^"]*)")?$')


def from_page(
    page: Page, *, title: str, first: str, link: Link, in_place: dict[str, list[str]] | None = None
) -> NotebookNode:
    """Make a notebook of a page: its blocks as code cells, what stands between as Markdown.

    Figures are left to be drawn, their captions stay.

    Args:
        page: The page.
        title: How the page is called, for its metadata.
        first: The code of the first cell, which gets what the others need.
        link: Where links lead.
        in_place: Lines of prose, and the lines that stand in their place.
    """
    lines = list(_without_boxes(page.text.split("\n")))
    prose = page.prose()
    is_prose = [
        bool(text.strip()) or not line.strip() for text, line in zip(prose, lines, strict=True)
    ]
    cells = [nbformat.v4.new_code_cell(first)]
    start = front_matter_end(page.text)
    for stop, block in [*((b.first_line - 1, b) for b in page.blocks), (len(lines), None)]:
        parts = []
        between = zip(is_prose[start:stop], lines[start:stop], strict=True)
        for written, group in itertools.groupby(between, key=lambda item: item[0]):
            text = [line for _, line in group]
            if written:
                text = [new for line in text for new in (in_place or {}).get(line.strip(), [line])]
                text = [_prose("\n".join(text), link)]
            parts += text
        if source := re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip():
            cells.append(nbformat.v4.new_markdown_cell(source))
        if block is not None:
            cells.append(nbformat.v4.new_code_cell(block.code.rstrip("\n")))
            start = block.last_line
    for number, cell in enumerate(cells, start=1):
        cell.id = f"cell-{number}"  # by chance otherwise, and another file after every build
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.update(title=title, kernelspec=KERNEL)
    return notebook


def relinked(text: str, link: Link) -> str:
    """Return Markdown whose links are whole addresses, or mere text where there is none."""

    def whole(target: str) -> str | None:
        return target if re.match(r"[a-z]+:|//", target) else link(target)

    def inline(match: re.Match[str]) -> str:
        if (target := whole(match["angled"] or match["target"])) is None:
            return match["label"]
        return f"{match['image']}[{match['label']}]({target}{match['title'] or ''})"

    def other(match: re.Match[str]) -> str:
        return match["head"] + (whole(match["target"]) or "#")

    text = _LINK.sub(inline, text)
    return _ATTRIBUTE.sub(other, _DEFINITION.sub(other, text))


def _prose(text: str, link: Link) -> str:
    text = relinked(_FIGURE_PARAGRAPH.sub("", CONT_MARKER.sub("", text)), link)
    return re.sub(r"^(#+ .*?) *\{[^}]*\}$", r"\1", text, flags=re.MULTILINE)


def _without_boxes(lines: Sequence[str]) -> Iterator[str]:
    """The lines with titles in bold and text unindented, as notebooks know no boxes and folds."""
    inside = False
    for line in lines:
        if match := _BOX.match(line):
            inside = True
            yield f"**{match['title']}**\n" if match["title"] else ""
        elif inside and line.startswith("    "):
            yield line[4:]
        else:
            inside = inside and not line.strip()
            yield line
