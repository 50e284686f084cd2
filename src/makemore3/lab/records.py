"""The record of a sweep: a file with a header line, then one line of JSON for each run.

The header holds what many runs share: the data, the versions of what computed the numbers, which
splits there are losses of, and how the variants are built and trained: under `shared` what all of
them have in common, and then what each adds. A run's own line is a list: its variant, its seed, a
digest of its first weights, and then its final loss of each split, or the reason why there are
none.

A finished record is sorted by variant and seed, so its bytes don't depend on how often the sweep
was interrupted, or on which run was done first. While a sweep is under way its lines are in the
order in which the runs ended, and the last one may be cut off.
"""

import json
import math
import os
import reprlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout

from makemore3.files import PART, written_whole

FORMAT = "makemore3 sweep 3"
"""The first words of a record; another layout of the lines gets another number."""

LOCK = ".lock"
"""Ending of the file beside a record by which a second sweep sees the first. It may be deleted."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is kept of one run.

    Args:
        variant: Name of the variant.
        seed: Seed of the first weights and of the minibatches.
        start: What else decides the numbers: names and split, net, training settings, digest of
            the first weights.
        versions: What computed the numbers.
        failure: Why there are no final losses; None for a run that went through.
        losses: The final loss of each split, in nats per character; empty after a failure.
    """

    variant: str
    seed: int
    start: dict[str, Any]
    versions: dict[str, str]
    failure: str | None
    losses: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the runs of a record share.

    Args:
        data: Which names, and how they are split.
        versions: What computed the numbers.
        splits: The splits that each run has a loss of.
        variants: By name: the whole of its net and training settings.
    """

    data: dict[str, Any]
    versions: dict[str, str]
    splits: list[str]
    variants: dict[str, dict[str, Any]]

    def result(
        self,
        variant: str,
        seed: int,
        weights: str,
        *,
        losses: dict[str, float] | None = None,
        failure: str | None = None,
    ) -> Result:
        """Return the result of one run, with what the header says about it.

        Raises:
            ValueError: If a loss is missing or not finite, or the header lacks the variant.
        """
        if variant not in self.variants:
            raise ValueError(f"its variant, {reprlib.repr(variant)}, is not in the header")
        if failure is None and not _whole(losses, self.splits):
            raise ValueError(
                f"expected a finite loss of each of {', '.join(self.splits)}, "
                f"got {reprlib.repr(losses)}"
            )
        start = {**self.data, **self.variants[variant], "weights": weights}
        return Result(
            variant=variant,
            seed=seed,
            start=start,
            versions=self.versions,
            failure=failure,
            losses=losses or {},
        )


def _whole(losses: object, splits: list[str]) -> bool:
    return (
        isinstance(losses, dict)
        and list(losses) == splits
        and all(isinstance(loss, float) and math.isfinite(loss) for loss in losses.values())
    )


def read_results(path: Path) -> list[Result]:
    """Read every run of a record, in the order of variants and seeds.

    Raises:
        ValueError: If the file is damaged or no record, or holds no run, or two results of one.
        OSError: If it cannot be read.
    """
    _, results = _read(path, allow_torn=False)
    if not results:
        raise ValueError(f"{path} holds no results: sweep into it first")
    return _in_order(results.values())


class Record:
    """A record that runs are added to; `open_record` makes it.

    Args:
        path: The file.
        header: The file's header; None as long as there is no file.
        results: The runs that it holds, by variant and seed.
    """

    def __init__(
        self, path: Path, header: Header | None, results: dict[tuple[str, int], Result]
    ) -> None:
        self.path, self.header, self.results = path, header, results
        self._adding = Lock()

    def begin(self, header: Header) -> None:
        """Write the file with the runs that it holds, so that others can be added.

        Raises:
            OSError: If the file cannot be written.
        """
        self.header = header
        self._write(header)

    def add(self, result: Result) -> None:
        """Append a run, and return when it is on the disk; several threads may call this.

        Raises:
            OSError: If it cannot be written. The file then ends as before.
        """
        with self._adding:
            size = self.path.stat().st_size
            try:
                with self.path.open("ab") as file:
                    file.write(_result_line(result))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(self.path, size)
                raise
            self.results[result.variant, result.seed] = result

    def finish(self) -> None:
        """Sort the file; one that is as it should be is left untouched.

        Raises:
            OSError: If the file cannot be written.
        """
        assert self.header is not None
        names = {variant for variant, _ in self.results}
        variants = {name: entry for name, entry in self.header.variants.items() if name in names}
        self._write(
            Header(
                data=self.header.data,
                versions=self.header.versions,
                splits=self.header.splits,
                variants=variants,
            )
        )

    def _write(self, header: Header) -> None:
        lines = [_header_line(header), *map(_result_line, _in_order(self.results.values()))]
        content = b"".join(lines)
        if not self.path.exists() or self.path.read_bytes() != content:
            with written_whole(self.path) as file:
                file.write(content)


@contextmanager
def open_record(path: Path) -> Iterator[Record]:
    """Open a record to add to, or a new one; meanwhile no other process can.

    A last line that was cut off is dropped: whoever wrote it was killed, and its run counts as not
    done.

    Raises:
        ValueError: If another process has it open, or it is damaged or no record.
        OSError: If its folder cannot be written to.
    """
    try:
        held = FileLock(path.with_name(path.name + LOCK)).acquire(blocking=False)
    except Timeout:
        raise ValueError(
            f"another sweep is writing to {path}: wait until it ends, or give another file"
        ) from None
    with held:
        for left_over in path.parent.glob(f"{path.name}.*{PART}"):
            left_over.unlink()
        header, results = _read(path, allow_torn=True) if path.exists() else (None, {})
        yield Record(path, header, results)


def _in_order(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: (result.variant, result.seed))


def _header_line(header: Header) -> bytes:
    variants = dict(sorted(header.variants.items()))
    shared = _shared(list(variants.values()))
    return _line(
        {
            "format": FORMAT,
            "data": header.data,
            "versions": header.versions,
            "splits": header.splits,
            "shared": shared,
            "variants": {name: _added(entry, shared) for name, entry in variants.items()},
        }
    )


def _shared(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What all entries have in common, also inside of their own entries, sorted by key."""
    shared = {}
    for key in sorted(set.intersection(*map(set, entries))) if entries else ():
        values = [entry[key] for entry in entries]
        if all(value == values[0] for value in values):
            shared[key] = values[0]
        elif all(isinstance(value, dict) for value in values) and (inside := _shared(values)):
            shared[key] = inside
    return shared


def _added(entry: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """What an entry has beyond the shared, sorted by key; `_merged` puts them together again."""
    added = {}
    for key, value in sorted(entry.items()):
        if key not in shared:
            added[key] = value
        elif value != shared[key]:
            added[key] = _added(value, shared[key])
    return added


def _merged(shared: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    inside = {key: _merged(shared[key], added[key]) for key in shared.keys() & added.keys()}
    return {**shared, **added, **inside}


def _result_line(result: Result) -> bytes:
    outcome = result.losses.values() if result.failure is None else [result.failure]
    return _line([result.variant, result.seed, result.start["weights"], *outcome])


def _line(content: object) -> bytes:
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _read(path: Path, *, allow_torn: bool) -> tuple[Header, dict[tuple[str, int], Result]]:
    first, *lines = path.read_bytes().split(b"\n")
    header = _parse_header(path, first)
    if allow_torn and lines and not _is_json(lines[-1]):
        del lines[-1]
    elif lines and not lines[-1]:
        del lines[-1]  # what follows the last line's end

    results: dict[tuple[str, int], Result] = {}
    places: dict[tuple[str, int], int] = {}
    for number, line in enumerate(lines, start=2):
        if line == first:
            continue  # two copies of a record in one file
        try:
            result = _parse_result(header, line)
            key = result.variant, result.seed
            if results.setdefault(key, result) != result:
                raise ValueError(f"another result of the run in line {places[key]}")
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged in line {number} ({error}): delete the line and sweep again, "
                "or put a whole copy back"
            ) from error
        places.setdefault(key, number)
    return header, results


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _parse_header(path: Path, line: bytes) -> Header:
    try:
        content = json.loads(line)
        if content.pop("format") != FORMAT:
            raise ValueError("it has another format")
        shared = content.pop("shared")
        header = Header(**content)
        own = header.variants.values()
        if not all(
            isinstance(entry, dict)
            for entry in (header.data, header.versions, shared, header.variants, *own)
        ):
            raise ValueError("data, versions, shared and variants have to be objects")
        whole = {name: _merged(shared, added) for name, added in header.variants.items()}
        return replace(header, variants=whole)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f'{path} is no record of a sweep, as its first line is no header of "{FORMAT}" '
            f"({error}): give another file, or put a whole copy back"
        ) from error


def _parse_result(header: Header, line: bytes) -> Result:
    splits = header.splits
    match json.loads(line):
        case [str(variant), int(seed), str(weights), str(failure)]:
            return header.result(variant, seed, weights, failure=failure)
        case [str(variant), int(seed), str(weights), *numbers] if len(numbers) == len(splits):
            losses = dict(zip(splits, numbers, strict=True))
            return header.result(variant, seed, weights, losses=losses)
        case content:
            raise ValueError(
                f"expected variant, seed, weights and either the losses of "
                f"{', '.join(splits)} or a failure, got {reprlib.repr(content)}"
            )
