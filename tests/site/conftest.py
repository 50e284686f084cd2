"""The site, built once and strictly, served, and visited the way readers come to it."""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from site_visits import KeptVisits, QuietHandler, Site, Visit, open_window, visit_page

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/someone/makemore3"
WIDTHS = (390, 1440)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site at the root of a server, as a build without any setting makes it."""
    yield from _served(tmp_path_factory.mktemp("built"), "site", "")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site in a folder of a server, with the settings of a deployment."""
    root = tmp_path_factory.mktemp("deployed")
    yield from _served(
        root, "notes", "notes/", SITE_URL="https://example.org/notes/", REPO_URL=REPOSITORY
    )


def _served(root: Path, name: str, path: str, **settings: str) -> Iterator[Site]:
    folder = root / name
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )
    log = build.stdout + build.stderr
    assert build.returncode == 0, f"mkdocs build --strict failed:\n{log}"
    handler = functools.partial(QuietHandler, directory=str(root if path else folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(folder, log, f"http://127.0.0.1:{server.server_port}/{path}")
        server.shutdown()


@pytest.fixture(scope="session", params=WIDTHS)
def visits(site: Site, browser: Browser, request: pytest.FixtureRequest, kept: Path) -> list[Visit]:
    """Every page of the site, visited in a window of one width.

    Colours are checked on every page in the narrow window. The wide one has no others but those of
    its frame, so there one page of each folder is enough.
    """
    width = request.param
    pages = site.pages
    samples = {page.parent.parent: page for page in pages}.values()
    coloured = pages if width == min(WIDTHS) else samples
    tools = browser.version, version("axe-playwright-python")
    made = KeptVisits(kept / f"visits-{width}.json", tools)
    visits = []
    context = open_window(browser, width, "light")
    try:
        tab = context.new_page()
        for page in pages:
            name = page.relative_to(site.folder).as_posix()
            visit = Visit(name, width, colours=page in coloured)
            if not made.find(visit, site):
                visit_page(tab, site, visit)
                made.keep(visit, site)
            visits.append(visit)
    finally:
        context.close()
        made.write()
    return visits
