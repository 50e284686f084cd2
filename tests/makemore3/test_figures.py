"""Figures: the numbers, labels and ticks in their Axes, and the size and sameness of their SVG."""

import io
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from cycler import cycler
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle, StepPatch
from matplotlib.text import Annotation, Text
from torch.nn import functional as F

from makemore3.diagnostics import UpdateRatios, saturation
from makemore3.figures import (
    plot_batch_norm,
    plot_broadcast,
    plot_by_layer,
    plot_cobweb,
    plot_densities,
    plot_draws,
    plot_gradient_path,
    plot_histogram,
    plot_histograms,
    plot_intervals,
    plot_lookup,
    plot_loss,
    plot_loss_against_scale,
    plot_net,
    plot_nonlinearities,
    plot_probabilities,
    plot_residual_block,
    plot_roofline,
    plot_running,
    plot_saturation_map,
    plot_saturation_maps,
    plot_sweep,
    plot_update_ratios,
)
from makemore3.figures.canvas import (
    MEANINGS,
    legend_above,
    line_styles,
    log_spaced_bins,
    name_lines,
    short_number,
)
from makemore3.training import History

COLORS = [f"#0000{i}{i}" for i in range(1, 7)]
PAGE_STYLE: dict[Any, Any] = {
    "figure.figsize": (5.4, 3.0),
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "makemore3",
    "savefig.transparent": True,
    "text.color": "#123450",
    "axes.edgecolor": "#123451",
    "axes.labelcolor": "#123452",
    "grid.color": "#123453",
    "xtick.color": "#123454",
    "ytick.color": "#123455",
    "axes.prop_cycle": cycler(color=COLORS),
}
UNIFORM = math.log(27)


@pytest.fixture(autouse=True)
def page_style() -> Iterator[None]:
    with plt.rc_context(PAGE_STYLE):
        plt.switch_backend("agg")
        yield
        plt.close("all")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2147483647)


def long_history(start: float = 27.88, steps: int = 200_000) -> History:
    """A run like the lecture's: a steep beginning, a slow descent, and noise throughout."""
    step = torch.arange(steps, dtype=torch.float64)
    trend = 2.1 + (start - 2.1) * torch.exp(-step / 300)
    noise = 1 + 0.1 * torch.randn(steps, generator=generator(), dtype=torch.float64)
    return History((trend * noise).tolist())


def lines(ax: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in ax.lines}


def points(line: Line2D) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    return [text.get_text() for text in shown.get_texts()] if shown else []


def line_names(ax: Axes) -> dict[str, float]:
    """The names at the ends of the lines, and their heights as shares of the panel's."""
    notes = [text for text in ax.texts if isinstance(text, Annotation) and text.get_text()]
    return {note.get_text(): note.xyann[1] for note in notes}


def tick_labels(axis: Axis) -> list[Text]:
    """Return the labels that a reader sees, once the figure is drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    labels = [label for tick in ticks for label in (tick.label1, tick.label2)]
    return [label for label in labels if label.get_visible() and label.get_text()]


def tick_texts(axis: Axis) -> list[str]:
    figure_of(axis.axes).draw_without_rendering()
    return [label.get_text() for label in tick_labels(axis)]


# --- Loss ------------------------------------------------------------------------------------


def test_loss_of_few_steps_is_drawn_step_by_step():
    ax = plot_loss(History([27.0, 9.0, 3.0]))
    line = lines(ax)["mean"]
    x, y = points(line)
    assert (x.tolist(), y.tolist()) == ([1, 2, 3], [27, 9, 3])
    assert same_color(line.get_color(), "C0")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step (logarithmic)", "batch loss (nats)")


def test_loss_of_many_steps_is_the_mean_of_each_bin_with_its_quantiles():
    history = long_history()
    losses = np.array(history.losses)
    ax = plot_loss(history)
    x, y = points(lines(ax)["mean"])
    assert len(x) < 150
    assert (x[0], y[0]) == (1, losses[0])

    bins = log_spaced_bins(len(losses))
    assert [losses[b].mean() for b in bins] == y.tolist()
    assert all(b.start + 1 <= step <= b.stop for b, step in zip(bins, x, strict=True))

    (band,) = ax.collections
    outline = np.asarray(band.get_paths()[0].vertices)
    for step, inside in zip(x, bins, strict=True):
        edges = outline[outline[:, 0] == step, 1]
        expected = np.quantile(losses[inside], [0.05, 0.95])
        assert [edges.min(), edges.max()] == pytest.approx(expected.tolist())
    assert legend(ax) == ["90 % of batches", "mean"]


@given(st.integers(min_value=1, max_value=300_000))
def test_bins_part_the_steps(steps):
    bins = log_spaced_bins(steps)
    assert bins[0] == slice(0, 1)
    assert bins[-1].stop == steps
    assert all(a.stop == b.start < b.stop for a, b in pairwise(bins))
    assert all(b.stop <= 1.2 * (b.start + 1) + 1 for b in bins)


def test_hockey_stick_takes_half_of_the_width():
    """The first 1,000 of 200,000 steps are what the chapter on the initial loss is about."""
    ax = plot_loss(long_history())
    low, high = np.log10(ax.get_xlim())
    assert (3 - low) / (high - low) > 0.5


def test_several_runs_have_their_own_colours_dashes_and_names():
    runs = {"as first written": long_history(), "softmax fixed": long_history(3.32)}
    ax = plot_loss(runs, uniform_loss=UNIFORM)
    assert legend(ax) == ["as first written", "softmax fixed", "uniform guess: 3.30"]
    first, second = (lines(ax)[name] for name in runs)
    assert same_color(first.get_color(), MEANINGS["as first written"])
    assert same_color(second.get_color(), MEANINGS["softmax fixed"])
    assert first.get_linestyle() != second.get_linestyle()
    assert points(second)[1][0] == runs["softmax fixed"].losses[0]
    assert not ax.collections
    line = lines(ax)["uniform guess: 3.30"]
    assert points(line)[1].tolist() == [UNIFORM, UNIFORM]
    assert line.get_color() == rcParams["text.color"]


def test_smooth_loss_is_the_mean_of_blocks_on_linear_axes():
    history = long_history(3.3)
    ax = plot_loss(history, smooth=1000)
    (line,) = ax.lines
    x, y = points(line)
    torch.testing.assert_close(torch.tensor(y), history.block_means(1000))
    assert (x[0], x[-1], len(x)) == (500, 199_500, 200)
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    assert ax.get_xlabel() == "step (each point is the mean of 1,000)"
    assert tick_texts(ax.xaxis) == ["0", "50,000", "100,000", "150,000", "200,000"]
    assert legend(ax) == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [(27.88, ["2", "5", "10", "20"]), (3.3, ["2", "2.5", "3", "3.5", "4"])],
)
def test_logarithmic_ticks_are_few_and_plain(start, expected):
    ax = plot_loss(long_history(start))
    assert tick_texts(ax.xaxis) == ["1", "10", "100", "1,000", "10,000", "100,000"]
    assert tick_texts(ax.yaxis) == expected


def test_empty_history_and_too_large_blocks_are_refused():
    with pytest.raises(ValueError, match="runs of at least one step, got an empty history"):
        plot_loss({"fine": History([3.0]), "empty": History([])})
    for size in (0, 1000):
        with pytest.raises(ValueError, match="block_means needs a size from 1 to the 2 steps"):
            plot_loss(History([3.0, 2.0]), smooth=size)


def test_loss_against_scale():
    ax = plot_loss_against_scale([0.01, 0.1, 1, 10], [3.3, 3.31, 5, 40], uniform_loss=UNIFORM)
    x, y = points(ax.lines[0])
    assert (x.tolist(), y.tolist()) == ([0.01, 0.1, 1, 10], [3.3, 3.31, 5, 40])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("logits multiplied by", "loss (nats)")
    assert legend(ax) == ["uniform guess: 3.30"]
    assert tick_texts(ax.xaxis) == ["0.01", "0.1", "1", "10"]


@pytest.mark.parametrize(
    ("scales", "losses", "message"),
    [
        ([0.1, 1], [3.3], "got 2 scales from 0.1 up and 1 losses"),
        ([0, 1], [3.3, 4], "got 2 scales from 0 up and 2 losses"),
    ],
)
def test_scales_that_do_not_fit_are_refused(scales, losses, message):
    with pytest.raises(ValueError, match=message):
        plot_loss_against_scale(scales, losses, uniform_loss=UNIFORM)


# --- Probabilities ---------------------------------------------------------------------------


VOCABULARY = ".abcdefghijklmnopqrstuvwxyz"


def bars(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_probabilities_are_bars_on_one_scale():
    rows = {"equal": torch.zeros(4), "one high": torch.tensor([0.0, 0.0, 0.0, 5.0])}
    axes = plot_probabilities({name: z.softmax(0) for name, z in rows.items()}, correct=2)
    for ax, logits in zip(axes, rows.values(), strict=True):
        heights = torch.tensor([bar.get_height() for bar in bars(ax)])
        torch.testing.assert_close(heights.float(), logits.softmax(0))
        orange = [
            index for index, bar in enumerate(bars(ax)) if same_color(bar.get_facecolor(), "C1")
        ]
        assert orange == [2]
        assert ax.get_ylim() == (0, 1)
        assert tick_texts(ax.xaxis) == ["0", "1", "2", "3"]
    assert [ax.get_title() for ax in axes] == list(rows)
    assert axes[0].get_ylabel() == "probability"
    assert figure_of(axes[0]).get_supxlabel() == "class (correct: 2)"


def test_probabilities_without_a_correct_class_have_one_colour():
    (ax,) = plot_probabilities({"uniform": torch.full((27,), 1 / 27)})
    assert all(same_color(bar.get_facecolor(), "C0") for bar in bars(ax))
    assert figure_of(ax).get_supxlabel() == "class"
    assert tick_texts(ax.xaxis) == ["0", "5", "10", "15", "20", "25"]


def test_classes_of_probabilities_can_have_names():
    uniform = torch.full((27,), 1 / 27)
    (ax,) = plot_probabilities({"uniform": uniform}, classes=VOCABULARY, correct=13)
    assert tick_texts(ax.xaxis) == [".", "d", "h", "l", "p", "t", "x"]
    assert figure_of(ax).get_supxlabel() == "class (correct: m)"
    with pytest.raises(ValueError, match="a name for each of the 27 classes of 'uniform', got 26"):
        plot_probabilities({"uniform": uniform}, classes=VOCABULARY[1:])


@pytest.mark.parametrize(
    "row", [torch.zeros(4), torch.tensor([2.0, -1.0]), torch.full((2, 4), 0.125)]
)
def test_rows_that_are_no_probabilities_are_refused(row):
    with pytest.raises(ValueError, match=r"with the sum 1, got 'odd' of shape .*: apply softmax"):
        plot_probabilities({"fine": torch.ones(1), "odd": row})


# --- Histograms ------------------------------------------------------------------------------


def test_histogram_counts_every_value():
    values = torch.randn(32, 200, generator=generator()).requires_grad_()
    ax = plot_histogram(values, xlabel="pre-activation")
    (steps,) = (patch for patch in ax.patches if isinstance(patch, StepPatch))
    counts, edges, _ = steps.get_data()
    expected = torch.histc(values.detach(), 50)
    assert np.sum(counts) == 6400
    assert np.abs(counts - expected.numpy()).max() <= 1  # a value on an edge may go either way
    assert edges[[0, -1]] == pytest.approx([values.min().item(), values.max().item()])
    assert same_color(steps.get_facecolor(), "C0")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pre-activation", "count")
    assert ax.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.tensor([]), "got 0 of them among 0"),
        (torch.tensor([1.0, math.nan, math.inf]), "got 1 of them among 3"),
    ],
)
def test_values_that_are_not_finite_are_refused(values, message):
    with pytest.raises(ValueError, match=f"plot_histogram expects finite values, {message}"):
        plot_histogram(values)


def test_histograms_of_different_things_keep_their_own_scales():
    values = {"pre-activation": 20 * PRE, "h": torch.tanh(PRE)}
    top, bottom = plot_histograms(values, sharex=False)
    top.figure.canvas.draw()
    assert top.get_xlim()[1] > 10 * bottom.get_xlim()[1]
    for ax in (top, bottom):
        assert all(tick.label1.get_visible() for tick in ax.xaxis.get_major_ticks())
    assert (top.get_xlabel(), bottom.get_xlabel()) == ("", "value")


def test_histograms_share_the_scale_of_values_but_not_of_counts():
    wide = torch.randn(6400, generator=generator()) * 5
    before, after = plot_histograms({"before": wide, "after": wide / 5}, xlabel="pre-activation")
    assert before.get_xlim() == after.get_xlim()
    assert before.get_xlim()[1] > wide.max()
    assert [ax.get_title(loc="left") for ax in (before, after)] == ["before", "after"]
    assert (before.get_xlabel(), after.get_xlabel()) == ("", "pre-activation")
    assert figure_of(before).get_figwidth() == rcParams["figure.figsize"][0]


# --- By layer --------------------------------------------------------------------------------


def test_numbers_by_layer_are_drawn_over_layers_counted_from_one():
    nets = {"steady": [1.0, 1.0, 1.0, 1.0], "halved": [1.0, 0.5, 0.25, 0.125]}
    ax = plot_by_layer(nets, ylabel="std")
    for index, (name, numbers) in enumerate(nets.items()):
        x, y = points(lines(ax)[name])
        assert (x.tolist(), y.tolist()) == ([1, 2, 3, 4], numbers)
        assert same_color(lines(ax)[name].get_color(), f"C{index}")
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("layer", "std")
    assert tick_texts(ax.xaxis) == ["1", "2", "3", "4"]
    assert legend(ax) == []
    assert set(line_names(ax)) == set(nets)
    assert line_names(ax)["steady"] > line_names(ax)["halved"]


def test_one_net_by_layer_needs_no_legend():
    ax = plot_by_layer({"net": [10.0**-n for n in range(6)]}, ylabel="std")
    assert legend(ax) == []
    assert tick_texts(ax.yaxis)[-2:] == ["0.1", "1"]


def test_a_very_wide_logarithmic_axis_leaves_out_decades():
    ax = plot_by_layer({"net": [100.0**-n for n in range(11)]}, ylabel="std")
    ticks = [tick for tick in ax.get_yticks() if 1e-20 <= tick <= 1]
    assert 4 <= len(ticks) <= 8
    assert len({round(math.log10(a / b)) for a, b in pairwise(ticks)}) == 1


@pytest.mark.parametrize("numbers", [[], [1.0, 0.0], [1.0, math.inf], [math.nan]])
def test_layers_that_cannot_be_on_a_logarithmic_axis_are_refused(numbers):
    with pytest.raises(ValueError, match="expects positive numbers, one a layer, got 'odd' with"):
        plot_by_layer({"fine": [1.0], "odd": numbers}, ylabel="std")


def test_shares_by_layer_stand_on_an_axis_from_zero():
    ax = plot_by_layer({"net": [0.2, 0.0]}, ylabel="saturated share", logarithmic=False)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[0] == 0
    with pytest.raises(ValueError, match="expects numbers from 0 up, one a layer, got 'odd'"):
        plot_by_layer({"odd": [-0.1]}, ylabel="share", logarithmic=False)


def test_a_cobweb_goes_to_the_curve_and_across_to_the_diagonal():
    halves, grows = lambda x: x / 2, lambda x: x**0.5
    ax = plot_cobweb({"halves": halves, "root": grows}, start=0.5, steps=2, limit=1, label="std")
    curve, stairs, other, rising, diagonal = ax.lines
    x, y = points(curve)
    np.testing.assert_allclose(y, x / 2)
    x, y = points(stairs)
    assert x.tolist() == [0.5, 0.5, 0.25, 0.25, 0.125]
    assert y.tolist() == [0.5, 0.25, 0.25, 0.125, 0.125]
    assert same_color(stairs.get_color(), curve.get_color())
    assert same_color(rising.get_color(), other.get_color())
    assert [values.tolist() for values in points(diagonal)] == [[0, 1], [0, 1]]
    assert set(line_names(ax)) == {"halves", "root"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("std, in", "std, out")


def test_a_cobweb_that_leaves_the_axes_is_refused():
    with pytest.raises(ValueError, match="numbers from 0 to limit=1, got 'doubles' with"):
        plot_cobweb({"doubles": lambda x: 2 * x}, start=0.4, steps=2, limit=1, label="std")
    ax = plot_cobweb({"doubles": lambda x: 2 * x}, start=0.25, steps=2, limit=1, label="std")
    x, y = points(ax.lines[1])
    assert (x[-1], y[-1]) == (1, 1), "the corner of the axes belongs to them"


# --- Densities and update ratios -------------------------------------------------------------


def test_densities_have_the_area_one_on_common_bins():
    wide, narrow = PRE, PRE[:5] / 10
    ax = plot_densities({"wide": wide, "narrow": narrow}, xlabel="h", bins=40)
    limit = wide.abs().max().item()
    for name, values in (("wide", wide), ("narrow", narrow)):
        x, y = points(lines(ax)[name])
        expected, _ = np.histogram(values.numpy(), np.linspace(-limit, limit, 41), density=True)
        assert y == pytest.approx(expected, rel=1e-5)
        assert (y * (x[1] - x[0])).sum() == pytest.approx(1)
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert (ax.get_xlabel(), ax.get_ylabel(), legend(ax)) == ("h", "density", ["wide", "narrow"])


def test_densities_count_what_lies_outside_in_the_outermost_bins():
    ax = plot_densities({"one": torch.tensor([-9.0, 0.1, 0.1, 9.0])}, xlabel="h", bins=4, limit=2)
    x, y = points(ax.lines[0])
    assert (x.tolist(), y.tolist()) == ([-1.5, -0.5, 0.5, 1.5], [0.25, 0, 0.5, 0.25])
    assert legend(ax) == []


@pytest.mark.parametrize(
    ("values", "limit", "message"),
    [
        ({"odd": torch.tensor([1.0, math.nan])}, None, "finite values, got 'odd' with 1 of .* 2"),
        ({"odd": torch.zeros(0)}, None, "finite values, got 'odd' with 0 of them among 0"),
        ({"zero": torch.zeros(3)}, None, "within a limit, got limit=0.0"),
        ({}, None, "within a limit, got limit=0.0"),
        ({"one": torch.ones(3)}, -1.0, "within a limit, got limit=-1.0"),
    ],
)
def test_densities_that_cannot_be_drawn_are_refused(values, limit, message):
    with pytest.raises(ValueError, match=message):
        plot_densities(values, xlabel="h", limit=limit)


def update_ratios(steps: int = 1000, weights: int = 7) -> UpdateRatios:
    ratios = UpdateRatios()
    for n in range(weights):
        noise = torch.randn(steps, generator=generator())
        ratios.ratios[f"linear{n}.weight"] = (noise / 10 - 3 + n / 10).tolist()
    return ratios


def test_update_ratios_are_drawn_as_means_of_steps_beside_the_target():
    ratios = update_ratios()
    ax = plot_update_ratios(ratios, target=-2.5, points=50)
    x, y = points(lines(ax)["linear3"])
    means = np.asarray(ratios.ratios["linear3.weight"]).reshape(50, 20).mean(axis=1)
    assert y == pytest.approx(means)
    assert (x[0], x[-1]) == (10, 990)
    assert set(points(ax.lines[-1])[1].tolist()) == {-2.5}
    assert list(line_names(ax)) == [f"linear{n}" for n in range(7)]
    shades = [line.get_alpha() or 0 for line in ax.lines[:-1]]
    assert shades == sorted(shades)
    assert shades[-1] == 1


def test_few_steps_are_drawn_one_by_one():
    ax = plot_update_ratios(update_ratios(steps=3, weights=1))
    assert points(ax.lines[0])[0].tolist() == [0.5, 1.5, 2.5]


def test_ratios_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="expects recorded steps: pass `record` to training"):
        plot_update_ratios(UpdateRatios())
    ratios = UpdateRatios()
    ratios.ratios["b.weight"] = [-3.0, -math.inf]
    with pytest.raises(ValueError, match=r"expects finite ratios, got 'b\.weight'"):
        plot_update_ratios(ratios)


# --- Batch norm ------------------------------------------------------------------------------


def test_draws_stand_in_a_column_of_their_own():
    draws = {"batch of 4": [0.1, 0.5, 0.3], "batch of 32": [0.25], "batch of 256": [0.3, 0.2]}
    ax = plot_draws(draws, ylabel="probability", reference=("all", 0.25))
    *columns, across = ax.lines
    assert [points(column)[1].tolist() for column in columns] == list(draws.values())
    for index, column in enumerate(columns):
        x = points(column)[0]
        assert abs(x.mean() - index) < 1e-9
        assert (abs(x - index) < 0.5).all()
        assert (column.get_linestyle(), column.get_marker()) == ("None", "o")
    assert set(points(across)[1].tolist()) == {0.25}
    assert legend(ax) == ["all"]
    assert tick_texts(ax.xaxis) == list(draws)
    assert ax.get_ylabel() == "probability"


def test_draws_need_no_reference():
    ax = plot_draws({"one": [1.0, 2.0]}, ylabel="loss (nats)")
    assert len(ax.lines) == 1
    assert legend(ax) == []


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_draws_that_are_no_numbers_are_refused(values: list[float]):
    with pytest.raises(ValueError, match="plot_draws expects finite numbers, got 'odd' with"):
        plot_draws({"fine": [1.0], "odd": values}, ylabel="loss")


def test_a_sweep_has_a_dot_for_each_run_and_a_line_through_the_means():
    runs = {"plain": {0.1: [2.0, 3.0], 1.0: [4.0]}, "norm": {0.1: [1.0], 1.0: [6.0, 8.0]}}
    ax = plot_sweep(runs, xlabel="learning rate", ylabel="loss (nats)")
    plain_dots, plain, norm_dots, norm = ax.lines
    assert points(plain_dots)[0].tolist() == [0.1, 0.1, 1.0]
    assert points(plain_dots)[1].tolist() == [2, 3, 4]
    assert points(plain)[1].tolist() == [2.5, 4]
    assert points(norm_dots)[1].tolist() == [1, 6, 8]
    assert points(norm)[1].tolist() == [1, 7]
    assert set(line_names(ax)) == {"plain", "norm"}
    assert plain.get_linestyle() != norm.get_linestyle()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "loss (nats)")
    assert tick_texts(ax.xaxis) == ["0.1", "1"]


def test_intervals_stand_around_their_differences_beside_a_line_at_zero():
    intervals = {"dev": {3.0: (-3.0, -2.0, -1.0), 1.0: (0.0, 1.0, 2.0)}}
    ax = plot_intervals(intervals, xlabel="depth", ylabel="difference (nats)")
    line, zero = ax.lines
    assert [values.tolist() for values in points(line)] == [[1, 3], [1, -2]]
    assert set(points(zero)[1].tolist()) == {0}
    (bars,) = ax.collections
    assert isinstance(bars, LineCollection)
    ends = [[tuple(end) for end in np.asarray(bar)] for bar in bars.get_segments()]
    assert ends == [[(1, 0), (1, 2)], [(3, -3), (3, -1)]]
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "difference (nats)")
    assert tick_texts(ax.xaxis) == ["1", "3"]


@pytest.mark.parametrize(
    ("setting", "interval"),
    [(0.0, (0.0, 1.0, 2.0)), (1.0, (2.0, 1.0, 3.0)), (1.0, (0.0, 1.0, math.inf))],
)
def test_intervals_that_cannot_be_drawn_are_refused(setting, interval):
    with pytest.raises(ValueError, match="plot_intervals expects a positive setting"):
        plot_intervals({"dev": {setting: interval}}, xlabel="depth", ylabel="loss")


def test_a_legend_of_long_names_stays_within_the_figure():
    names = [f"{net} at a gain of {gain:.2f}" for net in ("relu", "tanh") for gain in (1, 1.59)]
    ax = plot_by_layer({name: [1.0, 2.0] for name in names}, ylabel="std")
    figure = figure_of(ax)
    figure.draw_without_rendering()
    shown = ax.get_legend()
    assert shown is not None
    assert shown.get_window_extent().x1 <= figure.bbox.x1
    assert legend(ax) == names


@pytest.mark.parametrize(
    ("lengths", "columns"),
    [
        ((5,), 0),  # of one line none
        *(((20, 21), 2), ((21, 21), 1)),
        *(((11, 12, 11), 3), ((12, 11, 12), 2), ((21, 21, 5), 1)),
        *(((5,) * 4, 2), ((5,) * 5, 3)),
    ],
)
def test_a_legend_has_as_many_columns_as_its_longest_names_leave_room_for(
    lengths: tuple[int, ...], columns: int
):
    ax = plt.figure().subplots()
    for letter, length in zip("abcde", lengths, strict=False):
        ax.plot([0, 1], label=letter * length)
    legend_above(ax)
    shown: Any = ax.get_legend()
    assert (shown._ncols if shown else 0) == columns


@pytest.mark.parametrize(("length", "above"), [(16, False), (17, True)])
def test_long_names_stand_above_the_panel(length: int, above: bool):
    names = ["a" * length, "b"]
    ax = plot_by_layer({name: [1.0, 2.0] for name in names}, ylabel="std")
    assert legend(ax) == (names if above else [])
    assert sorted(line_names(ax)) == ([] if above else names)


@pytest.mark.parametrize(
    ("value", "written"),
    [(999.5, "999.5"), (1000, "1,000"), (12345, "12,345"), (1e-5, "1e-5"), (1e-12, "1e-12")],
)
def test_ticks_are_written_without_zeros_that_say_nothing(value: float, written: str):
    assert short_number(value) == written


def test_the_line_of_a_sweep_goes_from_setting_to_setting_in_order():
    ax = plot_sweep({"one": {3.0: [30.0], 1.0: [10.0], 2.0: [20.0]}}, xlabel="n", ylabel="n")
    assert points(ax.lines[0])[0].tolist() == [1, 2, 3]
    assert points(ax.lines[0])[1].tolist() == [10, 20, 30]


def test_a_sweep_of_single_results_is_lines_alone():
    ax = plot_sweep(
        {"one": {2.0**n: [4.0**n] for n in range(10)}}, xlabel="n", ylabel="n", logarithmic=True
    )
    assert len(ax.lines) == 1
    assert legend(ax) == []
    assert ax.get_yscale() == "log"
    assert tick_texts(ax.xaxis) == ["1", "4", "16", "64", "256"]


@pytest.mark.parametrize(
    ("results", "logarithmic"),
    [({1.0: []}, False), ({1.0: [math.nan]}, False), ({0.0: [1.0]}, False), ({1.0: [0.0]}, True)],
)
def test_a_sweep_that_cannot_be_drawn_is_refused(
    results: dict[float, list[float]], logarithmic: bool
):
    with pytest.raises(ValueError, match=r"plot_sweep expects positive settings .* got 'odd' with"):
        plot_sweep(
            {"fine": {1.0: [1.0]}, "odd": results},
            xlabel="n",
            ylabel="n",
            logarithmic=logarithmic,
        )


def test_the_roof_rises_with_the_bandwidth_up_to_the_peak():
    programs = {"slow": (1.0, 4.0), "fast": (20.0, 80.0)}
    ax = plot_roofline(programs, peak=100.0, bandwidth=25.0)
    roof, *dots = ax.lines
    x, y = points(roof)
    assert x[1] == 4.0  # where 25 GB/s feed 100 GFLOP/s
    assert y[1] == y[2] == 100.0
    assert y[0] == 25 * x[0]
    assert x[0] < 1 < 20 < x[2]
    assert [(*points(dot)[0], *points(dot)[1]) for dot in dots] == list(programs.values())
    assert ax.get_xlabel() == "intensity (FLOP per byte)"
    assert [text.get_text() for text in ax.texts] == [
        "arithmetic: 100 GFLOP/s",
        "memory: 25 GB/s",
        "slow",
        "fast",
    ]
    low, high = ax.get_ylim()
    assert low < 4 < 100 < high


@pytest.mark.parametrize(
    ("point", "peak", "bandwidth"),
    [((0.0, 1.0), 1.0, 1.0), ((1.0, math.nan), 1.0, 1.0), ((1.0, 1.0), 0.0, 1.0)],
)
def test_a_roof_of_no_height_is_refused(point: tuple[float, float], peak: float, bandwidth: float):
    with pytest.raises(ValueError, match="plot_roofline expects positive finite numbers, got"):
        plot_roofline({"odd": point}, peak=peak, bandwidth=bandwidth)


def test_running_estimates_are_drawn_at_the_batches_they_have_seen():
    estimates = {"fast": [float(n) for n in range(1, 101)], "slow": [0.0] * 100}
    ax = plot_running(estimates, 50.0, every=25, ylabel="running mean")
    for name, values in {"fast": [25, 50, 75, 100], "slow": [0, 0, 0, 0]}.items():
        x, y = points(lines(ax)[name])
        assert x.tolist() == [25, 50, 75, 100]
        assert y.tolist() == values
    assert set(points(lines(ax)["all examples"])[1].tolist()) == {50}
    assert legend(ax) == ["fast", "slow", "all examples"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("batches seen", "running mean")


def test_running_estimates_of_too_few_batches_are_refused():
    with pytest.raises(ValueError, match="at least 25 batches, got 'short' with 24"):
        plot_running({"short": [0.0] * 24}, 1.0, every=25, ylabel="mean")


def diagram(ax: Axes) -> dict[str, FancyBboxPatch]:
    """The frames by the first of the texts inside them."""
    frames = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    named = {}
    for frame in frames:
        x0, y0, x1, y1 = frame.get_bbox().extents
        inside = [
            (-text.get_position()[1], text.get_text())
            for text in ax.texts
            if text.get_text()
            and x0 < text.get_position()[0] < x1
            and y0 < text.get_position()[1] < y1
        ]
        assert len(inside) == 2
        named[min(inside)[1]] = frame
    return named


def test_batch_norm_diagram_has_a_way_for_training_and_one_for_eval():
    ax = plot_batch_norm(200, momentum=0.001)
    frames = diagram(ax)
    arrows = [
        text.arrow_patch for text in ax.texts if isinstance(text, Annotation) and text.arrow_patch
    ]
    names = {id(frame): name for name, frame in frames.items()}
    assert {(names[id(arrow.patchA)], names[id(arrow.patchB)]) for arrow in arrows} == {
        ("input", "subtract mean"),
        ("subtract mean", "times gamma"),
        ("times gamma", "output"),
        ("input", "mean and variance"),
        ("mean and variance", "subtract mean"),
        ("mean and variance", "running mean, variance"),
        ("running mean, variance", "subtract mean"),
        ("gamma, beta", "times gamma"),
    }
    texts = [text.get_text() for text in ax.texts]
    assert {"training", "eval", "momentum 0.001"} <= set(texts)
    assert sum("(200,) each" in text for text in texts) == 2
    assert texts.count("(N, 200)") == 2


def test_batch_norm_diagram_keeps_every_text_in_its_place():
    ax = plot_batch_norm(1000, momentum=0.001)
    figure_of(ax).draw_without_rendering()
    frames = [frame.get_window_extent() for frame in diagram(ax).values()]
    texts = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert len(texts) == 17
    assert not any(one.overlaps(other) for one, other in combinations(texts, 2))
    for text in texts:
        around = [frame for frame in frames if frame.overlaps(text)]
        assert len(around) <= 1
        for frame in around:
            assert frame.x0 < text.x0 < text.x1 < frame.x1
            assert frame.y0 < text.y0 < text.y1 < frame.y1
        assert figure_of(ax).bbox.x0 <= text.x0 < text.x1 <= figure_of(ax).bbox.x1


def test_net_diagram_has_the_shapes_of_the_net():
    texts = [text.get_text() for text in plot_net(n_hidden=64, block_size=4).texts]
    assert {"(27, 10)", "(40, 64)", "(64, 27)"} <= set(texts)
    assert {"(N, 4)", "(N, 4, 10)", "(N, 40)", "hidden (N, 64)", "logits (N, 27)"} <= set(texts)


def test_residual_block_has_every_layer_of_its_branch_and_a_way_around():
    ax = plot_residual_block(["conv", "norm", "relu"])
    texts = [text.get_text() for text in ax.texts]
    assert {"x", "conv", "norm", "relu", "x + branch(x)"} <= set(texts)
    assert len(ax.patches) == 5
    with pytest.raises(ValueError, match="at least one layer"):
        plot_residual_block([])


def test_broadcast_draws_what_exists_solid_and_what_is_repeated_dotted():
    cells = plot_broadcast((3, 2), (1, 2)).patches
    assert [cell.get_linestyle() for cell in cells[:6]] == ["-"] * 6
    assert [cell.get_linestyle() for cell in cells[6:12]] == ["-"] * 2 + [":"] * 4
    assert len(cells) == 18
    with pytest.raises(ValueError, match=re.escape("got (3, 2) and (2, 2)")):
        plot_broadcast((3, 2), (2, 2))


def test_lookup_gives_each_index_the_colour_of_its_row():
    ax = plot_lookup([0, 2, 0], ".b.", rows=4, n_embd=2)
    colors = [patch.get_facecolor() for patch in ax.patches]
    rows = [colors[2 * n] for n in range(7)]  # four of the table, then three that were picked
    assert rows[4:] == [rows[0], rows[2], rows[0]]
    assert rows[0] != rows[2]
    for context, names in (([4], "x"), ([0], "xy"), ([-1], "x")):
        with pytest.raises(ValueError, match="plot_lookup expects indices from 0 to 3"):
            plot_lookup(context, names, rows=4, n_embd=2)


def test_stages_and_gains_keep_their_colours_whatever_stands_beside_them():
    alone = line_styles(["gain 3"])["gain 3"]["color"]
    beside = line_styles(["other", "gain 3", "one more"])["gain 3"]["color"]
    assert beside == alone == MEANINGS["gain 3"]
    for names in (["a", "gain 1", "b"], ["layer 1", "layer 2", "b"]):
        assert len({style["color"] for style in line_styles(names).values()}) == 3


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_names_at_the_ends_of_lines_never_overlap(heights: list[float]):
    figure = plt.figure()
    ax = figure.subplots()
    for index, height in enumerate(heights):
        ax.plot([0, 1], [0, height], label=f"line {index}")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    name_lines(ax)
    names = line_names(ax)
    plt.close(figure)
    assert sorted(names, key=lambda n: names[n]) == list(names)
    assert all(after - before > 0.07 for before, after in pairwise(names.values()))
    assert max(names.values()) <= 1


# --- Saturation map --------------------------------------------------------------------------


def test_saturation_map_is_white_where_saturated():
    h = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.0, 1.0]])
    ax = plot_saturation_map(saturation(h))
    (image,) = ax.images
    shown = image.to_rgba(np.asarray(image.get_array()))
    white, black = to_rgba("white"), to_rgba("black")
    assert [[tuple(pixel) for pixel in row] for row in shown] == [
        [white, black, white],
        [black, black, white],
    ]
    assert image.get_interpolation() == "none"
    assert ax.get_title(loc="left") == "50.0% of |h| above 0.99"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("unit", "example")
    assert all(spine.get_visible() for spine in ax.spines.values())


@pytest.mark.parametrize(("value", "color"), [(1.0, "white"), (0.0, "black")])
def test_map_of_one_colour_is_of_the_right_colour(value, color):
    (image,) = plot_saturation_map(saturation(torch.full((32, 200), value))).images
    assert (image.to_rgba(np.asarray(image.get_array())) == to_rgba(color)).all()


def test_map_is_as_wide_as_other_figures_and_flatter():
    ax = plot_saturation_map(saturation(torch.zeros(32, 200)))
    figure = figure_of(ax)
    assert figure.get_figwidth() == 5.4
    assert figure.get_figheight() < 2.2
    figure.draw_without_rendering()
    assert ax.get_window_extent().width / figure.bbox.width > 0.8


def test_saturation_maps_name_each_panel():
    pre = torch.randn(32, 200, generator=generator()) * 5
    reports = {"before": saturation(pre.tanh()), "after": saturation((pre / 50).tanh())}
    axes = plot_saturation_maps(reports)
    assert [ax.get_title(loc="left") for ax in axes] == [
        f"before: {reports['before'].share:.1%} of |h| above 0.99",
        "after: 0.0% of |h| above 0.99",
    ]


# --- Nonlinearities --------------------------------------------------------------------------

FUNCTIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "ReLU": F.relu,
    "leaky ReLU": F.leaky_relu,
    "ELU": torch.nn.ELU(inplace=True),
}


def test_nonlinearities_are_drawn_with_their_local_gradients():
    axes = plot_nonlinearities(FUNCTIONS)
    assert [ax.get_title() for ax in axes] == list(FUNCTIONS)
    (x, output), (_, gradient) = (points(line) for line in axes[0].lines)
    assert (x[0], x[-1]) == (-4, 4)
    np.testing.assert_allclose(output, np.tanh(x), atol=1e-6)
    np.testing.assert_allclose(gradient, 1 - np.tanh(x) ** 2, atol=1e-6)
    for ax in axes:
        solid, dashed = ax.lines
        assert same_color(solid.get_color(), "C0")
        assert same_color(dashed.get_color(), "C1")
        assert solid.get_linestyle() != dashed.get_linestyle()
    assert set(points(axes[2].lines[1])[1].tolist()) == {0, 1}
    (shown,) = figure_of(axes[0]).legends
    assert [text.get_text() for text in shown.get_texts()] == ["output", "local gradient"]
    assert figure_of(axes[0]).get_supxlabel() == "pre-activation"
    assert len(figure_of(axes[0]).axes) == 5


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_lowest_panel_of_each_column_has_tick_labels(count):
    axes = plot_nonlinearities(dict(list(FUNCTIONS.items())[:count]))
    for ax in axes[-3:]:
        assert tick_texts(ax.xaxis) == ["−4", "0", "4"]
    for ax in axes[:-3]:
        assert tick_texts(ax.xaxis) == []


# --- Every figure ----------------------------------------------------------------------------

PRE = torch.randn(32, 200, generator=generator()) * 5
RUN = long_history()
DRAW: dict[str, Callable[[], object]] = {
    "loss": lambda: plot_loss(RUN, uniform_loss=UNIFORM),
    "losses": lambda: plot_loss({name: RUN for name in "abcde"}, uniform_loss=UNIFORM),
    "smooth": lambda: plot_loss({name: RUN for name in "abcde"}, smooth=1000),
    "scale": lambda: plot_loss_against_scale([0.1, 1, 10], [3.3, 4, 30], uniform_loss=UNIFORM),
    "probabilities": lambda: plot_probabilities({k: PRE[0, :27].softmax(0) for k in "abc"}),
    "histogram": lambda: plot_histogram(PRE),
    "histograms": lambda: plot_histograms({"before": PRE, "after": PRE / 5}),
    "by layer": lambda: plot_by_layer(
        {name: [(i / 2) ** n for n in range(20)] for i, name in enumerate("abcde", 1)}, ylabel="std"
    ),
    "draws": lambda: plot_draws(
        {f"batch of {n}": PRE[:, n].tolist() * 2 for n in range(3)},
        ylabel="p",
        reference=("all", 0),
    ),
    "running": lambda: plot_running(
        {f"momentum {n}": PRE.flatten().tolist() for n in (0.1, 0.001)}, 0, every=13, ylabel="mean"
    ),
    "batch norm": lambda: plot_batch_norm(200, momentum=0.001),
    "net": lambda: plot_net(),
    "residual block": lambda: plot_residual_block(["linear", "batch norm", "tanh"]),
    "gradient path": lambda: plot_gradient_path(),
    "broadcast": lambda: plot_broadcast((6, 4), (1, 4)),
    "lookup": lambda: plot_lookup([0, 5, 13], ".em", rows=14, n_embd=10),
    "shares": lambda: plot_by_layer({"net": [0.2, 0.0]}, ylabel="share", logarithmic=False),
    "cobweb": lambda: plot_cobweb(
        {f"gain {g}": partial(lambda g, x: math.tanh(g * x), g) for g in (1, 3)},
        start=1,
        steps=20,
        limit=1.2,
        label="rms of activations",
    ),
    "densities": lambda: plot_densities({f"tanh{n}": PRE.tanh() for n in range(1, 6)}, xlabel="h"),
    "update ratios": lambda: plot_update_ratios(update_ratios()),
    "map": lambda: plot_saturation_map(saturation(PRE.tanh())),
    "maps": lambda: plot_saturation_maps({k: saturation(PRE.tanh()) for k in "ab"}),
    "nonlinearities": lambda: plot_nonlinearities(FUNCTIONS),
}


def svg(draw: Callable[[], object]) -> bytes:
    draw()
    (number,) = plt.get_fignums()
    stream = io.BytesIO()
    plt.figure(number).savefig(stream, format="svg", metadata={"Date": None})
    plt.close("all")
    return stream.getvalue()


@pytest.mark.parametrize("name", DRAW)
def test_svg_is_small_and_repeats_to_the_byte(name):
    first = svg(DRAW[name])
    assert svg(DRAW[name]) == first
    assert 1000 < len(first) < 60_000


@pytest.mark.parametrize("name", DRAW)
def test_svg_has_no_colours_of_its_own(name):
    """Only what rcParams say; the map's black and white are inside its image."""
    allowed = {*COLORS, *(value for value in PAGE_STYLE.values() if str(value).startswith("#"))}
    drawn = svg(DRAW[name]).decode()
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= allowed
    texts = re.findall(r"<text [^>]*>", drawn)
    assert texts
    assert all("fill: #" in text for text in texts)  # black would go without saying


@pytest.mark.parametrize("name", DRAW)
def test_nothing_overlaps_or_is_cut_off(name):
    DRAW[name]()
    figure = plt.gcf()
    figure.draw_without_rendering()
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box is not None
        assert figure.bbox.x0 - 1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1
        for axis in (ax.xaxis, ax.yaxis):
            boxes = [label.get_window_extent() for label in tick_labels(axis)]
            assert not any(one.overlaps(other) for one, other in pairwise(boxes))


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plot_loss(RUN, ax=ax),
        lambda ax: plot_loss_against_scale([1], [3], uniform_loss=3, ax=ax),
        lambda ax: plot_histogram(PRE, ax=ax),
        lambda ax: plot_draws({"one": [1.0, 2.0]}, ylabel="loss", ax=ax),
        lambda ax: plot_running({"one": [1.0, 2.0]}, 1.5, ylabel="mean", ax=ax),
        lambda ax: plot_batch_norm(200, momentum=0.1, ax=ax),
        lambda ax: plot_by_layer({"net": [1.0, 0.5]}, ylabel="std", ax=ax),
        lambda ax: plot_cobweb({"one": abs}, start=1, steps=1, limit=2, label="std", ax=ax),
        lambda ax: plot_densities({"one": PRE}, xlabel="h", ax=ax),
        lambda ax: plot_update_ratios(update_ratios(), ax=ax),
        lambda ax: plot_saturation_map(saturation(PRE.tanh()), ax=ax),
    ],
)
def test_given_axes_are_drawn_on(draw):
    _, ax = plt.subplots()
    assert draw(ax) is ax
    assert len(plt.get_fignums()) == 1
