"""Reads a Markdown page: its Python blocks, the chains they form, and the figures they announce.

A page is parsed line by line, the way pytest-codeblocks and the Markdown renderer see it. Whatever
one of the two would treat differently from the other, or skip in silence, is refused here.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONT = "<!--pytest-codeblocks:cont-->"
CONT_MARKER = re.compile(r"<!--[- ]*pytest-codeblocks:[- ]*cont[- ]*-->")
CODE_SPAN = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n *\n).)+?(?<!`)(?P=ticks)(?!`)", re.DOTALL)
FIGURE_TARGET = re.compile(r"\]\(baked(?=[\s)])")

_MARKER = re.compile(r"<!--[-\s]*pytest[-.]")
_FIGURE = re.compile(
    r"^!\[(?P<alt>.*?)\]\(baked(?:\s+\"not compared: (?P<not_compared>[^\"]+)\")?\)"
    r"\s*(?P<caption>.*)$",
    re.DOTALL,
)
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>.*)$")
_NAME = r"(?:i?py(?:thon|con)?|doctest)[\d.]*\b"
PYTHON_LIKE = re.compile(rf"\W*{_NAME}|\{{.*\s\.{_NAME}", re.IGNORECASE)
_NESTED = re.compile(r"^ *(?:>|[-*+] |\d+[.)] )[ >]*(?:```+|~~~+)(?P<info>.*)$")
_REFUSED = [
    ("~", "a fence of tildes is unknown to pytest-codeblocks, and python in it would never run"),
    ("`+[^`]+`", "this is inline code for a reader, and a fence for pytest-codeblocks"),
    (r"`+\s*(?:sh|bash)\s*$", "it would be executed and its output lost: write `console`"),
    (
        rf"(?!`+python\s*$)`+(?i:{PYTHON_LIKE.pattern})",
        "python is shown but never run unless its fence is exactly ```` ```python ````; code that "
        "is not to be run is `text`",
    ),
]
"""Openings of fences that a reader and pytest-codeblocks take differently."""
_BEFORE_PYTHON = f"`{CONT}` must stand before a python block."


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
            if not block.continues:
                chains.append([])
            chains[-1].append(block)
        return chains

    def prose(self) -> list[str]:
        """The page's lines, with those of front matter and of fences of any language empty."""
        lines = self.text.split("\n")
        lines[: front_matter_end(self.text)] = [""] * front_matter_end(self.text)
        for fence in list(fences(self.path, lines)):
            lines[fence.first - 1 : fence.last] = [""] * (fence.last - fence.first + 1)
        return lines


@dataclass(frozen=True)
class Fence:
    """A fence of any language, from line `first` to line `last`."""

    first: int
    last: int
    indent: str
    info: str


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
    if lines[0].rstrip() == "---" and not front_matter_end(text):
        raise PageError(path, 1, "the front matter is never closed: add a line with `---`.")
    blocks: list[Block] = []
    previous, end = "no block", 0
    digest = hashlib.sha256()
    for fence in fences(path, lines):
        cont = _continuation(path, lines, end, fence.first - 1)
        if fence.info == "python":
            if not cont:
                digest = hashlib.sha256()
            elif previous != "a `python` fence":
                wanted = f"expected a python block before `{CONT}`, found {previous}"
                raise PageError(path, cont, f"{wanted}: the code would be merged into it, not run.")
            body = lines[fence.first : fence.last - 1]
            code = tuple(line[len(fence.indent) :].rstrip() for line in body)
            if not any(code):
                told = "this python block is empty: write or remove it."
                raise PageError(path, fence.first, told)
            digest.update("\n".join(code).encode() + b"\0")
            key, figures = digest.hexdigest()[:16], tuple(_figures(lines, fence.last))
            place = fence.first, fence.last, fence.indent
            blocks.append(Block(len(blocks) + 1, *place, code, cont > 0, key, figures))
        elif cont:
            raise PageError(path, cont, _BEFORE_PYTHON)
        previous, end = f"a `{fence.info or 'plain'}` fence", fence.last
    if cont := _continuation(path, lines, end, len(lines)):
        raise PageError(path, cont, _BEFORE_PYTHON)
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
    ends = (number for number, line in enumerate(lines, 1) if line.rstrip() in ("---", "..."))
    return next((number for number in ends if number > 1), 0)


def fences(path: Path, lines: list[str]) -> Iterator[Fence]:
    """Fences that pytest-codeblocks and the Markdown renderer open and close at the same lines.

    Raises:
        PageError: If there is one that they do not.
    """
    numbered = enumerate(lines, start=1)
    for first, opening in numbered:
        if (nested := _NESTED.match(opening)) and PYTHON_LIKE.match(nested["info"].strip()):
            told = "this python fence does not begin its line, so it would never run"
            raise PageError(path, first, f"{told}: put it on a line of its own, indented by four.")
        if (match := _FENCE.match(opening)) is None:
            continue
        indent, ticks, info = match.group("indent", "ticks", "info")
        for refused, reason in _REFUSED:
            if re.match(refused, ticks + info):
                raise PageError(path, first, f"found the fence `{ticks}{info}`: {reason}.")
        if len(indent) % 4:
            told = f"this fence is indented by {len(indent)} spaces, which ends the list around it"
            raise PageError(path, first, f"{told}: indent it by four, or not at all.")
        for last, line in numbered:
            line = line.rstrip()
            if line == indent + ticks:
                yield Fence(first, last, indent, info.strip())
                break
            if line.lstrip().startswith(ticks):
                told = f"expected `{indent}{ticks}`, found `{line}` in line {last}"
                raise PageError(path, first, f"this fence is never closed: {told}.")
            if line and not line.startswith(indent):
                told = f"this line is indented less than the fence that line {first} opens"
                raise PageError(path, last, f"{told}: indent it, or close the fence before it.")
        else:
            raise PageError(path, first, f"this fence is never closed: add a line with `{ticks}`.")


def _continuation(path: Path, lines: list[str], start: int, stop: int) -> int:
    """The number of the last line between `start` and `stop` that continues a chain, or 0."""
    found = 0
    for number, line in enumerate(lines[start:stop], start=start + 1):
        if _MARKER.match(marker := line.strip()):
            if not CONT_MARKER.fullmatch(marker):
                told = f"found `{marker}`, but every block of a page runs and is recorded"
                raise PageError(path, number, f"{told}: only `{CONT}` is known, on its own line.")
            found = number
    return found


def _figures(lines: list[str], number: int) -> Iterator[FigureText]:
    """The figures announced directly below line `number`."""
    below = enumerate(lines[number:], start=number + 1)
    for written, group in itertools.groupby(below, key=lambda item: bool(item[1].strip())):
        paragraph = list(group)
        match = _FIGURE.match("\n".join(line.strip() for _, line in paragraph))
        if written and match is None:
            return
        if match:
            alt, caption = (" ".join(match[name].split()) for name in ("alt", "caption"))
            yield FigureText(paragraph[0][0], alt, caption, match["not_compared"])


def _refuse_commented_out(page: Page) -> None:
    """pytest-codeblocks runs fences inside HTML comments, though no reader sees them."""
    blocks = {block.first_line for block in page.blocks}
    opened = 0
    for number, line in enumerate(page.prose(), start=1):
        if number in blocks and opened:
            told = f"this python block stands in the HTML comment that line {opened} opens"
            raise PageError(page.path, number, f"{told}: it would run unseen.")
        for token in re.findall(r"<!--|-->", CODE_SPAN.sub("", line)):
            opened = (opened or number) if token == "<!--" else 0


def _refuse_stray_figures(page: Page) -> None:
    announced = {figure.line for block in page.blocks for figure in block.figures}
    start = 0
    for number, line in enumerate(page.prose(), start=1):
        start = (start or number) if line.strip() else 0
        for _ in FIGURE_TARGET.findall(CODE_SPAN.sub("", line)):
            if start not in announced:
                told = "a figure's `![alt](baked)` must begin a paragraph directly below the python"
                raise PageError(page.path, number, f"{told} block that draws it, one a paragraph.")
            announced.remove(start)
