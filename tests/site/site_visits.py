"""A built site, and how the browser tests look at it."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Response

from literate.store import write_whole

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Site:
    """The built site: where it lies, what the build said, where it is served."""

    folder: Path
    log: str
    url: str

    @property
    def pages(self) -> list[Path]:
        return sorted(self.folder.rglob("*.html"))

    def address(self, page: Path) -> str:
        return self.url + page.relative_to(self.folder).as_posix().removesuffix("index.html")

    def file(self, address: str) -> Path:
        """The file that is served at an address."""
        root = urlsplit(self.url).path
        file = self.folder / urlsplit(address).path.removeprefix(root)
        return file / "index.html" if file.is_dir() else file


@dataclass
class Visit:
    """What one page did in one window.

    Args:
        page: Its file in the site's folder.
        window: Width of the window, in px.
        colours: Whether axe checks its colours, in both palettes: they take axe longer than all
            the rest.
        width: What the page needs, in px.
    """

    page: str
    window: int
    colours: bool
    width: int = 0
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    requested: set[str] = field(default_factory=set)
    violations: list[dict[str, Any]] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


class KeptVisits:
    """The visits that found nothing wrong: repeated only when a file they asked for has changed.

    Args:
        path: Where they are kept.
        made_by: What else decides what a visit finds: the browser, what looks at the page.
    """

    def __init__(self, path: Path, made_by: object) -> None:
        self.path = path
        self.made_by = repr((made_by, _digest(Path(__file__))))
        self.before: dict[str, dict[str, Any]] = {}
        self.now: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError):  # none yet, or damaged
            self.before = json.loads(path.read_text(encoding="utf-8"))

    def find(self, visit: Visit, site: Site) -> bool:
        """Fill in the visit as it was made before; False if there is none, or not the same."""
        kept = self.before.get(visit.page, {"files": {}})
        urls = [site.url + path for path in kept["files"]]
        if kept != self._entry(visit, site, urls):
            return False
        self.now[visit.page] = kept
        visit.width, visit.requested = visit.window, set(urls)
        return True

    def keep(self, visit: Visit, site: Site) -> None:
        """Note a visit, unless it found something."""
        urls = [url for url in visit.requested if not url.startswith(("data:", "blob:"))]
        faults = visit.errors or visit.failed or visit.violations or visit.cut
        at_home = all(url.startswith(site.url) for url in urls)
        if at_home and not faults and visit.width <= visit.window:
            self.now[visit.page] = self._entry(visit, site, urls)

    def _entry(self, visit: Visit, site: Site, urls: Sequence[str]) -> dict[str, Any]:
        files = {url.removeprefix(site.url): _digest(site.file(url)) for url in sorted(urls)}
        return {"made_by": self.made_by, "colours": visit.colours, "files": files}

    def write(self) -> None:
        """Write the file; done once, at the end."""
        write_whole(self.path, json.dumps(self.now).encode())


def _digest(file: Path) -> str | None:
    """Digest a file; the commit that a page was built from makes no difference."""
    if not file.is_file():
        return None
    return hashlib.sha256(COMMIT.sub(b"", file.read_bytes())).hexdigest()


COMMIT = re.compile(rb"Built from commit .*?</code>(</a>)?(, with changes)?")


def open_window(browser: Browser, width: int, scheme: Scheme) -> BrowserContext:
    """A window of a reader who has chosen nothing: the palette follows the system."""
    phone = width < 600
    return browser.new_context(
        viewport={"width": width, "height": 844 if phone else 900},
        is_mobile=phone,
        has_touch=phone,
        color_scheme=scheme,
        reduced_motion="reduce",
    )


def visit_page(tab: Page, site: Site, visit: Visit) -> None:
    """Open one page as for the first time, and note what happens."""

    def note(response: Response) -> None:
        visit.requested.add(response.url)
        if not response.ok:
            visit.failed.append(f"{response.status} {response.url}")

    listeners: dict[Any, Callable[..., None]] = {
        "console": lambda message: visit.errors.append(f"{message.type}: {message.text}"),
        "pageerror": lambda error: visit.errors.append(str(error)),
        "requestfailed": lambda request: visit.failed.append(request.url),
        "response": note,
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.emulate_media(color_scheme="light")
    tab.goto(site.address(site.folder / visit.page))
    if visit.window > 600:
        tab.mouse.move(visit.window / 2, 300)  # what that brings belongs to a first visit
        tab.wait_for_load_state("networkidle")
    tab.wait_for_function("document.fonts.status == 'loaded'")
    visit.width = tab.evaluate("document.documentElement.scrollWidth")
    visit.cut = tab.evaluate(CUT)
    visit.violations = axe_violations(tab, leave_out=() if visit.colours else COLOUR_RULES)
    if visit.colours:
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_selector("body[data-md-color-scheme=slate]", state="attached")
        visit.violations += axe_violations(tab, only=COLOUR_RULES)
    tab.wait_for_load_state("networkidle")
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


def ask(tab: Page, query: str) -> None:
    """Type a query into the open search, and wait for its answer."""
    field = tab.get_by_role("combobox", name="Search the notes")
    for text in ("", query):
        field.fill(text)
        tab.wait_for_function(SAID, arg=bool(text))


SAID = "said => said === Boolean(document.querySelector('.lit-search__status').textContent)"
"""Whether the search says something; results come at the same moment. Asked with every frame."""

CUT = """() => [...document.querySelectorAll(".lit-table > table, .lit-output pre > code")]
  .filter(content => !content.closest("details:not([open])"))
  .filter(content => content.getBoundingClientRect().right
    - parseFloat(getComputedStyle(content).paddingRight)
    > content.parentElement.getBoundingClientRect().right + 3)  // within the last letter's margin
  .map(content => content.textContent.slice(0, 60))"""
"""The tables and outputs, outside of closed folds, of which a reader has to scroll to the rest."""

COLOUR_RULES = ("color-contrast", "link-in-text-block")
"""The rules of axe whose answer depends on the palette."""


def axe_violations(
    tab: Page, *, only: Sequence[str] = (), leave_out: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """What axe finds with some of its rules, or with all, best practices included."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    options["rules"] = {rule: {"enabled": False} for rule in leave_out}
    if only:
        options["runOnly"] = {"type": "rule", "values": list(only)}
    return Axe().run(tab, options=options).response["violations"]


def in_words(violations: list[dict[str, Any]]) -> str:
    """The rules that were broken, with the nodes that broke them."""
    return "\n".join(
        f"{violation['id']}: {node['html']}\n    {node['failureSummary']}"
        for violation in violations
        for node in violation["nodes"]
    )


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, logs nothing, and lets the browser keep nothing: every visit is a first one."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # a closed tab
            super().handle()
