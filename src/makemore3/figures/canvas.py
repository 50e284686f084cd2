"""What all figures share: sizes, lines, legends, labels of axes."""

import math
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

LINE_STYLES = ("-", "--", "-.", ":")
"""Styles of the lines of one figure, so that they differ in print and to colour-blind eyes too."""


def new_figure(height: float = 1.0) -> Figure:
    """Make a figure of the usual width, and of a multiple of the usual height."""
    width, usual_height = rcParams["figure.figsize"]
    return plt.figure(figsize=(width, height * usual_height), layout="constrained")


def line_style(index: int) -> dict[str, Any]:
    """Colour and style of one line of several; the seventh has the colour of the text."""
    colors = [*(f"C{n}" for n in range(6)), rcParams["text.color"]]
    return {"color": colors[index % len(colors)], "ls": LINE_STYLES[index % len(LINE_STYLES)]}


def legend_above(ax: Axes) -> None:
    """Put the legend of more than one line above the panel, where it covers none."""
    lengths = sorted(len(label) for label in ax.get_legend_handles_labels()[1])
    columns = 2 if len(lengths) in (2, 4) else 3
    while columns > 1 and sum(lengths[-columns:]) + 7 * columns > 61:  # what a row can hold
        columns -= 1
    if len(lengths) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False)


def label_x_of_all(figure: Figure, label: str) -> None:
    """Write one label below all x axes of a figure."""
    figure.supxlabel(label, fontsize=rcParams["axes.labelsize"])


def log_spaced_bins(steps: int, per_decade: int = 20) -> list[slice]:
    """Part the steps into runs of equal length on a logarithmic axis, one step at the least."""
    count = math.ceil(per_decade * math.log10(steps + 1)) + 1
    edges = np.unique(np.geomspace(1, steps + 1, count).round().astype(int)) - 1
    return [slice(start, stop) for start, stop in pairwise(edges)]


def draw_uniform_loss(ax: Axes, loss: float) -> None:
    """Draw the loss of a uniform guess, in nats per character, as a dotted line."""
    color = rcParams["text.color"]
    ax.axhline(loss, color=color, linestyle=":", label=f"uniform guess: {loss:.2f}")


def label_logarithmic(axis: Axis) -> None:
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
    axis.set_major_formatter(FuncFormatter(short_number))
    axis.set_minor_locator(NullLocator())


def short_number(value: float, position: int | None = None) -> str:
    """Write a tick's value without zeros that say nothing; `position` is matplotlib's."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}".replace("e-0", "e-")
