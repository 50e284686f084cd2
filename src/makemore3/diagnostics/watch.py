"""Hooks that watch a step of any network, and keep what they see on its device."""

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from makemore3.diagnostics.kinds import (
    NONLINEAR,
    Watched,
    compiled_parts,
    count_nonlinear_nodes,
    first_tensor,
    kind_of,
    unwrapped,
    watched,
)
from makemore3.diagnostics.look import (
    alive_units,
    cross_entropy_seen,
    flat_share,
    margin,
    moments,
    some,
)

VERIFIED = 8
"""Sampled passes in which it is looked at closely whether the loss is a cross-entropy."""
WEIGHT_ENTRIES = 2**16
"""Entries of a weight, evenly spaced, by which it and its change are measured."""

Key = tuple[str, str, str]
"""What a number is of: output, gradient or weight; its name; and which number."""


@dataclass
class Window:
    """What one sampled step showed; all of it is small and still on its device."""

    step: int
    numbers: list[tuple[Key, Tensor]] = field(default_factory=list)
    alive: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, Tensor] = field(default_factory=dict)
    grad_values: dict[str, Tensor] = field(default_factory=dict)
    weight_values: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, Tensor] = field(default_factory=dict)
    backward_begun: bool = False
    packed: list[tuple[list[Key], Tensor]] = field(default_factory=list)

    def add(self, what: str, name: str, **numbers: Tensor) -> None:
        """Keep numbers, each a tensor of no axes."""
        self.numbers += [((what, name, key), number) for key, number in numbers.items()]

    def pack(self) -> None:
        """Put the numbers into one tensor for each device."""
        by_device: dict[torch.device, list[tuple[Key, Tensor]]] = {}
        for key, number in self.numbers:
            by_device.setdefault(number.device, []).append((key, number))
        self.packed = [
            ([key for key, _ in pairs], torch.stack([number.float() for _, number in pairs]))
            for pairs in by_device.values()
        ]
        self.numbers = []


@dataclass(frozen=True)
class Site:
    """A layer in one place of the pass."""

    name: str
    type: str
    kind: str
    shape: tuple[int, ...]
    units: int


class Watch:
    """Hooks on a model, which stay only between `attach` and `detach`.

    Args:
        model: Any network; wrappers such as `DataParallel` are looked through.

    Raises:
        ValueError: If it has lazy layers that do not know their sizes yet.
    """

    def __init__(self, model: nn.Module) -> None:
        self.root = unwrapped(model)
        self.unseen: list[str] = []
        if any(isinstance(p, nn.UninitializedParameter) for p in self.root.parameters()):
            raise ValueError(
                "expected a model whose weights have shapes, got lazy layers that have seen no "
                "input yet: run a batch through it first"
            )
        compiled = compiled_parts(self.root)
        if compiled:
            named = ", ".join(name or "the whole model" for name in compiled)
            self.unseen.append(f"the layers inside what is compiled: {named}")
        # A compiled part would keep a hook forever that is there when it is first run.
        self.modules = {
            name: watched(module, kind)
            for name, module in self.root.named_modules()
            if (kind := kind_of(module)) is not None
            and not any(part in ("", name) or name.startswith(f"{part}.") for part in compiled)
        }
        kinds = {each.kind for each in self.modules.values()}
        self._kept = kinds.intersection(NONLINEAR) or {"weights"}
        self.root_is_seen = self.root._compiled_call_impl is None
        self.sites: dict[str, Site] = {}
        self.norm_values: dict[str, int] = {}
        self.in_eval: dict[str, None] = {}
        self.nonlinear_nodes: Counter[str] | None = None
        self._to_verify = VERIFIED
        self.root_ran = False
        self.cleared: list[nn.Parameter] = []  # whose gradients should be gone before a backward
        self.window = Window(0)
        self._hooks = ExitStack()
        self._attached = False
        self._pass = threading.local()  # replicas of `DataParallel` run in threads
        self._begin_pass()

    def attach(self, window: Window) -> None:
        """Watch, and write what is seen into this window."""
        self.window = window
        if self._attached:
            return
        self._attached = True
        for name, each in self.modules.items():
            hook = partial(self._see_layer, name, each)
            self._hooks.callback(each.module.register_forward_hook(hook).remove)
        if self.root_is_seen:
            self._hooks.callback(self.root.register_forward_pre_hook(self._see_start).remove)
            self._hooks.callback(self.root.register_forward_hook(self._see_end).remove)

    def detach(self) -> None:
        """Remove all hooks."""
        self._hooks.close()
        self._attached = False

    def _begin_pass(self) -> None:
        self._pass.calls = Counter()
        self._pass.unit_axis = -1

    def _see_start(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if _watching():
            self.root_ran = True
            self._begin_pass()

    def _see_layer(
        self, name: str, watched: Watched, module: nn.Module, inputs: Any, out: Any
    ) -> None:
        if not _watching():
            return
        if not hasattr(self._pass, "calls"):
            self._begin_pass()
        output = first_tensor(out)
        if output is None or output.numel() == 0:
            return
        if watched.kind in ("norm", "dropout"):
            self._see_mode(name, watched, inputs)
        if watched.kind == "dropout":
            return
        if watched.unit_axis is not None:
            self._pass.unit_axis = watched.unit_axis if output.ndim > 2 else -1
        self._pass.calls[name] += 1
        if self._pass.calls[name] > 1 and self.root_ran:
            name = f"{name} ({self._pass.calls[name]})"
        self._see_output(name, watched.kind, module, output)

    def _see_output(self, name: str, kind: str, module: nn.Module, output: Tensor) -> None:
        window, axis = self.window, self._pass.unit_axis
        if name not in self.sites:
            units = output.shape[axis] if output.ndim else 1
            shape = tuple(output.shape)
            self.sites[name] = Site(name, type(module).__name__, kind, shape, units)
        h = output.detach()
        mean, std = moments(h)
        window.add("output", name, mean=mean, std=std)
        if (margins := margin(kind, h)) is not None:
            window.add("output", name, flat=flat_share(margins))
            if h.ndim > 1:
                alive, before = alive_units(margins, axis), window.alive.get(name)
                same = before is not None and before.device == alive.device
                window.alive[name] = before | alive if before is not None and same else alive
        if kind in self._kept:
            window.values[name] = some(h)
        if output.requires_grad:
            output.register_hook(partial(self._see_gradient, window, name, kind))

    def _see_gradient(self, window: Window, name: str, kind: str, gradient: Tensor) -> None:
        self._see_backward(window)
        mean, std = moments(gradient)
        window.add("gradient", name, mean=mean, std=std)
        if kind in self._kept:
            window.grad_values[name] = some(gradient)

    def _see_backward(self, window: Window) -> None:
        """Look, once a step, whether the gradients of the last step are still there."""
        if window.backward_begun:
            return
        window.backward_begun = True
        old = next((p.grad for p in self.cleared if p.grad is not None), None)
        if old is not None and not old.is_sparse:
            window.add("step", "", stale=some(old).abs().max() > 0)

    def _see_mode(self, name: str, watched: Watched, inputs: Any) -> None:
        module = watched.module
        if not module.training:
            trained = any(p.requires_grad for p in module.parameters())
            if trained if watched.normalises else getattr(module, "p", 0.0):
                self.in_eval[name] = None
        elif watched.normalises and isinstance(x := inputs[0] if inputs else None, Tensor):
            count = x.numel() // x.shape[1] if x.ndim > 1 else 1
            self.norm_values[name] = min(count, self.norm_values.get(name, count))

    def _see_end(self, module: nn.Module, inputs: Any, out: Any) -> None:
        if not _watching():
            return
        logits = out.get("logits") if isinstance(out, dict) else getattr(out, "logits", None)
        logits = logits if isinstance(logits, Tensor) else first_tensor(out)
        if logits is None or not logits.requires_grad:
            return
        if self.nonlinear_nodes is None:
            self.nonlinear_nodes = count_nonlinear_nodes(logits)
        window, kept, verify = self.window, logits.detach(), self._to_verify > 0
        self._to_verify -= 1

        def see(gradient: Tensor) -> None:
            self._see_backward(window)
            for axis, numbers, counts in cross_entropy_seen(kept, gradient, verify=verify):
                window.add("loss", axis, **numbers)
                before = window.counts.get(axis)
                window.counts[axis] = counts if before is None else before + counts

        logits.register_hook(see)


def see_weight(window: Window, name: str, weight: Tensor, before: Tensor | None = None) -> None:
    """Keep the standard deviations of a weight, of its gradient, and of its change since `before`.

    Shape:
        `before` are the entries that `some` takes, before the step.
    """
    data = some(weight, WEIGHT_ENTRIES, copy=False)
    if before is None:
        window.add("weight", name, data=moments(data)[1])
    else:
        window.add("weight", name, data=moments(before)[1], change=moments(data - before)[1])
    if weight.grad is not None and not weight.grad.is_sparse:
        gradient = some(weight.grad, WEIGHT_ENTRIES, copy=False)
        window.add("weight", name, grad=moments(gradient)[1])
        window.weight_values[name] = some(gradient)


def _watching() -> bool:
    """Whether this is a pass for training; not evaluation, not a checkpoint run once more."""
    return torch.is_grad_enabled() and torch._C._current_graph_task_id() == -1
