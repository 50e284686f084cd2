"""Runs the blocks of one chain under observation: what each prints, what each draws.

pytest-codeblocks executes. The recorder only gives it one program in which every block stands on
the lines it has in the page, while the two fence lines, free there, call `begin` and `end`.
"""

import contextlib
import io
import linecache
import os
import random
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import TraceFunction

    from literate.page import Block

TIME_LIMIT = 600.0
OUTPUT_LIMIT = 100_000
FIGURE_LIMIT = 60_000

_SWALLOWED = 1.0
"""Seconds after which a block that runs on after its time limit has swallowed the exception."""

_CALL = "__import__('literate.record').record.active()"
_active: "list[Recorder]" = []


class BlockTimeout(BaseException):
    """A block ran too long. Not an `Exception`, so that no block can swallow it."""


class BlockOutputTooLong(BaseException):
    """A block printed or drew too much. Not an `Exception`, so that no block can swallow it."""


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


class Recorder:
    """Observes one chain of blocks; a context manager around its execution.

    Afterwards `recorded` maps block numbers to what they did, and everything that a block may have
    changed (stdout, working directory, environment, random state, rcParams, figures) is as before.
    """

    def __init__(
        self,
        path: Path,
        chain: "Sequence[Block]",
        *,
        time_limit: float = TIME_LIMIT,
        output_limit: int = OUTPUT_LIMIT,
        figure_limit: int = FIGURE_LIMIT,
    ) -> None:
        self.path = path
        self.chain = chain
        self.recorded: dict[int, Recorded] = {}
        self._time_limit = time_limit
        self._output_limit = output_limit
        self._figure_limit = figure_limit
        self._stack = contextlib.ExitStack()
        self._stdout: io.StringIO | None = None
        self._outer = sys.stdout
        self._timed_out = False

    @property
    def program(self) -> str:
        """The chain as one program whose line numbers are the page's.

        Raises:
            SyntaxError: If a block is not whole in itself.
        """
        lines = [""] * self.chain[-1].last_line
        for block in self.chain:
            compile("\n" * block.first_line + block.code, "<string>", "exec", dont_inherit=True)
            lines[block.first_line - 1] = f"{_CALL}.begin({block.number})"
            lines[block.first_line : block.last_line - 1] = block.lines
            lines[block.last_line - 1] = f"{_CALL}.end({block.number})"
        return "\n".join(lines) + "\n"

    def begin(self, number: int) -> None:
        """Start to record block `number`."""
        self._outer, sys.stdout = sys.stdout, _LimitedText(self._output_limit)
        self._stdout = sys.stdout
        self._set_timer(self._time_limit)

    def end(self, number: int) -> None:
        """Keep what block `number` printed, and every figure that is open now."""
        self._set_timer(0)
        if self._timed_out:
            raise self._timeout()
        text = self._stdout.getvalue() if self._stdout else ""
        sys.stdout, self._stdout = self._outer, None
        if text and not text.endswith("\n"):
            text += "\n"
        self.recorded[number] = Recorded(text, tuple(self._take_figures(number)))

    def __enter__(self) -> "Recorder":
        """Prepare a clean slate."""
        _active.append(self)
        self._stack.callback(_active.remove, self)
        if find_spec("matplotlib"):
            self._stack.enter_context(_style())  # first, for it imports numpy with its random state
        self._stack.enter_context(_restored_process_state())
        self._stack.enter_context(warnings.catch_warnings())
        if hasattr(signal, "SIGALRM"):
            self._stack.callback(signal.signal, signal.SIGALRM, signal.getsignal(signal.SIGALRM))
            signal.signal(signal.SIGALRM, self._on_timeout)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave a clean slate, also after a failure."""
        self._set_timer(0)
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")
        self._stack.close()

    def describe(self, error: BaseException) -> str:
        """What a writer needs to mend a block: page, line, cause, the block, frames below it."""
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
        if printed := self._stdout.getvalue() if self._stdout else "":
            message += ["", "printed before:", printed[-2000:].rstrip()]
        return "\n".join(message)

    def _take_figures(self, number: int) -> Iterator[str]:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        from literate.svg import figure_to_svg

        for index, figure_number in enumerate(pyplot.get_fignums(), start=1):
            svg = figure_to_svg(pyplot.figure(figure_number), f"b{number}f{index}-")
            if len(svg.encode()) > self._figure_limit:
                raise BlockOutputTooLong(
                    f"expected figures of at most {self._figure_limit:,} bytes, figure {index} of "
                    f"block {number} has {len(svg.encode()):,}: reduce the data before drawing"
                )
            yield svg
        pyplot.close("all")

    def _set_timer(self, seconds: float) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds, _SWALLOWED)

    def _on_timeout(self, signum: int, frame: FrameType | None) -> None:
        if self._timed_out:  # a bare `except:` swallowed it: now every line of the page raises
            sys.settrace(self._refuse)
            while frame is not None:
                if _of_page(frame):
                    frame.f_trace = self._refuse
                frame = frame.f_back
        self._timed_out = True
        raise self._timeout()

    def _refuse(self, frame: FrameType, event: str, arg: object) -> "TraceFunction | None":
        if not _of_page(frame):
            return None
        if event == "line":
            raise self._timeout()
        return self._refuse

    def _timeout(self) -> BlockTimeout:
        return BlockTimeout(f"the block ran longer than {self._time_limit:g} s")


class _LimitedText(io.StringIO):
    """Text that refuses to grow beyond a limit, while it is being written."""

    def __init__(self, limit: int) -> None:
        super().__init__(newline="")
        self._limit = limit

    def write(self, text: str) -> int:
        if self.tell() + len(text) > self._limit:
            raise BlockOutputTooLong(
                f"expected at most {self._limit:,} characters of output, the block printed more: "
                "print a summary"
            )
        return super().write(text)


@contextlib.contextmanager
def _restored_process_state() -> Iterator[None]:
    stdout, tracer = sys.stdout, sys.gettrace()
    folder, environment = Path.cwd(), dict(os.environ)
    random_state, path = random.getstate(), list(sys.path)
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        sys.stdout = stdout
        sys.settrace(tracer)
        os.chdir(folder)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        sys.path[:] = path
        random.setstate(random_state)
        if numpy and numpy_state:
            numpy.random.set_state(numpy_state)


@contextlib.contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    from literate.svg import STYLE

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a reader's own matplotlibrc must not change the figures
        matplotlib.rcParams.update(STYLE)
        matplotlib.use("agg")
        yield


def _locate(error: BaseException) -> tuple[list[int], list[str]]:
    """The page lines on the way to the failure, outermost first, and the frames below the last."""
    lines: list[int] = []
    deeper: list[str] = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if _of_page(frame):
            lines.append(number)
            deeper.clear()
        elif lines and code.co_filename != __file__ and not code.co_filename.startswith("<"):
            source = linecache.getline(code.co_filename, number).strip()
            deeper.append(f"  {code.co_filename}:{number} in {code.co_name}: {source}")
    return lines, deeper[-6:]


def _of_page(frame: FrameType) -> bool:
    """Whether `frame` runs what pytest-codeblocks executes."""
    return frame.f_code.co_filename == "<string>" and "__MODULE__" in frame.f_globals
