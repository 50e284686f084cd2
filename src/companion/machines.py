"""The site for machines: each page as Markdown beside its HTML, and `llms.txt`, their list."""

import hashlib
import html
import json
import re
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from companion import page_markdown as converter
from companion.built import CANONICAL, NAVIGATION, TITLE, pages
from companion.page_markdown import page_markdown
from literate.store import write_whole

LIST = "llms.txt"  # in the site
KEPT = "pages-as-markdown.json"  # in the cache: the last build's, by digest
OTHERS = "Also here"
"""The section of the pages that stand in none."""

_CODE = Path(str(converter.__file__)).read_bytes()
_ALTERNATE = '<link rel="alternate" type="text/markdown" href="{name}">'
_DESCRIPTION = re.compile(r'<meta name="description" content="(?P<words>[^"]*)">')
_ENTRY = re.compile(
    r'lit-nav__section">(?P<section>.*?)</span>|<a href="(?P<href>[^"]*)"[^>]*>(?P<title>.*?)</a>'
    r"|</ul>",
    re.DOTALL,
)


def write_markdown(site: Path) -> None:
    """Write each page as Markdown beside its HTML, `index.md` beside `index.html`, and link it.

    Of a page that was as it is now in the last build, the Markdown is read back from the cache.
    """
    before, now = _read_kept(), {}
    for path, page in pages(site):
        article = page.partition("<article")[2].partition("</article>")[0]
        key = hashlib.sha256(_CODE + article.encode()).hexdigest()
        text = now[key] = before.get(key) or page_markdown(page)
        if path.name == "404.html" or not text:
            continue
        copy = path.with_suffix(".md")
        write_whole(copy, text.encode())
        link = _ALTERNATE.format(name=copy.name)
        if link not in page:
            write_whole(path, page.replace("</head>", f"{link}</head>", 1).encode())
    with suppress(OSError):  # where nothing can be written, nothing is kept
        write_whole(user_cache_path("makemore3") / KEPT, json.dumps(now).encode())


def _read_kept() -> dict[str, str]:
    with suppress(OSError, ValueError):
        kept = json.loads((user_cache_path("makemore3") / KEPT).read_bytes())
        if isinstance(kept, dict):
            return kept
    return {}


def write_list(site: Path) -> None:
    """Write `llms.txt`: title and summary of the site, and its pages in the navigation's order.

    The links are whole addresses where the pages have canonical ones.
    """
    home = site / "index.html"
    page = home.read_text(encoding="utf-8") if home.is_file() else ""
    navigation = NAVIGATION.search(page)
    if navigation is None:
        return
    base = _said(CANONICAL, page)
    lists: dict[str, list[str]] = {}
    section = OTHERS
    for entry in _ENTRY.finditer(navigation[0]):
        if entry["section"]:
            section = html.unescape(entry["section"].strip())
        elif entry["href"] is None:
            section = OTHERS  # a section ends
        elif (copy := _copy(site, html.unescape(entry["href"]))).is_file():
            told = _said(_DESCRIPTION, copy.with_suffix(".html").read_text(encoding="utf-8"))
            address = base + copy.relative_to(site).as_posix()
            title = html.unescape(entry["title"].strip())
            lists.setdefault(section, []).append(f"- [{title}]({address}): {told}")
    text = f"# {_said(TITLE, page)}\n\n> {_said(_DESCRIPTION, page)}\n"
    for section, lines in sorted(lists.items(), key=lambda item: item[0] == OTHERS):
        text += f"\n## {section}\n\n" + "\n".join(lines) + "\n"
    write_whole(site / LIST, text.encode())


def _copy(site: Path, href: str) -> Path:
    target = site / href
    return target / "index.md" if target.is_dir() else target.with_suffix(".md")


def _said(what: re.Pattern[str], page: str) -> str:
    found = what.search(page)
    return html.unescape(found["words"].strip()) if found else ""
