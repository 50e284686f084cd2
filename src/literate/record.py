"""Runs the blocks of one chain under observation: what each prints, what each draws.

pytest-codeblocks executes. The recorder only gives it one program in which every block stands on
the lines it has in the page, while the two fence lines, free there, call `begin` and `end`.
"""

import ast
import contextlib
import ctypes
import io
import linecache
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from literate.reset import everything_restored

if TYPE_CHECKING:
    from literate.page import Block

TIME_LIMIT = 600.0
OUTPUT_LIMIT = 100_000
FIGURE_LIMIT = 60_000

_TICK = 1.0
"""Seconds between two looks at how long a block runs and how much it has written."""

_CALL = "__import__('literate.record').record.active()"
_active: "list[Recorder]" = []


class BlockStopped(BaseException):
    """A block that went too far. Not an `Exception`, so that no block can swallow it."""


class BlockError(Exception):
    """A block that failed; the message names page, line and cause and shows the block."""


@dataclass(frozen=True)
class Recorded:
    """What one block printed, and the figures it left open, as SVG."""

    text: str
    figures: tuple[str, ...]


def active() -> "Recorder":
    """The recorder whose program is running."""
    return _active[-1]


@dataclass(eq=False)
class Recorder:
    """Observes one chain of blocks; a context manager around its execution.

    Afterwards `recorded` maps block numbers to what they did, and everything that a block may have
    changed is as before.
    """

    path: Path
    chain: "Sequence[Block]"
    _: KW_ONLY
    time_limit: float = TIME_LIMIT
    output_limit: int = OUTPUT_LIMIT
    figure_limit: int = FIGURE_LIMIT
    recorded: dict[int, Recorded] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._process = os.getpid()
        self._deadline = 0.0
        self._stopped: list[BlockStopped] = []

    @property
    def program(self) -> str:
        """The chain as one program whose line numbers are the page's.

        Raises:
            SyntaxError: If a block is not whole in itself.
        """
        lines = [""] * self.chain[-1].last_line
        futures: list[str] = []  # must come first in a program, whatever block they stand in
        for block in self.chain:
            code = "\n" * block.first_line + block.code
            compile(code, "<string>", "exec", dont_inherit=True)
            lines[block.first_line - 1] = f"{_CALL}.begin({block.number})"
            lines[block.first_line : block.last_line - 1] = block.lines
            lines[block.last_line - 1] = f"{_CALL}.end({block.number})"
            for node in ast.parse(code).body:
                if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                    futures.append(ast.unparse(node) + ";")
                    for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                        lines[number - 1] = ""
        lines[0] = "".join(futures) + lines[0]
        return "\n".join(lines) + "\n"

    def begin(self, number: int) -> None:
        """Start to record block `number`."""
        if not self.recorded:  # one stream for the chain: what holds on to it still prints
            sys.stdout = self._output
        self._deadline = time.monotonic() + self.time_limit
        self._set_timer(min(self.time_limit, _TICK))

    def end(self, number: int) -> None:
        """Keep what block `number` printed, and every figure that is open now."""
        self._set_timer(0)
        self._end_of_child()
        if self._stopped:
            raise self._stopped[0]
        text = self._output.take()
        if text and not text.endswith("\n"):
            text += "\n"
        self.recorded[number] = Recorded(text, tuple(self._take_figures(number)))

    def __enter__(self) -> "Recorder":
        """Prepare a clean slate."""
        _active.append(self)
        self._stack.callback(_active.remove, self)
        self._stack.enter_context(everything_restored())
        for name in ("_exit", "execv", "execve"):
            setattr(os, name, self._refusing(name))  # until all is restored
        self._output = self._stack.enter_context(_Output(self.output_limit))
        self._stack.enter_context(self._output.capturing())
        if hasattr(signal, "SIGALRM"):
            self._stack.callback(signal.signal, signal.SIGALRM, signal.getsignal(signal.SIGALRM))
            signal.signal(signal.SIGALRM, self._on_tick)
        return self

    def __exit__(self, *error: object) -> None:
        """Leave a clean slate, also after a failure."""
        self._set_timer(0)
        self._end_of_child()
        self._stack.close()

    def describe(self, error: BaseException) -> str:
        """What a writer needs to mend a block: page, line, cause, the block, frames below it."""
        self._set_timer(0)
        lines, deeper = _locate(error)
        if not lines and isinstance(error, SyntaxError):
            lines = [error.lineno or 1]
        line = lines[-1] if lines else self.chain[0].first_line
        block = next((b for b in self.chain if b.first_line <= line <= b.last_line), self.chain[0])
        what = [part for part in traceback.format_exception_only(error) if part[0] != " "]
        message = [f"{self.path}:{line}: {''.join(what).rstrip()}", "", f"block {block.number}:"]
        for number, code in enumerate(block.lines, start=block.first_line + 1):
            message.append(f"{'>' if number == line else ' '} {number:4}  {code}".rstrip())
        if callers := list(dict.fromkeys(lines[:-1])):
            source = self.program.split("\n")
            message += ["", "called from:"]
            message += [f"  {self.path}:{n}: {source[n - 1].strip()}" for n in callers]
        if deeper:
            message += ["", "raised below it:", *deeper]
        if printed := self._output.text()[-2000:].rstrip():
            message += ["", "printed before:", printed]
        return "\n".join(message)

    def _take_figures(self, number: int) -> Iterator[str]:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        from literate.svg import figure_to_svg

        for index, figure_number in enumerate(pyplot.get_fignums(), start=1):
            svg = figure_to_svg(pyplot.figure(figure_number), f"b{number}f{index}-")
            if problem := too_large(svg, f"figure {index} of block {number}", self.figure_limit):
                raise BlockStopped(problem)
            yield svg
        pyplot.close("all")

    def _set_timer(self, seconds: float) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds, _TICK)

    def _on_tick(self, signum: int, frame: FrameType | None) -> None:
        if time.monotonic() >= self._deadline:
            self._stopped.append(BlockStopped(f"the block ran longer than {self.time_limit:g} s"))
        elif self._output.overflows():
            self._stopped.append(BlockStopped(too_long(self._output.limit)))
        else:
            return
        raise self._stopped[-1]

    def _refusing(self, name: str) -> Callable[..., Any]:
        """Stands for a function that ends the process: pytest could end so with success."""
        real = getattr(os, name)

        def refuse(*arguments: Any) -> Any:
            if os.getpid() != self._process:  # a child that the block has forked
                return real(*arguments)
            raise BlockStopped(f"os.{name} would end the test run: a block must not")

        return refuse

    def _end_of_child(self) -> None:
        """A process that a block has forked must not go on as a second test run."""
        if os.getpid() != self._process:
            _really_exit(0)


_really_exit = os._exit


def too_long(limit: int) -> str:
    """What is said about output beyond `limit` characters."""
    return f"expected at most {limit:,} characters of output, found more: print a summary"


def too_large(svg: str, what: str, limit: int = FIGURE_LIMIT) -> str | None:
    """What is wrong with the size of a figure, or `None`."""
    if (size := len(svg.encode())) <= limit:
        return None
    wanted = f"expected figures of at most {limit:,} bytes, {what} has {size:,}"
    return f"{wanted}: reduce the data before drawing"


class _Output(io.TextIOWrapper):
    """The standard output of a chain: one stream, and the file below it.

    While `capturing`, the process's file descriptor 1 is that file too, so that the output of
    subprocesses and compiled code is kept with the rest, in order.
    """

    def __init__(self, limit: int) -> None:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the stream
        super().__init__(file, encoding="utf-8", newline="", write_through=True)  # type: ignore[arg-type]
        self.limit = limit
        self._begin = 0
        self._written = 0

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        outer = os.dup(1)
        os.dup2(self.fileno(), 1)
        try:
            yield
        finally:
            _flush_compiled_code()
            os.dup2(outer, 1)
            os.close(outer)

    def write(self, text: str, /) -> int:
        self._written += len(text)
        if self._written > self.limit:
            raise BlockStopped(too_long(self.limit))
        return super().write(text)

    def overflows(self) -> bool:
        """Whether there is too much for certain: a character has at most 4 bytes."""
        return os.fstat(self.fileno()).st_size - self._begin > 4 * self.limit

    def text(self) -> str:
        """What was written since the last `take`."""
        _flush_compiled_code()
        end = os.lseek(self.fileno(), 0, os.SEEK_END)
        os.lseek(self.fileno(), self._begin, os.SEEK_SET)
        data = os.read(self.fileno(), end - self._begin)
        os.lseek(self.fileno(), end, os.SEEK_SET)
        return data.decode("utf-8", errors="replace")

    def take(self) -> str:
        """What was written since the last `take`.

        Raises:
            BlockStopped: If that is too much.
        """
        text = self.text()
        if max(self._written, len(text)) > self.limit:
            raise BlockStopped(too_long(self.limit))
        self._begin, self._written = os.fstat(self.fileno()).st_size, 0
        return text


def _flush_compiled_code() -> None:
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)


def _locate(error: BaseException) -> tuple[list[int], list[str]]:
    """The page lines on the way to the failure, outermost first, and the frames below the last."""
    lines: list[int] = []
    deeper: list[str] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename == "<string>" and "__MODULE__" in frame.f_globals:
            lines.append(number)
            deeper.clear()
        elif lines and code.co_filename != __file__ and not code.co_filename.startswith("<"):
            source = linecache.getline(code.co_filename, number).strip()
            deeper.append(f"  {code.co_filename}:{number} in {code.co_name}: {source}")
    return lines, deeper[-6:]
