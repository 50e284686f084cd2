"""What a whole test run leaves out, since it passed before and would pass again."""

import contextlib
import hashlib
import json
import os
import platform
import sys
from functools import cached_property
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from literate.pytest_plugin import NOT_COMPARED
from literate.store import write_whole

CODE_QUALITY = "tests/test_code_quality.py"
LONG = ("tests/site/", "tests/playground/", CODE_QUALITY)
"""How the files of the tests that take longest begin."""


class Unchanged:
    """Leaves out of a whole test run what passed before and rests on nothing that has changed.

    That holds for pages, notebooks, and the tests that take longest: those in a browser, and the
    checks of the code's types. All others are always repeated, and so is whatever the command line
    names or chooses.

    Args:
        config: pytest's.
        root: The project.
        folder: Where it is kept which tests have passed.
    """

    def __init__(self, config: pytest.Config, root: Path, folder: Path) -> None:
        self.config = config
        self.in_worker = hasattr(config, "workerinput")
        self.path = folder / "passed.json"
        # As they are before the first test.
        self.files = {} if self.in_worker else project_files(root)
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.left_out = 0

    @cached_property
    def keys(self) -> dict[str, str]:
        """For each page and test file that may be left out, a digest of all that it rests on."""
        tests = filter(may_be_left_out, self.files)
        around = environment()
        found = {}
        for test in tests:
            files = [item for item in self.files.items() if rests_on(test, item[0])]
            found[test] = _digest(repr((around, files)).encode())
        return found

    @cached_property
    def before(self) -> dict[str, str]:
        """The tests that passed in earlier test runs, with the keys of that time."""
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none yet, or damaged
            return {}

    @cached_property
    def unchanged(self) -> set[str]:
        """The tests to leave out."""
        if self.in_worker:
            return set(self.config.workerinput["unchanged"])  # pyright: ignore[reportAttributeAccessIssue]
        options = ("keyword", "markexpr", "lf", "collectonly", "bake", "renew")
        chosen = any(self.config.getoption(name, None) for name in options)
        if chosen or self.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
            return set()
        return {test for test, key in self.before.items() if self.keys.get(file_of(test)) == key}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if item.nodeid in self.unchanged]
        self.left_out = len(left_out)
        if left_out:
            items[:] = [item for item in items if item.nodeid not in self.unchanged]
            self.config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist what to leave out."""
        node.workerinput["unchanged"] = sorted(self.unchanged)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear from a worker how many tests that were: each worker collects all."""
        self.left_out = getattr(node, "workeroutput", {}).get("left out", self.left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed or NOT_COMPARED in dict(report.user_properties):
            self.failed.add(report.nodeid)
        elif report.when == "call" and may_be_left_out(file_of(report.nodeid)):
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        if self.in_worker:
            self.config.workeroutput["left out"] = self.left_out  # pyright: ignore[reportAttributeAccessIssue]
            return
        if self.passed or self.failed:
            keys = {test: self.keys.get(file_of(test)) for test in self.passed}
            known = self.before | {test: key for test, key in keys.items() if key}
            for test in self.failed & known.keys():
                del known[test]
            with contextlib.suppress(OSError):
                write_whole(self.path, json.dumps(known).encode())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.left_out:
            terminalreporter.write_line(
                "not repeated, as nothing that they rest on has changed since they passed: "
                f"{self.left_out} (`pytest --fresh` repeats all)"
            )


def project_files(root: Path) -> dict[str, str]:
    """The digest of each file of the project, in order; of hidden and generated ones, none."""
    found = {}
    for folder, folders, names in os.walk(root):
        made = {"__pycache__"} | ({"site", "venv"} if Path(folder) == root else set())
        folders[:] = [name for name in folders if name[0] != "." and name not in made]
        for path in (Path(folder, name) for name in names if name[0] != "."):
            if path.is_file():  # a link may lead nowhere
                found[path.relative_to(root).as_posix()] = _digest(path.read_bytes())
    return dict(sorted(found.items()))


def environment() -> list[object]:
    """What else decides how tests end: the machine, packages and programs, the names."""
    import torch

    from companion.paper import PaperError, find_chromium
    from makemore3.data import load_names
    from makemore3.fast.compiled import CompilerError, recipe

    machine = sys.version, platform.platform(), torch.backends.cpu.get_cpu_capability()
    found: list[object] = [*machine, load_names().sha256]
    found += sorted(f"{package.name} {package.version}" for package in distributions())
    with contextlib.suppress(CompilerError):
        found.append(recipe(torch.float32).digest)
    with contextlib.suppress(PaperError):
        browser = Path(find_chromium())
        found.append((str(browser), browser.stat().st_size, browser.stat().st_mtime_ns))
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_of(test: str) -> str:
    return test.partition("::")[0]


def is_page(file: str) -> bool:
    return file.endswith((".md", ".ipynb"))


def may_be_left_out(file: str) -> bool:
    return is_page(file) or file.startswith(LONG)


def rests_on(test: str, file: str) -> bool:
    """Whether the result of a page or test file may depend on a file of the project.

    A page rests on itself and its baked outputs, but not on other pages, nor on tests. A test in a
    browser rests on all pages, but of the tests on those of its own folder only. The check of types
    rests on all the code, and on no page.
    """
    shown = is_page(file) or file.startswith("docs/baked/")
    if test == CODE_QUALITY:
        return not shown
    if is_page(test):
        baked = test.removesuffix(".ipynb").removesuffix(".md").replace("docs/", "docs/baked/", 1)
        own = file == test or file.startswith(f"{baked}/")
        return own or not (shown or file.startswith("tests/"))
    folder = test.rpartition("/")[0]
    return not file.startswith("tests/") or file.startswith(f"{folder}/") or "conftest.py" in file
