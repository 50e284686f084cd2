"""What sweeps compare: variants of the lecture's nets, by the name of the sweep."""

import re
from dataclasses import dataclass, field, replace
from itertools import product

from makemore3.models import NetSpec
from makemore3.training import TrainConfig


@dataclass(frozen=True)
class Variant:
    """One way to build and train a net.

    Args:
        name: What the record calls it: letters, digits, dots and hyphens.
        net: The net, e.g. `NetSpec("mlp", {"stage": "kaiming"})`.
        config: How it is trained; the lecture's settings unless told otherwise.

    Raises:
        ValueError: If the name has other characters.
    """

    name: str
    net: NetSpec
    config: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", self.name):
            raise ValueError(
                f"Variant needs a name of letters, digits, dots and hyphens, got {self.name!r}"
            )


LOSS_LOG = tuple(
    Variant(name, NetSpec("mlp", {"stage": name}))
    for name in ("as-written", "softmax-fixed", "tanh-fixed", "kaiming", "batch-norm")
)
"""The five nets of the lecture's loss log; the last one with b1, so that all draw alike."""

RATES = (0.03, 0.1, 0.2, 0.5, 1.0, 3.0)
"""Learning rates that the sweeps try with and without batch norm."""

DEPTHS = (1, 2, 3, 5, 10, 20)
"""Numbers of hidden layers that they try."""

GAINS = (0.3, 0.6, 1.0, 5 / 3, 3.0, 6.0)
"""Gains of the weights that they try."""

BATCH_SIZES = (8, 32, 128, 512)
"""Numbers of examples a step that they try."""

_SHORT = TrainConfig(max_steps=20_000, lr_decay_step=10_000)


def _deep(
    depth: int, batch_norm: bool, *, config: TrainConfig, gain: float = 5 / 3, suffix: str = ""
) -> Variant:
    net, norm = ("batch-norm", "before") if batch_norm else ("plain", None)
    return Variant(
        f"{net}-depth{depth}-gain{gain:.3g}-lr{config.lr:g}{suffix}",
        NetSpec("deep_mlp", {"n_linear": depth + 1, "gain": gain, "batch_norm": norm}),
        config,
    )


SWEEPS = {
    "loss-log": LOSS_LOG,
    "learning-rate": tuple(
        Variant(f"{name}-lr{lr:g}", NetSpec("mlp", {"stage": name}), TrainConfig(lr=lr))
        for name, lr in product(("kaiming", "batch-norm"), RATES)
    ),
    "depth": tuple(
        _deep(depth, norm, config=TrainConfig()) for norm, depth in product((False, True), DEPTHS)
    ),
    "depth-and-rate": tuple(
        _deep(depth, norm, config=replace(_SHORT, lr=lr))
        for norm, depth, lr in product((False, True), DEPTHS, RATES)
    ),
    "deep-rate": tuple(
        _deep(5, norm, config=TrainConfig(lr=lr)) for norm, lr in product((False, True), RATES[:4])
    ),
    "gain": tuple(
        _deep(depth, norm, config=_SHORT, gain=gain)
        for norm, depth, gain in product((False, True), (5, 20), GAINS)
    ),
    "batch-size": tuple(
        _deep(5, norm, config=replace(_SHORT, batch_size=size), suffix=f"-batch{size}")
        for norm, size in product((False, True), BATCH_SIZES)
    ),
}
"""What `python -m makemore3 sweep` can run."""
