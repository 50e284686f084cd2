"""From what was watched, still on devices, to facts: the one place that waits for a device."""

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from makemore3.diagnostics.facts import LayerFacts, LossFacts, WeightFacts
from makemore3.diagnostics.kinds import NONLINEAR, NONLINEAR_NODES
from makemore3.diagnostics.watch import Key, Watch, Window

LATEST = 10
"""Samples, counted from the last, that decide whether a unit is dead."""
CROSS_ENTROPY = 0.05
"""Deviation up to which a gradient is taken for that of a cross-entropy."""


Read = dict[Key, list[float]]
"""The numbers of a sampled step; of several passes there are several."""


def read(windows: Sequence[Window]) -> list[Read]:
    """Read the numbers of all sampled steps, with one transfer for each device."""
    by_device: dict[torch.device, list[tuple[int, list[Key], Tensor]]] = defaultdict(list)
    for index, window in enumerate(windows):
        for keys, packed in window.packed:
            by_device[packed.device].append((index, keys, packed))
    steps: list[Read] = [defaultdict(list) for _ in windows]
    for group in by_device.values():
        numbers = iter(torch.cat([packed for _, _, packed in group]).tolist())
        for index, keys, _ in group:
            for key in keys:
                steps[index][key].append(next(numbers))
    return steps


def layer_facts(
    watch: Watch, windows: Sequence[Window], steps: Sequence[Read]
) -> tuple[LayerFacts, ...]:
    """Summarise each layer over the sampled steps."""
    facts = []
    for name, site in watch.sites.items():
        alive = [w.alive[name].cpu() for w in windows[-LATEST:] if name in w.alive]
        facts.append(
            LayerFacts(
                name=name or "(model)",
                type=site.type,
                kind=site.kind,
                shape=site.shape,
                mean=_series(steps, ("output", name, "mean")),
                std=_series(steps, ("output", name, "std")),
                flat=_series(steps, ("output", name, "flat")),
                dead=int((~torch.stack(alive).any(0)).sum()) if alive else None,
                units=site.units,
                grad_mean=_series(steps, ("gradient", name, "mean")),
                grad_std=_series(steps, ("gradient", name, "std")),
                values=_latest([window.values.get(name) for window in windows]),
                grad_values=_latest([window.grad_values.get(name) for window in windows]),
            )
        )
    return tuple(facts)


def weight_facts(
    model: nn.Module,
    windows: Sequence[Window],
    steps: Sequence[Read],
    versions: dict[str, int] | None,
) -> tuple[WeightFacts, ...]:
    """Summarise each weight over the sampled steps.

    Args:
        model: Whose parameters.
        windows: The sampled steps.
        steps: Their numbers: standard deviations of weight, gradient and change.
        versions: Torch's count of changes of each parameter at the start; `None` before training.
    """
    facts = []
    for name, p in model.named_parameters():
        if p.ndim < 2:
            continue
        std, grad_std, change = (
            _series(steps, ("weight", name, what)) for what in ("data", "grad", "change")
        )
        facts.append(
            WeightFacts(
                name=name,
                shape=tuple(p.shape),
                trained=p.requires_grad,
                std=std,
                grad_std=grad_std,
                update=tuple(map(_log10_ratio, change, std)),
                changed=None if versions is None else p._version != versions[name],
                values=_latest([window.weight_values.get(name) for window in windows]),
            )
        )
    return tuple(facts)


def loss_facts(windows: Sequence[Window], steps: Sequence[Read]) -> LossFacts | None:
    """Read the loss at each sampled step, if each was a cross-entropy over the same classes."""
    for axis in ("last", "second"):
        counts = [window.counts.get(axis) for window in windows]
        there = [count.cpu() for count in counts if count is not None]
        if not all(("loss", axis, "loss") in step for step in steps):
            continue
        deviations = [d for step in steps for d in step.get(("loss", axis, "deviation"), [])]
        # A deviation of NaN, as of a net that has diverged, excludes nothing.
        if not there or len({len(count) for count in there}) > 1:
            continue
        if any(deviation > CROSS_ENTROPY for deviation in deviations):
            continue
        softmaxed = [s for step in steps for s in step.get(("loss", axis, "softmaxed"), [])]
        shares = sum(there[1:], there[0]) / sum(float(count.sum()) for count in there)
        return LossFacts(
            classes=len(shares),
            values=_series(steps, ("loss", axis, "loss")),
            guess=float(-(shares * shares.clamp_min(1e-12).log()).sum()),
            probabilities=all(softmaxed),
        )
    return None


def chain_of(layers: Sequence[LayerFacts], watch: Watch) -> tuple[tuple[str, ...], list[str]]:
    """Choose the layers to compare from front to back, and say what nonlinearities were not seen.

    They are the nonlinearities, unless most of those are no modules; then linear layers and
    convolutions.
    """
    nonlinear = [layer.name for layer in layers if layer.kind in NONLINEAR]
    in_graph = watch.nonlinear_nodes or {}
    hidden = sum(in_graph.values()) - len(nonlinear)
    unseen = []
    if hidden > 0:
        names = ", ".join(name for name in NONLINEAR_NODES.values() if name in in_graph)
        unseen.append(
            f"{hidden} of {sum(in_graph.values())} nonlinearities ({names}): functions, not "
            "modules, or compiled; their flat and dead units are not known"
        )
    if len(nonlinear) > max(0, hidden):
        return tuple(nonlinear), unseen
    weights = tuple(layer.name for layer in layers if layer.kind == "weights")
    return weights[:-1] or weights, unseen  # the last one makes the output: another scale


def _series(steps: Sequence[Read], key: Key) -> tuple[float, ...]:
    """A number of each step, the mean over its passes; NaN where there is none."""
    return tuple(sum(n) / len(n) if (n := step.get(key)) else math.nan for step in steps)


def _latest(kept: Sequence[Tensor | None]) -> tuple[float, ...]:
    there = [tensor for tensor in kept if tensor is not None]
    return tuple(there[-1].tolist()) if there else ()


def _log10_ratio(change: float, std: float) -> float:
    if math.isnan(change) or math.isnan(std) or not std:
        return math.nan
    return math.log10(change / std) if change else -math.inf
