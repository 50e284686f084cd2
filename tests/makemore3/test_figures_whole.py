"""Every figure, artist by artist: small inputs, and all that is drawn of them as text."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch, Rectangle, StepPatch
from matplotlib.text import Annotation, Text

from makemore3 import figures
from makemore3.diagnostics import UpdateRatios, saturation
from makemore3.training import History

STYLE: dict[Any, Any] = {
    "figure.figsize": (5.0, 3.0),
    "font.size": 11,
    "text.color": "#101010",
    "grid.color": "#202020",
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=[f"#0000{i}{i}" for i in range(1, 7)]),
}


@pytest.fixture(autouse=True)
def page_style() -> Iterator[None]:
    with plt.rc_context():
        plt.rcdefaults()
        plt.rcParams.update(STYLE)
        plt.switch_backend("agg")
        yield
        plt.close("all")


def ratios() -> UpdateRatios:
    made = UpdateRatios()
    made.ratios = {
        "linear1.weight": [-1.0, -2.0, -3.0, -4.0, -3.5],
        "output.weight": [-2.0, -2.0, -2.5, -2.5, -2.0],
    }
    return made


def report() -> Any:
    def entries(*numbers: float) -> tuple[float, ...]:
        return numbers

    layers = [
        SimpleNamespace(values=entries(-1.0, 0.5, 1.0), grad_values=entries(0.1, -0.2, 0.3)),
        SimpleNamespace(values=entries(-0.1, 0.2), grad_values=entries(float("nan"), 0.2, 0.1)),
    ]
    weights = [
        SimpleNamespace(name="a", trained=True, values=(0.1, 0.4), update=(-2.0, -2.5, -3.0)),
        SimpleNamespace(name="b", trained=True, values=(0.2, 0.3), update=(-1.0, -4.0, -5.0)),
        SimpleNamespace(name="frozen", trained=False, values=(1.0, 2.0), update=(0.0, 0.0, 0.0)),
    ]
    return SimpleNamespace(chained=lambda: layers, weights=weights, steps=(0, 10, 20))


def long_report() -> Any:
    """More layers than lines, without a gradient; more steps than points."""
    layers = [SimpleNamespace(values=(0.1 * n, -1.0), grad_values=(0.0, 0.0)) for n in range(14)]
    layers[0].values = (1.0,)  # no distribution
    updates = [-2 - step / 100 for step in range(201)]
    weights = [
        SimpleNamespace(name="a", trained=True, values=(0.1, 0.4), update=updates),
        SimpleNamespace(name="b", trained=True, values=(0.1,), update=[math.nan, *updates[1:]]),
        SimpleNamespace(name="c", trained=True, values=(-0.5, 0.5), update=[math.nan] * 201),
    ]
    return SimpleNamespace(chained=lambda: layers, weights=weights, steps=range(201))


LOSSES = History([8.0, 4.0, 3.0, 2.5, 2.0, 2.2, 2.1])
DRAWN: dict[str, Callable[[], Axes | list[Axes]]] = {
    "net": lambda: figures.plot_net(block_size=2, n_embd=5, n_hidden=7),
    "batch norm": lambda: figures.plot_batch_norm(7, momentum=0.001),
    "residual block": lambda: figures.plot_residual_block(["linear", "norm", "tanh"]),
    "gradient path": figures.plot_gradient_path,
    "broadcast": lambda: figures.plot_broadcast((2, 3), (1, 3), operation="+"),
    "lookup": lambda: figures.plot_lookup([0, 2, 0], ".b.", rows=3, n_embd=2),
    "probabilities": lambda: figures.plot_probabilities(
        {"a": torch.tensor([0.25, 0.75009]), "b": torch.tensor([1.0, 0.0])}, correct=1, classes="xy"
    ),
    "histogram": lambda: figures.plot_histogram(torch.tensor([0.0, 1, 1, 4]), bins=4, xlabel="h"),
    "histograms": lambda: figures.plot_histograms(
        {"a": torch.arange(3.0), "b": torch.arange(5.0)}, bins=2, xlabel="z", sharex=False
    ),
    "densities": lambda: figures.plot_densities(
        {"layer 1": torch.tensor([-3.0, 0.0, 1.0]), "layer 2": torch.tensor([0.5, 0.5])},
        **{"xlabel": "h", "bins": 4, "limit": 2.0},
    ),
    "draws": lambda: figures.plot_draws(
        {"one": [1.0], "three": [1.0, 2.0, 3.0]}, ylabel="loss", reference=("mean", 2.0)
    ),
    "by layer": lambda: figures.plot_by_layer(
        {"batch norm": [1.0, 2.0, 4.0], "plain": [1.0, 0.1, 0.01]}, ylabel="std"
    ),
    "by layer, linear": lambda: figures.plot_by_layer(
        {"gain 1": [0.5, 1.5], "sixteen letters.": [0.0, 1.0]}, ylabel="share", logarithmic=False
    ),
    "cobweb": lambda: figures.plot_cobweb(
        {"half": lambda x: x / 2}, start=0.8, steps=2, limit=1.0, label="std"
    ),
    "update ratios": lambda: figures.plot_update_ratios(ratios(), points=2),
    "saturation map": lambda: figures.plot_saturation_map(
        saturation(torch.tensor([[0.999, 0.1, -1.0], [0.995, -0.99, 0.0]]))
    ),
    "saturation maps": lambda: figures.plot_saturation_maps(
        {"before": saturation(torch.ones(2, 2)), "after": saturation(torch.zeros(2, 3))}
    ),
    "nonlinearities": lambda: figures.plot_nonlinearities(
        {"tanh": torch.tanh, "ReLU": torch.relu, "sigmoid": torch.sigmoid, "exp": torch.exp},
        limit=1.0,
    ),
    "running": lambda: figures.plot_running(
        {"mean": [1.0, 2.0, 3.0, 4.0, 5.0], "momentum 0.1": [0.0, 1.0, 2.0, 3.0, 3.0]},
        **{"target": 4.5, "every": 2, "ylabel": "mean of a unit"},
    ),
    "loss": lambda: figures.plot_loss(LOSSES, uniform_loss=3.296),
    "losses, smooth": lambda: figures.plot_loss({"plain": LOSSES, "other": LOSSES}, smooth=3),
    "loss against scale": lambda: figures.plot_loss_against_scale(
        [0.1, 1.0, 10.0], [3.3, 3.5, 20.0], uniform_loss=3.296
    ),
    "sweep": lambda: figures.plot_sweep(
        {"plain": {1.0: [2.0, 4.0], 0.1: [3.0]}, "batch norm": {0.1: [1.0], 1.0: [2.0]}},
        **{"xlabel": "rate", "ylabel": "dev loss", "logarithmic": True},
    ),
    "intervals": lambda: figures.plot_intervals(
        {"a": {5 / 3: (0.0, 1.0, 2.0), 1.0: (-1.0, 0.5, 0.5)}, "b": {1.0: (0.0, 0.0, 0.0)}},
        xlabel="depth",
        ylabel="difference",
    ),
    "report": lambda: figures.plot_report(report()),
    "report, long": lambda: figures.plot_report(long_report()),
    "roofline": lambda: figures.plot_roofline(
        {"a step": (0.5, 2.0), "a stack": (40.0, 90.0)}, peak=100.0, bandwidth=20.0
    ),
}


def listed(numbers: Any) -> str:
    flat = np.asarray(numbers, dtype=float).flatten()
    some = flat if len(flat) <= 24 else flat[:: len(flat) // 12]
    return " ".join(f"{number + 0:.4g}" for number in some)


def artists(ax: Axes) -> Iterator[str]:
    """What is drawn in a panel, a line each, in matplotlib's own order."""
    yield f"x: {ax.get_xlabel()!r}, {ax.get_xscale()}, {listed(ax.get_xlim())}"
    yield f"y: {ax.get_ylabel()!r}, {ax.get_yscale()}, {listed(ax.get_ylim())}"
    for where in ("left", "center"):
        if title := ax.get_title(loc=where):
            yield f"title, {where}: {title!r}"
    if ax.axison:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [label.get_text() for label in axis.get_ticklabels() if label.get_visible()]
            few = f", {len(minor)} minor" if (minor := axis.get_minorticklocs()).size else ""
            yield f"ticks {listed(axis.get_ticklocs())}{few}: {' '.join(filter(None, labels))}"
    for line in ax.lines:
        style = f"{to_hex(line.get_color())} {line.get_linestyle()} {line.get_linewidth():g}"
        marker = f"{line.get_marker()} {line.get_markersize():g}"
        yield f"line {named(line)}: {style}, {marker}, alpha {line.get_alpha()}"
        yield f"  {listed(line.get_xdata())}\n  {listed(line.get_ydata())}"
    for patch in ax.patches:
        colors = f"{to_hex(patch.get_facecolor(), True)} {to_hex(patch.get_edgecolor(), True)}"
        shape = patch.get_path().vertices
        if isinstance(patch, StepPatch):
            counts, edges, _ = patch.get_data()
            shape = np.concatenate([counts, edges])
        elif isinstance(patch, Rectangle | FancyBboxPatch):
            shape = [patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()]
        round_ = ""
        if isinstance(patch, FancyBboxPatch):
            box: Any = patch.get_boxstyle()
            round_ = f", corners {box.rounding_size:g}, padding {box.pad:g}"
        yield f"patch {colors} {patch.get_linestyle()}{round_}: {listed(shape)}"
    for some in ax.collections:
        kind = type(some).__name__
        assert not isinstance(some, PathCollection)
        color = some.get_facecolor() if isinstance(some, PolyCollection) else some.get_edgecolor()
        places = np.concatenate([path.vertices for path in some.get_paths()])
        style = f"{to_hex(np.asarray(color)[0], True)} {listed(some.get_linewidth())}"
        yield f"{kind} {named(some)} {style}: {listed(places)}"
    for image in ax.images:
        data = np.asarray(image.get_array())
        colormap: Any = image.get_cmap()
        yield f"image {colormap.colors}, {image.get_clim()}: {listed(data)}"
        grid = any(line.get_visible() for line in ax.xaxis.get_gridlines())
        spines = [name for name, spine in ax.spines.items() if spine.get_visible()]
        yield f"  {ax.get_aspect()}, {image.get_interpolation()}, grid {grid}, spines {spines}"
    for text in ax.texts:
        sides = f"{text.get_horizontalalignment()} {text.get_verticalalignment()}"
        yield f"text {text.get_text()!r}, {sides}: {where_of(text)}"
    legend: Any = ax.get_legend()
    if legend:
        names = [text.get_text() for text in legend.get_texts()]
        place = legend.get_bbox_to_anchor().transformed(ax.transAxes.inverted())
        columns = f"{legend._ncols} columns, {legend._loc}, framed {legend.get_frame_on()}"
        yield f"legend {names}, {columns}: {listed(place.get_points())}"


def named(artist: Artist) -> str:
    label = str(artist.get_label())
    return "unnamed" if label.startswith("_") else repr(label)  # matplotlib's own


def where_of(text: Text) -> str:
    if not isinstance(text, Annotation):
        return listed(text.get_position())
    arrow = {
        key: to_hex(value) if key == "color" else "a box" if "patch" in key else value
        for key, value in sorted((text.arrowprops or {}).items())
    }
    units = "" if text.xycoords == text.anncoords == "data" else f" {text.xycoords}"
    return f"{listed(text.xyann)} to {listed(text.xy)}{units}, {arrow}"


def drawn(name: str) -> str:
    axes = DRAWN[name]()
    axes = axes if isinstance(axes, list) else [axes]
    figure = axes[0].get_figure(root=True)
    assert figure is not None
    size = listed(figure.get_size_inches())
    lines = [f"== {name}: {size} inches, {figure.get_layout_engine().__class__.__name__}"]
    for label in filter(None, [vars(figure)["_supxlabel"]]):
        lines += [f"below all: {label.get_text()!r}, {label.get_fontsize():g}"]
    if len(aligned := vars(figure)["_align_label_groups"]["y"].get_siblings(axes[0])) > 1:
        lines += [f"labels of y are aligned in {len(aligned)} panels"]
    for legend in figure.legends:
        some: Any = legend
        place = f"{some._ncols} columns, {some._outside_loc}, framed {legend.get_frame_on()}"
        lines += [f"legend of all: {[text.get_text() for text in legend.get_texts()]}, {place}"]
    for number, ax in enumerate(axes, start=1):
        lines += [f"-- panel {number}", *artists(ax)]
    plt.close(figure)
    return "\n".join(lines) + "\n"


def test_every_function_is_drawn() -> None:
    used = " ".join(Path(__file__).read_text("utf-8").split())
    assert [name for name in figures.__all__ if f"figures.{name}" not in used] == []


def test_all_that_is_drawn_is_what_was_looked_at(as_written: Callable[..., None]) -> None:
    """Meant otherwise? Look at the figure."""
    as_written("figures.txt", "".join(map(drawn, DRAWN)))
