"""What sweeps compare: variants of the lecture's nets, by the name of the sweep."""

import re
from dataclasses import dataclass, field, replace
from itertools import product

from makemore3.models import NetSpec, NormName
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

WIDE_RATES = (0.01, *RATES, 10.0)
"""The same, far enough to both sides for the best one to lie between two others."""

DEPTHS = (1, 2, 3, 5, 10, 20)
"""Numbers of hidden layers that they try."""

GAINS = (0.3, 0.6, 1.0, 5 / 3, 3.0, 6.0)
"""Gains of the weights that they try."""

BATCH_SIZES = (8, 32, 128, 512)
"""Numbers of examples a step that they try."""

GHOST_SIZES = (8, 32, 128)
"""Rows in the groups by which they normalise batches of 512."""

NORMS: tuple[NormName | None, ...] = (None, "batch", "layer", "rms", "group")
"""What the hidden layers are normalised by in the sweeps of norms."""

NORM_RATES = {1: (0.1, 0.3, 1.0), 5: (0.1, 0.3, 1.0), 20: (0.03, 0.1), 50: (0.03, 0.1)}
"""Learning rates that they try, by the number of hidden layers."""

PLAIN_RATES = NORM_RATES | {20: (0.01, 0.03, 0.1, 0.3), 50: (0.01, 0.03, 0.1)}
"""The same for the nets without a norm, whose best rate moves further."""

_SHORT = TrainConfig(max_steps=20_000, lr_decay_step=10_000)
_SHORTER = TrainConfig(max_steps=5_000, lr_decay_step=2_500)

_SLOW = 0.01
"""Momentum of a batch norm by which its running statistics cost next to nothing."""


def _deep(
    depth: int,
    batch_norm: bool,
    *,
    config: TrainConfig,
    gain: float = 5 / 3,
    momentum: float | None = None,
    suffix: str = "",
) -> Variant:
    """Return the lecture's deep net; None: the momentum is torch's, which is the lecture's."""
    arguments: dict[str, object] = {"n_linear": depth + 1, "gain": gain}
    if not batch_norm:
        arguments |= {"batch_norm": None}
    elif momentum is None:
        arguments |= {"batch_norm": "before"}
    else:
        arguments |= {"norm": "batch", "norm_options": {"momentum": momentum}}
    net = "batch-norm" if batch_norm else "plain"
    return Variant(
        f"{net}-depth{depth}-gain{gain:.3g}-lr{config.lr:g}{suffix}",
        NetSpec("deep_mlp", arguments),
        config,
    )


def _grouped(batch_size: int, group: int | None) -> Variant:
    """Return a net of five hidden layers, normalised in groups of so many rows; None: not at all.

    The running statistics are those of the last 6,400 rows, whatever the size of a group.
    """
    arguments: dict[str, object] = {"n_linear": 6}
    if group is not None:
        options: dict[str, object] = {"momentum": group / 6400}
        if group < batch_size:
            options["ghost_size"] = group
        norm = "ghost" if group < batch_size else "batch"
        arguments |= {"norm": norm, "norm_options": options}
    name = f"batch{batch_size}" + ("-plain" if group is None else f"-groups-of-{group}")
    config = TrainConfig(max_steps=2_500, lr_decay_step=1_250, batch_size=batch_size)
    return Variant(name, NetSpec("deep_mlp", arguments), config)


def _normed(
    norm: NormName | None,
    residual: bool,
    depth: int,
    config: TrainConfig = _SHORTER,
    *,
    scale: float | None = None,
    suffix: str = "",
) -> Variant:
    """Return a net whose hidden layers are normalised, and whose logits never are.

    A batch norm's momentum is low enough for its running statistics to cost nothing.

    Args:
        norm: What they are normalised by.
        residual: Whether they are residual branches, but for the first.
        depth: Number of hidden layers.
        config: How the net is trained.
        scale: The first `gamma` or, without a norm, the gain. None: 1, and without a norm 5/3.
        suffix: What else the name says.
    """
    arguments: dict[str, object] = {"n_linear": depth + 1, "gain": 5 / 3, "residual": residual}
    if norm is not None:
        arguments |= {"norm": norm, "norm_output": False}
    if norm == "batch":
        arguments |= {"norm_options": {"momentum": _SLOW}}
    name = f"{norm or 'none'}{'-residual' if residual else ''}-depth{depth}-lr{config.lr:g}"
    if scale is not None:
        arguments |= {"gain" if norm is None else "gamma": scale}
        name += f"-scale{scale:.3g}"
    return Variant(name + suffix, NetSpec("deep_mlp", arguments), config)


SWEEPS = {
    "loss-log": LOSS_LOG,
    "extra-steps": tuple(
        Variant(
            f"as-written-{steps}",
            NetSpec("mlp", {"stage": "as-written"}),
            TrainConfig(max_steps=steps, lr_decay_step=steps - 100_000),
        )
        for steps in (220_000, 400_000)
    ),
    "learning-rate": tuple(
        Variant(f"{name}-lr{lr:g}", NetSpec("mlp", {"stage": name}), TrainConfig(lr=lr))
        for name, lr in product(("kaiming", "batch-norm"), RATES)
    ),
    **{
        name: tuple(
            _deep(depth, norm, config=TrainConfig(), momentum=_SLOW)
            for norm, depth in product((False, True), depths)
        )
        for name, depths in (("depth", DEPTHS[:4]), ("deeper", DEPTHS[4:]))
    },
    "depth-and-rate": tuple(
        _deep(depth, norm, config=replace(_SHORT, lr=lr))
        for norm, depth, lr in product((False, True), DEPTHS, WIDE_RATES)
    ),
    "deep-rate": tuple(
        _deep(5, norm, config=TrainConfig(lr=lr))
        for norm, lr in product((False, True), WIDE_RATES[:5])
    ),
    "gain": tuple(
        _deep(depth, norm, config=_SHORT, gain=gain)
        for norm, depth, gain in product((False, True), (5, 20), GAINS)
    ),
    "batch-size": tuple(
        _deep(5, norm, config=replace(_SHORT, batch_size=size), suffix=f"-batch{size}")
        for norm, size in product((False, True), BATCH_SIZES)
    ),
    "ghost": tuple(
        _grouped(size, group)
        for size in BATCH_SIZES
        for group in (None, size, *(GHOST_SIZES if size == 512 else ()))
    ),
    "norm": tuple(
        _normed(norm, residual, depth, replace(_SHORTER, lr=lr))
        for depth in (1, 5, 20)
        for norm, residual in product(NORMS, (False, True) if depth > 1 else (False,))
        for lr in (PLAIN_RATES if norm is None else NORM_RATES)[depth]
    ),
    "norm-deep": tuple(
        _normed(norm, residual, 50, TrainConfig(max_steps=1_000, lr_decay_step=500, lr=lr))
        for norm, residual in product(NORMS[:3], (False, True))
        for lr in (PLAIN_RATES if norm is None else NORM_RATES)[50]
    ),
    "norm-gain": (
        *(
            _normed(norm, residual, depth, replace(_SHORTER, lr=lr), scale=scale)
            for depth, rates in ((1, (0.3,)), (5, (0.1, 0.3)))
            for norm, residual in product(NORMS, (False, True) if depth > 1 else (False,))
            for scale in ((1.0, 3.0) if norm is None else (5 / 3, 3.0))
            for lr in rates
        ),
        *(_normed(None, True, 20, _SHORTER, scale=scale) for scale in (0.5, 1.0)),
    ),
    "norm-setting": tuple(
        _normed(norm, residual, 5, replace(_SHORTER, **changes), suffix=suffix)
        for suffix, changes in (
            *(("-batch8", {"batch_size": 8, "lr": lr}) for lr in (0.03, 0.1, 0.3)),
            *(("-adam", {"optimizer": "adam", "lr": lr}) for lr in (0.001, 0.003, 0.01)),
        )
        for norm, residual in product(NORMS, (False, True))
    ),
    "norm-long": tuple(
        _normed(
            norm, residual, 5, TrainConfig(max_steps=25_000, lr_decay_step=12_500), suffix="-long"
        )
        for norm, residual in product(NORMS, (False, True))
    ),
}
"""What `python -m makemore3 sweep` can run."""
