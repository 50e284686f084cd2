"""Records the blocks of the pages while pytest-codeblocks executes them; compares, or bakes.

A page below the docs folder is compared with its baked outputs. With `--bake` they are written
instead, page by page, each as a whole once all its blocks have passed. A notebook there is executed
from top to bottom, and compared with the outputs that it holds itself, or written anew.

With pytest-xdist each page belongs to one worker, which compares or writes it. What was done stands
in the properties of each test's report, and is counted at the end.
"""

import contextlib
import itertools
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from pytest_codeblocks.main import extract_from_file
from pytest_codeblocks.plugin import MarkdownFile, TestBlock

from literate import notebook as notebooks
from literate.compare import differences
from literate.hooks import Hooks
from literate.page import Block, Page, PageError, read_page
from literate.record import TIME_LIMIT, BlockError, Recorded, Recorder
from literate.store import (
    Baked,
    Output,
    Store,
    StoreError,
    block_problems,
    figure_problems,
    page_name,
)

_WHOLE_PAGES = ("no", "loadfile", "loadscope")
"""The values of pytest-xdist's `--dist` that keep a page in one process."""

_SESSION = pytest.StashKey["_Session"]()
_COMPARED, NOT_COMPARED, _OUTSIDE, _PASSED, _BAKED = (
    f"literate {done}" for done in ("compared", "not compared", "outside", "passed", "baked")
)
"""Properties of a test's report."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register `--bake` and the settings; folders are named from the configuration file's."""
    parser.getgroup("literate").addoption(
        "--bake",
        action="store_true",
        help="write what the pages' blocks print and draw, instead of comparing it",
    )
    add = parser.addini
    add("literate_docs", "the folder of the pages", default="docs")
    add("literate_store", "the folder of the baked outputs", default="docs/baked")
    add("literate_inputs", "the inputs to bake from: lines `name value`", "linelist", [])
    add("literate_versions", "packages to name as provenance", "linelist", [])
    add("literate_time_limit", "seconds a block may run", "float", TIME_LIMIT)


def pytest_configure(config: pytest.Config) -> None:
    """Start the session's bookkeeping."""
    config.stash[_SESSION] = _Session(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to bake what would not be right or not whole, before anything runs."""
    session.config.stash[_SESSION].refuse_to_bake()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "NotebookFile | None":
    """Collect the notebooks below the docs folder."""
    if file_path.suffix == ".ipynb" and parent.config.stash[_SESSION].located(file_path):
        return NotebookFile.from_parent(parent, path=file_path)
    return None


class NotebookFile(pytest.File):
    """A notebook: one test, as its cells are one run."""

    def collect(self) -> "Iterator[NotebookItem]":
        """Yield the one test."""
        yield NotebookItem.from_parent(self, name="cells")


class NotebookItem(pytest.Item):
    """Executes a notebook, then compares or writes it."""

    def runtest(self) -> None:
        """Run the notebook in a kernel of its own."""
        try:
            self.user_properties.append(self.config.stash[_SESSION].run_notebook(self.path))
        except (BlockError, notebooks.NotebookError) as error:
            pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Refuse a page that pytest-codeblocks would read differently from a reader."""
    if not isinstance(collector, MarkdownFile):
        return None
    path = collector.path
    try:
        page = collector.config.stash[_SESSION].page(path)
        executed = [b.lineno for b in extract_from_file(path) if b.syntax == "python"]
        shown = [chain[0].first_line for chain in page.chains()]
        if executed != shown:
            raise RuntimeError(
                f"{path}: pytest-codeblocks would run python blocks in lines {executed}, a reader "
                f"sees them in lines {shown}: look for unusual spaces before a fence."
            )
    except (PageError, RuntimeError) as error:
        return pytest.CollectReport(collector.nodeid, "failed", str(error), [])
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Record a chain of blocks while it is executed, then compare or keep it for baking."""
    if not isinstance(item, TestBlock):
        return (yield)
    return (yield from item.config.stash[_SESSION].run(item))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was compared, what was not, and what was written."""
    done: dict[str, list[Any]] = defaultdict(list)
    for report in itertools.chain(*terminalreporter.stats.values()):
        for name, value in getattr(report, "user_properties", []):
            if report.when == "call":
                done[name].append(value)
    for line in config.stash[_SESSION].summary(done):
        terminalreporter.write_line(f"literate: {line}")


class _Session:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        # Not pytest's rootdir, which `--rootdir` may set to anything.
        self.root = config.inipath.parent if config.inipath else config.rootpath
        self.docs = self.root / config.getini("literate_docs")
        self.store = Store(self.root / config.getini("literate_store"))
        self.bake = config.getoption("--bake")
        self.time_limit = config.getini("literate_time_limit")
        self.page = cache(lambda path: read_page(self.located(path) or path))
        self.passed: dict[Path, dict[int, Output]] = defaultdict(dict)

    def located(self, path: Path) -> Path | None:
        """The path of a page or notebook as seen from the docs folder, also through links."""
        for docs, inside in ((self.docs, path), (self.docs.resolve(), path.resolve())):
            if inside.is_relative_to(docs):
                return self.docs / inside.relative_to(docs)
        return None

    def shown(self, path: Path) -> Path:
        """The path as messages name it."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    @cached_property
    def inputs(self) -> dict[str, str]:
        return dict(self.config.hook.pytest_literate_inputs() or {})

    @cached_property
    def versions(self) -> dict[str, str]:
        versions = {"python": ".".join(map(str, sys.version_info[:2]))}
        for package in self.config.getini("literate_versions"):
            with contextlib.suppress(PackageNotFoundError):
                versions[package] = version(package).partition("+")[0]
        return versions

    def refuse_to_bake(self) -> None:
        if not self.bake or hasattr(self.config, "workerinput"):  # a worker's controller has asked
            return
        distribution = self.config.getoption("dist", "no")
        if distribution not in _WHOLE_PAGES:
            raise pytest.UsageError(
                f"--bake expects each page in one process, `--dist {distribution}` may split it: "
                "add `--dist loadfile` or `-n 0`"
            )
        expected = dict(line.split(maxsplit=1) for line in self.config.getini("literate_inputs"))
        if expected and self.inputs != expected:
            raise pytest.UsageError(
                f"--bake expects {_pairs(expected)}, this run has {_pairs(self.inputs)}: outputs "
                "are baked from the inputs that `literate_inputs` names in pytest's configuration"
            )

    def run(self, item: TestBlock) -> Generator[None, Any, Any]:
        page = self.page(item.path)
        assert item.obj is not None
        chain = next(c for c in page.chains() if c[0].first_line == item.obj.lineno)
        recorder = Recorder(self.shown(page.path), chain, time_limit=self.time_limit)
        with contextlib.ExitStack() as stack:
            for context in self.config.hook.pytest_literate_reset():
                stack.enter_context(context)
            stack.enter_context(recorder)
            try:
                item.obj.code = recorder.program
                result = yield
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                cause = error.__context__ if type(error) is RuntimeError else None
                message = recorder.describe(cause or error)
                if isinstance(error, pytest.skip.Exception):
                    message += "\n\nA block must not skip: what the page shows has to run."
                raise BlockError(message) from None
        if self.located(page.path) is None:
            item.user_properties.append((_OUTSIDE, str(self.shown(page.path))))
        else:
            item.user_properties += self.keep_or_compare(page, chain, recorder.recorded)
        return result

    def keep_or_compare(
        self, page: Page, chain: list[Block], recorded: dict[int, Recorded]
    ) -> Iterator[tuple[str, Any]]:
        """Compare a chain's outputs, or keep them until the page can be written; say which."""
        shown = self.shown(page.path)
        for block in chain:
            for problem in figure_problems(block, recorded[block.number].figures):
                raise BlockError(f"{shown}:{block.first_line}: {problem}")
        name = page_name(page.path, self.docs)
        if self.bake:
            outputs = self.passed[page.path]
            for block in chain:
                done = recorded[block.number]
                outputs[block.number] = Output(block.key, done.text, done.figures)
            yield _PASSED, [str(shown), len(chain), len(page.blocks)]
            if len(outputs) == len(page.blocks):
                try:
                    files = self.store.write(name, Baked(outputs, self.inputs, self.versions))
                except (OSError, StoreError, UnicodeEncodeError) as error:
                    told = f"{page.path}: its outputs cannot be written: {error}"
                    raise BlockError(told) from None
                yield _BAKED, f"{name} ({len(files) - 1} files)"
            return
        try:
            baked = self.store.read(name) or Baked()
        except StoreError as error:
            raise BlockError(f"{shown}: {error}") from None
        found = []
        same_inputs = not baked.inputs or dict(baked.inputs) == self.inputs
        for block in chain:
            problems = block_problems(block, baked)
            if not problems and same_inputs:
                chaotic = [n for n, text in enumerate(block.figures, 1) if text.not_compared]
                old, new = baked.outputs[block.number], recorded[block.number]
                pair = (old.text, old.figures), (new.text, new.figures)
                problems = differences(f"block {block.number}", *pair, chaotic)
            found += [f"{shown}:{block.first_line}: {problem}" for problem in problems]
        yield self.judge(shown, found, len(chain), same_inputs)

    def judge(self, shown: Path, found: list[str], blocks: int, same: bool) -> tuple[str, int]:
        """Fail where something was found; otherwise say how many blocks were compared."""
        if found:
            found.append(f"If that is right: `pytest --bake {shown}`, and look at the difference.")
            raise BlockError("\n\n".join(found))
        return _COMPARED if same else NOT_COMPARED, blocks

    def run_notebook(self, path: Path) -> tuple[str, Any]:
        path = self.located(path) or path
        shown = self.shown(path)
        stored = notebooks.read_notebook(path, outputs=not self.bake)
        cells = len(notebooks.code_cells(stored))
        if not self.bake and (found := notebooks.problems(stored)):
            raise BlockError("\n".join(f"{shown}: {problem}" for problem in found))
        first = self.config.hook.pytest_literate_kernel_lines(config=self.config) or ()
        run = notebooks.execute(stored, path, time_limit=self.time_limit, first=first)
        if self.bake:
            notebooks.write_notebook(run, path, inputs=self.inputs, versions=self.versions)
            return _BAKED, f"{page_name(path, self.docs)} ({cells} cells)"
        same_inputs = notebooks.inputs(stored) == self.inputs
        found = notebooks.differences(stored, run) if same_inputs else []
        return self.judge(shown, [f"{shown}: {line}" for line in found], cells, same_inputs)

    def summary(self, done: Mapping[str, list[Any]]) -> Iterator[str]:
        if compared := sum(done[_COMPARED]):
            yield f"{compared} blocks equal to their baked outputs"
        if not_compared := sum(done[NOT_COMPARED]):
            yield (
                f"{not_compared} blocks ran but were NOT compared: they were baked from other "
                f"inputs than {_pairs(self.inputs)}"
            )
        if outside := sorted(set(done[_OUTSIDE])):
            yield f"NOT compared with anything, as not below {self.docs}: {', '.join(outside)}"
        if done[_BAKED]:
            yield f"baked {', '.join(sorted(done[_BAKED]))}"
        passed: dict[tuple[str, int], int] = defaultdict(int)
        for name, blocks, whole in done[_PASSED]:
            passed[name, whole] += blocks
        for (name, whole), blocks in sorted(passed.items()):
            if blocks < whole:
                yield f"NOT baked, as only {blocks} of {whole} blocks passed: {name}"


def _pairs(inputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value[:12]}" for name, value in inputs.items()) or "nothing named"
