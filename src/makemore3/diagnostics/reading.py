"""From what was watched, still on devices, to facts: the one place that waits for a device."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from makemore3.diagnostics.facts import LayerFacts, LossFacts, WeightFacts
from makemore3.diagnostics.look import Guess
from makemore3.diagnostics.watch import NONLINEAR_NODES, Watch, Window

LATEST = 10
"""Samples, counted from the last, that decide whether a unit is dead."""
CROSS_ENTROPY = 0.05
"""Deviation up to which a gradient is taken for that of a cross-entropy."""
NONLINEAR = ("tanh", "sigmoid", "relu", "smooth")


def read_all(tensors: Iterable[Tensor]) -> dict[int, list[float]]:
    """Read many small tensors, with one transfer for each device; by the identity of each."""
    by_device: dict[torch.device, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        by_device[tensor.device].append(tensor)
    read: dict[int, list[float]] = {}
    for group in by_device.values():
        numbers = torch.cat([tensor.flatten().float() for tensor in group]).tolist()
        start = 0
        for tensor in group:
            read[id(tensor)] = numbers[start : start + tensor.numel()]
            start += tensor.numel()
    return read


def layer_facts(watch: Watch, windows: Sequence[Window]) -> tuple[LayerFacts, ...]:
    """Summarise each layer over the sampled steps."""
    read = read_all(
        tensor
        for window in windows
        for seen in (window.outputs, window.gradients)
        for tensors in seen.values()
        for tensor in tensors
    )

    def series(seen: list[list[Tensor]], entry: int) -> tuple[float, ...]:
        return tuple(_mean([read[id(t)][entry] for t in ts if t.numel() > entry]) for ts in seen)

    facts = []
    for name, site in watch.sites.items():
        outputs = [window.outputs.get(name, []) for window in windows]
        gradients = [window.gradients.get(name, []) for window in windows]
        alive = [w.alive[name].cpu() for w in windows[-LATEST:] if name in w.alive]
        facts.append(
            LayerFacts(
                name=name or "(model)",
                type=site.type,
                kind=site.kind,
                shape=site.shape,
                mean=series(outputs, 0),
                std=_roots(series(outputs, 1)),
                flat=series(outputs, 2),
                dead=int((~torch.stack(alive).any(0)).sum()) if alive else None,
                units=site.units,
                grad_mean=series(gradients, 0),
                grad_std=_roots(series(gradients, 1)),
                values=_latest([window.values.get(name) for window in windows]),
                grad_values=_latest([window.grad_values.get(name) for window in windows]),
            )
        )
    return tuple(facts)


def weight_facts(
    model: nn.Module, windows: Sequence[Window], versions: dict[str, int] | None
) -> tuple[WeightFacts, ...]:
    """Summarise each weight over the sampled steps.

    Args:
        model: Whose parameters.
        windows: With the variances of weight, gradient and change, NaN for what there was not.
        versions: Torch's count of changes of each parameter at the start; `None` before training.
    """
    read = read_all(tensor for window in windows for tensor in window.weights.values())
    facts = []
    for name, p in model.named_parameters():
        if p.ndim < 2:
            continue
        rows = [read[id(w.weights[name])] if name in w.weights else [math.nan] * 3 for w in windows]
        std, grad_std, change = (_roots(row[i] for row in rows) for i in range(3))
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


def loss_facts(windows: Sequence[Window]) -> LossFacts | None:
    """Read the loss at each sampled step, if each was a cross-entropy over the same classes."""
    guesses = [guess for window in windows for each in window.guesses for guess in each]
    read = read_all(guess.numbers for guess in guesses)
    values, softmaxed, counts = [], True, None
    for window in windows:
        chosen = [
            min(each, key=lambda g: _or_inf(read[id(g.numbers)][1])) for each in window.guesses
        ]
        if not chosen or any(_is_other(guess, read) for guess in chosen):
            return None
        values.append(_mean([read[id(guess.numbers)][0] for guess in chosen]))
        softmaxed = softmaxed and all(read[id(guess.numbers)][2] == 1 for guess in chosen)
        for guess in chosen:
            seen = guess.counts.cpu()
            if counts is not None and counts.shape != seen.shape:
                return None
            counts = seen if counts is None else counts + seen
    if counts is None:
        return None
    shares = counts / counts.sum()
    return LossFacts(
        classes=len(counts),
        values=tuple(values),
        guess=float(-(shares * shares.clamp_min(1e-12).log()).sum()),
        probabilities=softmaxed,
    )


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


def _is_other(guess: Guess, read: dict[int, list[float]]) -> bool:
    deviation = read[id(guess.numbers)][1]
    return deviation > CROSS_ENTROPY  # NaN, of a net that has diverged, is none


def _latest(kept: Sequence[Tensor | None]) -> tuple[float, ...]:
    there = [tensor for tensor in kept if tensor is not None]
    return tuple(there[-1].tolist()) if there else ()


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan


def _roots(variances: Iterable[float]) -> tuple[float, ...]:
    return tuple(math.sqrt(v) if v >= 0 else v for v in variances)


def _log10_ratio(change: float, std: float) -> float:
    if math.isnan(change) or not std:
        return math.nan
    return math.log10(change / std) if change else -math.inf


def _or_inf(number: float) -> float:
    return math.inf if math.isnan(number) else number
