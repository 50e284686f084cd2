"""Losses over steps and over settings."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from makemore3.figures.canvas import (
    draw_uniform_loss,
    label_logarithmic,
    legend_above,
    line_styles,
    log_spaced_bins,
    name_lines,
    new_figure,
    short_number,
)
from makemore3.training import History


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
    ax = ax or new_figure().subplots()
    for name, style in line_styles(runs).items():
        run = runs[name]
        if smooth is not None:
            means = run.block_means(smooth).numpy()
            steps = (np.arange(len(means)) + 0.5) * smooth
        else:
            losses = np.asarray(run.losses)
            bins = log_spaced_bins(len(losses))
            steps = [math.sqrt((b.start + 1) * b.stop) for b in bins]
            means = [losses[b].mean() for b in bins]
            if len(runs) == 1:
                low, high = np.array([np.quantile(losses[b], [0.05, 0.95]) for b in bins]).T
                ax.fill_between(
                    steps,
                    low,
                    high,
                    color=style["color"],
                    alpha=0.3,
                    linewidth=0,
                    label="90 % of batches",
                )
        ax.plot(steps, means, **style, label=name)
    if uniform_loss is not None:
        draw_uniform_loss(ax, uniform_loss)
    if smooth is not None:
        ax.set(xlabel=f"step (each point is the mean of {smooth:,})", ylabel="batch loss (nats)")
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(FuncFormatter(short_number))
    else:
        ax.set(xlabel="step (logarithmic)", ylabel="batch loss (nats)", xscale="log", yscale="log")
        label_logarithmic(ax.xaxis)
        label_logarithmic(ax.yaxis)
    legend_above(ax)
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
    ax = ax or new_figure().subplots()
    ax.plot(scales, losses, "C0", marker="o")
    draw_uniform_loss(ax, uniform_loss)
    ax.set(xlabel="logits multiplied by", ylabel="loss (nats)", xscale="log", yscale="log")
    label_logarithmic(ax.xaxis)
    label_logarithmic(ax.yaxis)
    ax.legend(loc="upper left", frameon=False)
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
    ax = ax or new_figure().subplots()
    for name, line in line_styles(runs).items():
        results = runs[name]
        dots = [(setting, value) for setting, values in results.items() for value in values]
        if len(dots) > len(results):
            ax.plot(*np.transpose(dots), color=line["color"], ls="", marker="o", ms=3)
        means = {setting: sum(values) / len(values) for setting, values in results.items()}
        ax.plot(*np.transpose(sorted(means.items())), **line, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _label_settings(ax, {setting for results in runs.values() for setting in results})
    if logarithmic:
        ax.set_yscale("log")
        label_logarithmic(ax.yaxis)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    name_lines(ax)
    return ax


def plot_intervals(
    intervals: Mapping[str, Mapping[float, tuple[float, float, float]]],
    *,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw differences over a setting that was varied, each with its interval, and a line at 0.

    Args:
        intervals: By the name of the line, and then by the value of the setting: the lower end of
            the interval, the difference, and the upper end. The settings are positive, and are
            drawn on a logarithmic axis.
        xlabel: The setting, with its unit if it has one.
        ylabel: The difference, with its unit if it has one.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If a setting is not positive, or a difference lies outside its interval.
    """
    for name, results in intervals.items():
        for setting, (low, middle, high) in results.items():
            if not 0 < setting < math.inf or not -math.inf < low <= middle <= high < math.inf:
                raise ValueError(
                    "plot_intervals expects a positive setting and a finite difference between "
                    f"the ends of its interval, got {name!r} with {low}, {middle}, {high} at "
                    f"{setting}"
                )
    ax = ax or new_figure().subplots()
    for name, line in line_styles(intervals).items():
        results = intervals[name]
        settings = sorted(results)
        low, middle, high = np.transpose([results[setting] for setting in settings])
        ax.plot(settings, middle, **line, marker="o", ms=3, label=name)
        ax.vlines(settings, low, high, color=line["color"])
    ax.axhline(0, color=rcParams["text.color"], linestyle=":")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _label_settings(ax, {setting for results in intervals.values() for setting in results})
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    name_lines(ax)
    return ax


def _label_settings(ax: Axes, settings: Iterable[float]) -> None:
    """Draw the settings of a sweep on a logarithmic axis, with a tick at each or at every nth."""
    ax.set_xscale("log")
    ticks = sorted(settings)
    ax.xaxis.set_major_locator(FixedLocator(ticks[:: 1 + len(ticks) // 8]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(round(value, 3))))
    ax.xaxis.set_minor_locator(NullLocator())
