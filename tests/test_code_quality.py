"""Lint, format and types, in the same run as everything else."""

import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PLAYGROUND = sorted((ROOT / "docs" / "assets" / "javascripts" / "playground").glob("*.js"))


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["basedpyright", "--pythonpath", sys.executable],
    ],
    ids=["lint", "format", "types"],
)
def test_code_is_clean(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "command", [["fmt", "--check"], ["check", *map(str, PLAYGROUND)]], ids=["format", "types"]
)
def test_javascript_is_clean(command: list[str]) -> None:
    deno = next(file for file in files("deno") or [] if file.stem == "deno" and "bin" in str(file))
    run = subprocess.run(
        [str(deno.locate()), *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
