"""The steps after a build, over a folder of HTML: whatever built it, they are the same.

`finish` takes them in order; another step is another function in `STEPS`. The command
`python -m literate finish` finds it by its entry point.
"""

import hashlib
import html
import importlib.util
import io
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from companion import crosslinks, machines, player, search
from companion.built import pages
from literate.store import write_whole

MATHS_FONT = "assets/fonts/stix-two-math.woff2"

_MATHS = re.compile(r"<math\b.*?</math>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="(?P<href>[^":]+)">')
_URL = re.compile(r"url\((?P<quote>[\"']?)(?P<target>(?!#)[^\"':)]+)(?P=quote)\)")
_REPOSITORY = re.compile(rb'(REPOSITORY = (?P<quote>\\?"))((?P=quote))')
_SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/")


def finish(site: Path, docs: Path, *, repository: str = "") -> list[str]:
    """Take every step that a built site needs, and return what is wrong with it.

    Args:
        site: The folder of the site, which is changed; doing it twice changes nothing more.
        docs: The folder of the pages that it was built from.
        repository: The address that the notebooks' first cell installs from, or "".
    """
    stamp_notebooks(site, repository)
    return [problem for step in STEPS for problem in step(site, docs)]


def stamp_notebooks(site: Path, repository: str) -> None:
    """Fill the repository's address into the notebooks' first cell."""
    for path in list(site.rglob("*.ipynb")) if repository else ():
        address = repository.encode()
        write_whole(path, _REPOSITORY.sub(rb"\g<1>" + address + rb"\g<3>", path.read_bytes()))


def write_maths_font(site: Path, _: Path) -> Iterator[str]:
    """Cut the maths font down to the characters of the site's formulas."""
    if characters := maths_characters(page for _, page in pages(site)):
        write_whole(site / MATHS_FONT, cached_maths_font(characters))
    yield from ()


def inline_stylesheets(site: Path, _: Path) -> Iterator[str]:
    """Write the style sheets into the pages: a page shows itself with its first response."""
    for path, page in pages(site):
        missing: list[str] = []

        def inline(link: re.Match[str], path: Path = path, missing: list[str] = missing) -> str:
            source = _linked_file(site, path, link["href"])
            if source is None:
                missing.append(link["href"])
                return link[0]
            css = _SOURCE_MAP.sub("", source.read_text(encoding="utf-8"))
            css = _URL.sub(lambda url: f'url("{_beside(link["href"], url["target"])}")', css)
            return f"<style>{css}</style>"

        if (styled := _STYLESHEET.sub(inline, page)) != page:
            write_whole(path, styled.encode())
        name = path.relative_to(site)
        yield from (f"{name}: the style sheet {href} is not in the site" for href in missing)


def link_imports(site: Path, _: Path) -> Iterator[str]:
    """Link what the blocks import to the reference."""
    crosslinks.link_imports(site)
    yield from ()


def write_for_machines(site: Path, _: Path) -> Iterator[str]:
    """Write each page as Markdown, and the list of pages."""
    machines.write_markdown(site)
    machines.write_list(site)
    yield from ()


def write_tables(site: Path, docs: Path) -> Iterator[str]:
    """Write the index of the search, and the moments for the player."""
    search.index(site)
    player.write_moments(site, docs / "chapters.toml")
    yield from ()


STEPS: list[Callable[[Path, Path], Iterable[str]]] = [
    link_imports,
    write_for_machines,
    write_maths_font,
    inline_stylesheets,
    write_tables,
]
"""Each gets the folders of site and pages, does its work, and returns what is wrong."""


def maths_characters(pages: Iterable[str]) -> frozenset[str]:
    """Return the characters which the browser draws for the pages' `<math>` elements.

    A letter alone in an `<mi>` is drawn in mathematical italics, which are characters of their own.
    """
    text = "".join(formula for page in pages for formula in _MATHS.findall(page))
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


def cached_maths_font(characters: frozenset[str]) -> bytes:
    """Return `maths_font(characters)`, made only once for the same characters and code.

    It is kept in the user's cache behind its digest: a file that is cut or damaged is made again,
    and where nothing can be written nothing is kept.
    """
    made_from = Path(__file__).read_bytes() + "".join(sorted(characters)).encode()
    path = user_cache_path("makemore3") / f"maths-{hashlib.sha256(made_from).hexdigest()}"
    with suppress(OSError):
        kept = path.read_bytes()
        if kept[:32] == hashlib.sha256(kept[32:]).digest():
            return kept[32:]
    font = maths_font(characters)
    with suppress(OSError):
        write_whole(path, hashlib.sha256(font).digest() + font)
    return font


def _linked_file(site: Path, page: Path, href: str) -> Path | None:
    """The file that a page links; a 404 page links from the root at which the site is served."""
    parts = href.strip("/").split("/")
    below = [site.joinpath(*parts[start:]) for start in range(len(parts))]
    files = below if href.startswith("/") else [page.parent / href]
    return next((file for file in files if file.is_file()), None)


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
