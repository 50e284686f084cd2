"""The pytest plugin: pages are executed once, compared or baked, and nothing is skipped unseen."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from markdown import markdown
from matplotlib import pyplot as plt  # here, as pytester forgets what its runs import

from literate import pytest_plugin
from literate.page import CONT
from literate.store import MANIFEST, Store

PLOT = "from matplotlib import pyplot as plt\nplt.figure(figsize=(2, 2)); plt.plot([0, {y}])"
FIGURE = "\n![Alt text](baked) Caption\n"


class Project:
    """A project of its own, with pages, tested by a pytest run of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.store = Store(self.path / "docs" / "baked")
        pytester.makeini("[pytest]\naddopts = --codeblocks\ntestpaths = docs README.md\n")
        self.inputs(names="one")

    def inputs(self, **inputs: str) -> None:
        """What the project's outputs depend on beside the code."""
        self.pytester.makeconftest(f"def pytest_literate_inputs():\n    return {inputs}\n")

    def page(self, text: str, name: str = "page") -> None:
        path = self.path / "docs" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, *arguments: str, **options: bool) -> pytest.RunResult:
        quick = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # slow to import anew
        return self.pytester.runpytest_inprocess(*quick, *arguments, **options)

    def bake(self, *arguments: str) -> pytest.RunResult:
        result = self.run("--bake", *arguments)
        assert result.ret == pytest.ExitCode.OK, result.stdout.str()
        return result

    def told(self, *arguments: str) -> str:
        """What a run that fails says."""
        result = self.run(*arguments)
        assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
        return result.stdout.str()

    def output(self, number: int, name: str = "page") -> str:
        """What a block of a page printed when it was baked."""
        baked = self.store.read(name)
        assert baked is not None
        return baked.outputs[number].text

    def files(self) -> dict[str, bytes]:
        root = self.store.root
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


def blocks(*codes: str) -> str:
    """A page of one chain; line 3 is the first of its code."""
    return f"\n{CONT}\n".join(f"\n```python\n{code}\n```\n" for code in codes)


# Baking and comparing


def test_what_was_baked_is_compared_and_counted(project):
    project.page(blocks("x = 1\nprint(x)", "print('two')"))
    project.page(blocks("print('three')"), "part/other")
    baked = project.bake()
    baked.stdout.fnmatch_lines(["literate: baked page (2 files), part/other (1 files)"])
    assert project.output(2) == "two\n"
    again = project.run()
    again.assert_outcomes(passed=2)
    again.stdout.fnmatch_lines(["literate: 3 blocks equal to their baked outputs"])


def test_baking_twice_gives_identical_bytes(project):
    project.page(blocks("print(0.5)", PLOT.format(y=1)) + FIGURE)
    project.bake()
    before = project.files()
    assert set(before) == {"page/01.txt", "page/02-1.svg", "page/manifest.json"}
    project.bake()
    assert project.files() == before


def test_manifest_names_inputs_and_versions(project, monkeypatch):
    monkeypatch.setattr(pytest_plugin, "version", lambda name: f"{version(name)}+local")
    project.pytester.makeini(
        "[pytest]\naddopts = --codeblocks\nliterate_versions =\n    matplotlib\n    no-such-one\n"
    )
    project.page(blocks("x = 1"))
    project.bake("docs")
    baked = project.store.read("page")
    assert baked is not None
    assert baked.inputs == {"names": "one"}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert baked.versions == {"python": python, "matplotlib": version("matplotlib")}


def test_only_the_pages_named_are_baked(project):
    project.page(blocks("print(1)"), "one")
    project.page(blocks("print(2)"), "two")
    project.bake("-p", "no:xdist", "docs/one.md")
    assert project.store.read("two") is None
    told = project.bake("docs/two.md", "docs/one.md").stdout
    told.fnmatch_lines(["literate: baked one (1 files), two (1 files)"])


def test_folders_of_pages_and_outputs_are_settings(project):
    project.pytester.makeini(
        "[pytest]\naddopts = --codeblocks\nliterate_docs = pages\nliterate_store = outputs\n"
    )
    project.page(blocks("print(1)"), "../pages/one")
    project.bake("pages")
    project.store = Store(project.path / "outputs")
    assert project.output(1, "one") == "1\n"


def test_block_that_prints_nothing_is_baked_and_compared(project):
    project.page(blocks("x = 1"))
    project.bake()
    project.run().assert_outcomes(passed=1)
    project.page(blocks("x = 1", "print('news')"))
    assert "docs/page.md:8: block 2 was never baked" in project.told()


def test_chains_of_a_page_do_not_see_each_other_and_are_baked_together(project):
    text = blocks("x = 1", "print(x)") + blocks("print('x' in globals())")
    project.page(text)
    project.bake().assert_outcomes(passed=2)
    assert [project.output(number) for number in (1, 2, 3)] == ["", "1\n", "False\n"]
    project.page(text.replace("x = 1", "x = 2"))
    project.run().assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("head", ["!!! note", "??? note", '=== "Tab"', "1. Item", "- Item"])
def test_block_inside_an_element_runs_with_its_blank_lines(project, head):
    code = "print('''one\n\n  two''')\n\n1 / 0"
    fence = "\n".join(f"    {line}".rstrip() for line in f"```python\n{code}\n```".split("\n"))
    project.page(f"{head}\n\n{fence}\n")
    assert "docs/page.md:8: ZeroDivisionError" in project.told("--bake")
    project.page(f"{head}\n\n{fence}\n".replace("1 / 0", "pass"))
    project.bake()
    assert project.output(1) == "one\n\n  two\n"


def test_what_was_baked_is_what_a_reader_sees(project):
    text = blocks("print(1 < 2)", PLOT.format(y=1)) + FIGURE
    project.page(text)
    project.bake()
    html = markdown(
        text,
        extensions=["pymdownx.superfences", "literate"],
        extension_configs={"literate": {"docs": str(project.path / "docs")}},
    )
    assert "<code>True\n</code>" in html
    assert '<svg role="img" aria-label="Alt text"' in html
    assert "<figcaption>Caption</figcaption>" in html


def test_page_outside_the_docs_is_executed_but_not_recorded(project):
    (project.path / "README.md").write_text(blocks("print('hello')"))
    project.page("Text.\n")
    project.bake().assert_outcomes(passed=1)
    assert not project.store.root.exists()
    (project.path / "README.md").write_text(blocks("1 / 0"))
    project.run().assert_outcomes(failed=1)


# Drift


def test_drift_in_text_shows_both_sides(project):
    project.page(blocks("from pathlib import Path\nprint('loss', Path('loss').read_text())"))
    loss = project.path / "loss"
    loss.write_text("2.0696")
    project.bake()
    loss.write_text("2.0697")
    project.run().assert_outcomes(passed=1)
    loss.write_text("2.0698")
    told = project.told()
    assert "docs/page.md:2: block 1 printed something else:" in told
    assert "\n--- baked\n+++ this run\n" in told
    assert "\n-loss 2.0696\n+loss 2.0698\n" in told
    right = "If that is right: `pytest --bake docs/page.md`, and look at the difference.\n"
    assert f"\n\n{right}" in told


def test_drift_in_whole_numbers_is_exact(project):
    project.page(blocks("from pathlib import Path\nprint(Path('count').read_text())"))
    (project.path / "count").write_text("27")
    project.bake()
    (project.path / "count").write_text("28")
    assert "-27\n+28" in project.told()


def test_drift_in_a_figure_says_where(project):
    code = "from pathlib import Path\n" + PLOT.format(y="float(Path('y').read_text())")
    project.page(blocks(code) + FIGURE)
    (project.path / "y").write_text("1")
    project.bake()
    (project.path / "y").write_text("200")
    told = project.told()
    assert "docs/page.md:2: block 1 drew another figure 1: svg/" in told
    project.page(blocks(code) + FIGURE.replace("baked", 'baked "not compared: it is chaotic"'))
    project.run().assert_outcomes(passed=1)


def test_all_that_differs_on_a_page_is_told_at_once(project):
    code = "from pathlib import Path\nprint({0}, Path('loss').read_text())"
    project.page(blocks(code.format(1), code.format(2)))
    (project.path / "loss").write_text("2.0")
    project.bake()
    (project.path / "loss").write_text("3.0")
    told = project.told()
    assert "-1 2.0\n+1 3.0" in told
    assert "-2 2.0\n+2 3.0" in told


def test_changed_code_is_outdated_even_if_it_prints_the_same(project):
    project.page(blocks("print(1)", "print(2)"))
    project.bake()
    project.page(blocks("print(1)", "print(1 + 1)"))
    told = project.told()
    assert "docs/page.md:8: the output of block 2 is outdated" in told
    assert "block 1" not in told


def test_comparison_with_other_inputs_is_reported_as_not_done(project):
    project.page(blocks("from pathlib import Path\nprint(Path('loss').read_text())", "x = 1"))
    (project.path / "loss").write_text("2.0")
    project.bake()
    (project.path / "loss").write_text("3.0")
    told = "literate: 2 blocks ran but were NOT compared: they were baked from other inputs than {}"
    for inputs, named in (
        ({"names": "two", "digest": "0123456789abcdef"}, "names two, digest 0123456789ab"),
        ({}, "nothing named"),
    ):
        project.inputs(**inputs)
        result = project.run()
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([told.format(named)])
        result.stdout.no_fnmatch_line("*equal to their baked outputs*")


def test_code_that_changed_is_outdated_whatever_the_inputs(project):
    project.page(blocks("print(1)"))
    project.bake()
    project.inputs(names="two")
    project.page(blocks("print(2)"))
    assert "the output of block 1 is outdated" in project.told()


# Figures


@pytest.mark.parametrize("arguments", [(), ("--bake",)])
@pytest.mark.parametrize(
    ("figure", "message"),
    [
        pytest.param("", "block 1 draws 1 figure(s), and 0 `![alt text](baked)", id="none"),
        pytest.param(FIGURE * 2, "block 1 draws 1 figure(s), and 2 `![alt", id="two"),
        pytest.param("\n![](baked) C\n", "the figure in line 7 has no alt text", id="no alt"),
        pytest.param("\n![Alt](baked)\n", "the figure in line 7 has no caption", id="no caption"),
    ],
)
def test_each_figure_needs_its_texts(project, figure, message, arguments):
    project.page(blocks(PLOT.format(y=1)) + figure)
    told = project.told(*arguments)
    assert "docs/page.md:2: " in told
    assert message in told


def test_open_figures_are_recorded_closed_and_do_not_leak_into_the_next_page(project):
    project.page(blocks(PLOT.format(y=1), "print(plt.get_fignums())") + "", "one")
    text = blocks(PLOT.format(y=1)) + FIGURE + CONT + blocks("print(plt.get_fignums())")
    project.page(text, "one")
    project.page(blocks("from matplotlib import pyplot as plt\nprint(plt.get_fignums())"), "two")
    project.bake()
    assert project.output(2, "one") == "[]\n"
    assert project.output(1, "two") == "[]\n"
    assert plt.get_fignums() == []


def test_figure_over_the_limit_is_refused(project):
    code = (
        "import numpy as np\nfrom matplotlib import pyplot as plt\nplt.figure()\n"
        "plt.scatter(*np.random.default_rng(0).random((2, 3000)))"
    )
    project.page(blocks(code) + FIGURE)
    told = project.told("--bake")
    assert "expected figures of at most 60,000 bytes, figure 1 of block 1 has" in told
    assert "docs/page.md:7: " in told


# Blocks that fail


FAILURES = {
    "raises": ("y = 1\n1 / 0", "docs/page.md:10: ZeroDivisionError: division by zero"),
    "raises in a library": (
        "import json\njson.loads('{')",
        "docs/page.md:10: json.decoder.JSONDecodeError: ",
    ),
    "raises RuntimeError": ("\nraise RuntimeError('own')", "docs/page.md:10: RuntimeError: own"),
    "raises in an earlier block's function": ("y = 0\nf(y)", "docs/page.md:3: ZeroDivisionError"),
    "is not Python": ("y = 1\nz = = 2", "docs/page.md:10: SyntaxError: invalid syntax"),
    "exits": ("import sys\nsys.exit(0)", "docs/page.md:10: SystemExit: 0"),
    "skips": ("import pytest\npytest.skip('later')", "docs/page.md:10: Skipped: later"),
    "is expected to fail": ("import pytest\npytest.xfail('known')", "docs/page.md:10: "),
    "fails a test": ("import pytest\npytest.fail('no')", "docs/page.md:10: Failed: no"),
    "warns": ("import warnings\nwarnings.warn('old')", "docs/page.md:10: UserWarning: old"),
}


@pytest.mark.parametrize("arguments", [(), ("--bake",)])
@pytest.mark.parametrize(("code", "message"), FAILURES.values(), ids=FAILURES)
def test_block_that_fails_is_named_by_page_and_line_and_shown(project, code, message, arguments):
    project.page(blocks("f = lambda x: 1 / x", code))
    result = project.run("-Werror", *arguments)
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    assert message in told
    assert "\nblock " in told
    assert "\n> " in told
    assert "During handling" not in told
    assert project.store.read("page") is None


def test_skipping_is_explained(project):
    project.page(blocks("import pytest\npytest.skip('later')"))
    assert "A block must not skip: what the page shows has to run." in project.told()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("while True: pass", id="loop"),
        pytest.param(
            "import time\nwhile True:\n    try: time.sleep(60)\n    except Exception: pass",
            id="except Exception",
        ),
    ],
)
def test_block_that_hangs_is_stopped_at_the_time_limit(project, code):
    project.pytester.makeini("[pytest]\naddopts = --codeblocks\nliterate_time_limit = 0.2\n")
    project.page(blocks("x = 1", code))
    project.page(blocks("print('runs')"), "zz-next")
    result = project.run("--bake", "docs")
    result.assert_outcomes(failed=1, passed=1)
    told = result.stdout.str()
    assert "BlockStopped: the block ran longer than 0.2 s" in told
    assert "docs/page.md:" in told


WAYS_OUT = {
    "exit at once": "import os\nos._exit(0)",
    "become another program": "import os\nos.execv('/bin/true', ['true'])",
    "become it in another environment": "import os\nos.execve('/bin/true', ['true'], {})",
    "become it by its name": "import os\nos.execlp('true', 'true')",
    "exit by pytest": "import pytest\npytest.exit('done', returncode=0)",
    "exit": "raise SystemExit(0)",
}


@pytest.mark.parametrize("name", ["docs/page.md", "README.md"])
@pytest.mark.parametrize("code", WAYS_OUT.values(), ids=WAYS_OUT)
def test_no_block_ends_the_test_run_with_success(project, code, name):
    project.page(blocks("x = 1", code), f"../{name}".removesuffix(".md"))
    result = project.pytester.runpytest_subprocess("-p", "no:cacheprovider", name)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"{name}:*"])


# From wherever pytest is called, the same pages are compared


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_root_folder_of_pytest_does_not_matter(project, processes, tmp_path_factory):
    project.page(blocks("from pathlib import Path\nprint('baked')"))
    project.bake()
    project.page(blocks("from pathlib import Path\nprint('other')").replace("other", "baked"))
    elsewhere = str(tmp_path_factory.mktemp("elsewhere"))
    arguments = (f"--rootdir={elsewhere}", "-n", processes, "--dist", "loadfile")
    result = project.run(*arguments, str(project.path / "docs" / "page.md"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["literate: 1 blocks equal to their baked outputs"])
    (project.store.root / "page" / "01.txt").write_text("edited\n")
    project.run(*arguments, "docs/page.md").assert_outcomes(failed=1)


def test_a_checkout_behind_a_link_is_the_same(project, tmp_path_factory, monkeypatch):
    project.page(blocks("print('baked')"))
    project.bake()
    link = tmp_path_factory.mktemp("links") / "checkout"
    link.symlink_to(project.path, target_is_directory=True)
    for arguments in (
        [str(link / "docs" / "page.md")],
        [f"--rootdir={project.path}", str(link / "docs" / "page.md")],
        ["-c", str(project.path / "tox.ini"), str(link / "docs" / "page.md")],
    ):
        result = project.run(*arguments)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["literate: 1 blocks equal to their baked outputs"])


def test_pages_that_are_compared_with_nothing_are_named(project):
    names = ("README.md", "CITATION.md", "ANSWERS.md", "LICENSE.md")
    for name in names:
        (project.path / name).write_text(blocks("print(1)") + blocks("print(2)"))
    listed = "ANSWERS.md, CITATION.md, LICENSE.md, README.md"
    project.run(*names).stdout.fnmatch_lines(
        [f"literate: NOT compared with anything, as not below {project.path}/docs: {listed}"]
    )


def test_failed_pages_are_run_again_and_single_ones_chosen(project):
    project.page(blocks("print(1)"), "one")
    project.page(blocks("from pathlib import Path\nprint(Path('n').read_text())"), "two")
    (project.path / "n").write_text("2")
    project.bake()
    (project.path / "n").write_text("3")
    cache = ("-p", "no:hypothesispytest", "-o", "cache_dir=cache")
    project.pytester.runpytest_inprocess(*cache).assert_outcomes(passed=1, failed=1)
    again = project.pytester.runpytest_inprocess(*cache, "--lf")
    again.assert_outcomes(failed=1)
    chosen = project.run("-k", "one")
    chosen.assert_outcomes(passed=1, deselected=1)
    chosen.stdout.fnmatch_lines(["literate: 1 blocks equal to their baked outputs"])
    project.run("-x", "docs/two.md", "docs/one.md").assert_outcomes(failed=1)


def test_what_a_library_keeps_is_reset_by_the_projects_hook(project):
    project.pytester.makepyfile(library="state = 'clean'")
    project.pytester.makeconftest(
        "import contextlib, sys\n"
        "sys.path.insert(0, '.')\n"
        "@contextlib.contextmanager\n"
        "def restored():\n"
        "    import library\n"
        "    before = library.state\n"
        "    yield\n"
        "    library.state = before\n"
        "def pytest_literate_reset():\n"
        "    return restored()\n"
    )
    project.page(blocks("import library\nlibrary.state = 'dirty'"), "one")
    project.page(blocks("import library\nprint(library.state)"), "two")
    project.bake()
    assert project.output(1, "two") == "clean\n"


def test_a_patched_standard_library_does_not_damage_the_manifest(project):
    project.page(blocks("import json\njson.dumps = lambda *a, **k: '!'\nprint(json.dumps(1))"))
    project.bake()
    assert project.output(1) == "!\n"


def test_block_that_prints_ten_megabytes_is_stopped(project):
    project.page(blocks("for _ in range(10):\n    print('x' * 1_000_000)"))
    told = project.told("--bake")
    assert "docs/page.md:4: " in told
    assert "expected at most 100,000 characters of output, found more" in told
    assert len(told) < 5000


def test_page_leaves_a_clean_slate_for_the_next(project):
    project.page(
        blocks(
            "import os, random, sys\nimport matplotlib as mpl\nimport numpy as np\n"
            "os.chdir('docs'); os.environ['LEAK'] = '1'; random.seed(1); np.random.seed(1)\n"
            "mpl.rcParams['font.size'] = 50; sys.stdout = None"
        ),
        "one",
    )
    project.page(
        blocks(
            "import os, random\nimport matplotlib as mpl\nimport numpy as np\n"
            "print(os.path.isdir('docs'), 'LEAK' in os.environ, mpl.rcParams['font.size'])\n"
            "a = random.random(), np.random.rand()\nrandom.seed(1); np.random.seed(1)\n"
            "print(a[0] == random.random(), a[1] == np.random.rand())"
        ),
        "two",
    )
    project.bake()
    assert project.output(1, "two") == "True False 11.0\nFalse False\n"


# Pages that cannot be executed as they stand

REFUSED = {
    "fence left open": ("Text.\n\n```python\nx\n", "docs/page.md:3: this fence is never closed"),
    "attribute": ('```python title="x"\nx\n```\n', "docs/page.md:1: found the fence"),
    "tildes": ("~~~python\nx\n~~~\n", "docs/page.md:1: found the fence"),
    "bash": (
        "```bash\nls\n```\n",
        "docs/page.md:1: found the fence ````bash`: it would be executed",
    ),
    "broken chain": (f"```text\nx\n```\n\n{CONT}\n" + blocks("y"), "found a `text` fence"),
    "skip": ("<!--pytest.mark.skip-->\n" + blocks("x"), "every block of a page runs"),
    "skipped file": ("<!--pytest-codeblocks:skipfile-->\n" + blocks("1 / 0"), "every block of a"),
    "comment": ("<!--\n" + blocks("x") + "-->\n", "stands in the HTML comment"),
    "not utf-8": (b"\xff".decode("latin-1"), "docs/page.md:1: expected text in UTF-8"),
    "exotic space": (
        "\u2003```python\nx = 1\n\u2003```\n",
        "pytest-codeblocks would run python blocks in lines [1], a reader sees them in lines []",
    ),
    "too long": ("Text.\n" * 9_990 + "```python\n" + "x = 1\n" * 20 + "```\n", "File too large"),
}


@pytest.mark.parametrize("arguments", [(), ("--bake",)])
@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_page_that_would_be_misread_is_an_error_of_its_own(project, text, message, arguments):
    project.page(text)
    if text == "\xff":
        (project.path / "docs/page.md").write_bytes(b"\xff")
    project.page(blocks("print('runs')"), "other")
    result = project.run("--continue-on-collection-errors", *arguments)
    result.assert_outcomes(errors=1, **{"passed" if arguments else "failed": 1})
    assert message in result.stdout.str()


def test_readme_that_would_be_misread_is_an_error_too(project):
    (project.path / "README.md").write_text("```py\n1 / 0\n```\n")
    assert "README.md:1: found the fence" in project.told("README.md")


# Baked files that are missing, damaged or kept

DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "file missing": (lambda folder: (folder / "01.txt").unlink(), "01.txt is missing"),
    "edited by hand": (
        lambda folder: (folder / "01.txt").write_text("better\n"),
        "01.txt is not what was baked (damaged or edited by hand)",
    ),
    "corrupted": (lambda folder: (folder / "01.txt").write_bytes(b"\xff\n"), "cannot be read"),
    "manifest missing": (lambda folder: (folder / MANIFEST).unlink(), "manifest.json is missing"),
    "manifest unreadable": (lambda f: (f / MANIFEST).write_text("{"), "manifest.json is damaged"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_outputs_fail_with_a_remedy_and_baking_heals(project, damage, message):
    project.page(blocks("print('good')"))
    project.bake()
    before = project.files()
    damage(project.store.root / "page")
    told = project.told()
    assert message in told
    assert "docs/page.md: " in told
    assert "restore it from version control, or run `pytest --bake` for the page" in told
    project.bake()
    assert project.files() == before


def test_outputs_never_baked_fail_with_the_command(project):
    project.page(blocks("print('new')"))
    told = project.told()
    assert "docs/page.md:2: block 1 was never baked" in told
    assert "`pytest --bake docs/page.md`" in told


def test_baking_removes_the_outputs_of_deleted_blocks(project):
    project.page(blocks("print(1)", "print(2)"))
    project.bake()
    project.page(blocks("print(1)"))
    project.bake()
    assert set(project.files()) == {"page/01.txt", "page/manifest.json"}


def test_failing_block_leaves_the_old_outputs_of_the_whole_page(project):
    project.page(blocks("print(1)") + blocks("print(2)"))
    project.bake()
    before = project.files()
    project.page(blocks("print(10)") + blocks("print(20)\n1 / 0"))
    result = project.run("--bake")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["literate: NOT baked, as only 1 of 2 blocks passed: docs/page.md"])
    assert project.files() == before


def test_baking_a_part_of_a_page_writes_nothing_and_says_so(project):
    for name in ("page", "other"):
        project.page(blocks("print(1)") + blocks("print(2)"), name)
    result = project.run("--bake", "docs/page.md::line 2", "docs/other.md::line 2")
    result.assert_outcomes(passed=2)
    told = "literate: NOT baked, as only 1 of 2 blocks passed: docs/{}.md"
    result.stdout.fnmatch_lines([told.format("other"), told.format("page")], consecutive=True)
    assert project.files() == {}


def test_baking_from_other_inputs_is_refused_before_anything_runs(project):
    project.pytester.makeini(
        "[pytest]\naddopts = --codeblocks\ntestpaths = docs\nliterate_inputs = names one\n"
    )
    project.page(blocks("print(1)"))
    project.bake()
    before = project.files()
    project.inputs(names="two")
    project.page(blocks("open('ran', 'w').close()"))
    result = project.run("--bake")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bake expects names one, this run has names two:*"])
    assert not (project.path / "ran").exists()
    assert project.files() == before


def test_baking_into_a_place_that_cannot_be_written_is_an_error(project):
    project.page(blocks("print(1)"))
    project.store.root.write_text("a file where the folder should be")
    told = project.told("--bake")
    assert "page.md: its outputs cannot be written: " in told
    assert project.store.root.read_text() == "a file where the folder should be"


@pytest.mark.parametrize("step", ["write_text", "rename"])
def test_bake_interrupted_while_writing_keeps_the_last_good_state(project, step, monkeypatch):
    project.page(blocks("print('old')"))
    project.bake()
    project.page(blocks("print('new')"))

    def interrupted(path: Path, *args: object, **kwargs: object) -> None:
        if step == "write_text":
            path.write_bytes(b"ne")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, interrupted)
        result = project.run("--bake", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.output(1) == "old\n"
    assert project.store.orphans(["page"]) == [".page.new"]
    project.bake()
    assert project.output(1) == "new\n"
    assert project.store.orphans(["page"]) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_bake_killed_while_a_block_runs_keeps_the_last_good_state(project):
    project.page(blocks("print('old')"))
    project.bake()
    before = project.files()
    project.page(
        blocks("print('new')", "import time\nopen('running', 'w').close()\ntime.sleep(60)")
    )
    command: Sequence[str] = [sys.executable, "-m", "pytest", "--bake", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL) as process:
        while not (project.path / "running").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert project.files() == before
    project.page(blocks("print('old')"))
    project.run().assert_outcomes(passed=1)


# Several processes

TWO = ("-n", "2", "--dist", "loadfile")


def test_two_workers_bake_the_bytes_that_one_process_bakes(project):
    for name in ("one", "two", "part/three"):
        project.page(blocks(f"print({name!r})", PLOT.format(y=1)) + FIGURE, name)
    project.bake()
    before = project.files()
    assert len(before) == 9
    shutil.rmtree(project.store.root)
    result = project.bake("-n", "2", "--dist", "loadscope")
    result.stdout.fnmatch_lines(
        ["literate: baked one (2 files), part/three (2 files), two (2 files)"]
    )
    assert project.files() == before


def test_counts_of_two_workers_are_summed(project):
    for name in ("one", "two", "three"):
        project.page(blocks("print(1)") + blocks("print(2)", "print(3)"), name)
    project.bake()
    result = project.run(*TWO)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["literate: 9 blocks equal to their baked outputs"])
    project.inputs(names="two")
    project.run(*TWO).stdout.fnmatch_lines(
        ["literate: 9 blocks ran but were NOT compared: they were baked * than names two"]
    )


def test_workers_fail_with_the_words_of_a_single_process(project):
    drift = "from pathlib import Path\nprint('loss', Path('loss').read_text())"
    project.page(blocks(drift), "drifts")
    project.page(blocks("print('same')"), "stays")
    (project.path / "loss").write_text("2.0")
    project.bake()
    (project.path / "loss").write_text("3.0")
    project.page(blocks("x = 1", "print(x / 0)"), "raises")
    told = []
    for arguments in ((), TWO):
        result = project.run(*arguments)
        result.assert_outcomes(passed=1, failed=2)
        result.stdout.fnmatch_lines(["literate: 1 blocks equal to their baked outputs"])
        reports = result.reprec.getreports("pytest_runtest_logreport")
        told.append({report.nodeid: report.longrepr for report in reports if report.failed})
    assert told[0] == told[1]
    assert "\n-loss 2.0\n+loss 3.0\n" in told[1]["docs/drifts.md::line 2"]
    assert "docs/raises.md:9: ZeroDivisionError: " in told[1]["docs/raises.md::line 2"]


def test_page_that_would_be_misread_is_told_once_by_two_workers(project):
    project.page("Text.\n\n```python\nx\n")
    told = project.told(*TWO)
    assert told.count("ERROR collecting docs/page.md") == 1  # the summary repeats its message
    assert "docs/page.md:3: this fence is never closed" in told


def test_block_that_hangs_is_stopped_in_a_worker_too(project):
    project.pytester.makeini("[pytest]\naddopts = --codeblocks\nliterate_time_limit = 0.2\n")
    project.page(blocks("while True: pass"))
    assert "BlockStopped: the block ran longer than 0.2 s" in project.told(*TWO, "docs")


def test_failing_block_in_a_worker_leaves_the_old_outputs_of_its_page_only(project):
    project.page(blocks("print(1)") + blocks("print(2)"), "fails")
    project.page(blocks("print(3)"), "passes")
    project.bake()
    project.page(blocks("print(10)") + blocks("print(20)\n1 / 0"), "fails")
    project.page(blocks("print(30)"), "passes")
    result = project.run("--bake", *TWO)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "literate: baked passes (1 files)",
            "literate: NOT baked, as only 1 of 2 blocks passed: docs/fails.md",
        ]
    )
    assert [project.output(1, name) for name in ("fails", "passes")] == ["1\n", "30\n"]


def test_baking_is_refused_before_workers_start(project):
    project.pytester.makeini(
        "[pytest]\naddopts = --codeblocks\ntestpaths = docs\nliterate_inputs = names one\n"
    )
    project.page(blocks("open('ran', 'w').close()"))
    split = project.run("--bake", "-n", "2")
    assert split.ret == pytest.ExitCode.USAGE_ERROR
    split.stderr.fnmatch_lines(["*each page in one process, `--dist load` may split it: add*"])
    project.inputs(names="two")
    other = project.run("--bake", *TWO)
    assert other.ret == pytest.ExitCode.USAGE_ERROR
    other.stderr.fnmatch_lines(["*--bake expects names one, this run has names two:*"])
    assert not (project.path / "ran").exists()
    assert project.files() == {}


def test_comparing_needs_no_page_in_one_process(project):
    project.page(blocks("print(1)") + blocks("print(2)", "print(3)"))
    project.bake()
    project.run("-n", "2").stdout.fnmatch_lines(["literate: 3 blocks equal to their baked outputs"])


def test_pages_are_compared_only_when_code_blocks_are_collected(project):
    project.pytester.makeini("[pytest]\n")
    project.page(blocks("1 / 0"))
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.no_fnmatch_line("literate:*")


def test_the_help_says_what_can_be_set(project):
    told = " ".join(project.run("--help").stdout.str().split())
    assert (
        "literate: --bake write what the pages' blocks print and draw, instead of comparing it "
    ) in told
    for setting in (
        "literate_docs (string): the folder of the pages",
        "literate_store (string): the folder of the baked outputs",
        "literate_inputs (linelist): the inputs to bake from: lines `name value`",
        "literate_versions (linelist): packages to name as provenance",
        "literate_time_limit (float): seconds a block may run",
    ):
        assert f" {setting} " in told


def test_manifest_is_readable_in_a_diff(project):
    project.page(blocks("print(1)"))
    project.bake()
    manifest = json.loads(project.files()["page/manifest.json"])
    assert list(manifest) == ["format", "inputs", "versions", "blocks"]
    assert project.files()["page/manifest.json"].count(b"\n") > 10
