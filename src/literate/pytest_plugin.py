"""Records the blocks of the pages while pytest-codeblocks executes them; compares, or bakes.

A page below the docs folder is compared with its baked outputs. With `--bake` they are written
instead, page by page, each as a whole once all its blocks have passed. A notebook there is executed
from top to bottom, and compared with the outputs that it holds itself, or written anew.

With pytest-xdist each page belongs to one worker, which compares or writes it. At its end a worker
tells the controller what it did.
"""

import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from pytest_codeblocks.main import extract_from_file
from pytest_codeblocks.plugin import MarkdownFile, TestBlock

from literate import notebook as notebooks
from literate.compare import svg_difference, text_difference
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


class Hooks:
    """What a project tells this plugin."""

    @pytest.hookspec(firstresult=True)
    def pytest_literate_inputs(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """What outputs depend on beside the code, by name: for example a data set's digest.

        Outputs are compared with the baked ones only between equal inputs.
        """

    @pytest.hookspec(firstresult=True)
    def pytest_literate_kernel_lines(self, config: pytest.Config) -> list[str]:  # type: ignore[empty-body]
        """Lines of Python that the kernel of a notebook runs before the first cell.

        They share the notebook's namespace, in which they should leave no names.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hooks above."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register `--bake` and the settings."""
    group = parser.getgroup("literate")
    group.addoption(
        "--bake",
        action="store_true",
        help="write what the pages' blocks print and draw, instead of comparing it",
    )
    parser.addini("literate_docs", "the folder of the pages", default="docs")
    parser.addini("literate_store", "the folder of the baked outputs", default="docs/baked")
    parser.addini(
        "literate_versions", "packages to name as provenance", type="linelist", default=[]
    )
    parser.addini(
        "literate_inputs",
        "the inputs that pages may be baked from, a line `name value` each",
        type="linelist",
        default=[],
    )
    parser.addini(
        "literate_time_limit", "seconds a block may run", type="float", default=TIME_LIMIT
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the session's bookkeeping."""
    config.stash[_SESSION] = _Session(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to bake what would not be right or not whole, before anything runs."""
    session.config.stash[_SESSION].refuse_to_bake()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "NotebookFile | None":
    """Collect the notebooks below the docs folder."""
    if file_path.suffix == ".ipynb" and parent.config.stash[_SESSION].has_page(file_path):
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
        """Do so."""
        self.config.stash[_SESSION].run_notebook(self.path)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the message alone where it says everything."""
        if isinstance(excinfo.value, BlockError | notebooks.NotebookError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Refuse a page that pytest-codeblocks would read differently from a reader."""
    if not isinstance(collector, MarkdownFile):
        return None
    path = collector.path
    try:
        page = collector.config.stash[_SESSION].page(path)
        executed = [b.lineno for b in extract_from_file(path) if b.syntax == "python"]
    except (PageError, RuntimeError) as error:
        return pytest.CollectReport(collector.nodeid, "failed", str(error), [])
    shown = [chain[0].first_line for chain in page.chains()]
    if executed != shown:
        message = (
            f"{path}: pytest-codeblocks would run python blocks in lines {executed}, a reader sees "
            f"them in lines {shown}: look for unusual spaces before a fence."
        )
        return pytest.CollectReport(collector.nodeid, "failed", message, [])
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Record a chain of blocks while it is executed, then compare or keep it for baking."""
    session = item.config.stash[_SESSION]
    if not isinstance(item, TestBlock) or not session.has_page(item.path):
        return (yield)
    return (yield from session.run(item))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Count the pages that stay as they were; a worker hands all its counts over."""
    done = session.config.stash[_SESSION].finish()
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["literate"] = asdict(done)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker did; one that crashed says nothing, and has failed."""
    if done := getattr(node, "workeroutput", {}).get("literate"):
        node.config.stash[_SESSION].done.add(_Done(**done))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was compared, what was not, and what was written."""
    for line in config.stash[_SESSION].summary():
        terminalreporter.write_line(line)


@dataclass
class _Done:
    """What a process did, in types that pytest-xdist can send."""

    compared: int = 0
    not_compared: int = 0
    written: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)

    def add(self, other: "_Done") -> None:
        self.compared += other.compared
        self.not_compared += other.not_compared
        self.written += other.written
        self.partial += other.partial


class _Session:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.docs = config.rootpath / config.getini("literate_docs")
        self.store = Store(config.rootpath / config.getini("literate_store"))
        self.bake = config.getoption("--bake")
        self.time_limit = config.getini("literate_time_limit")
        self.pages: dict[Path, Page] = {}
        self.passed: dict[Path, dict[int, Output]] = {}
        self.done = _Done()

    def has_page(self, path: Path) -> bool:
        return path.is_relative_to(self.docs)

    def page(self, path: Path) -> Page:
        if path not in self.pages:
            self.pages[path] = read_page(path)
        return self.pages[path]

    @cached_property
    def inputs(self) -> dict[str, str]:
        return dict(self.config.hook.pytest_literate_inputs() or {})

    @cached_property
    def versions(self) -> dict[str, str]:
        versions = {"python": ".".join(map(str, sys.version_info[:2]))}
        for package in self.config.getini("literate_versions"):
            try:
                versions[package] = version(package).partition("+")[0]
            except PackageNotFoundError:
                continue
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
        shown = page.path.relative_to(self.config.rootpath)
        recorder = Recorder(shown, chain, time_limit=self.time_limit)
        with recorder:
            try:
                item.obj.code = recorder.program
                result = yield
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:
                cause = error.__context__ if type(error) is RuntimeError else None
                message = recorder.describe(cause or error)
                if isinstance(error, pytest.skip.Exception):
                    message += "\n\nA block must not skip: what the page shows has to run."
                raise BlockError(message) from None
        self.keep_or_compare(page, chain, recorder.recorded)
        return result

    def keep_or_compare(
        self, page: Page, chain: list[Block], recorded: dict[int, Recorded]
    ) -> None:
        shown = page.path.relative_to(self.config.rootpath)
        for block in chain:
            for problem in figure_problems(block, recorded[block.number].figures):
                raise BlockError(f"{shown}:{block.first_line}: {problem}")
        if self.bake:
            outputs = self.passed.setdefault(page.path, {})
            for block in chain:
                done = recorded[block.number]
                outputs[block.number] = Output(block.key, done.text, done.figures)
            if len(outputs) == len(page.blocks):
                self.write(page, outputs)
            return
        name = page_name(page.path, self.docs)
        try:
            baked = self.store.read(name) or Baked()
        except StoreError as error:
            raise BlockError(f"{shown}: {error}") from None
        found = []
        same_inputs = not baked.inputs or dict(baked.inputs) == self.inputs
        for block in chain:
            problems = [problem.message for problem in block_problems(block, baked)]
            if not problems and same_inputs:
                problems = _drift(block, baked.outputs[block.number], recorded[block.number])
            found += [f"{shown}:{block.first_line}: {problem}" for problem in problems]
        if found:
            found.append(f"If that is right: `pytest --bake {shown}`, and look at the difference.")
            raise BlockError("\n\n".join(found))
        self.count(len(chain), same_inputs)

    def write(self, page: Page, outputs: dict[int, Output]) -> None:
        name = page_name(page.path, self.docs)
        try:
            files = self.store.write(name, Baked(outputs, self.inputs, self.versions))
        except (OSError, StoreError, UnicodeEncodeError) as error:
            raise BlockError(f"{page.path}: its outputs cannot be written: {error}") from None
        self.done.written.append(f"{name} ({len(files) - 1} files)")

    def count(self, blocks: int, same_inputs: bool) -> None:
        if same_inputs:
            self.done.compared += blocks
        else:
            self.done.not_compared += blocks

    def finish(self) -> _Done:
        for path, outputs in self.passed.items():
            if len(outputs) < (all_blocks := len(self.pages[path].blocks)):
                count = f"{len(outputs)} of {all_blocks} blocks"
                self.done.partial.append(f"only {count} passed: {path.name}")
        return self.done

    def run_notebook(self, path: Path) -> None:
        shown = path.relative_to(self.config.rootpath)
        stored = notebooks.read_notebook(path, outputs=not self.bake)
        cells = len(notebooks.code_cells(stored))
        if not self.bake and (found := notebooks.problems(stored)):
            raise BlockError("\n".join(f"{shown}: {problem}" for problem in found))
        lines = self.config.hook.pytest_literate_kernel_lines(config=self.config) or ()
        run = notebooks.execute(stored, path, time_limit=self.time_limit, first=lines)
        if self.bake:
            notebooks.write_notebook(run, path, inputs=self.inputs, versions=self.versions)
            self.done.written.append(f"{page_name(path, self.docs)} ({cells} cells)")
            return
        same_inputs = notebooks.inputs(stored) == self.inputs
        if same_inputs and (found := notebooks.differences(stored, run)):
            found.append(f"If that is right: `pytest --bake {shown}`, and look at the difference.")
            raise BlockError("\n\n".join([f"{shown}:", *found]))
        self.count(cells, same_inputs)

    def summary(self) -> list[str]:
        lines = []
        if self.done.compared:
            lines.append(f"literate: {self.done.compared} blocks equal to their baked outputs")
        if self.done.not_compared:
            lines.append(
                f"literate: {self.done.not_compared} blocks ran but were NOT compared: they "
                f"were baked from other inputs than {_pairs(self.inputs)}"
            )
        if self.done.written:
            lines.append(f"literate: baked {', '.join(sorted(self.done.written))}")
        lines += [f"literate: NOT baked, as {reason}" for reason in sorted(self.done.partial)]
        return lines


def _drift(block: Block, baked: Output, recorded: Recorded) -> list[str]:
    """How what a block did now differs from what its page shows."""
    found = []
    if difference := text_difference(baked.text, recorded.text):
        found.append(f"block {block.number} printed something else:\n{difference}")
    pairs = zip(block.figures, baked.figures, recorded.figures, strict=True)
    for index, (text, old, new) in enumerate(pairs, start=1):
        if text.not_compared is None and (difference := svg_difference(old, new)):
            found.append(f"block {block.number} drew another figure {index}: {difference}")
    return found


def _pairs(inputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value[:12]}" for name, value in inputs.items()) or "nothing named"
