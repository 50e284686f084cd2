"""The nets that the page's numbers are compared on."""

import torch
from torch import nn

from makemore3.models import LECTURE_SEED, STAGES, NetSpec, Stage

DEEP = {
    "six-layers": {},
    "six-layers-batch-norm": {"gain": 1.0, "batch_norm": "before"},
}
NETS = {
    **{key: (key, {}, NetSpec("mlp", {"stage": key})) for key in STAGES},
    **{key: (key, {}, NetSpec("deep_mlp", arguments)) for key, arguments in DEEP.items()},
    "twenty layers": (
        "six-layers",
        {"gain": 1, "depth": 20, "hidden": 32},
        NetSpec("deep_mlp", {"gain": 1.0, "n_linear": 20, "n_hidden": 32}),
    ),
    "linear": (
        "six-layers",
        {"tanh": False, "gain": 1},
        NetSpec("deep_mlp", {"gain": 1.0, "nonlinearity": None}),
    ),
    "without fan-in scaling": (
        "six-layers-batch-norm",
        {"scaled": False},
        NetSpec("deep_mlp", {"gain": 1.0, "batch_norm": "before", "fan_in_scaling": False}),
    ),
    "one linear layer": ("six-layers", {"depth": 1}, NetSpec("deep_mlp", {"n_linear": 1})),
    "other scales": (
        "batch-norm",
        {"w1": 0.2, "b1": 0.3, "w2": 0.1, "b2": 0.01, "hidden": 50},
        NetSpec(
            "mlp",
            {
                "stage": Stage(
                    title="other", w1_std=0.2, b1_std=0.3, w2_std=0.1, b2_std=0.01, batch_norm=True
                ),
                "n_hidden": 50,
            },
        ),
    ),
}
"""Stage and changes of the page, and the same net of the package."""

CHAOTIC = {"as-written", "without fan-in scaling"}
"""Where a difference in the last place soon grows large."""


def built(name: str) -> tuple[nn.Module, torch.Generator]:
    """The package's net, and the generator as it is then."""
    generator = torch.Generator().manual_seed(LECTURE_SEED)
    return NETS[name][2].build(generator=generator), generator
