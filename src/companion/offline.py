"""A copy of the built site that is read from files, without a server.

From a file a browser follows links to files, not to folders, and a page may load scripts but no
modules and no data. So links name their `index.html`, the search's index is a script, and the
lecture is a plain link.
"""

import json
import posixpath
import re
import shutil
import tempfile
from pathlib import Path

from companion.built import pages
from companion.search import FOLDER, powers, sections, vocabulary
from literate.store import write_whole

_HREF = re.compile(r'(?P<before>\bhref=")(?P<path>[^":#?]*)(?P<after>[^"]*")')
_SCRIPT = re.compile(
    r'<script src="(?P<path>[^"]*assets/javascripts/)(?P<name>search|player)\.js" defer></script>'
)
_WATCH = re.compile(r'<button class="lit-watch".*?(?P<sign><svg.*?</svg>).*?</button>', re.DOTALL)
_COPY = re.compile(r'<button class="lit-copy-page".*?</button>', re.DOTALL)
_MOMENT = re.compile(r'href="(?P<address>https://youtu\.be/[\w-]+\?t=\d+)"')
_NEEDS_A_SERVER = ("404.html", "sitemap.xml*", "assets/playground", "assets/javascripts/playground")


def write_offline(site: Path, target: Path) -> None:
    """Copy the built site into the folder `target`, so that it works from files.

    The folder is there when all of it is. The playground stays behind: its page says so.

    Raises:
        FileExistsError: If there is something at `target`.
        FileNotFoundError: If `site` is no built site.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(
            f"expected a built site, found no index.html in {site}: run `mkdocs build`"
        )
    if target.exists():
        raise FileExistsError(
            f"expected nothing at {target}, where the copy goes: remove it or name another folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        copy = Path(folder) / target.name
        shutil.copytree(site, copy, ignore=shutil.ignore_patterns(FOLDER))
        for pattern in _NEEDS_A_SERVER:
            for path in copy.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, page in pages(copy):
            write_whole(path, from_files(page, path.parent.relative_to(copy), copy).encode())
        write_whole(copy / FOLDER / "sections.js", _searched(copy).encode())
        copy.rename(target)


def from_files(page: str, folder: Path, site: Path) -> str:
    """Return a page as it works from a file.

    Args:
        page: Its HTML.
        folder: Where it lies, seen from the site's root.
        site: The site's root.
    """
    moment = _MOMENT.search(page)

    def to_file(link: re.Match[str]) -> str:
        target = posixpath.join(link["path"], "index.html")
        if not link["path"] or not (site / folder / target).is_file():
            return link[0]
        return f"{link['before']}{target}{link['after']}"

    def watch(button: re.Match[str]) -> str:
        address = moment["address"] if moment else ""
        return f'<a class="lit-watch" href="{address}">{button["sign"]} Watch it on YouTube</a>'

    def script(element: re.Match[str]) -> str:
        if element["name"] == "player":
            return ""
        before = ("rank", f"../../{FOLDER}/sections", "offline")
        return "".join(
            f'<script src="{element["path"]}{name}.js" defer></script>'
            for name in (*before, "search")
        )

    for pattern, new in ((_COPY, ""), (_WATCH, watch), (_SCRIPT, script), (_HREF, to_file)):
        page = pattern.sub(new, page)
    return page


def _searched(site: Path) -> str:
    """The script that brings all sections of the site to the search."""
    found = [
        section
        for path, page in pages(site, "index.html")
        for section in sections(page, path.relative_to(site).as_posix())
    ]
    entries = [
        {
            "title": section.title,
            "page": section.page,
            "address": section.address,
            "entry": section.entry,
            "content": powers(" ".join([*section.prose, *section.code])),
        }
        for section in found
    ]
    table = {"sections": entries, "words": vocabulary(found)}
    return f"globalThis.searched = {json.dumps(table, ensure_ascii=False)}\n"
