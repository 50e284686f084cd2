"""The playground's modules in a browser, apart from the page."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from makemore3.data import Dataset, load_dataset

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "docs" / "assets"

SETUP = """async (text) => {
  const bring = (name) => import(`/javascripts/playground/${name}.js`)
  const names = "random data net run controls missions"
  const modules = await Promise.all(names.split(" ").map(bring))
  Object.assign(window, ...modules)
  const fetched = (name) => fetch(`/playground/${name}`)
  window.engine = await WebAssembly.compile(await (await fetched("engine.wasm")).arrayBuffer())
  window.corpus = dataset(parse(text))
  window.made = (stage, changes) =>
    new Run(engine, corpus, { ...stages[stage].settings, ...changes })
}"""


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>modules</title><link rel=icon href=data:,>")
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()


@pytest.fixture(scope="session")
def names() -> Dataset:
    return load_dataset()


@pytest.fixture(scope="session")
def tab(browser: Browser, names: Dataset) -> Iterator[Page]:
    """A page that has all modules' functions as globals, and the test run's names as `corpus`."""
    handler = functools.partial(_Handler, directory=str(ASSETS))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_port}/")
        tab.evaluate(SETUP, "\n".join(names.names))
        yield tab
        tab.close()
        server.shutdown()


@pytest.fixture
def js(tab: Page) -> Callable[..., Any]:
    """Evaluate an expression, or call a function with one argument, and return its value."""
    return tab.evaluate
