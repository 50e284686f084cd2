"""What tests of several folders share: the one browser of a process, and a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from companion.paper import PaperError, find_chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one, the test is skipped."""
    try:
        found = find_chromium()
    except PaperError as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        # Without its sandbox, for the tests may run as root; it visits nothing but the own site.
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def as_written(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Check that a text is that of a file beside the test; `--renew` writes the file."""

    def check(
        name: str, text: str, same: Callable[[str, str], bool] = lambda old, new: old == new
    ) -> None:
        path = request.path.parent / name
        if request.config.getoption("--renew"):
            path.write_text(text, encoding="utf-8", newline="\n")
        written = path.read_text(encoding="utf-8")
        if not same(written, text):
            assert text == written, "meant? Then `pytest --renew` this test, and look at the diff"

    return check


@pytest.fixture
def assert_it_loads_nothing_heavy() -> Callable[[str], None]:
    """Check that a script, in a process of its own, loads neither torch nor MkDocs nor pytest."""

    def check(script: str) -> None:
        script += (
            "\nimport sys\n"
            "heavy = {'torch', 'matplotlib', 'numpy', 'makemore3', 'mkdocs', 'pytest'}\n"
            "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("[]\n", "")

    return check
