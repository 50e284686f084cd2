"""Looking inside a network: activations, gradients, weights, updates, and where gradients stop.

Works on any `torch.nn.Module` through forward hooks, and leaves it as it was.
"""

from makemore3.diagnostics.checking import check
from makemore3.diagnostics.facts import LEVELS, Finding, LayerFacts, LossFacts, Source, WeightFacts
from makemore3.diagnostics.hooks import Layers, record_activations, record_gradients
from makemore3.diagnostics.loading import load_setup
from makemore3.diagnostics.monitoring import Monitor
from makemore3.diagnostics.report import Report, Unhealthy
from makemore3.diagnostics.rules import RULES, Rule
from makemore3.diagnostics.saturated import (
    SaturationReport,
    dead_units,
    local_gradient,
    saturation,
)
from makemore3.diagnostics.statistics import (
    ActivationStats,
    GradientStats,
    ParameterStats,
    activation_stats,
    gradient_stats,
    parameter_stats,
)
from makemore3.diagnostics.updates import Step, UpdateRatios

__all__ = [
    "LEVELS",
    "RULES",
    "ActivationStats",
    "Finding",
    "GradientStats",
    "LayerFacts",
    "Layers",
    "LossFacts",
    "Monitor",
    "ParameterStats",
    "Report",
    "Rule",
    "SaturationReport",
    "Source",
    "Step",
    "Unhealthy",
    "UpdateRatios",
    "WeightFacts",
    "activation_stats",
    "check",
    "dead_units",
    "gradient_stats",
    "load_setup",
    "local_gradient",
    "parameter_stats",
    "record_activations",
    "record_gradients",
    "saturation",
]
