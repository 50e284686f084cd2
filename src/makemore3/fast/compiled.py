"""The fast trainer in C++: `compiled.cpp`, compiled at its first use and called with ctypes."""

import ctypes
import hashlib
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pooch
import torch
from torch import Tensor

from makemore3.fast.nets import Layer, Net
from makemore3.files import written_whole

SOURCES = ("compiled.cpp", "matrices.hpp", "vectors.hpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC")
# Not -ffast-math, which would take a loss that is not finite for a number like any other.
MATHS = ("-fno-math-errno", "-fno-trapping-math")
_C_TYPES = {torch.float32: "float", torch.float64: "double"}


class CompilerError(RuntimeError):
    """The compiled trainer cannot be had on this machine; the message says why."""


class AdamState:
    """What Adam keeps between two calls of `train_steps`.

    Args:
        net: The net to be trained, from its first step on.
    """

    def __init__(self, net: Net) -> None:
        count = sum(p.numel() for p in net.parameters())
        self.moments = torch.zeros(2 * count, dtype=net.embedding.dtype)
        self._steps = 0

    def corrections(self, steps: int) -> tuple[Tensor, Tensor]:
        """Return by what the moments fall short in each of the next steps, and count them.

        Shape:
            `(steps,)` float64, twice.
        """
        t = torch.arange(self._steps + 1, self._steps + steps + 1, dtype=torch.float64)
        self._steps += steps
        return 1 - 0.9**t, 1 - 0.999**t


class _Layer(ctypes.Structure):
    """`LayerView` of `compiled.cpp`; a tensor that a layer lacks is a null pointer."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("fan_in", "fan_out", "tanh")),
        *((name, ctypes.c_int64) for name in ("unbiased", "running_std")),
        *((name, ctypes.c_double) for name in ("eps", "momentum")),
        *((name, ctypes.c_void_p) for name in ("weight", "bias", "gamma", "beta")),
        *((name, ctypes.c_void_p) for name in ("running_mean", "running_var")),
        *((name, ctypes.c_int64) for name in ("groups", "uncentred", "ghost_size", "residual")),
    ]


def train_steps(
    net: Net, x: Tensor, y: Tensor, lr: Tensor, losses: Tensor, adam: AdamState | None = None
) -> int:
    """Take one step of gradient descent for each minibatch; Python's global lock is free meanwhile.

    Args:
        net: The net, changed in place.
        x: Contexts, `(steps, batch_size, block_size)` int64.
        y: Targets, `(steps, batch_size)` int64.
        lr: Learning rate of each step, `(steps,)` float64.
        losses: Where the losses go, `(steps,)` in the net's own dtype.
        adam: What Adam keeps from call to call, changed in place; None: plain descent.

    Returns:
        The number of updates. Fewer than `steps`: the loss after so many is not finite.

    Raises:
        CompilerError: If there is no compiled trainer on this machine.
    """
    steps, batch_size, block_size = x.shape
    assert all(tensor.is_contiguous() for tensor in (x, y, lr, losses))
    array = (_Layer * len(net.layers))(*map(_c_layer, net.layers))
    sizes = (*net.embedding.shape, block_size, batch_size, steps)
    compiled = library(net.embedding.dtype)
    start = (array, len(net.layers), net.embedding.data_ptr(), *sizes, x.data_ptr(), y.data_ptr())
    if adam is None:
        return compiled.train(*start, lr.data_ptr(), losses.data_ptr())
    first, second = adam.corrections(steps)
    step_sizes, roots = lr / first, second.sqrt()
    return compiled.train_adam(
        *start, *(t.data_ptr() for t in (step_sizes, losses, roots, adam.moments))
    )


def _c_layer(layer: Layer) -> _Layer:
    fan_in, fan_out = layer.linear.weight.shape
    made = _Layer(fan_in=fan_in, fan_out=fan_out, tanh=layer.tanh, residual=layer.residual)
    if (norm := layer.settings()) is not None:
        for name in ("eps", "momentum", "unbiased", "running_std", "groups", "ghost_size"):
            setattr(made, name, getattr(norm, name))
        made.uncentred = not norm.centred
    for name, tensor in layer.tensors().items():
        setattr(made, name, tensor.data_ptr())
    return made


@dataclass(frozen=True)
class Recipe:
    """What the compiled trainer is made of.

    Args:
        compiler: The compiler's command, without files.
        sources: Content of each file of `SOURCES`.
        digest: Of both, the compiler's version and what this processor can do.
    """

    compiler: list[str]
    sources: dict[str, bytes]
    digest: str


@cache
def recipe(dtype: torch.dtype) -> Recipe:
    """Return how the trainer is compiled on this machine; the compiler is asked only once.

    Args:
        dtype: float32 or float64.

    Raises:
        CompilerError: If there is no C++ compiler.
    """
    compiler = [
        *shlex.split(os.environ.get("CXX") or "c++"),
        *FLAGS,
        *MATHS,
        f"-DREAL={_C_TYPES[dtype]}",
    ]
    sources = {name: (files("makemore3.fast") / name).read_bytes() for name in SOURCES}
    # The predefined macros tell the compiler's version and what this processor can do.
    macros = _run([*compiler, "-dM", "-E", "-x", "c++", os.devnull])
    digest = hashlib.sha256(repr((compiler, sources, macros)).encode()).hexdigest()
    return Recipe(compiler, sources, digest)


@cache
def library(dtype: torch.dtype) -> ctypes.CDLL:
    """Return the compiled trainer, from the user's cache if this compiler made it before.

    Args:
        dtype: float32 or float64.

    Raises:
        CompilerError: If there is no C++ compiler, it refuses, or the cache cannot be written.
    """
    how = recipe(dtype)
    name = f"trainer-{how.digest[:16]}"
    folder = Path(pooch.os_cache("makemore3"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = next(filter(_is_whole, folder.glob(f"{name}-*.so")), None)
        if path is None:
            with tempfile.TemporaryDirectory() as aside:
                for file_name, source in how.sources.items():
                    Path(aside, file_name).write_bytes(source)
                made = Path(aside, "trainer.so")
                _run([*how.compiler, str(Path(aside, SOURCES[0])), "-o", str(made)])
                content = made.read_bytes()
            path = folder / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.so"
            with written_whole(path) as file:
                file.write(content)
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(f"cannot keep or load a trainer in {folder} ({error})") from error
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    loaded.train.argtypes = [pointer, whole, pointer, *[whole] * 5, *[pointer] * 4]
    loaded.train_adam.argtypes = [*loaded.train.argtypes, pointer, pointer]
    loaded.train.restype = loaded.train_adam.restype = whole
    return loaded


def _is_whole(path: Path) -> bool:
    """Whether the file's bytes have the digest that its name ends with; part of one would crash."""
    return path.stem.endswith(hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def _run(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except OSError as error:
        raise CompilerError(f"there is no C++ compiler {command[0]} ({error.strerror})") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").splitlines()
        reason = next((line for line in lines if "error" in line), f"status {error.returncode}")
        raise CompilerError(f"{command[0]} does not compile it ({reason})") from error
