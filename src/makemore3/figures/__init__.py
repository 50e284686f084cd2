"""Figures by subject: functions that take results and return matplotlib `Axes`.

Style belongs to `rcParams`: the figures keep to its sizes and to its colours C0, C1, ..., so they
suit whatever page they are drawn for. Only the saturation map is black and white by itself.
"""

from makemore3.figures.diagrams import (
    plot_batch_norm,
    plot_broadcast,
    plot_gradient_path,
    plot_lookup,
    plot_net,
    plot_residual_block,
)
from makemore3.figures.distributions import (
    plot_densities,
    plot_draws,
    plot_histogram,
    plot_histograms,
    plot_probabilities,
)
from makemore3.figures.inside import (
    plot_by_layer,
    plot_cobweb,
    plot_nonlinearities,
    plot_running,
    plot_saturation_map,
    plot_saturation_maps,
    plot_update_ratios,
)
from makemore3.figures.losses import (
    plot_intervals,
    plot_loss,
    plot_loss_against_scale,
    plot_sweep,
)
from makemore3.figures.report import plot_report
from makemore3.figures.speed import plot_roofline

__all__ = [
    "plot_batch_norm",
    "plot_broadcast",
    "plot_by_layer",
    "plot_cobweb",
    "plot_densities",
    "plot_draws",
    "plot_gradient_path",
    "plot_histogram",
    "plot_histograms",
    "plot_intervals",
    "plot_lookup",
    "plot_loss",
    "plot_loss_against_scale",
    "plot_net",
    "plot_nonlinearities",
    "plot_probabilities",
    "plot_report",
    "plot_residual_block",
    "plot_roofline",
    "plot_running",
    "plot_saturation_map",
    "plot_saturation_maps",
    "plot_sweep",
    "plot_update_ratios",
]
