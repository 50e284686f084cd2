"""How fast a method is, against the limits of the machine."""

import math
from collections.abc import Mapping

from matplotlib import rcParams
from matplotlib.axes import Axes

from makemore3.figures.canvas import label_logarithmic, new_figure


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
    ax = ax or new_figure(1.3).subplots()
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
    label_logarithmic(ax.xaxis)
    label_logarithmic(ax.yaxis)
    return ax
