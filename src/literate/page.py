"""Reads a Markdown page: its Python blocks, the chains they form, and the figures they announce.

A page is parsed line by line, the way pytest-codeblocks and the Markdown renderer see it. Whatever
one of the two would treat differently from the other, or skip in silence, is refused here.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONT = "<!--pytest-codeblocks:cont-->"
CONT_MARKER = re.compile(r"<!--[- ]*pytest-codeblocks:[- ]*cont[- ]*-->")

CODE_SPAN = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n *\n).)+?(?<!`)(?P=ticks)(?!`)", re.DOTALL)

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>.*)$")
_NESTED_FENCE = re.compile(r"^ *(?:>|[-*+] |\d+[.)] )[ >]*(?:```+|~~~+)(?P<info>.*)$")
_PYTHON_LIKE = re.compile(r"^\W*(python|py)[\d.]*\b|\{.*\s\.(python|py)[\d.]*\b", re.IGNORECASE)
_MARKER = re.compile(r"<!--[-\s]*pytest[-.]")
_FIGURE = re.compile(
    r"^!\[(?P<alt>.*?)\]\(baked"
    r"(?:\s+\"not compared: (?P<not_compared>[^\"]+)\")?\)"
    r"\s*(?P<caption>.*)$",
    re.DOTALL,
)
FIGURE_TARGET = re.compile(r"\]\(baked(?=[\s)])")


class PageError(Exception):
    """A page that cannot be executed and shown as it stands; the message names page and line."""

    def __init__(self, path: Path | str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.line = line


@dataclass(frozen=True)
class FigureText:
    """What the page says about one figure: `![alt](baked)` and the caption that follows it."""

    line: int
    alt: str
    caption: str
    not_compared: str | None
    """Why the figure is not compared when it is drawn again, or `None` if it is."""


@dataclass(frozen=True)
class Block:
    """One Python fence.

    `first_line` and `last_line` are the two fence lines (1-based); the code stands between them.
    `key` is a digest of the normalised code of the block's chain up to and including it.
    """

    number: int
    first_line: int
    last_line: int
    indent: str
    lines: tuple[str, ...]
    continues: bool
    key: str
    figures: tuple[FigureText, ...]

    @property
    def code(self) -> str:
        """The code, dedented and normalised."""
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True)
class Page:
    """A parsed page: its blocks in order."""

    path: Path
    text: str
    blocks: tuple[Block, ...]

    def chains(self) -> list[list[Block]]:
        """Blocks that share one namespace, in order: one list for each run of pytest-codeblocks."""
        chains: list[list[Block]] = []
        for block in self.blocks:
            if block.continues:
                chains[-1].append(block)
            else:
                chains.append([block])
        return chains

    def prose(self) -> list[str]:
        """The page's lines, with those of front matter and of fences of any language empty."""
        lines = self.text.split("\n")
        lines[: front_matter_end(self.text)] = [""] * front_matter_end(self.text)
        for fence in list(_fences(self.path, lines)):
            lines[fence.first - 1 : fence.last] = [""] * (fence.last - fence.first + 1)
        return lines


def read_page(path: Path) -> Page:
    """Parse the page at `path`.

    Raises:
        PageError: If the page has a fence that would be skipped, hidden or misread.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PageError(path, line, f"expected text in UTF-8 ({error.reason}).") from None
    return parse_page(text, path)


def parse_page(text: str, path: Path) -> Page:
    """Parse `text`; `path` is only named in errors.

    Raises:
        PageError: If the page has a fence that would be skipped, hidden or misread.
    """
    text = normalise(text)
    lines = text.split("\n")
    _refuse_front_matter_left_open(path, lines)
    blocks: list[Block] = []
    fences = list(_fences(path, lines))
    fence_at = {fence.first: fence for fence in fences}
    inside = {line for f in fences for line in range(f.first + 1, f.last + 1)}
    previous: _Fence | None = None
    cont_line: int | None = None
    digest = hashlib.sha256()
    for number, line in enumerate(lines, start=1):
        if number in inside:
            continue
        if number in fence_at:
            fence = fence_at[number]
            if fence.info == "python":
                if cont_line is not None and (previous is None or previous.info != "python"):
                    came = (
                        "no block" if previous is None else f"a `{previous.info or 'plain'}` fence"
                    )
                    raise PageError(
                        path,
                        cont_line,
                        f"expected a python block before `{CONT}`, found {came}: the code would be "
                        "merged into it and never run. Start afresh, or move the other fence.",
                    )
                if cont_line is None:
                    digest = hashlib.sha256()
                code = fence.code(lines)
                if not any(code):
                    raise PageError(
                        path, number, "this python block is empty: write code, or remove it."
                    )
                digest.update("\n".join(code).encode() + b"\0")
                blocks.append(
                    Block(
                        number=len(blocks) + 1,
                        first_line=fence.first,
                        last_line=fence.last,
                        indent=fence.indent,
                        lines=code,
                        continues=cont_line is not None,
                        key=digest.hexdigest()[:16],
                        figures=tuple(_figures(lines, fence)),
                    )
                )
            elif cont_line is not None:
                raise PageError(path, cont_line, f"`{CONT}` must stand before a python block.")
            previous, cont_line = fence, None
        elif _MARKER.match(line.strip()):
            if not CONT_MARKER.fullmatch(line.strip()):
                raise PageError(
                    path,
                    number,
                    f"found the marker `{line.strip()}`, but every block of a page runs and is "
                    f"recorded: only `{CONT}` is known here, on a line of its own.",
                )
            cont_line = number
    if cont_line is not None:
        raise PageError(path, cont_line, f"`{CONT}` must stand before a python block.")
    page = Page(path, text, tuple(blocks))
    _refuse_commented_out(page)
    _refuse_stray_figures(page)
    return page


def normalise(text: str) -> str:
    """The text as Markdown's own first step leaves it: `\\n` line ends, no tabs, no lone spaces."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return re.sub(r"(?<=\n) +\n", "\n", text)


def front_matter_end(text: str) -> int:
    """The number of the line that closes the YAML front matter, or 0 without front matter."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return 0
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() in {"---", "..."}:
            return number
    return 0


@dataclass(frozen=True)
class _Fence:
    first: int
    last: int
    indent: str
    info: str

    def code(self, lines: list[str]) -> tuple[str, ...]:
        body = lines[self.first : self.last - 1]
        return tuple(line[len(self.indent) :].rstrip() for line in body)


def _fences(path: Path, lines: list[str]) -> Iterator[_Fence]:
    """Fences that pytest-codeblocks and the Markdown renderer open and close at the same lines."""
    number = 0
    while number < len(lines):
        number += 1
        _refuse_nested(path, number, lines[number - 1])
        opening = _FENCE.match(lines[number - 1])
        if opening is None:
            continue
        first, indent, ticks, info = number, *opening.group("indent", "ticks", "info")
        _refuse_info(path, first, ticks, info)
        while True:
            number += 1
            if number > len(lines):
                raise PageError(
                    path, first, f"this fence is never closed: add a line with `{ticks}`."
                )
            line = lines[number - 1].rstrip()
            if line == indent + ticks:
                break
            if line.lstrip().startswith(ticks):
                raise PageError(
                    path,
                    first,
                    f"this fence is never closed: expected `{indent}{ticks}`, found `{line}` in "
                    f"line {number}. Close the fence before it, or open it with more backticks.",
                )
            if line and not line.startswith(indent):
                raise PageError(
                    path,
                    number,
                    f"this line is indented less than the fence that line {first} opens: indent "
                    f"it, or close the fence before it with `{indent}{ticks}`.",
                )
        yield _Fence(first, number, indent, info.strip())


def _refuse_nested(path: Path, line: int, text: str) -> None:
    nested = _NESTED_FENCE.match(text)
    if nested and _PYTHON_LIKE.match(nested["info"].strip()):
        raise PageError(
            path,
            line,
            "this python fence does not begin its line, so it would never run: take it out of the "
            "quotation, or put it on a line of its own, indented as the list item's text.",
        )


def _refuse_info(path: Path, line: int, ticks: str, info: str) -> None:
    if ticks[0] == "~":
        raise PageError(
            path,
            line,
            f"expected a fence of backticks, found `{ticks}{info}`: pytest-codeblocks does not "
            "know it, so python in it would never run.",
        )
    if "`" in info:
        raise PageError(
            path,
            line,
            f"`{ticks}{info}` is inline code for a reader, and a fence for pytest-codeblocks: "
            "begin the line with something else, or use fewer backticks.",
        )
    if info.strip() in {"sh", "bash"}:
        raise PageError(
            path,
            line,
            f"a `{info.strip()}` fence would be executed and its output lost: write `console` for "
            "commands that are only to be read.",
        )
    if info.rstrip() != "python" and _PYTHON_LIKE.match(info.strip()):
        raise PageError(
            path,
            line,
            f"expected the fence ```` ```python ````, found `{ticks}{info}`: anything else is "
            "shown but never run. Remove what follows `python`, or use `text` for code that is "
            "not to be run.",
        )


def _figures(lines: list[str], fence: _Fence) -> Iterator[FigureText]:
    number = fence.last
    while True:
        number += 1
        while number <= len(lines) and not lines[number - 1].strip():
            number += 1
        paragraph, first = [], number
        while number <= len(lines) and lines[number - 1].strip():
            paragraph.append(lines[number - 1].strip())
            number += 1
        match = _FIGURE.match("\n".join(paragraph))
        if match is None:
            return
        alt, caption = (" ".join(match[name].split()) for name in ("alt", "caption"))
        yield FigureText(first, alt, caption, match["not_compared"])


def _refuse_front_matter_left_open(path: Path, lines: list[str]) -> None:
    if lines[0].rstrip() == "---" and front_matter_end("\n".join(lines)) == 0:
        raise PageError(path, 1, "the front matter is never closed: add a line with `---`.")


def _refuse_commented_out(page: Page) -> None:
    """pytest-codeblocks runs fences inside HTML comments, though no reader sees them."""
    blocks = {block.first_line for block in page.blocks}
    open_since: int | None = None
    for number, line in enumerate(page.prose(), start=1):
        if number in blocks and open_since is not None:
            raise PageError(
                page.path,
                number,
                f"this python block stands in the HTML comment that line {open_since} opens: it "
                "would run unseen. Remove the comment or the block.",
            )
        for token in re.findall(r"<!--|-->", CODE_SPAN.sub("", line)):
            open_since = (open_since or number) if token == "<!--" else None


def _refuse_stray_figures(page: Page) -> None:
    announced = {figure.line for block in page.blocks for figure in block.figures}
    paragraph_start = None
    for number, line in enumerate(page.prose(), start=1):
        if not line.strip():
            paragraph_start = None
            continue
        paragraph_start = paragraph_start or number
        for _ in FIGURE_TARGET.findall(CODE_SPAN.sub("", line)):
            if paragraph_start not in announced:
                raise PageError(
                    page.path,
                    number,
                    "a figure's `![alt](baked)` must begin a paragraph directly below the python "
                    "block that draws it, one figure a paragraph.",
                )
            announced.remove(paragraph_start)
