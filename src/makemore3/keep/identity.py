"""The identity of a run: what decides its numbers, written out or as a digest."""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from inspect import isclass, isfunction, unwrap
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
import torch.nn.modules.module as torch_module
from torch import Tensor, nn

from makemore3.data import Split
from makemore3.models import NetSpec
from makemore3.training import TrainConfig

_PACKAGE = "makemore3"
_TORCHS_OWN = vars(nn.Module()).keys()
"""The attributes that every module has; all others are settings of its layer."""
_OF_TORCH = {nn.Embedding, nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.Tanh}
"""The layers of torch that may take part: what they compute, their attributes and weights tell."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, dtypes, shapes, strides, devices and numbers."""
    sha256 = hashlib.sha256()
    for name, tensor in tensors.items():
        form = (name, tensor.dtype, tuple(tensor.shape), tensor.stride(), str(tensor.device))
        sha256.update(repr(form).encode())
        sha256.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return sha256.hexdigest()


def differences(found: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a line for each part of an identity that is not the same in a file and now."""
    return [
        f"  {key}: {found.get(key)} in the file, {now.get(key)} now"
        for key in {**found, **now}
        if found.get(key) != now.get(key)
    ]


def checkpoint_identity(
    model: nn.Module,
    spec: NetSpec | None,
    split: Split,
    config: TrainConfig,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Describe a run in what JSON has; `max_steps` is left out, since a run can be continued.

    Raises:
        ValueError: If `spec` builds another net than `model`.
    """
    weights = model.state_dict()
    if spec is None:
        net = f"first weights with sha256 {digest(weights)[:16]}"
    elif repr(spec.build(generator=torch.Generator())) == repr(model):
        net = spec.to_json()
    else:
        raise ValueError(
            f"the spec {spec.to_json()} builds another net than the one to be trained: "
            "take the net from spec.build"
        )
    return {
        "net": net,
        "shapes": {name: list(tensor.shape) for name, tensor in weights.items()},
        "examples": f"{len(split):,} with sha256 {digest({'x': split.x, 'y': split.y})[:16]}",
        "seed": generator.initial_seed(),
        "batch_size": config.batch_size,
        "lr": config.lr,
        "lr_decay_step": config.lr_decay_step,
        "optimizer": config.optimizer,
    }


def run_key(
    models: Sequence[nn.Module],
    split: Split,
    configs: Sequence[TrainConfig],
    generators: Sequence[torch.Generator],
    *,
    trainer: str = "makemore3.training",
    method: object = None,
) -> str | None:
    """Return a digest of all that decides the numbers of runs, our own source code included.

    Comments and docstrings of the source do not count. None if that cannot be told: for a net with
    hooks, with layers that are neither this package's nor torch's counterparts of the lecture's,
    with attributes that are no plain values, or where a function in memory is not the one that its
    source file holds, for example because it was exchanged.

    Args:
        models: The nets before the first step.
        split: The examples that minibatches are drawn from.
        configs: Steps, batch size, learning rate of each.
        generators: Source of the minibatches of each.
        trainer: The module that trains.
        method: What else decides how it does so.
    """
    structures = [_structure(model) for model in models]
    sources = _sources({trainer, __name__}, models)
    if None in structures or sources is None:
        return None
    machine = (
        torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
    )
    tensors = {"x": split.x, "y": split.y}
    for index, (model, generator) in enumerate(zip(models, generators, strict=True)):
        tensors |= {f"{index} {name}": tensor for name, tensor in model.state_dict().items()}
        tensors[f"{index} draws on {generator.device}"] = generator.get_state()
    decisive = (structures, sources, machine, method, list(configs), digest(tensors))
    return hashlib.sha256(repr(decisive).encode()).hexdigest()


def _structure(model: nn.Module) -> list[object] | None:
    """Return layers, settings, and which tensors are trained or shared; None if unclear."""
    if _has_hooks(torch_module):
        return None
    first: dict[int, str] = {}  # where an object that stands in several places stands first
    found: list[object] = []
    for name, layer in model.named_modules(remove_duplicate=False):
        settings = {key: layer.__dict__[key] for key in layer.__dict__.keys() - _TORCHS_OWN}
        plain = all(isinstance(v, int | float | str | None) for v in settings.values())
        if not plain or _has_hooks(layer):
            return None
        found.append((first.setdefault(id(layer), name), type(layer), sorted(settings.items())))
    tensors = {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }
    if tensors.keys() != model.state_dict().keys():  # some are not written down
        return None
    for name, tensor in tensors.items():
        if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
            return None
        found.append((first.setdefault(id(tensor), name), tensor.requires_grad))
    return found


def _has_hooks(place: object) -> bool:
    return any(value for name, value in vars(place).items() if name.endswith("_hooks"))


def _sources(waiting: set[str], models: Sequence[nn.Module]) -> list[tuple[str, str]] | None:
    """Return name and source digest of each module that takes part; None if unclear."""
    kinds = {type(layer) for model in models for layer in model.modules()}
    for kind in kinds - {nn.Sequential}:
        if kind not in _OF_TORCH and not kind.__module__.startswith(f"{_PACKAGE}."):
            return None
        waiting.add(kind.__module__)
    sources: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        source = _source(name)
        if not _runs_its_source(name, source):
            return None
        sources[name] = _statements(source)
        waiting |= set(_imports(source)) - sources.keys()
    return sorted(sources.items())


@cache
def _source(name: str) -> bytes:
    return Path(sys.modules[name].__file__ or "").read_bytes()


class _WithoutTexts(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Leave out docstrings."""
        return None if isinstance(node.value, ast.Constant) else node


@cache
def _statements(source: bytes) -> str:
    """Digest a source file without comments and docstrings, which decide no number."""
    tree = _WithoutTexts().visit(ast.parse(source))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _imports(source: bytes) -> tuple[str, ...]:
    """The modules of this package that a module imports, wherever in its source."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    ours = {name for name in names if name.partition(".")[0] == _PACKAGE}
    return tuple(sorted(ours & sys.modules.keys()))


def _runs_its_source(name: str, source: bytes) -> bool:
    """Whether the functions in memory are those of the file, neither exchanged nor edited since."""
    written = _written(source, str(sys.modules[name].__file__))
    return all(
        function.__code__ in written.get(called, ()) for called, function in _functions(name)
    )


@cache
def _written(source: bytes, path: str) -> dict[str, set[CodeType]]:
    """The functions of a source file by their qualified names."""
    found: dict[str, set[CodeType]] = {}
    waiting = [compile(source, path, "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        found.setdefault(code.co_qualname, set()).add(code)
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]
    return found


def _functions(name: str) -> Iterator[tuple[str, FunctionType]]:
    """The functions and methods of a module, by the names under which they are called."""
    for own, value in vars(sys.modules[name]).items():
        if getattr(value, "__module__", None) != name:
            continue
        if isfunction(function := unwrap(value)):
            yield own, function
        elif isclass(value):
            for attribute, method in vars(value).items():
                made = attribute.startswith("__") and is_dataclass(value)  # by its decorator
                method = getattr(method, "fget", getattr(method, "__func__", method))
                if isfunction(method) and not made and not attribute.startswith("__annotate"):
                    yield f"{value.__qualname__}.{attribute}", method
