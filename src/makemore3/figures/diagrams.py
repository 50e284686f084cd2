"""Drawings of structure: boxes and arrows."""

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from makemore3.figures.canvas import new_figure


def plot_batch_norm(num_features: int, *, momentum: float, ax: Axes | None = None) -> Axes:
    """Draw what goes where in a batch norm layer, in training and in `eval` mode.

    Args:
        num_features: Features of each row.
        momentum: Weight of the new batch in the running statistics.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Lecture [1:03:33](https://youtu.be/P6sfmUTpUmc?t=3813).
    """
    ax = ax or new_figure(height=1.2).subplots()
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
