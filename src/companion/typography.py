"""How formulas, numbers, code and tables of a page are set: parts of the Markdown extension."""

import html
import logging
import re
import xml.etree.ElementTree as ET

from markdown.postprocessors import Postprocessor
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

_log = logging.getLogger("mkdocs.plugins.companion")

_LABEL_LENGTH = 70
_CLOSING = re.compile(r"[.,;:!?)\]”’]+")
_MINUS = re.compile(r"(?<![\w)\]/=^-])-(?=\d)")
_PERCENT = re.compile(r"(?<=\d)\s(?=%)")
_PLAIN_CODE = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')
_TABLE = re.compile(r"<table>(?P<rows>.*?)</table>", re.DOTALL)
_EMPTY_HEAD = re.compile(r"<th([^>]*)></th>")


class Maths(Treeprocessor):
    """Sets what pymdownx.arithmatex found (generic form) as MathML."""

    def run(self, root: ET.Element) -> None:  # noqa: D102
        converter = LatexToMathML(fancy_error=False)
        for element in root.iter():
            if element.get("class") != "arithmatex":
                continue
            display = element.tag == "div"
            latex = (element.text or "").strip()[2:-2].strip()
            latex = html.unescape(latex) if display else latex
            try:
                mathml = converter.convert_with_local_state(latex, displaystyle=display)
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
            # As text a formula is a row of letters, of no use to a search or to a copy of the page.
            source = html.escape(" ".join(latex.split()))
            mathml = mathml.replace("<math", f'<math data-search-exclude data-latex="{source}"', 1)
            element.text = self.md.htmlStash.store(mathml)
            if not display and (closing := _CLOSING.match(element.tail or "")):
                # Within the element the style sheet keeps a line from breaking before it.
                element.text += closing[0]
                element.tail = (element.tail or "")[closing.end() :]


class Numbers(Treeprocessor):
    """Gives negative numbers in prose a minus sign, and keeps a percent sign with its number."""

    def run(self, root: ET.Element) -> None:  # noqa: D102
        for element in root.iter():
            if element.tag == "code":
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


class Code(Postprocessor):
    """Lets the keyboard scroll code and tables, mends empty table heads, and thins out the code.

    Names, operators, punctuation and blanks are two thirds of what Pygments wraps, and half of all
    the elements of a page; the style gives them no colour.
    """

    def run(self, text: str) -> str:  # noqa: D102
        text = text.replace("<pre><span></span><code>", '<pre tabindex="0"><code>')
        text = _EMPTY_HEAD.sub(r"<td\1></td>", text)  # a head without words says nothing
        text = _TABLE.sub(
            r'<div class="lit-table" role="group" aria-label="Table" tabindex="0">'
            r'<table class="lit">\g<rows></table></div>',
            text,
        )
        return _PLAIN_CODE.sub(r"\1", text)
