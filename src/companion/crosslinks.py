"""From a name that a block imports to its entry in the reference."""

import posixpath
import re
from pathlib import Path

from companion.built import pages
from literate.store import write_whole

_ENTRY = re.compile(r'<h[1-6] id="(?P<name>\w+(?:\.\w+)+)"')
_IMPORT = re.compile(
    r'(?P<before><span class="nn">(?P<module>[\w.]+)</span> <span class="kn">import</span> )'
    r"(?P<names>\([\w\s,]+\)|[\w ,]+)"
)
_NAME = re.compile(r"\w+")


def link_imports(site: Path) -> None:
    """Link the names in `from module import name` of each page, where the site has an entry."""
    whole = dict(pages(site))
    entries = {
        entry["name"]: path.parent.relative_to(site).as_posix()
        for path, page in whole.items()
        for entry in _ENTRY.finditer(page)
    }
    for path, page in whole.items():
        here = path.parent.relative_to(site).as_posix()
        linked = _IMPORT.sub(lambda found, here=here: _linked(found, entries, here), page)
        if linked != page:
            write_whole(path, linked.encode())


def _linked(found: re.Match[str], entries: dict[str, str], here: str) -> str:
    def link(name: re.Match[str]) -> str:
        whole = f"{found['module']}.{name[0]}"
        if whole not in entries:
            return name[0]
        address = posixpath.relpath(entries[whole], here)
        return f'<a class="lit-entry" href="{address}/#{whole}">{name[0]}</a>'

    # A statement that has been linked has no name left that stands bare: twice changes nothing.
    return found["before"] + _NAME.sub(link, found["names"])
