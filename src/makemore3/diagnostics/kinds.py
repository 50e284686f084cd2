"""What the modules of any network are: which layers can be watched, and as what."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

KINDS = {
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid",),
    "relu": ("relu",),
    "smooth": (
        *("elu", "gelu", "silu", "swish", "mish", "softplus", "activation"),
        *("leakyrelu", "prelu", "rrelu", "logsigmoid", "tanhshrink"),
    ),
}
"""Nonlinearities by what the name of their class says; the longest match wins."""

NONLINEAR = frozenset(KINDS)
"""Kinds that are compared from front to back."""

NONLINEAR_NODES = {
    "TanhBackward0": "tanh",
    "SigmoidBackward0": "sigmoid",
    "ReluBackward0": "relu",
    "LeakyReluBackward0": "leaky_relu",
    "HardtanhBackward0": "hardtanh",
    "EluBackward0": "elu",
    "GeluBackward0": "gelu",
    "SiluBackward0": "silu",
    "MishBackward0": "mish",
    "SoftplusBackward0": "softplus",
}
"""Nonlinearities by the names of their nodes in autograd's graph."""


@dataclass(frozen=True)
class Watched:
    """A module to watch, and what has to be known of it at each call."""

    module: nn.Module
    kind: str
    unit_axis: int | None
    """Where its units are, if it says so: convolutions have them on axis 1."""
    normalises: bool


def watched(module: nn.Module, kind: str) -> Watched:
    """Gather what has to be known of a module at each call."""
    names = class_names(module)
    units = None
    if kind in ("weights", "norm"):
        units = 1 if "conv" in names or "batchnorm" in names else -1
    return Watched(module, kind, units, "batchnorm" in names)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside wrappers such as `DataParallel`; a compiled one stays as it is."""
    while isinstance(inner := getattr(model, "module", None), nn.Module):
        if len(list(model.children())) != 1 or hasattr(model, "_orig_mod"):
            break
        model = inner
    return model


def compiled_parts(model: nn.Module) -> list[str]:
    """Return the names of what is compiled, the outermost ones; empty is the whole model."""
    found: list[str] = []
    for name, part in model.named_modules():
        inside = any(outer == "" or name.startswith(f"{outer}.") for outer in found)
        compiled = part._compiled_call_impl is not None or hasattr(part, "_orig_mod")
        if compiled and not inside:
            found.append(name)
    return found


def class_names(module: nn.Module) -> str:
    """Return the lowercase names of a module's class and its ancestors below `nn.Module`."""
    classes = type(module).__mro__
    return " ".join(cls.__name__.lower() for cls in classes[: classes.index(nn.Module)])


def kind_of(module: nn.Module) -> str | None:
    """Return what rules know a layer as, or `None` for one that is not watched."""
    names = class_names(module)
    if "norm" in names:
        return "norm"
    if "dropout" in names:
        return "dropout"
    if any(p.ndim > 1 for p in module.parameters(recurse=False)):
        plain = not list(module.children()) and ("linear" in names or "conv" in names)
        return "weights" if plain else "other"
    if list(module.children()) or "softmax" in names:
        return None
    for name in names.split():  # its own class first, then what that inherits from
        matches = [(len(w), kind) for kind, words in KINDS.items() for w in words if w in name]
        if matches:
            return max(matches)[1]
    return None


def first_tensor(output: Any) -> Tensor | None:
    """Return the first floating-point tensor of what a module puts out, nested or not."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    parts = output.values() if isinstance(output, dict) else output
    if not isinstance(parts, tuple | list) and not isinstance(output, dict):
        return None
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def count_nonlinear_nodes(output: Tensor) -> Counter[str]:
    """Count the nonlinearities in the graph behind a tensor, modules or not."""
    found: Counter[str] = Counter()
    nodes, seen = [output.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (name := NONLINEAR_NODES.get(node.name())) is not None:
            found[name] += 1
        nodes.extend(following for following, _ in node.next_functions)
    return found
