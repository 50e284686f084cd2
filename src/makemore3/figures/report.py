"""The lecture's four plots, of any network that was diagnosed."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor

from makemore3.diagnostics import Report
from makemore3.figures.canvas import legend_above, line_styles, new_figure, short_number
from makemore3.figures.distributions import plot_densities

T = TypeVar("T")

LINES = 6
"""Lines of a panel; of more layers or weights some are left out, evenly."""


def plot_report(report: Report) -> list[Axes]:
    """Draw activations, their gradients, the weights' gradients and, of training, the updates.

    Layers are numbered as in the report's table, from front to back. The bins of a panel reach
    three standard deviations of the widest layer; what lies outside is counted at the ends.

    Args:
        report: What `check` or `Monitor` found.

    Raises:
        ValueError: If it has no layer or no weight with finite values.

    Source:
        Lecture [1:27:45](https://youtu.be/P6sfmUTpUmc?t=5265) to
        [1:42:12](https://youtu.be/P6sfmUTpUmc?t=6132).
    """
    layers = {f"layer {n}": layer for n, layer in enumerate(report.chained(), start=1)}
    weights = {weight.name: weight for weight in report.weights if weight.trained}
    panels: list[tuple[str, Mapping[str, Sequence[float]]]] = [
        ("activation", {name: layer.values for name, layer in layers.items()}),
        ("gradient of the loss by it", {name: layer.grad_values for name, layer in layers.items()}),
        ("gradient of the loss by a weight", {name: w.values for name, w in weights.items()}),
    ]
    updates = {name: weight.update for name, weight in weights.items()}
    trained = len(report.steps) > 1 and any(map(_finite, updates.values()))
    rows = len(panels) + trained
    axes = list(new_figure(0.85 * rows).subplots(rows, 1))
    for ax, (xlabel, values) in zip(axes, panels, strict=False):
        _plot_values(ax, xlabel, values)
    _plot_one_legend(axes[0], axes[1])
    if trained:
        _plot_updates(axes[-1], report.steps, _some(updates))
        _plot_one_legend(axes[-2], axes[-1])
    return axes


def _plot_values(ax: Axes, xlabel: str, values: Mapping[str, Sequence[float]]) -> None:
    finite = {name: kept for name, numbers in values.items() if len(kept := _finite(numbers)) > 1}
    if not finite:
        raise ValueError(
            f"plot_report expects a report with finite values of {xlabel!r}, got none: print the "
            "report, it says which layer is not a number or gets no gradient"
        )
    shown = {name: torch.tensor(numbers) for name, numbers in _some(finite).items()}
    widest = max(_spread(numbers) for numbers in shown.values())
    plot_densities(shown, xlabel=xlabel, bins=40, limit=3 * widest or 1.0, ax=ax)


def _plot_updates(ax: Axes, steps: Sequence[int], updates: Mapping[str, Sequence[float]]) -> None:
    for name, style in line_styles(updates).items():
        line = updates[name]
        points = [(x, y) for x, y in zip(steps, line, strict=True) if math.isfinite(y)]
        points = points[:: math.ceil(len(points) / 100) or 1]
        ax.plot([x for x, _ in points], [y for _, y in points], **style, label=name)
    ax.axhline(-3, color=rcParams["text.color"], linestyle=":", label="_target")
    ax.set(xlabel="step", ylabel="update to data, log10")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    legend_above(ax)


def _plot_one_legend(above: Axes, below: Axes) -> None:
    """Keep one legend where two panels show the same lines."""
    names = [ax.get_legend_handles_labels()[1] for ax in (above, below)]
    if names[0] == names[1] and (legend := below.get_legend()) is not None:
        legend.remove()


def _spread(numbers: Tensor) -> float:
    return numbers.square().mean().sqrt().item()


def _finite(numbers: Sequence[float]) -> list[float]:
    return [number for number in numbers if math.isfinite(number)]


def _some(lines: Mapping[str, T]) -> dict[str, T]:
    items = list(lines.items())
    return dict(items[:: math.ceil(len(items) / LINES) or 1])
