"""What the playground takes from this package: the compiled trainer, and the lecture's facts.

`python -m makemore3 playground FOLDER` writes three files there, which are under version control:
`engine.wasm`, the trainer; `engine.json`, what it was made from; `lecture.json`, nets, published
numbers and the address of the names.
"""

import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from makemore3.data import LECTURE_NAMES, Vocabulary
from makemore3.files import written_whole
from makemore3.lab.published import PUBLISHED
from makemore3.models import LECTURE_SEED, STAGES
from makemore3.sampling import SAMPLING_SEED

COMPILER = "ziglang==0.17.1"
"""A package with Clang, and the C++ library for WebAssembly; one version repeats its bytes."""
SOURCES = ("vectors.hpp", "matrices.hpp", "compiled.cpp", "wasm.cpp")
"""What is compiled: the files of `makemore3.fast`."""
EXPORTS = ("reserve", "reserve_blocks", "block", "run", "look")
"""The functions that the browser calls."""
FLAGS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-msimd128"),
    *("-std=c++17", "-O3", "-DREAL=float", "-fno-exceptions", "-fno-rtti"),
    *("-fno-math-errno", "-fno-trapping-math"),
    *("-mllvm", "-inline-threshold=50"),  # a fifth smaller, and as fast
    *("-Wl,--strip-all", *(f"-Wl,--export={name}" for name in EXPORTS)),
)
"""The compiler's options."""


def compile_engine() -> bytes:
    """Compile the trainer to WebAssembly, which takes a minute when it is done first.

    Raises:
        ValueError: If the compiler is not installed, or of another version.
        OSError: If it refuses.
    """
    package, wanted = COMPILER.split("==")
    installed = importlib.util.find_spec(package) is not None
    if not installed or version(package) != wanted:
        raise ValueError(
            f"the playground's trainer is compiled with {COMPILER}, got "
            f"{version(package) if installed else 'none'}: python -m pip install {COMPILER}"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "engine.wasm")
        for name in SOURCES:
            Path(folder, name).write_bytes(_source(name))
        command = [sys.executable, "-m", "ziglang", "c++", *FLAGS, SOURCES[-1], "-o", made.name]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode:
            raise OSError(f"{COMPILER} does not compile {' and '.join(SOURCES)}:\n{run.stderr}")
        return made.read_bytes()


def manifest(engine: bytes) -> dict[str, Any]:
    """Say what an engine was made from; other sources, flags or compiler mean another one."""
    sources = {name: hashlib.sha256(_source(name)).hexdigest() for name in SOURCES}
    return {
        "compiler": COMPILER,
        "flags": list(FLAGS),
        "sources": sources,
        "sha256": hashlib.sha256(engine).hexdigest(),
    }


def facts() -> dict[str, Any]:
    """Return what the page needs to know of the lecture.

    The nets are arguments of `mlp` and `deep_mlp`; with each stand the published numbers of its
    runs, in the words of `makemore3.lab.published`.
    """
    six_layers = {
        "six-layers": ({"title": "six layers", "gain": 5 / 3}, ["six layers, step 0"]),
        "six-layers-batch-norm": (
            {"title": "six layers, batch norm", "gain": 1.0, "batch_norm": True},
            ["six layers, batch norm"],
        ),
    }
    nets = {
        key: (asdict(stage), [f"{key}, step 0", f"{key}, trained"]) for key, stage in STAGES.items()
    }
    return {
        "seed": LECTURE_SEED,
        "sampling_seed": SAMPLING_SEED,
        "characters": Vocabulary().characters,
        "names": asdict(LECTURE_NAMES),
        "stages": {
            key: {**net, "published": _published(runs)}
            for key, (net, runs) in {**nets, **six_layers}.items()
        },
    }


def bake(folder: Path) -> None:
    """Write the three files, each whole or not at all; unchanged sources are not compiled anew.

    Raises:
        ValueError: If the compiler is needed and not there.
        OSError: If it refuses, or a file cannot be written.
    """
    engine, made_from = folder / "engine.wasm", folder / "engine.json"
    if not is_current(folder):
        code = compile_engine()
        _write(engine, code)
        _write(made_from, _json(manifest(code)))
    _write(folder / "lecture.json", _json(facts()))


def is_current(folder: Path) -> bool:
    """Whether the folder's engine was made from the present sources, flags and compiler."""
    engine, made_from = folder / "engine.wasm", folder / "engine.json"
    if not engine.exists() or not made_from.exists():
        return False
    return made_from.read_bytes() == _json(manifest(engine.read_bytes()))


def _published(runs: list[str]) -> list[list[str]]:
    """Return quantity, value, tolerance and who says so of each number of these runs."""
    return [
        [p.quantity, p.value, p.tolerance, p.source]
        for run in runs
        for p in PUBLISHED
        if p.run == run
    ]


def _source(name: str) -> bytes:
    return (files("makemore3.fast") / name).read_bytes()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    with written_whole(path) as file:
        file.write(content)
