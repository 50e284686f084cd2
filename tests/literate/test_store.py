"""Baked outputs on disk: written whole or not at all, and never trusted blindly."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from literate.page import Page, parse_page
from literate.store import (
    MANIFEST,
    Baked,
    Output,
    Store,
    StoreError,
    page_files,
    page_name,
    write_whole,
)

NAME = "lecture/page"
OLD = Baked({1: Output("k1", "old\n", ("<svg>old</svg>\n",))}, {"names": "n"}, {"torch": "2"})
MANIFEST_OF_OLD = """{
 "format": 1,
 "inputs": {
  "names": "né"
 },
 "versions": {
  "torch": "2"
 },
 "blocks": {
  "1": {
   "key": "k1",
   "files": {
    "01.txt": "01d09d19c2139a46",
    "01-1.svg": "b35b8d1299ee809f"
   }
  }
 }
}
"""
NEW = Baked(
    {
        1: Output("k1", "new\n", ("<svg>1</svg>\n", "<svg>2</svg>\n")),
        2: Output("k2", "−1.5 · 10⁻³\n"),
        3: Output("k3"),
    },
    {"names": "n"},
    {"torch": "2"},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "baked")


def page(*codes: str, figures: int = 0) -> Page:
    """A page of chained blocks; the first announces `figures` figures."""
    text = ""
    for number, code in enumerate(codes):
        text += f"{'<!--pytest-codeblocks:cont-->' if number else ''}\n```python\n{code}\n```\n"
        text += "\n![Alt](baked) Caption\n" * (figures if number == 0 else 0)
    return parse_page(text, Path("docs/lecture/page.md"))


def outputs(page: Page, **texts: str) -> Baked:
    return Baked({b.number: Output(b.key, texts.get(f"b{b.number}", "x\n")) for b in page.blocks})


# Reading and writing


def test_what_is_written_is_read(store):
    store.write(NAME, NEW)
    assert store.read(NAME) == NEW


def test_files_are_named_after_page_and_block(store):
    files = store.write(NAME, NEW)
    folder = store.root / "lecture" / "page"
    names = ["01-1.svg", "01-2.svg", "01.txt", "02.txt", "manifest.json"]
    assert files == [folder / name for name in names]
    assert (folder / "02.txt").read_text(encoding="utf-8") == "−1.5 · 10⁻³\n"


def test_the_manifest_stays_what_it_is_as_it_stands_in_version_control(store):
    store.write(NAME, replace(OLD, inputs={"names": "né"}))
    assert (store.root / NAME / MANIFEST).read_text(encoding="utf-8") == MANIFEST_OF_OLD


def test_writing_twice_gives_identical_bytes_and_leaves_nothing_beside(store):
    store.write(NAME, NEW)
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    passed = {number: NEW.outputs[number] for number in (3, 1, 2)}
    store.write(NAME, replace(NEW, outputs=passed))
    assert before == {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def test_writing_removes_the_outputs_of_deleted_blocks(store):
    store.write(NAME, NEW)
    store.write(NAME, OLD)
    assert store.read(NAME) == OLD
    assert not (store.root / NAME / "02.txt").exists()


def test_many_figures_keep_their_order(store):
    figures = tuple(f"<svg>{number}</svg>\n" for number in range(12))
    store.write(NAME, Baked({1: Output("k", "", figures)}))
    assert store.read(NAME).outputs[1].figures == figures


def test_page_never_baked_is_none(store):
    assert store.read(NAME) is None


def test_page_inside_another_pages_folder_is_never_deleted(store):
    store.write(NAME, OLD)
    with pytest.raises(
        StoreError, match=r"holds other pages' outputs too: call the page lecture/index"
    ):
        store.write("lecture", NEW)
    assert store.read(NAME) == OLD


def test_page_name_is_the_path_below_docs():
    assert page_name(Path("docs/lecture/initial-loss.md"), Path("docs")) == "lecture/initial-loss"


def test_pages_are_found_in_order_and_hidden_ones_are_none(tmp_path):
    for name in ("b.md", "a/c.md", "a/.lock.md", ".hidden/d.md", "n.ipynb", "folder.md/e.txt"):
        write_whole(tmp_path / name, b"")
    assert page_files(tmp_path) == [tmp_path / "a" / "c.md", tmp_path / "b.md"]
    assert page_files(tmp_path, "*.ipynb") == [tmp_path / "n.ipynb"]


# Damage


def _set(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text())
        change(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return apply


DAMAGES = {
    "text edited": (
        lambda f: (f / "01.txt").write_text("better\n"),
        "01.txt is not what was baked (damaged or edited by hand)",
    ),
    "text cut off": (lambda f: (f / "01.txt").write_text("ne"), "01.txt is not what was baked"),
    "line ends changed": (
        lambda f: (f / "01.txt").write_bytes(b"new\r\n"),
        "01.txt is not what was baked",
    ),
    "figure edited": (lambda f: (f / "01-2.svg").write_text("<svg/>"), "01-2.svg is not what was"),
    "figure missing": (lambda f: (f / "01-1.svg").unlink(), "01-1.svg is missing"),
    "text not utf-8": (lambda f: (f / "01.txt").write_bytes(b"\xff"), "01.txt cannot be read"),
    "manifest missing": (lambda f: (f / MANIFEST).unlink(), "manifest.json is missing"),
    "manifest cut off": (lambda f: (f / MANIFEST).write_text('{"form'), "manifest.json is damaged"),
    "manifest empty": (lambda f: (f / MANIFEST).write_text(""), "manifest.json is damaged"),
    "manifest not utf-8": (lambda f: (f / MANIFEST).write_bytes(b"\xff\xfe"), "cannot be read"),
    "manifest in conflict": (
        lambda f: (f / MANIFEST).write_text("<<<<<<< HEAD\n{}\n"),
        "manifest.json is damaged",
    ),
    "manifest a list": (lambda f: (f / MANIFEST).write_text("[]"), "manifest.json is damaged"),
    "manifest a folder": (
        lambda f: ((f / MANIFEST).unlink(), (f / MANIFEST).mkdir()),
        "manifest.json cannot be read",
    ),
    "format of the future": (_set(lambda m: m.update(format=2)), "expected format 1, found 2"),
    "no blocks": (_set(lambda m: m.pop("blocks")), "manifest.json is damaged ('blocks')"),
    "block without key": (_set(lambda m: m["blocks"]["1"].pop("key")), "damaged ('key')"),
    "block not numbered": (
        _set(lambda m: m["blocks"].update(one=m["blocks"]["1"])),
        "manifest.json is damaged",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_names_the_file_and_the_remedy(store, damage, message):
    store.write(NAME, NEW)
    damage(store.root / NAME)
    with pytest.raises(StoreError, match=re.escape(message)) as caught:
        store.read(NAME)
    assert str(caught.value).endswith(
        ": restore it from version control, or run `pytest --bake` for the page"
    )


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_a_problem_of_the_page_and_baking_again_heals_it(store, damage, message):
    baked = page("a = 1")
    store.write(NAME, replace(NEW, outputs={1: replace(NEW.outputs[1], key=baked.blocks[0].key)}))
    damage(store.root / NAME)
    (problem,) = store.problems(baked, NAME)
    assert message in problem.message
    assert problem.line == 2
    shutil.rmtree(store.root / NAME / MANIFEST, ignore_errors=True)
    store.write(NAME, outputs(baked))
    assert store.problems(baked, NAME) == []


# Problems


def test_whole_and_current_outputs_have_no_problems(store):
    whole = page("a = 1", "b = 2")
    store.write(NAME, outputs(whole))
    assert store.problems(whole, NAME) == []


def test_blocks_never_baked_are_problems_at_their_lines(store):
    problems = store.problems(page("a = 1", "b = 2"), NAME)
    assert [(p.line, p.message) for p in problems] == [
        (2, "block 1 was never baked"),
        (6, "block 2 was never baked"),
    ]


def test_new_block_was_never_baked(store):
    store.write(NAME, outputs(page("a = 1")))
    (problem,) = store.problems(page("a = 1", "b = 2"), NAME)
    assert problem.message == "block 2 was never baked"


def test_changed_block_makes_itself_and_all_that_follow_outdated(store):
    store.write(NAME, outputs(page("a = 1", "b = 2", "c = 3")))
    problems = store.problems(page("a = 1", "b = 0", "c = 3"), NAME)
    assert [p.message for p in problems] == [
        "the output of block 2 is outdated: the code up to it has changed",
        "the output of block 3 is outdated: the code up to it has changed",
    ]


def test_outputs_of_a_deleted_block_are_a_problem(store):
    store.write(NAME, outputs(page("a = 1", "b = 2")))
    (problem,) = store.problems(page("a = 1"), NAME)
    told = "there are outputs of block 2, which is gone"
    assert (problem.line, problem.message) == (1, told)


def test_files_of_no_block_are_problems(store):
    store.write(NAME, outputs(page("a = 1")))
    names = [f"{number:02}.txt" for number in range(2, 9)]
    for name in reversed(names):
        (store.root / NAME / name).write_text("x")
    found = [(problem.line, problem.message) for problem in store.problems(page("a = 1"), NAME)]
    assert found == [(1, f"{name} belongs to no block") for name in names]


@pytest.mark.parametrize("announced", [0, 2])
def test_number_of_figure_texts_must_be_the_number_of_figures(store, announced):
    drawing = page("plot()", figures=announced)
    store.write(NAME, Baked({1: Output(drawing.blocks[0].key, "", ("<svg/>\n",))}))
    (problem,) = store.problems(drawing, NAME)
    assert problem.message == (
        f"block 1 draws 1 figure(s), and {announced} `![alt text](baked) caption` stand directly "
        "below it: there must be one for each"
    )


@pytest.mark.parametrize(
    ("markup", "missing"), [("![](baked) Caption", "alt text"), ("![Alt](baked)", "caption")]
)
def test_figure_without_a_text_is_a_problem(store, markup, missing):
    drawing = parse_page(f"```python\nx\n```\n\n{markup}\n", Path("page.md"))
    store.write(NAME, Baked({1: Output(drawing.blocks[0].key, "", ("<svg/>\n",))}))
    (problem,) = store.problems(drawing, NAME)
    needs = "`![alt text](baked) caption` needs both"
    assert problem.message == f"the figure in line 5 has no {missing}: {needs}"


def test_orphans_are_folders_of_pages_that_are_gone(store):
    store.write(NAME, OLD)
    store.write("lecture/gone", OLD)
    store.write("index", OLD)
    (store.root / "lecture/half").mkdir()
    (store.root / "lecture/half/01.txt").write_text("no manifest")
    for letter in "fedcba":
        store.write(f"old/{letter}", OLD)
    old = [f"old/{letter}" for letter in "abcdef"]
    assert store.orphans([NAME, "index"]) == ["lecture/gone", "lecture/half", *old]
    assert Store(store.root / "nowhere").orphans([]) == []


# Interruptions: at every step of a write, by an exception and by a kill


class Interruption(BaseException):
    """What a crash looks like from inside."""


def crash() -> None:
    raise Interruption


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(patch: pytest.MonkeyPatch, after: int, how: Callable[[], None]) -> None:
    """Let `after` steps of a write pass, then cut it off; half a file stands if it was writing."""
    left = [after]

    def cut(owner: object, name: str) -> None:
        step = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> object:
            if left[0] == 0:
                if name == "write_text":
                    args[0].write_bytes(b"half")
                how()
            left[0] -= 1
            return step(*args, **kwargs)

        patch.setattr(owner, name, counted)

    for name in ("mkdir", "write_text", "rename"):
        cut(Path, name)
    cut(shutil, "rmtree")


def test_write_cut_off_at_any_step_leaves_the_old_outputs_or_the_new(tmp_path, monkeypatch):
    seen = []
    for after in range(100):
        store = Store(tmp_path / str(after))
        store.write(NAME, OLD)
        with monkeypatch.context() as patch:
            interrupt(patch, after, crash)
            try:
                store.write(NAME, NEW)
            except Interruption:
                finished = False
            else:
                finished = True
        state = store.read(NAME)
        assert state in (OLD, NEW), f"after {after} steps"
        seen.append(state)
        store.write(NAME, NEW)
        assert store.read(NAME) == NEW
        assert store.orphans([NAME]) == []
        if finished:
            break
    assert seen == [OLD] * 10 + [NEW] * 2  # new once its folder has its name; then the clean-up


def test_second_write_cut_off_after_a_crash_between_the_renames_loses_nothing(
    tmp_path, monkeypatch
):
    for after in range(12):
        store = Store(tmp_path / str(after))
        store.write(NAME, OLD)
        for steps in (9, after):
            with monkeypatch.context() as patch, contextlib.suppress(Interruption):
                interrupt(patch, steps, crash)
                store.write(NAME, NEW)
        assert store.read(NAME) in (OLD, NEW), f"after {after} steps"


def test_interrupted_write_is_reported_as_left_over(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.write("page", OLD)
    with monkeypatch.context() as patch:
        interrupt(patch, 5, crash)
        with pytest.raises(Interruption):
            store.write("page", NEW)
    assert store.read("page") == OLD
    assert store.orphans(["page"]) == [".page.new"]


def test_crash_between_the_two_renames_reads_the_old_outputs(store):
    store.write(NAME, OLD)
    folder = store.root / NAME
    folder.rename(folder.with_name(".page.old"))
    folder.with_name(".page.new").mkdir()
    assert store.read(NAME) == OLD
    store.write(NAME, NEW)
    assert store.read(NAME) == NEW
    assert [path.name for path in folder.parent.iterdir()] == ["page"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("after", [4, 9], ids=["while writing", "between the renames"])
def test_killed_write_leaves_the_old_outputs(tmp_path, after):
    store = Store(tmp_path)
    store.write("page", OLD)
    script = (
        "import pathlib, pytest, test_store as t\n"
        f"t.interrupt(pytest.MonkeyPatch(), {after}, t.kill)\n"
        f"t.Store(pathlib.Path({str(tmp_path)!r})).write('page', t.NEW)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2, "nothing was under way"
    assert store.read("page") == OLD
    store.write("page", NEW)
    assert store.read("page") == NEW
    assert store.orphans(["page"]) == []


def test_a_file_is_written_into_a_folder_that_is_made_for_it(tmp_path):
    write_whole(tmp_path / "new" / "folder" / "file", b"text")
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == b"text"
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["file"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "place").mkdir()
    with pytest.raises(OSError, match="place"):
        write_whole(tmp_path / "place", b"text")
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
