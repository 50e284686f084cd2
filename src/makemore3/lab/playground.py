"""What the playground takes from this package: the compiled trainer, and the lecture's facts.

`python -m makemore3 playground FOLDER` writes three files there, which are under version control:
`engine.wasm`, the trainer; `engine.json`, what it was made from; `lecture.json`, controls,
nets, published numbers and the address of the names.
"""

import hashlib
import importlib.util
import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from makemore3.data import LECTURE_NAMES, Vocabulary
from makemore3.files import written_whole
from makemore3.lab.published import PUBLISHED
from makemore3.models import LECTURE_SEED, STAGES, deep_mlp, mlp
from makemore3.sampling import SAMPLING_SEED
from makemore3.training import TrainConfig

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
    f"-Wl,--initial-memory={2**27}",  # of a largest net's 81 MB; untouched, it costs nothing
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

    With the settings of each stage stand the published numbers of its runs, in the words of
    `makemore3.lab.published`; and with each control the values that a reader can choose, as a
    number and in words.
    """
    nets = {
        key: (
            stage.title,
            {
                **{"w1": stage.w1_std, "b1": stage.b1_std, "w2": stage.w2_std, "b2": stage.b2_std},
                **{"norm": stage.batch_norm, "hidden": _units(mlp)},
            },
            [f"{key}, step 0", f"{key}, trained"],
        )
        for key, stage in STAGES.items()
    }
    deep = {"deep": True, "hidden": _units(deep_mlp)}
    six_layers = {
        "six-layers": ("six layers", deep | {"gain": 5 / 3}, ["six layers, step 0"]),
        "six-layers-batch-norm": (
            *("six layers, batch norm", deep | {"norm": True}),
            ["six layers, batch norm"],
        ),
    }
    config = TrainConfig()
    settings = {
        **{"deep": False, "w1": None, "b1": None, "w2": 1.0, "b2": 0.0, "norm": False},
        **{"gain": 1.0, "depth": 6, "tanh": True, "scaled": True},
        **{"batch": config.batch_size, "lr": config.lr, "seed": LECTURE_SEED},
    }
    return {
        "sampling_seed": SAMPLING_SEED,
        "characters": Vocabulary().characters,
        "names": asdict(LECTURE_NAMES),
        "controls": _controls(),
        "stages": {
            key: {
                "title": title,
                "settings": {**settings, "stage": key, **changes},
                "published": _published(runs),
            }
            for key, (title, changes, runs) in {**nets, **six_layers}.items()
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


def _units(net: Callable[..., Any]) -> int:
    """Return how many a hidden layer of `mlp` or `deep_mlp` has if nothing is said."""
    return inspect.signature(net).parameters["n_hidden"].default


def _controls() -> dict[str, dict[str, Any]]:
    """Return, for each setting, its label, the nets that have it (deep or not), and its values."""
    scales = [0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 10]
    gains = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.3, 5 / 3, 2, 2.5, 3, 4, 5]
    one, deep, both = [False], [True], [False, True]
    controls = {
        "w1": ("Scale of W1", one, [*scales[:7], None, *scales[7:]]),
        "b1": ("Scale of b1", one, [None, 0, 0.01, 0.1, 0.3, 1, 3]),
        "w2": ("Scale of W2", one, scales),
        "b2": ("Scale of b2", one, [0, 0.01, 0.1, 0.3, 1, 3]),
        "gain": ("Gain", deep, gains),
        "depth": ("Linear layers", deep, [*range(1, 21)]),
        "lr": ("Learning rate", both, scales[1:]),
        "hidden": ("Units in a layer", both, [16, 32, 50, 100, 200, 300]),
        "batch": ("Examples in a batch", both, [2, 4, 8, 16, 32, 64, 128]),
        "norm": ("Batch norm", both, [False, True]),
        "tanh": ("Tanh between the layers", deep, [False, True]),
        "scaled": ("Weights over √fan-in", deep, [False, True]),
    }
    words = {("w1", None): "Kaiming, 0.304", ("b1", None): "no b1", ("gain", 5 / 3): "5/3"}
    return {
        key: {
            "label": label,
            "nets": nets,
            "values": [[v, words.get((key, v), json.dumps(v))] for v in values],
        }
        for key, (label, nets, values) in controls.items()
    }


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
