"""What all figures share: sizes, lines, legends, labels of axes."""

import math
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

MEANINGS = {
    "as first written": "C1",
    "softmax fixed": "C4",
    "tanh fixed": "C2",
    "Kaiming init": "C0",
    "batch norm": "C3",
    "layer norm": "C2",
    "RMS norm": "C4",
    "group norm": "C1",
    "plain": "C0",
    "gain 0.5": "C4",
    "gain 0.7": "C5",
    "gain 1": "C2",
    "gain 5/3": "C0",
    "gain 3": "C1",
}
"""What has one colour on all pages: the lecture's stages, its nets, and the gains it tries."""

_LAYER = re.compile(r"(?:\w+ )?(?:layer|linear|hidden|tanh|relu|norm)_? ?\d+(?:\.weight)?")
_LONGEST_NAME_AT_THE_END = 16
_LINE_OF_TEXT = 0.072
"""Height of a line of text, as a share of the height of the axes."""


def new_figure(height: float = 1.0) -> Figure:
    """Make a figure of the usual width, and of a multiple of the usual height."""
    width, usual_height = rcParams["figure.figsize"]
    return plt.figure(figsize=(width, height * usual_height), layout="constrained")


def line_styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Choose how each of the lines of one panel looks, by its name.

    Layers in order are one colour from pale to full. What has a meaning on all pages has its
    colour; any other line has the next colour that is free, and dashes from the second on, so that
    lines differ in print and to colour-blind eyes too.
    """
    names = list(names)
    if len(names) > 2 and all(map(_LAYER.fullmatch, names)):
        alphas = np.linspace(0.35, 1, len(names))
        return {name: {"color": "C0", "alpha": alphas[n]} for n, name in enumerate(names)}
    taken = {MEANINGS[name] for name in names if name in MEANINGS}
    free = (
        color
        for color in (*(f"C{n}" for n in range(6)), *[rcParams["text.color"]] * len(names))
        if color not in taken
    )
    dashes = ("-", "--", "-.", ":")
    return {
        name: {"color": MEANINGS.get(name) or next(free), "ls": dashes[index % len(dashes)]}
        for index, name in enumerate(names)
    }


def name_lines(ax: Axes) -> None:
    """Name the labelled lines of a panel at their ends, or above it if the names are long.

    The limits of the axes must be final. Names that would overlap are moved apart.
    """
    lines = {str(line.get_label()): line for line in ax.lines}
    lines = {name: line for name, line in lines.items() if not name.startswith("_")}
    if len(lines) < 2:
        return
    if max(map(len, lines)) > _LONGEST_NAME_AT_THE_END:
        legend_above(ax)
        return
    limits = ax.get_xlim(), ax.get_ylim()  # asking for them settles them
    ends = {name: _end(ax, line) for name, line in lines.items()}
    names = sorted(ends, key=lambda name: ends[name][1])
    for name, height in zip(names, _moved_apart([ends[n][1] for n in names]), strict=True):
        x, y = ends[name]
        color, alpha = lines[name].get_color(), lines[name].get_alpha()
        leader = {"arrowstyle": "-", "color": color, "alpha": alpha, "lw": 0.8, "shrinkA": 0}
        ax.annotate(
            name,
            (x, y),
            (1.05, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            arrowprops={**leader, "shrinkB": 0, "relpos": (0, 0.5)},
        )
    ax.set(xlim=limits[0], ylim=limits[1])


def _end(ax: Axes, line: Line2D) -> tuple[float, float]:
    """Where a line leaves the panel on the right, in shares of its width and height."""
    points = ax.transAxes.inverted().transform(ax.transData.transform(line.get_xydata()))
    x, y = points[np.isfinite(points).all(axis=1)][-1]
    return float(x), float(np.clip(y, 0, 1))


def _moved_apart(heights: list[float]) -> list[float]:
    """Return rising heights at least a line of text apart, near the given ones."""
    apart: list[float] = []
    for height in heights:
        apart.append(max(height, apart[-1] + _LINE_OF_TEXT) if apart else height)
    highest = 1.0
    for index in reversed(range(len(apart))):
        apart[index] = min(apart[index], highest)
        highest = apart[index] - _LINE_OF_TEXT
    return apart


def legend_above(ax: Axes) -> None:
    """Put the legend of more than one line above the panel, where it covers none."""
    lengths = sorted(len(label) for label in ax.get_legend_handles_labels()[1])
    columns = 2 if len(lengths) in (2, 4) else 3
    while columns > 1 and sum(lengths[-columns:]) + 7 * columns > 55:  # what a row can hold
        columns -= 1
    if len(lengths) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False)


def label_x_of_all(figure: Figure, label: str) -> None:
    """Write one label below all x axes of a figure."""
    figure.supxlabel(label, fontsize=rcParams["axes.labelsize"])


def log_spaced_bins(steps: int, per_decade: int = 20) -> list[slice]:
    """Divide the steps into stretches, each of a step or more, of equal length on a log axis."""
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
