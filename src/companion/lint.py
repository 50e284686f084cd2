"""Checks what a page says: numbers, times, figures, description, headings, and what is rendered.

Each check takes a parsed page and returns what is wrong with it, line by line. None executes
anything. What they cannot see is said in the contributing guide.
"""

import contextlib
import io
import re
import tokenize
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import yaml
from bs4 import BeautifulSoup

from companion.chapters import Chapter, Lecture, label
from companion.prose import LINK, Sentence, sentences, without_code
from literate.page import Page, front_matter_end
from literate.page import fences as all_fences
from literate.store import Baked, Problem

Render = Callable[[str], str]
"""Converts a page's Markdown, without front matter, to HTML whose code names its language."""

DESCRIPTION_LENGTH = range(50, 161)
ALT_LENGTH = 20

_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-+]?)(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d+)?(?!\.?\d)(?P<percent>\s?%|\sper\s?cent\b)?"
)
_NOT_MEASURED = re.compile(r"(?:\b(?:Python|version|section|equation|eq\.)|§)\s*$", re.IGNORECASE)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")

_VIDEO = re.compile(
    r"https?://(?:[\w-]+\.)*(?:youtube|youtube-nocookie|youtu)\.\w+\b[^\s<>()\[\]\"']*"
)
_MOMENT = re.compile(r"https://youtu\.be/(?P<video>[\w-]+)(?:\?t=(?P<seconds>\d+))?")
_TIME = re.compile(r"(?P<time>\d+(?::\d\d)+)(?:, chapter (?P<chapter>\d+))?")


# Numbers in prose


def numbers(page: Page, baked: Baked) -> list[Problem]:
    """Measured numbers that neither an output nor the code of the page, nor a linked source has."""
    known = _known(page, baked)
    return [
        Problem(
            line,
            f"{shown} stands in no output and no code of this page: correct it, print it, or link "
            "to its source in the same sentence, or to its moment at the start of the paragraph",
        )
        for sentence in sentences(page)
        if not sentence.has_source
        for line, shown, number in _measured(sentence)
        if not _has(known, number)
    ]


@dataclass(frozen=True)
class _Number:
    value: Decimal
    unit: Decimal
    """One unit in the last place."""
    signed: bool
    percent: bool


def _known(page: Page, baked: Baked) -> set[Decimal]:
    """The numbers that a page may speak of: printed and drawn with their sign, typed with any."""
    values: set[Decimal] = set()
    for output in baked.outputs.values():
        for text in (output.text, *map(_svg_text, output.figures)):
            for _, number in _numbers(text):
                values |= {number.value, number.value / 100 if number.percent else number.value}
    for block in page.blocks:
        for literal in _literals(block.code):
            values |= {literal, -literal}
    return values


def _has(known: set[Decimal], number: _Number) -> bool:
    values = known | {100 * value for value in known if number.percent}
    return any(
        abs((value if number.signed else abs(value)) - number.value) <= number.unit / 2
        for value in values
    )


def _measured(sentence: Sentence) -> Iterator[tuple[int, str, _Number]]:
    """Line, spelling and value of the numbers with a decimal point, an exponent or a percent."""
    for match, number in _numbers(sentence.text):
        whole = "." not in match["digits"] and not match["exponent"]
        before = match.string[: match.start()]
        if (number.percent or not whole) and not _NOT_MEASURED.search(before):
            yield sentence.line + before.count("\n"), match[0].strip(), number


def _numbers(text: str) -> Iterator[tuple[re.Match[str], _Number]]:
    for match in _NUMBER.finditer(_plain(text)):
        digits = match["digits"].replace(",", "") + (match["exponent"] or "")
        value = Decimal(match["sign"] + digits)
        exponent = Decimal(digits).as_tuple().exponent
        assert isinstance(exponent, int)
        unit = Decimal(1).scaleb(exponent)
        yield match, _Number(value, unit, bool(match["sign"]), bool(match["percent"]))


def _plain(text: str) -> str:
    """Numbers in the one spelling that `_NUMBER` reads; line ends stay."""
    text = text.replace("−", "-")
    text = re.sub(r"(?<=10)[⁻⁺]?[⁰¹²³⁴-⁹]+", lambda m: "^" + m[0].translate(_SUPERSCRIPTS), text)
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}\b)", ",", text)
    power = r"10(?:\^\{?|\*\*)([-+]?\d+)\}?"
    text = re.sub(rf"(?<=\d)\s?[×·⋅x*]\s?{power}", r"e\1", text)
    return re.sub(rf"(?<![\w.]){power}", r"1e\1", text)


def _literals(code: str) -> Iterator[Decimal]:
    with contextlib.suppress(tokenize.TokenError, SyntaxError):  # the test run tells of these
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.NUMBER and re.fullmatch(
                r"[\d._]+(?:[eE][-+]?\d+)?", token.string
            ):
                yield Decimal(token.string.replace("_", ""))


def _svg_text(svg: str) -> str:
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return "\n".join("".join(text.itertext()) for text in texts)


# Times


def times(page: Page, lecture: Lecture, name: str = "") -> list[Problem]:
    """Links to moments of the lecture whose label, seconds or chapter do not agree.

    `name` is the page's path below the docs folder. A moment must lie in one of the chapters that
    the table gives to the page, or name its chapter; a page without chapters may link to any.
    """
    text = without_code(page)
    links = {match.start("target"): match["label"] for match in LINK.finditer(text)}
    own = [chapter for chapter in lecture.chapters if name and chapter.page.split("#")[0] == name]
    problems = []
    for match in _VIDEO.finditer(text):
        url = match[0].rstrip(".,")
        moment = _MOMENT.fullmatch(url)
        words = links.get(match.start())
        line = text.count("\n", 0, match.start()) + 1
        if moment is None:
            wanted = f"expected https://youtu.be/{lecture.video}?t=SECONDS, found {url}"
            problems.append(Problem(line, wanted))
        elif words is None:
            problems.append(Problem(line, f"expected a link with a label, found {url} alone"))
        elif moment["seconds"] is not None:
            problem = _moment_problem(words, moment["video"], int(moment["seconds"]), lecture, own)
            problems += [Problem(line, problem)] if problem else []
    return problems


def _moment_problem(
    words: str, video: str, seconds: int, lecture: Lecture, own: list[Chapter]
) -> str | None:
    shown = f"[{words}] links to second {seconds}"
    time = _TIME.fullmatch(words)
    if time is None or time["time"] != label(seconds):
        return f"{shown}: expected the label {label(seconds)}"
    if video != lecture.video:
        return None
    chapter = next((c for c in lecture.chapters if c.start <= seconds < c.end), None)
    if chapter is None:
        return f"{shown}, but the lecture ends at {label(lecture.chapters[-1].end)}"
    if time["chapter"] is None and (chapter in own or not own):
        return None
    if time["chapter"] is None:
        return (
            f"{shown}, in chapter {chapter.number}, which is not on this page: write "
            f"[{label(seconds)}, chapter {chapter.number}]"
        )
    if int(time["chapter"]) != chapter.number:
        return f"{shown}, which is in chapter {chapter.number}"
    return None


# Figures, description, headings


def figures(page: Page) -> list[Problem]:
    """Figures whose alt text does not do its work; one without a caption could not be baked."""
    problems = []
    for figure in (figure for block in page.blocks for figure in block.figures):
        if len(figure.alt) < ALT_LENGTH:
            wanted = f"expected an alt text of at least {ALT_LENGTH} characters"
            problems.append(Problem(figure.line, f"{wanted}, found {figure.alt!r}"))
        if figure.alt == figure.caption:
            problems.append(Problem(figure.line, "the alt text only repeats the caption"))
    return problems


def front_matter(page: Page) -> list[Problem]:
    """A description that is missing, too short for a search result or too long for one."""
    end = front_matter_end(page.text)
    lines = page.text.split("\n")[1:end][:-1]
    try:
        content = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError as error:
        return [Problem(1, f"the front matter is not YAML: {error}")]
    description = content.get("description") if isinstance(content, dict) else None
    if not isinstance(description, str):
        return [Problem(1, "expected a `description` in the front matter, found none")]
    if len(description) not in DESCRIPTION_LENGTH:
        first, last = DESCRIPTION_LENGTH[0], DESCRIPTION_LENGTH[-1]
        wanted = f"expected a description of {first} to {last} characters"
        line = next((n for n, text in enumerate(lines, start=2) if "description:" in text), 1)
        return [Problem(line, f"{wanted}, found {len(description)}")]
    return []


def headings(page: Page, render: Render) -> list[Problem]:
    """A page has one title."""
    count = len(re.findall(r"<h1\b", render(_body(page))))
    return [] if count == 1 else [Problem(1, f"expected one heading of level 1, found {count}")]


# What a reader sees is what ran


def fences(page: Page, render: Render) -> list[Problem]:
    """Python blocks that are shown but not executed, executed but not shown, or shown otherwise."""
    parsed = [block.first_line for block in page.blocks]
    html = render(_body(page))
    found = BeautifulSoup(html, "html.parser").find_all("div", class_="language-python")
    shown = [code.get_text() for code in found]
    if len(shown) != len(parsed):
        message = f"{len(parsed)} python blocks are executed (lines {parsed}), {len(shown)} shown"
        return [Problem(1, message)]
    in_fences = len(list(all_fences(page.path, _body(page).split("\n"))))
    if (code := html.count("<pre")) != in_fences:
        message = f"{code} pieces of code are shown, {in_fences} stand in fences"
        remedy = "what is only indented never runs: fence it, as `python` or `text`"
        return [Problem(1, f"{message}: {remedy}")]
    return [
        Problem(block.first_line, f"block {block.number} is shown otherwise than it is executed")
        for block, code in zip(page.blocks, shown, strict=True)
        if code.strip("\n") != block.code.strip("\n")
    ]


def _body(page: Page) -> str:
    return "\n".join(page.text.split("\n")[front_matter_end(page.text) :])
