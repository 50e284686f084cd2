"""Figures of results: functions that take numbers and return matplotlib `Axes`.

Style belongs to `rcParams`: the figures keep to its sizes and to its colours C0, C1, ..., so they
suit whatever page they are drawn for. Only the saturation map is black and white by itself.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from torch import Tensor

from makemore3.diagnostics import SaturationReport, UpdateRatios, local_gradient
from makemore3.training import History

LINE_STYLES = ("-", "--", "-.", ":")
"""They go with the colours, for readers who cannot tell these apart."""


def plot_loss(
    history: History | Mapping[str, History],
    *,
    smooth: int | None = None,
    uniform_loss: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the batch loss over the steps of one run or of several.

    Both axes are logarithmic: the loss as in the lecture, and the steps, which count from 1, so
    that the first ones, where a bad initialisation shows, have room beside the many later ones. A
    point is the mean over 1/20 of a decade; a single run also has a band with the middle 90 % of
    the batches.

    Args:
        history: One run, or several by name.
        smooth: Draw means of blocks of this many steps instead, on linear axes.
        uniform_loss: The loss of a uniform guess, drawn as a line across.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a history is empty or shorter than one block.

    Source:
        Lecture [2:32](https://youtu.be/P6sfmUTpUmc?t=152), and
        [11:38](https://youtu.be/P6sfmUTpUmc?t=698) for the hockey stick.
    """
    runs = {"mean": history} if isinstance(history, History) else history
    if not all(len(run) for run in runs.values()):
        raise ValueError("plot_loss expects runs of at least one step, got an empty history")
    ax = ax or _figure().subplots()
    for index, (name, run) in enumerate(runs.items()):
        if smooth is not None:
            means = run.block_means(smooth).numpy()
            steps = (np.arange(len(means)) + 0.5) * smooth
        else:
            losses = np.asarray(run.losses)
            bins = _log_spaced_bins(len(losses))
            steps = [math.sqrt((b.start + 1) * b.stop) for b in bins]
            means = [losses[b].mean() for b in bins]
            if len(runs) == 1:
                low, high = np.array([np.quantile(losses[b], [0.05, 0.95]) for b in bins]).T
                ax.fill_between(
                    steps, low, high, color="C0", alpha=0.3, linewidth=0, label="90 % of batches"
                )
        ax.plot(steps, means, f"C{index}", ls=LINE_STYLES[index % len(LINE_STYLES)], label=name)
    if uniform_loss is not None:
        _draw_uniform_loss(ax, uniform_loss)
    if smooth is not None:
        ax.set(xlabel=f"step (each point is the mean of {smooth:,})", ylabel="batch loss (nats)")
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(_number))
    else:
        ax.set(xlabel="step (logarithmic)", ylabel="batch loss (nats)", xscale="log", yscale="log")
        _label_logarithmic(ax.xaxis)
        _label_logarithmic(ax.yaxis)
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return ax


def plot_loss_against_scale(
    scales: Sequence[float],
    losses: Sequence[float],
    *,
    uniform_loss: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss of an untrained network over the factor that its logits are scaled by.

    Args:
        scales: Positive factors.
        losses: The loss at each of them, in nats.
        uniform_loss: The loss of a uniform guess, drawn as a line across.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If there are not as many losses as scales, or a scale is not positive.

    Source:
        Lecture [7:53](https://youtu.be/P6sfmUTpUmc?t=473).
    """
    if len(scales) != len(losses) or not all(scale > 0 for scale in scales):
        raise ValueError(
            "plot_loss_against_scale expects one loss for each positive scale, got "
            f"{len(scales)} scales from {min(scales, default=None)} up and {len(losses)} losses"
        )
    ax = ax or _figure().subplots()
    ax.plot(scales, losses, "C0", marker="o")
    _draw_uniform_loss(ax, uniform_loss)
    ax.set(xlabel="logits multiplied by", ylabel="loss (nats)", xscale="log", yscale="log")
    _label_logarithmic(ax.xaxis)
    _label_logarithmic(ax.yaxis)
    ax.legend(loc="upper left", frameon=False)
    return ax


def plot_probabilities(
    probabilities: Mapping[str, Tensor], *, correct: int | None = None
) -> list[Axes]:
    """Draw rows of probabilities as bars, side by side on one scale.

    Args:
        probabilities: Rows by name; the name stands above the panel and may have several lines.
        correct: Index of the correct class, whose bar has another colour.

    Raises:
        ValueError: If a row is not a list of probabilities with the sum 1.

    Shape:
        Each row is `(classes,)`.

    Source:
        Lecture [6:10](https://youtu.be/P6sfmUTpUmc?t=370).
    """
    for name, row in probabilities.items():
        if row.ndim != 1 or not math.isclose(row.sum().item(), 1, abs_tol=1e-4) or row.min() < 0:
            raise ValueError(
                f"plot_probabilities expects rows of shape (classes,) with the sum 1, got {name!r} "
                f"of shape {tuple(row.shape)} with the sum {row.sum():.4g}: apply softmax first"
            )
    figure = _figure()
    axes = figure.subplots(1, len(probabilities), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (name, row) in zip(axes, probabilities.items(), strict=True):
        colors = ["C1" if index == correct else "C0" for index in range(len(row))]
        ax.bar(range(len(row)), row.tolist(), color=colors)
        ax.set(title=name, ylim=(0, 1))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes[0].set_ylabel("probability")
    _label_x_of_all(figure, "class" if correct is None else f"class (correct: {correct})")
    return list(axes)


def plot_histogram(
    values: Tensor, *, bins: int = 50, xlabel: str = "value", ax: Axes | None = None
) -> Axes:
    """Draw how often values occur.

    Args:
        values: Numbers of any shape, such as pre-activations, activations or logits.
        bins: The number of bins.
        xlabel: What the values are, with their unit if they have one.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If there are no values, or not all are finite.

    Source:
        Lecture [13:46](https://youtu.be/P6sfmUTpUmc?t=826).
    """
    finite = values.isfinite()
    if not (values.numel() and finite.all()):
        raise ValueError(
            f"plot_histogram expects finite values, got {int(finite.sum())} of them among "
            f"{values.numel()}"
        )
    ax = ax or _figure().subplots()
    counts, edges = np.histogram(values.detach().float().cpu().flatten().numpy(), bins)
    ax.stairs(counts, edges, fill=True, color="C0")
    ax.set(xlabel=xlabel, ylabel="count", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(_number))
    return ax


def plot_histograms(
    values: Mapping[str, Tensor],
    *,
    bins: int = 50,
    xlabel: str = "value",
    sharex: bool = True,
) -> list[Axes]:
    """Draw several histograms one above the other.

    Args:
        values: Numbers of any shape, by the title of their panel.
        bins: The number of bins of each.
        xlabel: What the values are, with their unit if they have one.
        sharex: Whether all panels have one scale of values, for comparing like with like.

    Raises:
        ValueError: If there are no values, or not all are finite.

    Source:
        Lecture [25:07](https://youtu.be/P6sfmUTpUmc?t=1507).
    """
    figure = _figure(height=(0.6 if sharex else 0.7) * len(values))
    axes = figure.subplots(len(values), sharex=sharex, squeeze=False)[:, 0]
    for ax, (name, tensor) in zip(axes, values.items(), strict=True):
        plot_histogram(tensor, bins=bins, xlabel=xlabel, ax=ax)
        ax.set_title(name, loc="left")
        if sharex:
            ax.label_outer()
        elif ax is not axes[-1]:
            ax.set_xlabel("")
    figure.align_ylabels()
    return list(axes)


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
    ax = ax or _figure().subplots()
    for index, (name, numbers) in enumerate(values.items()):
        least = math.ulp(0) if logarithmic else 0
        if not numbers or not all(least <= number < math.inf for number in numbers):
            kind = "positive numbers" if logarithmic else "numbers from 0 up"
            raise ValueError(
                f"plot_by_layer expects {kind}, one a layer, got {name!r} with "
                f"{list(numbers)}: leave out layers that have vanished or exploded"
            )
        ax.plot(range(1, len(numbers) + 1), numbers, **_line(index), label=name)
    ax.set(xlabel="layer", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if logarithmic:
        ax.set_yscale("log")
        _label_logarithmic(ax.yaxis)
    else:
        ax.set_ylim(0, None)
        ax.yaxis.set_major_locator(MaxNLocator(4))
    _legend_above(ax)
    return ax


def plot_densities(
    values: Mapping[str, Tensor],
    *,
    xlabel: str,
    bins: int = 60,
    limit: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the distributions of several tensors as lines in one panel, each with the area 1.

    Args:
        values: Numbers of any shape by the name of their line, such as the activations, or their
            gradients, of each layer.
        xlabel: What the values are, with their unit if they have one.
        bins: The number of bins.
        limit: The bins run from `-limit` to `limit`, and what lies outside is counted in the
            first or the last; `None` is the largest magnitude there is.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If there are no values, not all are finite, or `limit` is not positive.

    Source:
        Lecture [1:27:45](https://youtu.be/P6sfmUTpUmc?t=5265).
    """
    for name, tensor in values.items():
        if not (tensor.numel() and tensor.isfinite().all()):
            raise ValueError(
                f"plot_densities expects finite values, got {name!r} with "
                f"{int(tensor.isfinite().sum())} of them among {tensor.numel()}"
            )
    if limit is None:
        limit = max((tensor.abs().max().item() for tensor in values.values()), default=0.0)
    if not 0 < limit < math.inf:
        raise ValueError(f"plot_densities expects values to draw within a limit, got {limit=}")
    ax = ax or _figure().subplots()
    edges = np.linspace(-limit, limit, bins + 1)
    for index, (name, tensor) in enumerate(values.items()):
        numbers = tensor.detach().float().cpu().flatten().clamp(-limit, limit).numpy()
        heights, _ = np.histogram(numbers, edges, density=True)
        ax.plot((edges[:-1] + edges[1:]) / 2, heights, **_line(index), label=name)
    ax.set(xlabel=xlabel, ylabel="density", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    _legend_above(ax)
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
    ax = ax or _figure().subplots()
    for index, (name, line) in enumerate(ratios.ratios.items()):
        if not all(map(math.isfinite, line)):
            raise ValueError(
                f"plot_update_ratios expects finite ratios, got {name!r} with a parameter or a "
                "gradient that does not vary"
            )
        size = math.ceil(len(line) / points)
        means = np.asarray(line[: len(line) // size * size]).reshape(-1, size).mean(axis=1)
        steps = (np.arange(len(means)) + 0.5) * size
        ax.plot(steps, means, **_line(index), label=name.removesuffix(".weight"))
    ax.axhline(target, color=rcParams["text.color"], linestyle=":", label=f"target {target:g}")
    ax.set(xlabel="step", ylabel="log10 of update to data")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(_number))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    _legend_above(ax)
    return ax


def plot_saturation_map(report: SaturationReport, *, ax: Axes | None = None) -> Axes:
    """Draw which activations are saturated: white, one row an example, one column a unit.

    Args:
        report: What `saturation` found.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Lecture [18:27](https://youtu.be/P6sfmUTpUmc?t=1107).
    """
    ax = ax or _figure(height=0.65).subplots()
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
    axes = _figure(height=0.55 * len(reports)).subplots(len(reports), sharex=True, squeeze=False)
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
    figure = _figure(height=0.3 + 0.5 * rows)
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
    _label_x_of_all(figure, "pre-activation")
    figure.legend(handles=axes[0].lines, loc="outside upper center", ncols=2, frameon=False)
    return axes


def plot_draws(
    draws: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    reference: tuple[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw repeated measurements of one number as dots, a column for each way of measuring.

    Args:
        draws: The measurements by the name of their column.
        ylabel: What was measured, with its unit if it has one.
        reference: Name and height of a line across, such as the value without noise.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a column is empty or has a number that is not finite.

    Source:
        Lecture [50:59](https://youtu.be/P6sfmUTpUmc?t=3059).
    """
    ax = ax or _figure().subplots()
    for index, (name, values) in enumerate(draws.items()):
        if not len(values) or not all(map(math.isfinite, values)):
            raise ValueError(f"plot_draws expects finite numbers, got {name!r} with {list(values)}")
        spread = np.linspace(-0.3, 0.3, len(values)) if len(values) > 1 else [0]
        ax.plot(index + np.asarray(spread), values, "C0", ls="", marker="o", ms=3)
    if reference is not None:
        label, height = reference
        ax.axhline(height, color=rcParams["text.color"], linestyle=":", label=label)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    ax.set_xticks(range(len(draws)), list(draws))
    ax.set(ylabel=ylabel, xlim=(-0.5, len(draws) - 0.5))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    return ax


def plot_sweep(
    runs: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    logarithmic: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw a result over a setting that was varied: a dot for each run, a line through the means.

    Args:
        runs: By the name of the line, and then by the value of the setting, one result for each
            run. The settings are positive, and are drawn on a logarithmic axis.
        xlabel: The setting, with its unit if it has one.
        ylabel: The result, with its unit if it has one.
        logarithmic: Whether the axis of the results is logarithmic too; they are positive then.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a setting has no run, or a number cannot be drawn on its axis.
    """
    for name, results in runs.items():
        for setting, values in results.items():
            fits = all(math.isfinite(value) and (value > 0 or not logarithmic) for value in values)
            if not 0 < setting < math.inf or not values or not fits:
                raise ValueError(
                    f"plot_sweep expects positive settings with finite results, got {name!r} with "
                    f"{list(values)} at {setting}: leave out runs that failed"
                )
    ax = ax or _figure().subplots()
    for index, (name, results) in enumerate(runs.items()):
        line = _line(index)
        dots = [(setting, value) for setting, values in results.items() for value in values]
        if len(dots) > len(results):
            ax.plot(*zip(*dots, strict=True), color=line["color"], ls="", marker="o", ms=3)
        means = {setting: sum(values) / len(values) for setting, values in results.items()}
        ax.plot(*zip(*sorted(means.items()), strict=True), **line, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    settings = sorted({setting for results in runs.values() for setting in results})
    ax.xaxis.set_major_locator(FixedLocator(settings[:: 1 + len(settings) // 8]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(round(value, 3))))
    ax.xaxis.set_minor_locator(NullLocator())
    if logarithmic:
        ax.set_yscale("log")
        _label_logarithmic(ax.yaxis)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    _legend_above(ax)
    return ax


def plot_roofline(
    points: Mapping[str, tuple[float, float]],
    *,
    peak: float,
    bandwidth: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw how fast computations are, below the roof of what the machine can do.

    The roof rises as far as the memory is the limit, and is flat where the arithmetic is.

    Args:
        points: By the name of the computation, its operational intensity in FLOP for each byte of
            traffic, and its rate in GFLOP/s; at least one.
        peak: The highest rate, in GFLOP/s.
        bandwidth: What the memory delivers, in GB/s.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a number is not positive and finite.

    Source:
        Williams, Waterman & Patterson 2009, figure 1.
    """
    numbers = [peak, bandwidth, *(number for point in points.values() for number in point)]
    if not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"plot_roofline expects positive finite numbers, got {numbers}")
    ax = ax or _figure(1.3).subplots()
    ridge = peak / bandwidth
    intensities, rates = zip(*points.values(), strict=True)
    ends = [min(ridge, *intensities) / 4, max(ridge * 20, *(8 * x for x in intensities))]
    roof = [min(peak, bandwidth * x) for x in (ends[0], ridge, ends[1])]
    ax.plot([ends[0], ridge, ends[1]], roof, color=rcParams["text.color"])
    ax.text(ends[1], peak * 1.15, f"arithmetic: {peak:.0f} GFLOP/s", ha="right", va="bottom")
    ax.text(ridge / 1.8, peak * 0.75, f"memory: {bandwidth:.0f} GB/s", ha="right", va="bottom")
    for index, (name, (x, y)) in enumerate(points.items()):
        ax.plot([x], [y], f"C{index}", ls="", marker="o", ms=6)
        ax.text(x * 1.2, y, name, ha="left", va="center")
    ax.set(xlabel="intensity (FLOP per byte)", ylabel="GFLOP/s", xscale="log", yscale="log")
    ax.set(xlim=ends, ylim=(min(roof[0], *rates) / 2, 3 * max(peak, *rates)))
    _label_logarithmic(ax.xaxis)
    _label_logarithmic(ax.yaxis)
    return ax


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
    ax = ax or _figure().subplots()
    for index, (name, values) in enumerate(estimates.items()):
        batches = range(every, len(values) + 1, every)
        if not batches:
            raise ValueError(
                f"plot_running expects at least {every} batches, got {name!r} with {len(values)}"
            )
        ax.plot(batches, [values[n - 1] for n in batches], f"C{index}", label=name)
    ax.axhline(target, color=rcParams["text.color"], linestyle=":", label="all examples")
    ax.set(xlabel="batches seen", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(_number))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return ax


def plot_batch_norm(num_features: int, *, momentum: float, ax: Axes | None = None) -> Axes:
    """Draw what goes where in a batch norm layer, in training and in `eval` mode.

    Args:
        num_features: Features of each row.
        momentum: Weight of the new batch in the running statistics.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Lecture [1:03:33](https://youtu.be/P6sfmUTpUmc?t=3813).
    """
    ax = ax or _figure(height=1.2).subplots()
    ax.set(xlim=(0, 10), ylim=(0, 10))
    ax.axis("off")
    rows, each = f"(N, {num_features})", f"({num_features},) each"
    inputs = _box(ax, 1.6, 9.1, "input", rows)
    normalise = _box(ax, 1.6, 6.4, "subtract mean", "divide by std")
    scale = _box(ax, 1.6, 3.7, "times gamma", "plus beta")
    output = _box(ax, 1.6, 1.0, "output", rows)
    batch = _box(ax, 7.6, 9.1, "mean and variance", "of the batch", color="C1", width=4.6)
    running = _box(
        ax, 7.6, 6.4, "running mean, variance", f"buffers, {each}", color="C2", width=4.6
    )
    learned = _box(ax, 7.6, 3.7, "gamma, beta", f"parameters, {each}", color="C3", width=4.6)
    for start, end in pairwise((inputs, normalise, scale, output)):
        _arrow(ax, start, end, "C0")
    _arrow(ax, inputs, batch, "C1")
    _arrow(ax, batch, normalise, "C1")
    _arrow(ax, batch, running, "C1")
    _arrow(ax, running, normalise, "C2")
    _arrow(ax, learned, scale, "C3")
    ax.text(3.9, 7.95, "training", ha="right", va="center")
    ax.text(4.2, 5.9, "eval", ha="center", va="center")
    ax.text(7.8, 7.75, f"momentum {momentum:g}", ha="left", va="center")
    return ax


def _figure(height: float = 1.0) -> Figure:
    """Make a figure of the usual width, and of a multiple of the usual height."""
    width, usual_height = rcParams["figure.figsize"]
    return plt.figure(figsize=(width, height * usual_height), layout="constrained")


def _line(index: int) -> dict[str, Any]:
    """Colour and style of one line of several; the seventh has the colour of the text."""
    colors = [*(f"C{n}" for n in range(6)), rcParams["text.color"]]
    return {"color": colors[index % len(colors)], "ls": LINE_STYLES[index % len(LINE_STYLES)]}


def _legend_above(ax: Axes) -> None:
    """Put the legend of more than one line above the panel, where it covers none."""
    lengths = sorted(len(label) for label in ax.get_legend_handles_labels()[1])
    columns = 2 if len(lengths) in (2, 4) else 3
    while columns > 1 and sum(lengths[-columns:]) + 7 * columns > 61:  # what a row can hold
        columns -= 1
    if len(lengths) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False)


def _label_x_of_all(figure: Figure, label: str) -> None:
    figure.supxlabel(label, fontsize=rcParams["axes.labelsize"])


def _log_spaced_bins(steps: int, per_decade: int = 20) -> list[slice]:
    """Part the steps into runs of equal length on a logarithmic axis, one step at the least."""
    count = math.ceil(per_decade * math.log10(steps + 1)) + 1
    edges = np.unique(np.geomspace(1, steps + 1, count).round().astype(int)) - 1
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _box(
    ax: Axes, x: float, y: float, *lines: str, color: str = "C0", width: float = 3.0
) -> FancyBboxPatch:
    """Frame lines of text around a point; each is its own text, centred in any typeface."""
    line_height = 0.62
    height = line_height * (len(lines) + 0.3)
    corner = (x - width / 2, y - height / 2)
    shape = "round,pad=0,rounding_size=0.2"
    frame = FancyBboxPatch(corner, width, height, boxstyle=shape, fc="none", ec=color)
    ax.add_patch(frame)
    for number, line in enumerate(lines):
        ax.text(
            x, y + line_height * ((len(lines) - 1) / 2 - number), line, ha="center", va="center"
        )
    return frame


def _arrow(ax: Axes, start: FancyBboxPatch, end: FancyBboxPatch, color: str) -> None:
    """Draw an arrow from the frame of one box to that of another, between their centres."""
    style = {"arrowstyle": "->", "color": color, "patchA": start, "patchB": end}
    from_, to = (box.get_bbox().get_points().mean(axis=0) for box in (start, end))
    ax.annotate("", to, from_, arrowprops=style)


def _draw_uniform_loss(ax: Axes, loss: float) -> None:
    color = rcParams["text.color"]
    ax.axhline(loss, color=color, linestyle=":", label=f"uniform guess: {loss:.2f}")


def _label_logarithmic(axis: Axis) -> None:
    """Label a logarithmic axis in plain numbers, at four ticks or a few more where they fit."""
    low, high = sorted(axis.get_view_interval())
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = 10.0 ** np.arange(first, last + 1, 1 + (last - first) // 8)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), np.arange(1, 10, 0.5)):
        ticks = np.outer(decades, digits).flatten()
        ticks = ticks[(low <= ticks) & (ticks <= high)]
        if len(ticks) >= 4:
            break
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(FuncFormatter(_number))
    axis.set_minor_locator(NullLocator())


def _number(value: float, position: int | None = None) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}".replace("e-0", "e-")
