"""A built page as Markdown, with its outputs in their places.

It's made from the HTML, so a page of any kind has one: notes, notebooks and the reference alike.
"""

import html
import re

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter

_MATHS = re.compile(r'<math\b[^>]*?data-latex="(?P<latex>[^"]*)"[^>]*>.*?</math>', re.DOTALL)
_DRAWING = re.compile(r"<svg\b(?P<attributes>[^>]*)>.*?</svg>", re.DOTALL)
_LABEL = re.compile(r'aria-label="(?P<words>[^"]*)"')
_CODE = re.compile(r"<pre\b.*?</pre>", re.DOTALL)
_COLOURS = re.compile(r"</?(?:span|a)\b[^>]*>")
_LANGUAGE = re.compile(r"\blanguage-(?P<name>\w+)")
_LEFT_OUT = "script, style, button, nav, template, .headerlink, .lit-contents, .lit-download"


def page_markdown(page: str) -> str:
    """Return the article of a built page as Markdown; "" if it has none.

    Formulas are LaTeX between dollar signs, figures are told by their alt text, and what a block
    printed stands in a fence below it.
    """
    _, start, article = page.partition("<article")
    article, end, _ = article.partition("</article>")
    if not end:
        return ""
    # What has thousands of elements and needs none of them is made text before it is parsed.
    article = _MATHS.sub(lambda found: f"<tex>{found['latex']}</tex>", start + article)
    article = _DRAWING.sub(_told, article)
    article = _CODE.sub(lambda found: _COLOURS.sub("", found[0]), article)
    soup = BeautifulSoup(article, "html.parser")
    for element in soup.select(_LEFT_OUT):
        element.decompose()
    for term in soup.select(".lit-term"):
        term.unwrap()
    for name in soup.select(".lit-part__name"):
        name.name = "summary"  # set as the line above a fold
    text = _Writer(heading_style=ATX, bullets="-").convert_soup(soup)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _told(drawing: re.Match[str]) -> str:
    label = _LABEL.search(drawing["attributes"])
    return f"<p><em>Figure: {label['words']}</em></p>" if label else ""


class _Writer(MarkdownConverter):
    """Markdown for the elements that these pages have beside the usual."""

    def convert_tex(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        sign = "$$" if el.find_parent("div", class_="lit-math") else "$"
        return f"{sign}{el.get_text()}{sign}"

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        code = el.get_text().strip("\n")
        around = " ".join(el.parent.get("class") or []) if el.parent else ""
        language = _LANGUAGE.search(around)
        ticks = max(["``", *re.findall("`+", code)], key=len) + "`"
        return f"\n\n{ticks}{language['name'] if language else 'text'}\n{code}\n{ticks}\n\n"

    def convert_summary(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{text.strip()}**\n\n"

    def convert_figcaption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"*Figure: {html.escape(str(el.get('alt', '')), quote=False)}*\n\n"
