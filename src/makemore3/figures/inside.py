"""Inside a net: by layer, by unit, by step."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor

from makemore3.diagnostics import SaturationReport, UpdateRatios, local_gradient
from makemore3.figures.canvas import (
    label_logarithmic,
    label_x_of_all,
    legend_above,
    line_styles,
    name_lines,
    new_figure,
    short_number,
)


def plot_by_layer(
    values: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    logarithmic: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a number of every layer over the depth, of one net or of several.

    Args:
        values: By the name of the net, a number of each layer, such as a standard deviation.
        ylabel: What the numbers are, with their unit if they have one.
        logarithmic: Whether growth or decay by a constant factor from layer to layer is to be a
            straight line; the numbers are positive then. Otherwise the axis starts at 0.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If there are no layers, a number is negative or not finite, or is 0 on a
            logarithmic axis.

    Source:
        Lecture [31:23](https://youtu.be/P6sfmUTpUmc?t=1883).
    """
    ax = ax or new_figure().subplots()
    for name, style in line_styles(values).items():
        numbers = values[name]
        least = math.ulp(0) if logarithmic else 0
        if not numbers or not all(least <= number < math.inf for number in numbers):
            kind = "positive numbers" if logarithmic else "numbers from 0 up"
            raise ValueError(
                f"plot_by_layer expects {kind}, one a layer, got {name!r} with "
                f"{list(numbers)}: leave out layers that have vanished or exploded"
            )
        ax.plot(range(1, len(numbers) + 1), numbers, **style, label=name)
    ax.set(xlabel="layer", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if logarithmic:
        ax.set_yscale("log")
        label_logarithmic(ax.yaxis)
    else:
        ax.set_ylim(0, None)
        ax.yaxis.set_major_locator(MaxNLocator(4))
    name_lines(ax)
    return ax


def plot_cobweb(
    maps: Mapping[str, Callable[[float], float]],
    *,
    start: float,
    steps: int,
    limit: float,
    label: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw what maps make of a number when they are applied over and over.

    Each map is a curve, with a dotted diagonal where out is in. From the start a staircase goes
    up or down to the curve, then across to the diagonal, where the result goes in again. It ends
    where the curve crosses the diagonal, if it settles at all.

    Args:
        maps: From a number to the next, by the name of the curve, such as what a layer does to
            the size of its input.
        start: What goes in first.
        steps: How often each map is applied.
        limit: Both axes run from 0 to here.
        label: What the number is, with its unit if it has one.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a staircase leaves the axes.

    Source:
        Poole et al. 2016, fig. 1; lecture [1:29:07](https://youtu.be/P6sfmUTpUmc?t=5347).
    """
    ax = ax or new_figure().subplots()
    inputs = np.linspace(0, limit, 101)
    for name, style in line_styles(maps).items():
        apply = maps[name]
        stairs = [(start, start)]
        for _ in range(steps):
            result = apply(stairs[-1][0])
            stairs += [(stairs[-1][0], result), (result, result)]
        if not all(0 <= height <= limit for _, height in stairs):
            raise ValueError(
                f"plot_cobweb expects numbers from 0 to {limit=}, got {name!r} with "
                f"{[height for _, height in stairs[::2]]}: raise the limit, or take fewer steps"
            )
        ax.plot(inputs, [apply(value) for value in inputs.tolist()], **style, label=name)
        ax.plot(*np.transpose(stairs), color=style["color"], lw=0.8, marker="o", ms=1.5)
    ax.plot((0, limit), (0, limit), color=rcParams["text.color"], linestyle=":")
    ax.set(xlabel=f"{label}, in", ylabel=f"{label}, out", xlim=(0, limit), ylim=(0, limit))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    name_lines(ax)
    return ax


def plot_update_ratios(
    ratios: UpdateRatios, *, target: float = -3.0, points: int = 100, ax: Axes | None = None
) -> Axes:
    """Draw how much each step changes each parameter, over the steps.

    A point is the mean of as many steps as make the given number of points.

    Args:
        ratios: What was recorded in training.
        target: Where healthy lines end up, drawn as a line across.
        points: Points of each line at the most.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If nothing was recorded, or a ratio is not finite.

    Source:
        Lecture [1:41:34](https://youtu.be/P6sfmUTpUmc?t=6094), its guide line
        [1:42:05](https://youtu.be/P6sfmUTpUmc?t=6125).
    """
    if not ratios.ratios:
        raise ValueError("plot_update_ratios expects recorded steps: pass `record` to training")
    ax = ax or new_figure().subplots()
    styles = line_styles(name.removesuffix(".weight") for name in ratios.ratios)
    for name, line in ratios.ratios.items():
        label = name.removesuffix(".weight")
        if not all(map(math.isfinite, line)):
            raise ValueError(
                f"plot_update_ratios expects finite ratios, got {name!r} with a parameter or a "
                "gradient that does not vary"
            )
        size = math.ceil(len(line) / points)
        means = np.asarray(line[: len(line) // size * size]).reshape(-1, size).mean(axis=1)
        steps = (np.arange(len(means)) + 0.5) * size
        ax.plot(steps, means, **styles[label], label=label)
    ax.axhline(target, color=rcParams["text.color"], linestyle=":")
    ax.set(xlabel="step", ylabel="log10 of update to data")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    name_lines(ax)
    return ax


def plot_saturation_map(report: SaturationReport, *, ax: Axes | None = None) -> Axes:
    """Draw which activations are saturated: white, one row an example, one column a unit.

    Args:
        report: What `saturation` found.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Lecture [18:27](https://youtu.be/P6sfmUTpUmc?t=1107).
    """
    ax = ax or new_figure(height=0.65).subplots()
    ax.imshow(
        report.mask.cpu().numpy(),
        cmap=ListedColormap(["black", "white"]),
        vmin=0,
        vmax=1,
        aspect="auto",  # fills the width; a square cell would be a pixel or two high
        interpolation="none",
    )
    ax.set(xlabel="unit", ylabel="example")
    ax.set_title(f"{report.share:.1%} of |h| above {report.threshold:g}", loc="left")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    ax.grid(False)
    ax.spines[:].set_visible(True)
    return ax


def plot_saturation_maps(reports: Mapping[str, SaturationReport]) -> list[Axes]:
    """Draw several saturation maps one above the other, such as before and after a repair.

    Args:
        reports: What `saturation` found, by the title of its panel.

    Source:
        Lecture [25:14](https://youtu.be/P6sfmUTpUmc?t=1514).
    """
    axes = new_figure(height=0.55 * len(reports)).subplots(len(reports), sharex=True, squeeze=False)
    for ax, (name, report) in zip(axes[:, 0], reports.items(), strict=True):
        plot_saturation_map(report, ax=ax)
        ax.set_title(f"{name}: {ax.get_title(loc='left')}", loc="left")
        ax.label_outer()
    return list(axes[:, 0])


def plot_nonlinearities(
    functions: Mapping[str, Callable[[Tensor], Tensor]], *, limit: float = 4.0
) -> list[Axes]:
    """Draw elementwise functions, each in a panel, with their local gradients by autograd.

    Args:
        functions: Functions by the title of their panel.
        limit: The curves run from `-limit` to `limit`.

    Raises:
        ValueError: If a function is not elementwise.

    Source:
        Lecture [20:36](https://youtu.be/P6sfmUTpUmc?t=1236).
    """
    x = torch.linspace(-limit, limit, 60)  # an even number: a kink at 0 falls between two points
    columns = max(1, min(3, len(functions)))
    rows = math.ceil(len(functions) / columns)
    figure = new_figure(height=0.3 + 0.5 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    axes, unused = list(grid[: len(functions)]), grid[len(functions) :]
    for ax, (name, function) in zip(axes, functions.items(), strict=True):
        ax.plot(x, function(x.clone()).detach(), "C0", label="output")
        ax.plot(x, local_gradient(function, x), "C1", linestyle="--", label="local gradient")
        ax.set(title=name, ylim=(-1.4, 2.2), xticks=(-limit, 0, limit), yticks=(-1, 0, 1, 2))
    for ax in axes[-columns:]:
        ax.tick_params(labelbottom=True)
    for ax in unused:
        ax.remove()
    label_x_of_all(figure, "pre-activation")
    figure.legend(handles=axes[0].lines, loc="outside upper center", ncols=2, frameon=False)
    return axes


def plot_running(
    estimates: Mapping[str, Sequence[float]],
    target: float,
    *,
    every: int = 1,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw running estimates over the batches they have seen, and the value they estimate.

    Args:
        estimates: One estimate after each batch, by the name of the estimate.
        target: The value to be estimated, drawn as a line across.
        every: Draw one batch out of this many; a figure of all would be large.
        ylabel: What is estimated, with its unit if it has one.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If an estimate has fewer batches than `every`.

    Source:
        Lecture [58:06](https://youtu.be/P6sfmUTpUmc?t=3486), and
        [1:12:31](https://youtu.be/P6sfmUTpUmc?t=4351) for the noise.
    """
    ax = ax or new_figure().subplots()
    for name, style in line_styles(estimates).items():
        values = estimates[name]
        batches = range(every, len(values) + 1, every)
        if not batches:
            raise ValueError(
                f"plot_running expects at least {every} batches, got {name!r} with {len(values)}"
            )
        ax.plot(batches, [values[n - 1] for n in batches], **style, label=name)
    ax.axhline(target, color=rcParams["text.color"], linestyle=":", label="all examples")
    ax.set(xlabel="batches seen", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    legend_above(ax)
    return ax
