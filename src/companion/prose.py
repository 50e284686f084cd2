"""Takes the sentences out of a page: its prose, without code, maths and markup."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from literate.page import CODE_SPAN, Page

_LINKED = "\ue000"
"""Stands in prose for a link to another site."""
_BREAK = "\ue001"
"""Ends a sentence that no full stop ends: an alt text."""

_GAP = r"(?:(?!\n *\n).)"
"""A character of a paragraph, line ends included."""
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MATHS = re.compile(
    rf"\$\${_GAP}+?\$\$|\\\[{_GAP}+?\\\]|\\\({_GAP}+?\\\)"
    rf"|(?<![\\$])\$(?![\s$])(?:\\.|(?!\n *\n)[^\\$])+?(?<!\s)\$",
    re.DOTALL,
)
_LABEL = r"\[(?P<label>(?:[^\[\]]|\[[^\[\]]*\])*)\]"
_TARGET = (
    r"\(\s*<?(?P<target>[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+\"[^\"]*\"|\s+'[^']*')?\s*\)"
)
_IMAGE = re.compile("!" + _LABEL + _TARGET)
LINK = re.compile("(?<!!)" + _LABEL + _TARGET)
_DEFINITION = re.compile(r"^ {0,3}\[(?!\^)(?P<name>[^\[\]]+)\]:\s*(?P<target>\S+).*$", re.MULTILINE)
_REFERENCE = re.compile(_LABEL + r"(?:\[(?P<name>[^\[\]]*)\])?")
_TAG = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?>")
_URL = re.compile(r"<?https?://[^\s<>()\[\]\"']+>?")
_ATTRIBUTES = re.compile(r"\{:[^{}\n]*\}|\{ *[#.][^{}\n]*\}")

_UNIT_START = re.compile(r"\s*(?:>\s*)*(?:#|\||[-*+]\s|\d+[.)]\s|!!!|\?\?\?|===|:\s|\[\^)")
_UNIT_ALONE = re.compile(r"\s*(?:>\s*)*(?:#|\||!!!|\?\?\?|===)")
_ITEM = re.compile(r"^\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s")
_SENTENCE_END = re.compile(rf"[.!?…][\"'”’)\]*_]*(?=\s|$)|{_BREAK}")
_ABBREVIATION = re.compile(
    r"\b(?:(?i:e\.g|i\.e|vs|cf|ca|al|approx|resp|incl|eqs?|figs?|secs?|pp?|no|vol)|[A-Z])$"
)


@dataclass(frozen=True)
class Sentence:
    """A sentence, a heading or a table row, without code, maths, markup and link labels."""

    line: int
    text: str
    has_source: bool
    """Whether it links to another site, or its paragraph starts with such a link: a moment."""


def sentences(page: Page) -> Iterator[Sentence]:
    """The sentences of a page in their order."""
    for first_line, unit in units(_bare_prose(page).split("\n")):
        from_moment = unit.lstrip().startswith(_LINKED)
        begin = 0
        for end in [*_sentence_ends(unit), len(unit)]:
            text = unit[begin:end]
            line = first_line + unit.count("\n", 0, begin)
            yield Sentence(line, text, from_moment or _LINKED in text)
            begin = end


def _sentence_ends(unit: str) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(unit):
        if not _ABBREVIATION.search(unit, 0, match.start()):
            yield match.end()


def units(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Paragraphs, items without their mark, headings, titles and table rows; their first lines."""
    unit: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        if unit and (not line.strip() or _UNIT_START.match(line) or _UNIT_ALONE.match(unit[0])):
            yield number - len(unit), _ITEM.sub("", "\n".join(unit))
            unit = []
        if line.strip():
            unit.append(line)


def _bare_prose(page: Page) -> str:
    """The page's prose, its lines unchanged in number, with everything blank that is no prose."""
    text = without_code(page)
    text = _MATHS.sub(_blank, text)
    text = _IMAGE.sub(lambda m: f"  {m['label']}{_BREAK}" + _blank(m)[len(m["label"]) + 3 :], text)
    targets = {m["name"].lower(): m["target"] for m in _DEFINITION.finditer(text)}
    text = _DEFINITION.sub(_blank, text)
    text = LINK.sub(lambda m: _marked(m, m["target"]), text)
    text = _REFERENCE.sub(
        lambda m: (
            _marked(m, target)
            if (target := targets.get((m["name"] or m["label"]).lower())) is not None
            else m[0]
        ),
        text,
    )
    text = _TAG.sub(lambda m: _marked(m, "http" if 'href="http' in m[0] else ""), text)
    text = _URL.sub(lambda m: _marked(m, "http"), text)
    return _ATTRIBUTES.sub(_blank, text)


def without_code(page: Page) -> str:
    """The page with code, comments and front matter blank, its lines unchanged in number."""
    return _COMMENT.sub(_blank, CODE_SPAN.sub(_blank, "\n".join(page.prose())))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _marked(match: re.Match[str], target: str) -> str:
    return (_LINKED if target.startswith("http") else "") + _blank(match)
