"""Running a chain under observation: what is kept, what is restored, how a failure is told."""

import decimal
import gc
import json
import logging
import os
import random
import re
import signal
import sys
import textwrap
import time
import types
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import psutil
import pytest
from matplotlib import pyplot as plt

from literate import record
from literate.page import CONT, parse_page
from literate.record import BlockStopped, Recorded, Recorder, active
from literate.reset import attributes_restored

PATH = Path("docs/page.md")


def page_of(*codes: str) -> str:
    """A page whose blocks form one chain; block n begins at line 6n - 3 for one-line codes."""
    return "".join(
        f"{'Text.' if number == 0 else CONT}\n\n```python\n{textwrap.dedent(code).strip()}\n```\n\n"
        for number, code in enumerate(codes)
    )


def run(*codes: str, **limits: float) -> dict[int, Recorded]:
    recorder = recorder_of(*codes, **limits)
    with recorder:
        execute(recorder)
    return recorder.recorded


def recorder_of(*codes: str, **limits: float) -> Recorder:
    (chain,) = parse_page(page_of(*codes), PATH).chains()
    return Recorder(PATH, chain, **limits)  # type: ignore[arg-type]


def execute(recorder: Recorder) -> None:
    """As pytest-codeblocks does."""
    exec(recorder.program, {"__MODULE__": "__main__"})


def failure(*codes: str, **limits: float) -> tuple[BaseException, str]:
    """The exception of a chain that fails, and its description."""
    recorder = recorder_of(*codes, **limits)
    with recorder:
        try:
            execute(recorder)
        except BaseException as error:
            return error, recorder.describe(error)
    raise AssertionError("the chain did not fail")


# What is kept


def test_each_block_keeps_what_it_prints():
    recorded = run("x = 1\nprint('one', x)", "x += 1", "print('three', x, end='')")
    assert [recorded[n].text for n in (1, 2, 3)] == ["one 1\n", "", "three 2\n"]


def test_everything_on_stdout_is_kept_and_nothing_of_stderr():
    code = """
        import sys
        sys.stdout.write("written\\r\\n")
        print("error", file=sys.stderr)
        help(len)
    """
    text = run(code)[1].text
    assert text.startswith("written\r\n")
    assert "Return the number of items in a container." in text
    assert "error" not in text


def test_program_keeps_the_pages_line_numbers():
    recorder = recorder_of("a = 1\nb = 2", "c = 3")
    lines = recorder.program.split("\n")
    assert lines[3:5] == ["a = 1", "b = 2"]
    assert lines[10] == "c = 3"
    assert page_of("a = 1\nb = 2", "c = 3").split("\n")[10] == "c = 3"


def test_open_figures_are_kept_in_order_and_closed_after_their_block():
    recorded = run(
        """
        from matplotlib import pyplot as plt
        for title in ("first", "second"):
            plt.figure()
            plt.title(title)
        """,
        "assert plt.get_fignums() == []",
        "plt.plot([1, 2])\nplt.close('all')",
        "plt.figure(); plt.title('third')",
    )
    assert [len(recorded[n].figures) for n in (1, 2, 3, 4)] == [2, 0, 0, 1]
    assert ">first</text>" in recorded[1].figures[0]
    assert ">second</text>" in recorded[1].figures[1]
    for number, index in ((1, 1), (1, 2), (4, 1)):
        assert f'id="b{number}f{index}-1"' in recorded[number].figures[index - 1]


def test_figures_repeat_byte_for_byte_whatever_the_readers_own_settings():
    code = """
        import numpy as np
        from matplotlib import pyplot as plt
        fig, ax = plt.subplots()
        ax.plot(np.linspace(0, 1), label="line")
        ax.imshow(np.eye(3))
        ax.legend()
    """
    first = run(code)[1].figures
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.linewidth": 5}):
        assert run(code)[1].figures == first


def test_figures_are_drawn_without_a_window_whatever_draws_elsewhere():
    before = mpl.get_backend()
    mpl.use("svg")
    try:
        assert run("import matplotlib\nprint(matplotlib.get_backend())")[1].text == "agg\n"
    finally:
        mpl.use(before)


def test_active_is_the_recorder_that_runs():
    outer, inner = recorder_of("x = 1"), recorder_of("y = 2")
    with outer:
        with inner:
            assert active() is inner
        assert active() is outer


# A clean slate afterwards

CHANGES = """
    import os, random, sys, warnings
    import numpy as np
    import matplotlib as mpl
    from matplotlib import pyplot as plt
    os.chdir("/")
    os.environ["LITERATE_NEW"] = "1"
    os.environ["LITERATE_KEPT"] = "changed"
    del os.environ["LITERATE_DELETED"]
    random.seed(1)
    np.random.seed(1)
    sys.path.insert(0, "/nowhere")
    mpl.rcParams["font.size"] = 50
    warnings.simplefilter("ignore")
    plt.figure()
    sys.stdout = None
"""


@pytest.mark.parametrize("ending", ["", "raise ValueError", "import sys; sys.exit(1)", "1 +"])
def test_process_is_as_before_after_success_and_after_failure(ending, monkeypatch):
    monkeypatch.setenv("LITERATE_KEPT", "before")
    monkeypatch.setenv("LITERATE_DELETED", "before")
    plt.close("all")

    def state() -> tuple[object, ...]:
        return (
            Path.cwd(),
            dict(os.environ),
            random.getstate(),
            np.random.get_state()[1].tobytes(),  # type: ignore[union-attr]
            list(sys.path),
            sys.stdout,
            dict(mpl.rcParams),
            list(warnings.filters),
            plt.get_fignums(),
            signal.getsignal(signal.SIGALRM),
            signal.getitimer(signal.ITIMER_REAL),
            sys.gettrace(),
        )

    before = state()
    try:
        run(CHANGES, ending or "x = 1")
    except (ValueError, SystemExit, SyntaxError):
        assert ending
    assert state() == before


def test_figures_left_open_by_a_failing_block_do_not_leak():
    failure("from matplotlib import pyplot as plt\nplt.figure()\nraise ValueError")
    assert run("from matplotlib import pyplot as plt\nprint(plt.get_fignums())")[1].text == "[]\n"


LEAKS = {
    "a function of the standard library": "import json; json.dumps = lambda *a, **k: 'patched'",
    "a method of it": "import json; json.JSONEncoder.encode = lambda *a: 'patched'",
    "a builtin": "import builtins; builtins.len = lambda x: 0",
    "a module": "import sys; sys.modules['json'] = None",
    "a handler": "import logging; logging.getLogger().addHandler(logging.StreamHandler())",
    "a handler of a new logger": "import logging; logging.getLogger('new').addHandler("
    "logging.StreamHandler())",
    "a level": "import logging; logging.disable(); logging.getLogger().setLevel(10)",
    "what a logger remembers": "import logging; logging.disable(); "
    "logging.getLogger('new').isEnabledFor(40)",
    "switches of a logger": "import logging; logger = logging.getLogger('new'); "
    "logger.propagate = False; logger.disabled = True; logger.addFilter(print)",
    "the garbage collector": "import gc; gc.disable()",
    "the stream of errors": "import sys; sys.stderr = None",
    "digits of decimals": "import decimal; decimal.getcontext().prec = 3",
    "the recursion limit": "import sys; sys.setrecursionlimit(5000)",
    "arguments": "import sys; sys.argv.append('more')",
    "how arrays are printed": "import numpy as np; np.set_printoptions(precision=1)",
    "what arrays do on overflow": "import numpy as np; np.seterr(all='raise')",
}


@pytest.mark.parametrize("code", LEAKS.values(), ids=LEAKS)
def test_nothing_reaches_the_next_page(code):
    def state() -> tuple[object, ...]:
        loggers = [logging.root, logging.getLogger("new")]
        return (
            json.dumps({}),
            len("abc"),
            sys.modules["json"],
            [
                (*map(list, (one.handlers, one.filters)), one.level, one.propagate, one.disabled)
                for one in loggers
            ],
            logging.root.manager.disable,
            logging.getLogger("new").isEnabledFor(40),
            gc.isenabled(),
            sys.stderr,
            decimal.getcontext().prec,
            sys.getrecursionlimit(),
            list(sys.argv),
            repr(np.array([0.123])),
            np.geterr(),
        )

    before = state()
    run(code)
    assert state() == before


def test_logging_begins_as_in_a_program_and_new_loggers_keep_what_libraries_give_them(caplog):
    caplog.set_level(logging.DEBUG)
    code = """
        import logging
        made = logging.getLogger("made by a page")
        made.addHandler(logging.NullHandler())
        made.addHandler(logging.StreamHandler())
        print(logging.root.handlers, logging.root.level)
    """
    assert run(code)[1].text == "[] 30\n"
    handlers = logging.getLogger("made by a page").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]
    assert logging.root.level == logging.DEBUG


def test_of_the_packages_named_what_is_replaced_is_restored(monkeypatch):
    def done(_: object) -> None: ...

    methods: dict[str, object] = {
        **{"plain": done, "fixed": staticmethod(done), "of_class": classmethod(done)},
        **{"computed": property(done), "value": 1},
    }
    named, other = (types.ModuleType(name) for name in ("named.part", "other"))
    for module in (named, other):
        own = type("Own", (), {"__module__": module.__name__, **methods})
        vars(module).update(function=done, value=1, Own=own)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(named)["Taken"] = vars(other)["Own"]  # of another package
    monkeypatch.setitem(sys.modules, "named.gone", None)
    owners = [owner for module in (named, other) for owner in (module, vars(module)["Own"])]
    names = ("function", *methods)

    def state() -> list[list[object]]:
        return [[vars(owner)[name] for name in names if name in vars(owner)] for owner in owners]

    before = state()
    with attributes_restored(["named"]):
        for owner in owners:
            for name in names:
                if name in vars(owner):
                    setattr(owner, name, print)
        changed = state()
    after = state()
    assert after[:2] == [[done, print], [*before[1][:-1], print]]  # values are not restored
    assert after[2:] == changed[2:] == [[print] * 2, [print] * 5]


# Output, whatever way it takes

WAYS = {
    "a stream kept from the block before": ("import sys\nout = sys.stdout", "out.write('b\\n')"),
    "a print whose file was bound before": (
        "import sys, functools\nsay = functools.partial(print, file=sys.stdout)",
        "say('b')",
    ),
    "a logging handler made in the block before": (
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(message)s')",
        "logging.warning('b')",
    ),
    "a subprocess": ("import subprocess", "subprocess.run(['echo', 'b'], check=True)"),
    "a shell": ("import os", "os.system('echo b')"),
    "the file descriptor": ("import os", "os.write(1, b'b\\n')"),
    "the buffer below": ("import sys", "sys.stdout.buffer.write(b'b\\n')"),
    "compiled code": ("import ctypes", "ctypes.CDLL(None).puts(b'b')"),
    "a child": (
        "import os",
        "if child := os.fork():\n    os.waitpid(child, 0)\nelse:\n    print('b')\n    os._exit(0)",
    ),
}


@pytest.mark.parametrize("codes", WAYS.values(), ids=WAYS)
def test_output_is_kept_in_order_whatever_way_it_takes(codes):
    first, second = codes
    recorded = run(f"{first}\nprint('a')", f"print('before')\n{second}\nprint('after')", "x = 1")
    assert recorded[1].text == "a\n"
    assert recorded[2].text == "before\nb\nafter\n"
    assert recorded[3].text == ""


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.write(1, b'x' * 500)",
        "import subprocess\nsubprocess.run(['yes'])",
        "try:\n    print('x' * 500)\nexcept:\n    pass",
    ],
)
def test_too_much_output_is_refused_whatever_way_it_takes(code):
    error, message = failure(code, output_limit=100)
    assert isinstance(error, BlockStopped)
    assert "expected at most 100 characters of output" in message


def test_bytes_that_are_no_text_are_shown_as_such():
    assert run("import os\nos.write(1, b'a\\xff')")[1].text == "a\N{REPLACEMENT CHARACTER}\n"


def test_a_chain_that_is_interrupted_leaves_no_file_open():
    opened = psutil.Process().num_fds()
    with recorder_of("raise KeyboardInterrupt") as recorder, pytest.raises(KeyboardInterrupt):
        execute(recorder)
    del recorder
    gc.collect()
    assert psutil.Process().num_fds() <= opened


def test_a_forked_child_does_not_go_on_with_the_test_run():
    recorded = run(
        "import os\nchild = os.fork()\nif child: os.waitpid(child, 0)\nprint('end')", "print(2)"
    )
    assert recorded[1].text == "end\nend\n"
    assert recorded[2].text == "2\n"


def test_the_future_may_be_imported_in_any_block():
    codes = ("from __future__ import annotations\nx = 1", "def f(a: nothing): ...\nprint(x)")
    assert run(*codes)[2].text == "1\n"
    _, message = failure(codes[0], "from __future__ import (\n    division,\n)\n1 / 0")
    assert message.startswith("docs/page.md:14: ZeroDivisionError")


# Failures


def test_failure_names_page_line_exception_and_shows_the_block():
    _, message = failure("a = 1", "b = 2\na / 0\nc = 3")
    assert message == "\n".join(
        [
            "docs/page.md:11: ZeroDivisionError: division by zero",
            "",
            "block 2:",
            "    10  b = 2",
            ">   11  a / 0",
            "    12  c = 3",
        ]
    )


def test_failure_in_a_library_names_the_frame_below():
    _, message = failure("import json\njson.loads('{')")
    assert message.startswith("docs/page.md:5: json.decoder.JSONDecodeError: ")
    assert "\n>    5  json.loads('{')\n" in message
    below = message.partition("raised below it:\n")[2]
    assert re.search(r"^  \S+/json/decoder.py:\d+ in raw_decode: ", below, re.M)
    assert "pytest_codeblocks" not in message
    assert "record.py" not in message


def test_frames_of_a_library_on_the_way_to_the_page_are_not_below_it():
    _, message = failure("import json\njson.dumps(object(), default=lambda x: 1 / 0)")
    assert message.startswith("docs/page.md:5: ZeroDivisionError")
    assert "raised below it" not in message


def test_failure_in_a_function_of_an_earlier_block_shows_it_and_who_called():
    _, message = failure("def f(x):\n    return 1 / x", "y = 0", "f(y)")
    assert message.startswith("docs/page.md:5: ZeroDivisionError: division by zero\n\nblock 1:\n")
    assert ">    5      return 1 / x\n" in message
    assert "called from:\n  docs/page.md:17: f(y)" in message


def test_endless_recursion_is_told_briefly():
    _, message = failure("def f():\n    f()", "f()")
    assert message.startswith("docs/page.md:5: RecursionError: ")
    assert message.count("docs/page.md:") == 3


def test_notes_and_messages_of_several_lines_are_kept():
    _, message = failure("error = ValueError('one\\ntwo')\nerror.add_note('three')\nraise error")
    assert message.startswith("docs/page.md:6: ValueError: one\ntwo\nthree\n")


def test_failure_shows_what_was_printed_before():
    _, message = failure("print('so far')\n1 / 0")
    assert message.endswith("printed before:\nso far")
    _, message = failure("print('a' + 'b' * 2000)\n1 / 0")
    assert message.endswith("\nprinted before:\n" + "b" * 1999)


def test_of_the_frames_of_a_library_the_last_six_are_told():
    _, message = failure("import copy\ncopy.deepcopy([[[[(x for x in ())]]]])")
    below = message.partition("raised below it:\n")[2]
    assert below.count("\n") == 5, below
    assert below.split("\n")[-1].startswith("  ")


SYNTAX_ERRORS = {
    "cut off": ("x = 1\ny = (", 5, r"SyntaxError: '\(' was never closed"),
    "nonsense": ("x = = 1", 4, "SyntaxError: invalid syntax"),
    "indented": ("  x = 1\n  y = (1\ny", 4, "IndentationError: unexpected indent"),
    "no body": ("if x:", 4, "IndentationError: expected an indented block"),
    "goes on in the next block": ("x = 1 + \\", 4, "SyntaxError: unexpected EOF"),
    "text goes on in the next block": ("x = '''", 4, "SyntaxError: unterminated triple-quoted"),
    "late import": ("x = 1\nfrom __future__ import annotations", 5, "SyntaxError: from __future__"),
}


@pytest.mark.parametrize(("code", "line", "message"), SYNTAX_ERRORS.values(), ids=SYNTAX_ERRORS)
def test_block_that_is_not_python_is_located(code, line, message):
    text = f"Text.\n\n```python\n{code}\n```\n\n{CONT}\n\n```python\n'''\n```\n"
    (chain,) = parse_page(text.replace("\n'''\n", "\ny = 2\n"), PATH).chains()
    recorder = Recorder(PATH, chain)
    with recorder:
        with pytest.raises(SyntaxError) as caught:
            execute(recorder)
        told = recorder.describe(caught.value)
    assert re.match(rf"docs/page.md:{line}: {message}", told)
    assert f"\n> {line:4}  " in told


def test_two_halves_of_a_string_do_not_hide_the_blocks_between():
    error, message = failure("x = '''", "print('never seen')", "'''")
    assert isinstance(error, SyntaxError)
    assert message.startswith("docs/page.md:4: SyntaxError: unterminated triple-quoted string")


def test_syntax_error_of_code_that_a_block_executes_is_located_in_the_page():
    _, message = failure("x = 1", "x = 2\nexec('1 +')")
    assert message.startswith("docs/page.md:11: SyntaxError: invalid syntax")
    assert "block 2:" in message


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("x = 1\nraise SystemExit('stop')", "SystemExit: stop"),
        ("x = 1\nexit()", "SystemExit: None"),
    ],
)
def test_exit_is_a_failure_like_any_other(code, told):
    _, message = failure(code)
    assert message.startswith(f"docs/page.md:5: {told}\n")


# Limits


@pytest.mark.parametrize(
    ("code", "line"),
    [
        pytest.param("while True: pass", "while True: pass", id="loop"),
        pytest.param("time.sleep(60)", "time.sleep(60)", id="sleep"),
        pytest.param(
            "while True:\n    try:\n        time.sleep(60)\n    except Exception:\n        pass",
            "        time.sleep(60)",
            id="except Exception",
        ),
        pytest.param(
            "try:\n    time.sleep(60)\nfinally:\n    print('cleaned up')",
            "    time.sleep(60)",
            id="finally",
        ),
    ],
)
def test_block_that_hangs_is_stopped_where_it_hangs(code, line, monkeypatch):
    monkeypatch.setattr(record, "_TICK", 60)  # the limit is looked at when it is over
    started = time.monotonic()
    error, message = failure("import time\n" + code, time_limit=0.1)
    assert time.monotonic() - started < 30
    assert isinstance(error, BlockStopped)
    assert "BlockStopped: the block ran longer than 0.1 s" in message.split("\n")[0]
    assert re.search(rf"^> +\d+  {re.escape(line)}$", message, re.M)


@pytest.mark.parametrize("clause", ["except Exception", "except"])
def test_block_that_outlives_its_time_limit_does_not_pass(clause):
    error, message = failure(
        f"import time\ntry:\n    time.sleep(60)\n{clause}:\n    print('went on')", time_limit=0.1
    )
    assert isinstance(error, BlockStopped)
    assert message.split("\n")[0].endswith("BlockStopped: the block ran longer than 0.1 s")


def test_time_limit_is_each_blocks_own():
    codes = ["import time\ntime.sleep(0.25)"] * 3
    assert len(run(*codes, time_limit=0.6)) == 3


def test_what_comes_after_a_block_takes_none_of_its_time(monkeypatch):
    def drawn(figure: object, prefix: str) -> str:
        time.sleep(1.3)
        return prefix

    monkeypatch.setattr("literate.svg.figure_to_svg", drawn)
    code = "from matplotlib import pyplot as plt\nplt.figure()"
    assert run(code, time_limit=1)[1].figures == ("b1f1-",)
    code = """
        import time
        class Slow(Exception):
            def __str__(self):
                time.sleep(1.3)
                return "told"
        raise Slow
    """
    assert "Slow: told\n" in failure(code, time_limit=1)[1]


def test_block_that_prints_too_much_is_stopped_while_it_prints():
    code = "n = 0\nwhile True:\n    print('x' * 99)\n    n += 1"
    error, message = failure(code, output_limit=100_000)
    assert isinstance(error, BlockStopped)
    assert message.startswith(
        "docs/page.md:6: literate.record.BlockStopped: expected at most 100,000 characters "
        "of output, found more: print a summary"
    )
    assert len(message) < 3000


def test_output_of_earlier_blocks_does_not_count(monkeypatch):
    monkeypatch.setattr(record, "_TICK", 0.02)
    recorded = run(*["print('x' * 90)"] * 9, "import time\ntime.sleep(0.1)", output_limit=100)
    assert len(recorded) == 10
    longest = "print('\N{GRINNING FACE}' * 99)\nimport time\ntime.sleep(0.1)"
    assert len(run(longest, output_limit=100)[1].text) == 100


def test_ten_megabytes_in_one_piece_are_refused_by_default():
    error, message = failure("print('x' * 10_000_000)")
    assert isinstance(error, BlockStopped)
    assert len(message) < 1000


def test_the_limits_are_those_of_the_guide_for_contributors():
    guide = Path(__file__).parents[2] / "docs" / "contributing.md"
    told = (
        f"A block may run for {record.TIME_LIMIT:g} seconds, print {record.OUTPUT_LIMIT:,} "
        f"characters and draw figures of {record.FIGURE_LIMIT / 1000:g} KB each."
    )
    assert told in guide.read_text(encoding="utf-8")


def test_exactly_the_limit_is_accepted():
    assert len(run("print('x' * 99)", output_limit=100)[1].text) == 100


def test_figure_that_is_too_large_is_refused_with_its_size():
    code = """
        import numpy as np
        from matplotlib import pyplot as plt
        plt.figure()
        rng = np.random.default_rng(0)
        plt.scatter(*rng.random((2, 3000)))
    """
    error, message = failure(code)
    assert isinstance(error, BlockStopped)
    assert re.search(
        r"expected figures of at most 60,000 bytes, figure 1 of block 1 has \d{2,3},\d{3}: "
        "reduce the data before drawing",
        message,
    )
    assert plt.get_fignums() == []
