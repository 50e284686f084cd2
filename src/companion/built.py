"""The pages of a built site, and where they say what they are."""

import re
from collections.abc import Iterator
from pathlib import Path

TITLE = re.compile(r"<title>(?P<words>.*?)</title>", re.DOTALL)
CANONICAL = re.compile(r'<link rel="canonical" href="(?P<words>[^"]*)">')
NAVIGATION = re.compile(r'<nav class="lit-nav".*?</nav>', re.DOTALL)


def pages(site: Path, name: str = "*.html") -> Iterator[tuple[Path, str]]:
    """Each page of a folder, as its path and its HTML, in the order of the paths."""
    for path in sorted(site.rglob(name)):
        yield path, path.read_text(encoding="utf-8")
