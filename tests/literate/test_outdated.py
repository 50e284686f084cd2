"""The check for other builders: what is missing or outdated is told, and fails the command."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from literate.__main__ import main
from literate.notebook import write_notebook
from literate.outdated import built_without, outdated
from literate.page import read_page
from literate.store import Baked, Output, Store


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Pages whose outputs are all there: one in a folder, and a notebook."""
    folder = tmp_path / "docs"
    (folder / "part").mkdir(parents=True)
    path = folder / "part" / "page.md"
    path.write_text("# T\n\n```python\nx\n```\n")
    (block,) = read_page(path).blocks
    Store(folder / "baked").write("part/page", Baked({1: Output(block.key, "out\n")}))
    notebook = new_notebook(cells=[new_code_cell("1", id="a", execution_count=1)])
    write_notebook(notebook, folder / "n.ipynb", inputs={}, versions={})
    return folder


STALE: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed code": (
        lambda docs: (docs / "part/page.md").write_text("# T\n\n```python\ny\n```\n"),
        "part/page.md:3: the output of block 1 is outdated",
    ),
    "deleted output": (
        lambda docs: (docs / "baked/part/page/01.txt").unlink(),
        "01.txt is missing",
    ),
    "edited output": (
        lambda docs: (docs / "baked/part/page/01.txt").write_text("better\n"),
        "01.txt is not what was baked",
    ),
    "never baked": (lambda docs: shutil.rmtree(docs / "baked"), "block 1 was never baked"),
    "a page that is gone": (
        lambda docs: (docs / "part/page.md").unlink(),
        "baked/part/page belongs to no page",
    ),
    "a page that cannot be read": (
        lambda docs: (docs / "part/page.md").write_text("```python\nx\n"),
        "part/page.md:1: this fence is never closed",
    ),
    "a notebook never run": (
        lambda docs: nbformat.write(new_notebook(cells=[new_code_cell("1")]), docs / "n.ipynb"),
        "n.ipynb: cell 1 was never baked",
    ),
    "a damaged notebook": (
        lambda docs: (docs / "n.ipynb").write_text("{"),
        "n.ipynb: expected a Jup",
    ),
}


def told(*arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    command = [sys.executable, "-m", "literate", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def test_a_site_whose_outputs_are_all_there_passes(tmp_path: Path, docs: Path) -> None:
    assert told("finish", str(tmp_path), "--docs", str(docs)) == (0, "")


@pytest.mark.parametrize(("change", "message"), STALE.values(), ids=STALE)
def test_an_output_that_is_missing_or_outdated_is_told(
    docs: Path, change: Callable[[Path], object], message: str
) -> None:
    (docs / ".#page.md").symlink_to("nobody@nowhere")
    assert list(outdated(docs)) == []
    change(docs)
    found = list(outdated(docs))
    assert len(found) == 1
    assert message in found[0]


def test_a_page_built_without_an_output_is_told(tmp_path: Path) -> None:
    names = [f"{letter}.html" for letter in "abcdefgh"]
    for name in reversed(names):
        (tmp_path / name).write_text('<p class="lit-missing">missing</p>')
    (tmp_path / "other.html").write_text("<p>whole</p>")
    missing = [f"{name} was built while an output was missing or outdated" for name in names]
    assert list(built_without(tmp_path)) == missing
    text = "".join(f"{line}\n" for line in missing)
    assert told("finish", str(tmp_path), "--docs", str(tmp_path)) == (1, text)


def test_it_fails_the_command(tmp_path: Path, docs: Path) -> None:
    shutil.rmtree(docs / "baked")
    status, text = told("finish", str(tmp_path), "--docs", str(docs))
    assert status == 1
    assert "part/page.md:3: block 1 was never baked" in text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("finish nowhere", "expected a folder, found none at nowhere"),
        ("finish . --docs nowhere", "expected a folder, found none at nowhere"),
        ("finish .", "expected a folder, found none at docs"),
        ("", "the following arguments are required: command"),
    ],
)
def test_what_the_command_is_not_given_is_named(tmp_path: Path, arguments: str, error: str) -> None:
    usage = "usage: python -m literate [-h] {finish} ...\n"
    assert told(*arguments.split(), cwd=tmp_path) == (
        2,
        f"{usage}python -m literate: error: {error}\n",
    )


def test_the_help_says_what_the_command_wants(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["literate", "finish", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert " ".join(capsys.readouterr().out.split()) == (
        "usage: python -m literate finish [-h] [--docs DOCS] [--repository REPOSITORY] site "
        "positional arguments: site the folder of the built site "
        "options: -h, --help show this help message and exit --docs DOCS the folder of the pages "
        "--repository REPOSITORY what the notebooks install from"
    )
    monkeypatch.setattr(sys, "argv", ["literate", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert "\n    finish    finish a built site, and check the outputs\n" in capsys.readouterr().out
