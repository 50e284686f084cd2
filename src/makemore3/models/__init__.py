"""The lecture's nets: one hidden layer, in the stages of the first part, then the deep net."""

from makemore3.models.common import evaluating, parameter_count
from makemore3.models.deep import NormName, NormPosition, deep_mlp
from makemore3.models.one_hidden import (
    AS_WRITTEN,
    BATCH_NORM,
    BATCH_NORM_NO_BIAS,
    KAIMING,
    LECTURE_SEED,
    SOFTMAX_FIXED,
    STAGES,
    TANH_FIXED,
    Stage,
    mlp,
)
from makemore3.models.spec import NetSpec

__all__ = [
    "AS_WRITTEN",
    "BATCH_NORM",
    "BATCH_NORM_NO_BIAS",
    "KAIMING",
    "LECTURE_SEED",
    "SOFTMAX_FIXED",
    "STAGES",
    "TANH_FIXED",
    "NetSpec",
    "NormName",
    "NormPosition",
    "Stage",
    "deep_mlp",
    "evaluating",
    "mlp",
    "parameter_count",
]
