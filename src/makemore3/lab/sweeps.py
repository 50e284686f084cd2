"""Sweeps: variants of the lecture's nets, many seeds each, one record for all runs."""

import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from makemore3.data import Dataset, Split
from makemore3.fast import Method, best_method, train_many
from makemore3.keep.identity import differences, digest
from makemore3.lab.cluster import call_on_cluster
from makemore3.lab.records import Header, Record, Result, open_record
from makemore3.lab.variants import Variant
from makemore3.models import AS_WRITTEN, LECTURE_SEED, mlp
from makemore3.training import History, TrainConfig, split_loss


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
    path: Path,
    *,
    max_steps: int | None = None,
    method: Method | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> list[Result]:
    """Train every variant with every seed, and record each run as soon as it is done.

    A sweep that was interrupted, however rudely, goes on with the runs that are not in its record
    yet, and ends with the very bytes of an uninterrupted one. A run that fails is in the record
    too, with the reason. Only one sweep may write to a record at a time.

    Args:
        variants: The nets and their settings.
        seeds: Seeds of each variant; the minibatches of a seed are the same for all variants of
            one batch size.
        dataset: Names to train on, and to evaluate all splits.
        path: The record, e.g. `loss-log.jsonl`. Runs can be added to one that exists.
        max_steps: Steps of each run in place of the variants' own; the step at which the learning
            rate falls stays.
        method: As in `fast.train_many`; None: on a GPU in one stack, otherwise the best there is.
        scheduler: Address of a Dask cluster that does the runs, with the compiled trainer; None:
            this machine does them.
        progress: As in `fast.train_many`.

    Returns:
        The results, variant by variant in the order of the seeds.

    Raises:
        ValueError: If names or seeds occur twice; if the record is damaged, holds runs of other
            settings, data or versions, or another sweep is writing to it; if a cluster is to
            train a stack, or `distributed` is not installed.
        OSError: If the record cannot be written, or the cluster is lost.
    """
    for what, given in {"variant": [v.name for v in variants], "seed": list(seeds)}.items():
        if twice := [item for item in given if given.count(item) > 1]:
            raise ValueError(f"sweep needs each {what} once, got {twice[0]!r} twice")
    if scheduler is not None:
        method = method or "compiled"
        if method != "compiled":
            raise ValueError(f"a cluster trains run by run with C++, got method={method!r}")
    elif method is None:
        method = "stacked" if torch.cuda.is_available() else best_method()
    if max_steps is not None:
        variants = [replace(v, config=replace(v.config, max_steps=max_steps)) for v in variants]
    runs = [_Run(variant, seed) for variant in variants for seed in seeds]

    path.parent.mkdir(parents=True, exist_ok=True)
    with open_record(path) as record:
        header = _header(variants, dataset, method)
        old = record.header if record.results else None
        if old is not None:
            _refuse_others(path, old.data, header.data)
            for run in runs:
                run.refuse_others(record, header)
            header = replace(header, splits=old.splits, variants=old.variants | header.variants)
        missing = [run for run in runs if run.key not in record.results]
        if missing:
            if old is not None:
                _refuse_others(path, old.versions, header.versions)
            # A smaller stack may round differently, so it is trained as a whole or not at all.
            todo = runs if method == "stacked" else missing
            for run in todo:
                record.results.pop(run.key, None)
            record.begin(header)

            def add(run: _Run, outcome: dict[str, Any]) -> None:
                record.add(header.result(*run.key, run.weights, **outcome))

            if scheduler is None:
                _train_here(todo, dataset, header, method, progress, add)
            else:
                _train_on_cluster(todo, dataset, header, scheduler, progress, add)
        record.finish()
        return [record.results[run.key] for run in runs]


class _Run:
    """A variant with a seed, ready to be trained."""

    def __init__(self, variant: Variant, seed: int) -> None:
        self.variant, self.seed = variant, seed
        self.key = variant.name, seed
        self.model = variant.net.build(generator=torch.Generator().manual_seed(seed))
        self.weights = digest(self.model.state_dict())[:7]

    def refuse_others(self, record: Record, header: Header) -> None:
        """Compare with what the record calls by the same name.

        Raises:
            ValueError: If it is something else.
        """
        assert record.header is not None
        name = self.variant.name
        now = {**header.variants[name], "weights": self.weights}
        found = record.header.variants.get(name, now)
        recorded = record.results.get(self.key)
        weights = self.weights if recorded is None else recorded.start["weights"]
        _refuse_others(record.path, {**found, "weights": weights}, now)


def _refuse_others(path: Path, found: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if changes := differences(found, now):
        raise ValueError(
            "\n".join([f"{path} is the record of other runs:", *changes])
            + "\ngive another file, or delete this one"
        )


def _header(variants: Sequence[Variant], dataset: Dataset, method: Method) -> Header:
    """Describe runs by all that decides their numbers, except the seed and its weights."""
    splits = dataset.splits()
    return Header(
        data={
            "names": dataset.names.sha256[:16],
            "shuffle_seed": dataset.shuffle_seed,
            "distinct": dataset.distinct,
            "block_size": dataset.block_size,
            **{
                name: f"{len(split):,} with sha256 {digest({'x': split.x, 'y': split.y})[:16]}"
                for name, split in splits.items()
                if name in dataset.words
            },
        },
        versions=_versions(method),
        splits=list(splits),
        variants={v.name: {"net": v.net.to_json(), **_settings(v.config)} for v in variants},
    )


def _settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings of training; records from before there was a choice name no optimizer."""
    settings = asdict(config)
    if settings["optimizer"] == "sgd":
        del settings["optimizer"]
    return settings


def _versions(method: Method) -> dict[str, str]:
    return {
        **{name: version(name) for name in ("makemore3", "torch")},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "trainer": {"compiled": "C++", "stacked": "torch, stacked"}[method],
    }


_Add = Callable[[_Run, dict[str, Any]], None]
"""Records the outcome of a run."""


def _train_here(
    runs: Sequence[_Run],
    dataset: Dataset,
    header: Header,
    method: Method,
    progress: bool | None,
    add: _Add,
) -> None:
    parts = dataset.splits()
    scored = {name: parts[name] for name in header.splits}
    train_many(
        [run.model for run in runs],
        dataset.train,
        [run.variant.config for run in runs],
        generators=[minibatch_generator(run.seed) for run in runs],
        method=method,
        finished=lambda i, history: add(runs[i], _outcome(runs[i].model, scored, history)),
        progress=progress,
    )


def _outcome(model: nn.Module, splits: Mapping[str, Split], history: History) -> dict[str, Any]:
    """Return the losses of a trained net, or why there are none, as a line of the record has it."""
    if not math.isfinite(history.losses[-1]):
        return {"failure": f"the loss is {history.losses[-1]} at step {len(history) - 1}"}
    losses = {name: split_loss(model, split) for name, split in splits.items()}
    for name, loss in losses.items():
        if not math.isfinite(loss):
            return {"failure": f"the {name} loss is {loss} after the last step"}
    return {"losses": {name: round(loss, 6) for name, loss in losses.items()}}


def _train_on_cluster(
    runs: Sequence[_Run],
    dataset: Dataset,
    header: Header,
    scheduler: str,
    progress: bool | None,
    add: _Add,
) -> None:
    calls = [(run.variant, run.seed, run.weights) for run in runs]
    outcomes = call_on_cluster(scheduler, _train_alone, (dataset, header), calls)
    bar = tqdm(
        outcomes,
        total=len(runs),
        unit="run",
        disable=None if progress is None else not progress,
        leave=False,
    )
    for index, outcome in bar:
        add(runs[index], outcome)


def _train_alone(
    shared: tuple[Dataset, Header], variant: Variant, seed: int, weights: str
) -> dict[str, Any]:
    """Do one run in a worker of a cluster, with the numbers that it has anywhere.

    Raises:
        ValueError: If the worker has other versions than the record, or draws other weights.
    """
    dataset, header = shared
    torch.set_num_threads(1)  # with more, sums round differently from machine to machine
    run = _Run(variant, seed)
    here = {**_versions("compiled"), "weights": run.weights}
    there = {**header.versions, "weights": weights}
    if here != there:
        raise ValueError(
            f"a worker of the cluster has {here}, and the record {there}: "
            "install the same versions on all machines"
        )
    outcome: dict[str, Any] = {}
    _train_here([run], dataset, header, "compiled", False, lambda _, found: outcome.update(found))
    return outcome
