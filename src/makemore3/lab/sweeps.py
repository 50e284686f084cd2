"""Sweeps: variants of the lecture's nets, many seeds each, one small file for each run."""

import hashlib
import json
import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Sequential

from makemore3.data import Dataset
from makemore3.fast import Method, best_method, train_many
from makemore3.keep import PART, written_whole
from makemore3.models import AS_WRITTEN, LECTURE_SEED, STAGES, deep_mlp, mlp
from makemore3.training import History, TrainConfig, evaluate

CURVE_POINTS = 200
"""Block means that are kept of a loss curve; of a run with fewer steps, every loss."""


@dataclass(frozen=True)
class Variant:
    """One way to build and train a net.

    Args:
        name: Part of the file names: letters, digits, dots and hyphens.
        build: Makes the net from a keyword `generator`, e.g. `partial(mlp, KAIMING)`.
        config: How it is trained; the lecture's settings unless told otherwise.

    Raises:
        ValueError: If the name is no part of a file name.
    """

    name: str
    build: Callable[..., Sequential]
    config: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", self.name):
            raise ValueError(
                f"Variant needs a name of letters, digits, dots and hyphens, got {self.name!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is kept of one run.

    Args:
        variant: Name of the variant.
        seed: Seed of the first weights and of the minibatches.
        start: What else decides the numbers: model, digest of the first weights, training
            settings, digest of the names.
        versions: What computed the numbers.
        failure: Why there are no final losses; None for a run that went through.
        losses: The final loss of each split, in nats per character; empty after a failure.
        curve: Means of the batch loss over blocks of `curve_block` steps.
        curve_block: Steps in each block.
    """

    variant: str
    seed: int
    start: dict[str, Any]
    versions: dict[str, str]
    failure: str | None
    losses: dict[str, float]
    curve: list[float]
    curve_block: int


LOSS_LOG = tuple(
    Variant(name, partial(mlp, STAGES[name]))
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
        partial(deep_mlp, n_linear=depth + 1, gain=gain, batch_norm=norm),
        config,
    )


SWEEPS = {
    "loss-log": LOSS_LOG,
    "learning-rate": tuple(
        Variant(f"{name}-lr{lr:g}", partial(mlp, STAGES[name]), TrainConfig(lr=lr))
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


def seeds(count: int) -> list[int]:
    """Return the lecture's seed, then 1, 2, 3 and so on.

    Raises:
        ValueError: If `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"a sweep needs at least 1 seed, got {count}")
    return [LECTURE_SEED, *range(1, count)]


def minibatch_generator(seed: int) -> torch.Generator:
    """Return the source of a seed's minibatches, the same for variants of one batch size.

    It is where the lecture's is when training starts: after the draws of its first net. So the
    runs of a seed are paired, and those of the lecture's seed are the lecture's.

    Source:
        Lecture [2:02](https://youtu.be/P6sfmUTpUmc?t=122) and its notebook.
    """
    generator = torch.Generator().manual_seed(seed)
    mlp(AS_WRITTEN, generator=generator)
    return generator


def sweep(
    variants: Sequence[Variant],
    seeds: Sequence[int],
    dataset: Dataset,
    folder: Path,
    *,
    max_steps: int | None = None,
    method: Method | None = None,
    progress: bool | None = None,
) -> list[Result]:
    """Train every variant with every seed, and write a file for each run as soon as it is done.

    A sweep that was interrupted, however rudely, goes on with the runs that have no file yet, and
    ends with the very bytes of an uninterrupted one. A run that diverges has a file too, which
    says where. Only one sweep may write to a folder at a time.

    Args:
        variants: The nets and their settings.
        seeds: Seeds of each variant; the minibatches of a seed are the same for all variants of
            one batch size.
        dataset: Names to train on, and to evaluate all three splits.
        folder: Where the files are, or will be; one for each sweep.
        max_steps: Steps of each run in place of the variants' own; the step at which the learning
            rate falls stays.
        method: As in `fast.train_many`; None: on a GPU in one stack, otherwise the best there is.
        progress: As in `fast.train_many`.

    Returns:
        The results, variant by variant in the order of the seeds.

    Raises:
        ValueError: If names or seeds occur twice, or the folder holds a file of the same name that
            is damaged or from a run of other settings.
        OSError: If the folder cannot be written to.
    """
    for what, given in {"variant": [v.name for v in variants], "seed": list(seeds)}.items():
        if twice := [item for item in given if given.count(item) > 1]:
            raise ValueError(f"sweep needs each {what} once, got {twice[0]!r} twice")
    if method is None:
        method = "stacked" if torch.cuda.is_available() else best_method()
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(f"*.json.*{PART}"):
        left_over.unlink()

    trainer = {"compiled": "C++", "stacked": "torch, stacked"}[method]
    versions = {
        **{name: version(name) for name in ("makemore3", "torch")},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "trainer": trainer,
    }
    planned = []
    for variant in variants:
        if max_steps is not None:
            variant = replace(variant, config=replace(variant.config, max_steps=max_steps))
        planned += [_Planned(variant, seed, dataset, folder, versions) for seed in seeds]
    missing = [run for run in planned if not run.is_done()]
    # A stack may round differently when it is smaller, so it is trained as a whole or not at all.
    todo = planned if missing and method == "stacked" else missing
    train_many(
        [run.model for run in todo],
        dataset.train,
        [run.variant.config for run in todo],
        generators=[minibatch_generator(run.seed) for run in todo],
        method=method,
        finished=lambda index, history: todo[index].write(history),
        progress=progress,
    )
    return [read_result(run.path) for run in planned]


class _Planned:
    """A run before it is trained, and its file."""

    def __init__(
        self,
        variant: Variant,
        seed: int,
        dataset: Dataset,
        folder: Path,
        versions: dict[str, str],
    ) -> None:
        self.variant, self.seed, self.dataset, self.versions = variant, seed, dataset, versions
        self.model = variant.build(generator=torch.Generator().manual_seed(seed))
        self.path = folder / f"{variant.name}-{seed}.json"
        self.start: dict[str, Any] = {
            "model": " ".join(repr(self.model).split()),
            "weights": _digest(self.model.state_dict()),
            **asdict(variant.config),
            "names": dataset.names.sha256[:16],
        }

    def is_done(self) -> bool:
        """Whether the file is there.

        Raises:
            ValueError: If it is damaged, or belongs to a run of other settings.
        """
        if not self.path.exists():
            return False
        found = read_result(self.path)
        differences = [
            f"  {key}: {found.start.get(key)} in the file, {value} now"
            for key, value in self.start.items()
            if found.start.get(key) != value
        ]
        if differences:
            raise ValueError(
                "\n".join([f"{self.path} is the result of another run:", *differences])
                + "\ngive another folder, or delete the file"
            )
        return True

    def write(self, history: History) -> None:
        """Evaluate what `history` led to, and write the file."""
        failure, losses = None, {}
        if math.isfinite(history.losses[-1]):
            losses = evaluate(self.model, self.dataset, ("train", "dev", "test"))
        else:
            failure = f"the loss is {history.losses[-1]} at step {len(history) - 1}"
            history = History(history.losses[:-1])
        block = max(1, self.variant.config.max_steps // CURVE_POINTS)
        curve = history.block_means(block).tolist() if len(history) >= block else []
        result = Result(
            variant=self.variant.name,
            seed=self.seed,
            start=self.start,
            versions=self.versions,
            failure=failure,
            losses={name: round(loss, 6) for name, loss in losses.items()},
            curve=[round(mean, 5) for mean in curve],
            curve_block=block,
        )
        with written_whole(self.path) as file:
            file.write(json.dumps(asdict(result), indent=1).encode() + b"\n")


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors.values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def read_result(path: Path) -> Result:
    """Read the file of one run.

    Raises:
        ValueError: If it is damaged or something else.
        OSError: If it cannot be read.
    """
    try:
        return Result(**json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is not the result of a run ({error}): delete it, and sweep again"
        ) from error


def read_results(folder: Path) -> list[Result]:
    """Read every run of a folder, in the order of variants and seeds.

    Raises:
        ValueError: If there is none, or a file is damaged.
    """
    results = [read_result(path) for path in folder.glob("*.json")]
    if not results:
        raise ValueError(f"{folder} holds no results: sweep into it first")
    return sorted(results, key=lambda result: (result.variant, result.seed))
