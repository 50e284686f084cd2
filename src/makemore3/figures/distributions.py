"""How values are distributed: histograms, densities, probabilities, draws."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from torch import Tensor

from makemore3.figures.canvas import (
    label_x_of_all,
    legend_above,
    line_styles,
    new_figure,
    short_number,
)


def plot_probabilities(
    probabilities: Mapping[str, Tensor],
    *,
    correct: int | None = None,
    classes: Sequence[str] | None = None,
) -> list[Axes]:
    """Draw rows of probabilities as bars, side by side on one scale.

    Args:
        probabilities: Rows by name; the name stands above the panel and may have several lines.
        correct: Index of the correct class, whose bar has another colour.
        classes: Names of the classes, for the axis; None: their numbers.

    Raises:
        ValueError: If a row is not a list of probabilities with the sum 1, or has another number
            of classes than there are names.

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
        if classes is not None and len(classes) != len(row):
            raise ValueError(
                f"plot_probabilities expects a name for each of the {len(row)} classes of {name!r},"
                f" got {len(classes)}"
            )
    figure = new_figure()
    axes = figure.subplots(1, len(probabilities), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (name, row) in zip(axes, probabilities.items(), strict=True):
        colors = ["C1" if index == correct else "C0" for index in range(len(row))]
        ax.bar(range(len(row)), row.tolist(), color=colors)
        ax.set(title=name, ylim=(0, 1))
        if classes is None:
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        else:
            every = 1 + len(classes) // 8
            ax.set_xticks(range(0, len(classes), every), classes[::every])
    axes[0].set_ylabel("probability")
    label = "class"
    if correct is not None:
        label += f" (correct: {correct if classes is None else classes[correct]})"
    label_x_of_all(figure, label)
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
    ax = ax or new_figure().subplots()
    counts, edges = np.histogram(values.detach().float().cpu().flatten().numpy(), bins)
    ax.stairs(counts, edges, fill=True, color="C0")
    ax.set(xlabel=xlabel, ylabel="count", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(short_number))
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
    figure = new_figure(height=(0.6 if sharex else 0.7) * len(values))
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
    ax = ax or new_figure().subplots()
    edges = np.linspace(-limit, limit, bins + 1)
    for name, style in line_styles(values).items():
        tensor = values[name]
        numbers = tensor.detach().float().cpu().flatten().clamp(-limit, limit).numpy()
        heights, _ = np.histogram(numbers, edges, density=True)
        ax.plot((edges[:-1] + edges[1:]) / 2, heights, **style, label=name)
    ax.set(xlabel=xlabel, ylabel="density", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    legend_above(ax)
    return ax


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
    ax = ax or new_figure().subplots()
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
