"""The lecture's pages as one PDF: their articles, one after the other, printed by Chromium."""

import base64
import html
import os
import posixpath
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from companion.built import CANONICAL, NAVIGATION, TITLE
from literate.store import write_whole

PAGES = "lecture/"
"""Where the pages stand that are printed, seen from the site's root."""

PATIENCE = 300
"""Seconds that Chromium has."""

_CHROMIUM = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
)
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_ARTICLE = re.compile(r"<article.*?</article>", re.DOTALL)
_HEADING = re.compile(r"<h1[^>]*>(?P<words>.*?)(?:<a class=\"headerlink|</h1>)", re.DOTALL)
_LINK = re.compile(r'<a href="(?P<href>[^"#?:]+)"')
_NAME = re.compile(r'(?P<before>\b(?:id|for|name)="|url\(#)(?P<name>[^")]+)')
_ANCHOR = re.compile(r'\bhref="(?P<path>[^":#?]*)(?:#(?P<name>[^"]*))?"')
_URL = re.compile(r"url\([\"']?(?P<path>[^\"':)#]+)[\"']?\)")
_WITHOUT = re.compile(
    r"<button\b.*?</button>|<details class=\"lit-contents\".*?</details>", re.DOTALL
)
_SHEET = """
.paper > h1 { margin-top: 40mm; }
.paper > ul > li { margin-left: 0; list-style: none; }
.paper a:not([href]) { text-decoration: none; }
.paper > article { break-before: page; }
@page { size: A4; @bottom-center { content: counter(page); font: 8pt sans-serif; color: #444; } }
"""


class PaperError(Exception):
    """The PDF could not be printed."""


def find_chromium() -> str:
    """Return the path of the Chromium that `CHROMIUM` names, or of one under a usual name.

    The headless one comes first: it does the same with less.

    Raises:
        PaperError: If there is none.
    """
    names = (os.environ.get("CHROMIUM", ""), *_CHROMIUM)
    if found := next(filter(None, map(shutil.which, names)), None):
        return found
    raise PaperError("expected Chromium, found none: install it, or name it in CHROMIUM")


def write_pdf(site: Path, target: Path) -> None:
    """Print the lecture's pages of a built site, in the navigation's order, into one PDF.

    It begins with its contents, and links between its pages stay links. The file is written whole
    or not at all.

    Raises:
        FileNotFoundError: If `site` is no built site, or has no such pages.
        PaperError: If there is no Chromium, or it prints nothing.
    """
    program = find_chromium()
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder, "paper.html"), Path(folder, "paper.pdf")
        source.write_text(one_page(site), encoding="utf-8")
        command = [program, "--headless", "--no-pdf-header-footer", "--hide-scrollbars"]
        command += ["--generate-pdf-document-outline", f"--user-data-dir={folder}/profile"]
        if getattr(os, "geteuid", lambda: 1)() == 0:
            command.append("--no-sandbox")  # it has none for root, and reads only what we wrote
        command += [f"--print-to-pdf={printed}", source.as_uri()]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise PaperError(f"expected a PDF within {PATIENCE} s, Chromium had not done") from None
        if not printed.is_file():
            raise PaperError(f"expected a PDF, Chromium printed none: {done.stderr.strip()[-500:]}")
        write_whole(target, printed.read_bytes())


def one_page(site: Path) -> str:
    """Return the articles as one HTML page that needs no other file.

    Raises:
        FileNotFoundError: If `site` is no built site, or has no such pages.
    """
    home = site / "index.html"
    index = home.read_text(encoding="utf-8") if home.is_file() else ""
    navigation = NAVIGATION.search(index)
    links = _LINK.findall(navigation[0]) if navigation else []
    folders = [link.strip("/") for link in links if link.startswith(PAGES)]
    pages = {name: (site / name / "index.html").read_text(encoding="utf-8") for name in folders}
    if not pages:
        raise FileNotFoundError(
            f"expected a built site with pages in {PAGES}, found none in {site}: run `mkdocs build`"
        )
    numbers = {name: number for number, name in enumerate(pages, start=1)}
    articles, contents = [], []
    for name, page in pages.items():
        article = _ARTICLE.search(page)
        if article is None:
            continue
        title = _HEADING.search(article[0])
        contents.append(
            f'<li><a href="#p{numbers[name]}">{title["words"] if title else name}</a></li>'
        )
        articles.append(_joined(article[0], page, name, numbers))
    first_name, first = next(iter(pages.items()))
    styles = "".join(_STYLE.findall(first))
    styles = _URL.sub(lambda url: _inlined(url, site / first_name), styles)
    site_title = TITLE.search(index)
    title = site_title["words"] if site_title else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{styles}'
        f"<style>{_SHEET}</style></head>"
        '<body dir="ltr" data-md-color-scheme="default"><div class="md-content md-typeset paper">'
        f"<h1>{title}</h1><ul>{''.join(contents)}</ul>{''.join(articles)}</div></body></html>"
    )


def _joined(article: str, page: str, name: str, numbers: dict[str, int]) -> str:
    """An article whose names are its own among all, and whose links lead within or to the web."""
    canonical = CANONICAL.search(page)
    own = f"p{numbers[name]}"

    def link(found: re.Match[str]) -> str:
        anchor = found["name"]
        there = posixpath.normpath(posixpath.join(name, found["path"])) if found["path"] else name
        if there in numbers:
            return f'href="#p{numbers[there]}{f"-{anchor}" if anchor else ""}"'
        if canonical is None:
            return ""  # without the site's address it would lead to a file of this machine
        address = posixpath.join(canonical["words"], found["path"])
        return f'href="{html.escape(address)}{f"#{anchor}" if anchor else ""}"'

    article = _ANCHOR.sub(link, _WITHOUT.sub("", article))
    article = _NAME.sub(lambda found: f"{found['before']}{own}-{found['name']}", article)
    return article.replace("<article", f'<article id="{own}"', 1)


def _inlined(url: re.Match[str], folder: Path) -> str:
    """A file that a style sheet names, as part of it."""
    file = folder / url["path"]
    if not file.is_file():
        return url[0]
    return f"url(data:;base64,{base64.b64encode(file.read_bytes()).decode()})"
