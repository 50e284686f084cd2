"""What is baked for the playground belongs to the package as it is now."""

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from makemore3 import cli
from makemore3.lab import playground
from makemore3.models import STAGES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "assets" / "playground"
REMEDY = "run `python -m makemore3 playground docs/assets/playground`"


def test_the_engine_was_made_from_the_present_sources():
    assert playground.is_current(FOLDER), f"compiled.cpp, wasm.cpp or flags have changed: {REMEDY}"


def test_the_facts_are_the_packages():
    assert json.loads((FOLDER / "lecture.json").read_text()) == playground.facts(), REMEDY


@pytest.mark.parametrize("stage", [*STAGES, "six-layers", "six-layers-batch-norm"])
def test_every_setting_of_a_stage_can_be_chosen(stage: str):
    facts = playground.facts()
    settings = facts["stages"][stage]["settings"]
    assert settings["stage"] == stage
    for key, control in facts["controls"].items():
        if settings["deep"] in control["nets"]:
            assert settings[key] in [value for value, _ in control["values"]], key
        words = [text for _, text in control["values"]]
        assert len(set(words)) == len(words), key


def test_the_engine_is_small():
    assert sum((FOLDER / name).stat().st_size for name in ("engine.wasm", "engine.json")) < 25_000


@pytest.mark.parametrize("name", ["engine.wasm", "engine.json"])
def test_another_engine_is_noticed(tmp_path: Path, name: str):
    for file in ("engine.wasm", "engine.json"):
        (tmp_path / file).write_bytes((FOLDER / file).read_bytes())
    assert playground.is_current(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.write(b" ")
    assert not playground.is_current(tmp_path)
    (tmp_path / name).unlink()  # one of them alone is none
    assert not playground.is_current(tmp_path)


def test_a_change_of_the_sources_is_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(playground, "_source", lambda name: b"// another\n")
    assert not playground.is_current(FOLDER)


@pytest.mark.skipif(find_spec("ziglang") is None, reason=f"needs {playground.COMPILER}")
def test_the_compiler_repeats_its_bytes():
    made = playground.compile_engine()
    assert hashlib.sha256(made).digest() == hashlib.sha256(engine()).digest()


def engine() -> bytes:
    return (FOLDER / "engine.wasm").read_bytes()


def test_only_what_is_outdated_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[None] = []

    def compiled() -> bytes:
        calls.append(None)
        return b"engine"

    monkeypatch.setattr(playground, "compile_engine", compiled)
    for _ in range(2):
        assert cli.main(["playground", str(tmp_path)]) == 0
    assert len(calls) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("engine.json", "engine.wasm", "lecture.json")
    ]
    assert (tmp_path / "lecture.json").read_bytes() == (FOLDER / "lecture.json").read_bytes()


@pytest.mark.parametrize("status", [0, 1])
def test_the_compiler_gets_the_sources_and_the_flags(status: int, monkeypatch: pytest.MonkeyPatch):
    """A compiler of the test's own: the real one is a package of 100 MB."""
    seen: dict[str, object] = {}

    def run(command: list[str], cwd: str, **options: object) -> SimpleNamespace:
        assert options == {"capture_output": True, "text": True, "check": False}
        seen.update(command=command, files={p.name: p.read_bytes() for p in Path(cwd).iterdir()})
        Path(cwd, command[-1]).write_bytes(b"made")
        return SimpleNamespace(returncode=status, stderr="error: no")

    monkeypatch.setattr(playground.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(playground, "version", lambda name: playground.COMPILER.split("==")[1])
    monkeypatch.setattr(playground.subprocess, "run", run)
    if status:
        told = "does not compile vectors.hpp and matrices.hpp and compiled.cpp and wasm.cpp:\n"
        with pytest.raises(OSError, match=f"^{playground.COMPILER} {told}error: no$"):
            playground.compile_engine()
    else:
        assert playground.compile_engine() == b"made"
    compiler = [sys.executable, "-m", "ziglang", "c++"]
    flags = json.loads((FOLDER / "engine.json").read_text())["flags"]
    assert seen["command"] == [*compiler, *flags, "wasm.cpp", "-o", "engine.wasm"]
    fast = ROOT / "src" / "makemore3" / "fast"
    names = ("vectors.hpp", "matrices.hpp", "compiled.cpp", "wasm.cpp")
    assert seen["files"] == {name: (fast / name).read_bytes() for name in names}


@pytest.mark.parametrize("installed", [None, "0.1.0"])
def test_without_the_compiler_it_says_what_to_install(
    installed: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(playground, "COMPILER", "ziglang==0.0.0")
    monkeypatch.setattr(playground.importlib.util, "find_spec", {"ziglang": installed}.get)
    monkeypatch.setattr(playground, "version", lambda name: installed)
    assert cli.main(["playground", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "makemore3: the playground's trainer is compiled with ziglang==0.0.0, got "
        f"{installed or 'none'}: python -m pip install ziglang==0.0.0\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(find_spec("ziglang") is None, reason=f"needs {playground.COMPILER}")
def test_what_the_compiler_refuses_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(playground, "_source", lambda name: b"not C++")
    with pytest.raises(OSError, match="does not compile"):
        playground.compile_engine()
