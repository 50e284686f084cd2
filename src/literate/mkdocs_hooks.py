"""The finishing touches that only MkDocs can give to a site; nothing here knows what a page says.

MkDocs calls the functions named `on_...` (its setting `hooks`). While a page is rendered, whatever
may scroll sideways is put within reach of the keyboard, and code gets by with fewer elements. After
the build, each page with code is also written as a notebook, the maths font is cut down to the
characters that the site's formulas use, the style sheets are written into the pages, so that a page
shows itself with its first response, and the search and the player get their tables.

Files that live elsewhere in the repository can be part of the site: `extra.served` of the
configuration maps their place in it to their source. A list of sorted words whose place ends with
`.front.txt` is front-coded, which saves a third of what is transferred.

Notebooks begin with the code `extra.notebook_setup` of the configuration, in which the empty
`REPOSITORY` becomes the address `extra.repository`.
"""

import hashlib
import html
import importlib.util
import io
import logging
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage

from literate import player, search
from literate.notebook import from_page
from literate.page import Page, PageError, read_page
from literate.store import write_whole

log = logging.getLogger("mkdocs.plugins.literate")

MATHS_FONT = "assets/fonts/stix-two-math.woff2"

_MATHS = re.compile(r"<math\b.*?</math>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="(?P<href>[^":]+)">')
_URL = re.compile(r"url\((?P<quote>[\"']?)(?P<target>(?!#)[^\"':)]+)(?P=quote)\)")
_PLAIN_CODE = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')
_TABLE = re.compile(r"<table>(?P<rows>.*?)</table>", re.DOTALL)
_REPOSITORY = re.compile(r'(REPOSITORY = (?P<quote>\\?"))((?P=quote))')
_CLONE = re.compile(r'<span class="gp">\$ </span>git clone REPOSITORY\b[^\n]*\n')
_SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/")


def on_files(files: Files, config: MkDocsConfig, **_: object) -> Files:
    """Serve the files of `extra.served`, which stand outside of the pages' folder (MkDocs event).

    Raises:
        FileNotFoundError: If one is not there.
    """
    root = Path(config.config_file_path).parent
    for target, name in config.extra.get("served", {}).items():
        source = root / name
        if not source.is_file():
            raise FileNotFoundError(f"extra.served names {name}, which is not in {root}")
        content = source.read_text(encoding="utf-8")
        if target.endswith(".front.txt"):
            content = front_coded(content)
        files.append(File.generated(config, target, content=content))
    return files


def front_coded(words: str) -> str:
    """Give each line the number of letters that it shares with the one before, and the others.

    The number, at most 9, is one digit.
    """
    before, lines = "", []
    for word in words.splitlines():
        shared = next(n for n in range(9, -1, -1) if word[:n] == before[:n] and len(before) >= n)
        lines.append(f"{shared}{word[shared:]}\n")
        before = word
    return "".join(lines)


def on_page_content(content: str, config: MkDocsConfig, **_: object) -> str:
    """Let the keyboard scroll code and tables, and thin out the code (MkDocs event)."""
    return cloned(plain_code(focusable_scrollers(content)), config.extra.get("repository", ""))


def on_page_context(
    context: dict[str, Any], page: SitePage, config: MkDocsConfig, **_: object
) -> dict[str, Any]:
    """Write a page with code as a notebook too, and name that to the template (MkDocs event)."""
    source = page.file.abs_src_path
    parsed = _parsed(Path(source)) if source else None
    if parsed is not None and parsed.blocks:
        setup = config.extra["notebook_setup"]
        notebook = from_page(
            parsed,
            title=str(page.title),
            address=page.canonical_url or "",
            # As on the page, what a cell does not print is not shown.
            first=f'{setup}\n%config InteractiveShell.ast_node_interactivity = "none"',
        )
        context["notebook"] = f"{parsed.path.stem}.ipynb"
        target = Path(page.file.abs_dest_path).with_name(context["notebook"])
        write_whole(target, nbformat.writes(notebook).encode())
    return context


def on_post_build(config: MkDocsConfig) -> None:
    """Finish the notebooks and pages, and write the maths font, the index and the moments."""
    site = Path(config.site_dir)
    if repository := config.extra.get("repository"):
        for path in sorted(site.rglob("*.ipynb")):
            text = path.read_text(encoding="utf-8")
            write_whole(path, stamped(text, repository).encode())
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    if characters := maths_characters(pages.values()):
        cache = Path(config.config_file_path).parent / ".cache" / "fonts"
        write_whole(site / MATHS_FONT, cached_maths_font(characters, cache))
    root = urlsplit(config.site_url or "/").path
    for path, page in pages.items():
        write_whole(path, inline_stylesheets(page, path, site, root).encode())
    search.index(site)
    player.write_moments(site, Path(config.docs_dir) / "chapters.toml")


def stamped(text: str, repository: str) -> str:
    """Return the code, or a notebook's file, with the repository's address filled in."""
    return _REPOSITORY.sub(rf"\g<1>{repository}\g<3>", text)


def focusable_scrollers(content: str) -> str:
    """Make code blocks focusable, and wrap tables in a focusable element that scrolls."""
    content = content.replace("<pre><span></span><code>", '<pre tabindex="0"><code>')
    return _TABLE.sub(
        r'<div class="lit-table" role="group" aria-label="Table" tabindex="0">'
        r'<table class="lit">\g<rows></table></div>',
        content,
    )


def plain_code(content: str) -> str:
    """Unwrap names, operators, punctuation and blanks in code: the style gives them no colour.

    They are two thirds of what Pygments wraps, and half of all the elements of a page.
    """
    return _PLAIN_CODE.sub(r"\1", content)


def cloned(content: str, repository: str) -> str:
    """Fill the address in where a command says `git clone REPOSITORY`; without one it goes."""
    return _CLONE.sub(
        lambda line: line[0].replace("REPOSITORY", repository) if repository else "", content
    )


def maths_characters(pages: Iterable[str]) -> frozenset[str]:
    """Return the characters which the browser draws for the pages' `<math>` elements.

    A letter alone in an `<mi>` is drawn in mathematical italics, which are characters of their own.
    """
    text = " ".join(formula for page in pages for formula in _MATHS.findall(page))
    drawn = set(html.unescape(_TAG.sub("", text)))
    drawn.update(_italic(letter) for letter in re.findall(r"<mi>(\w)</mi>", text))
    return frozenset(character for character in drawn if not character.isspace())


def maths_font(characters: frozenset[str]) -> bytes:
    """Return STIX Two Math for these characters, with all their sizes and the root sign, as woff2.

    Raises:
        FileNotFoundError: If the package that carries the font is not installed.
    """
    from fontTools import subset  # slow to import, and needed only when the formulas change

    options = subset.Options()
    options.flavor = "woff2"  # pyright: ignore[reportAttributeAccessIssue]
    options.hinting = False
    options.layout_features = ["ssty", "dtls", "flac"]  # small scripts, dotless i, flat accents
    with subset.load_font(str(_font_source()), options) as font:
        subsetter = subset.Subsetter(options)
        # The root sign stands in no text: the browser draws it for <msqrt> and <mroot>.
        subsetter.populate(text="".join(characters | {"√"}))
        subsetter.subset(font)
        result = io.BytesIO()
        subset.save_font(font, result, options)
    return result.getvalue()


def cached_maths_font(characters: frozenset[str], cache: Path) -> bytes:
    """Return `maths_font(characters)`, made only once for the same characters and code."""
    made_from = Path(__file__).read_bytes() + "".join(sorted(characters)).encode()
    key = hashlib.sha256(made_from).hexdigest()
    path = cache / f"{key}.woff2"
    if not path.exists():
        write_whole(path, maths_font(characters))
    return path.read_bytes()


def inline_stylesheets(page: str, path: Path, site: Path, root: str = "/") -> str:
    """Return the page with its own site's linked style sheets written into it.

    Args:
        page: The HTML.
        path: Where it stands.
        site: The folder of the built site.
        root: The path at which the site is served; a 404 page links from there.
    """

    def inline(link: re.Match[str]) -> str:
        href = link["href"]
        source = site / href.removeprefix(root) if href.startswith("/") else path.parent / href
        if not source.is_file():
            log.warning(f"{path.relative_to(site)}: the style sheet {href} is not in the site")
            return link[0]
        css = _SOURCE_MAP.sub("", source.read_text(encoding="utf-8"))
        css = _URL.sub(lambda url: f'url("{_beside(href, url["target"])}")', css)
        return f"<style>{css}</style>"

    return _STYLESHEET.sub(inline, page)


def _parsed(path: Path) -> Page | None:
    try:
        return read_page(path)
    except PageError:
        return None  # the extension warns of it


def _beside(href: str, target: str) -> str:
    """Resolve an address in the style sheet at `href` as seen from the page that links it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(href), target))


def _italic(letter: str) -> str:
    """Return the mathematical italic of a Latin or Greek letter, anything else unchanged."""
    for first, last, italic in (("A", "Z", "𝐴"), ("a", "z", "𝑎"), ("Α", "Ω", "𝛢"), ("α", "ω", "𝛼")):
        if first <= letter <= last:
            return "ℎ" if letter == "h" else chr(ord(italic) + ord(letter) - ord(first))
    return letter


def _font_source() -> Path:
    """Find the font file in the package ziamath without importing the package."""
    package = importlib.util.find_spec("ziamath")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "The maths font STIX Two Math was expected in the package ziamath, which is not "
            "installed; run: python -m pip install -e ."
        )
    return Path(package.origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
