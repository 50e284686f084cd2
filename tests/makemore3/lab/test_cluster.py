"""Sweeps on a Dask cluster: the bytes of one machine, whatever happens to the workers."""

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from distributed import Client, LocalCluster, default_client

from makemore3 import cli
from makemore3.data import Dataset
from makemore3.fast import best_method
from makemore3.lab import cluster, sweeps
from makemore3.lab.cluster import call_on_cluster
from makemore3.lab.records import open_record, read_results
from makemore3.lab.sweeps import sweep
from makemore3.lab.variants import Variant
from makemore3.models import NetSpec
from makemore3.training import TrainConfig

CONFIG = TrainConfig(max_steps=3000)
VARIANTS = (
    Variant("kaiming", NetSpec("mlp", {"stage": "kaiming"}), CONFIG),
    Variant("batch-norm", NetSpec("mlp", {"stage": "batch-norm"}), CONFIG),
    Variant("lost", NetSpec("mlp", {"stage": "kaiming"}), TrainConfig(max_steps=60, lr=3e38)),
)
SEEDS = [1, 2, 3]


Workers = Any
"""A `LocalCluster`, whose types are those of its asynchronous use too."""


def start(count: int) -> Workers:
    return LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Two processes of one thread; a lost one is replaced."""
    with start(2) as workers:
        yield workers


needs_compiler = pytest.mark.skipif(
    best_method() != "compiled", reason="the workers of a cluster need a C++ compiler"
)


def test_one_worker_is_enough() -> None:
    with start(1) as workers:
        found = call_on_cluster(workers.scheduler_address, pow, 2, [(3,), (5,)])
        first = next(found)
        with pytest.raises(ValueError, match="No clients found"):
            default_client()  # a caller's own stays the one that Dask takes
        assert dict([first, *found]) == {0: 8, 1: 32}


def test_a_scheduler_that_is_lost_is_an_error(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise CancelledError("the last task")

    monkeypatch.setattr("distributed.as_completed", lost)
    address = workers.scheduler_address
    with pytest.raises(OSError, match=f"^the cluster's scheduler {address} is lost: the last task"):
        list(call_on_cluster(address, pow, 2, [(3,)]))


@needs_compiler
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_worker_that_is_killed_changes_nothing(
    workers: Workers, made_up: Dataset, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    expected = sweep(VARIANTS, SEEDS, made_up, here)
    with Client(workers.scheduler_address, set_as_default=False) as client:
        processes: Any = client.run(os.getpid)
    assert len(set(processes.values())) == 2
    ended = Event()
    lines_at_the_kill: list[int] = []

    def kill_one() -> None:
        while not there.exists() or there.read_bytes().count(b"\n") < 1 + 2:
            if ended.wait(0.002):
                return
        os.kill(next(iter(processes.values())), signal.SIGKILL)
        lines_at_the_kill.append(there.read_bytes().count(b"\n"))

    killer = Thread(target=kill_one)
    killer.start()
    try:
        results = sweep(VARIANTS, SEEDS, made_up, there, scheduler=workers.scheduler_address)
    finally:
        ended.set()
        killer.join()
    assert lines_at_the_kill, "no worker was killed"
    assert lines_at_the_kill[0] < 1 + len(results), "it was killed when all was done"
    assert results == expected
    assert there.read_bytes() == here.read_bytes()


@needs_compiler
def test_a_sweep_begun_on_one_machine_goes_on_in_a_cluster(
    workers: Workers, made_up: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    sweep(VARIANTS, SEEDS, made_up, here)
    sweep(VARIANTS[:1], SEEDS, made_up, there)
    handed: list[Any] = []

    def call(scheduler: str, function: Any, shared: object, calls: list[Any]) -> Any:
        handed.extend(calls)
        return call_on_cluster(scheduler, function, shared, calls)

    monkeypatch.setattr(sweeps, "call_on_cluster", call)
    sweep(VARIANTS, SEEDS, made_up, there, scheduler=workers.scheduler_address)
    assert len(handed) == 6
    assert there.read_bytes() == here.read_bytes()


@needs_compiler
def test_the_command_hands_its_runs_to_a_cluster(
    workers: Workers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = tmp_path / "mine.txt"
    names.write_text("".join(f"{a}{b}{c}a\n" for a in "bdk" for b in "aeio" for c in "lmnr"))
    monkeypatch.setenv("MAKEMORE_NAMES", str(names))
    command = ["sweep", "loss-log", "--seeds", "1", "--steps", "20", "--record"]
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    assert cli.main([*command, str(here)]) == 0
    table = capsys.readouterr().out
    assert cli.main([*command, str(there), "--scheduler", workers.scheduler_address]) == 0
    assert capsys.readouterr().out == table
    assert there.read_bytes() == here.read_bytes()


@needs_compiler
def test_a_worker_with_other_versions_is_refused(
    workers: Workers, made_up: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.jsonl"
    versions = {"torch": "1.0"}
    said = (
        r"^a worker of the cluster has .*, and the record .*'1\.0'.*: install the same versions on "
        "all machines$"
    )
    monkeypatch.setattr(sweeps, "_versions", lambda _: versions)  # not in the workers
    with pytest.raises(ValueError, match=said):
        sweep(VARIANTS, SEEDS, made_up, path, scheduler=workers.scheduler_address)
    with pytest.raises(ValueError, match="holds no results"):
        read_results(path)
    with open_record(path):  # nobody holds it any more
        pass


def _fail_at(shared: int, number: int) -> int:
    if number == shared:
        raise FloatingPointError(f"this is {number}")
    return number


def test_what_a_call_raises_is_raised_here(workers: Workers) -> None:
    calls = [(n,) for n in (0, 1, 2, 1)]
    outcomes = call_on_cluster(workers.scheduler_address, _fail_at, 7, calls)
    assert sorted(outcomes) == [(0, 0), (1, 1), (2, 2), (3, 1)]  # the same call twice, too
    with pytest.raises(FloatingPointError, match="this is 2"):
        list(call_on_cluster(workers.scheduler_address, _fail_at, 2, calls))


def _die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_task_that_kills_every_worker_is_an_error(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.scheduler, "allowed_failures", 0)  # of 3, to be done sooner
    with pytest.raises(OSError, match=r"^the cluster has lost several workers at one task: A"):
        list(call_on_cluster(workers.scheduler_address, _die, None, [()]))


def test_a_cluster_that_is_not_there_is_an_error(
    made_up: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    path = tmp_path / "some.jsonl"
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9"):
        sweep(VARIANTS, SEEDS, made_up, path, scheduler="tcp://127.0.0.1:9")
    with (
        start(0) as empty,
        pytest.raises(OSError, match="worker"),
    ):
        sweep(VARIANTS, SEEDS, made_up, path, scheduler=empty.scheduler_address)


def test_a_cluster_trains_no_stacks(made_up: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run by run with C\+\+, got method='stacked'"):
        sweep(VARIANTS, SEEDS, made_up, tmp_path / "a", method="stacked", scheduler="tcp://none:1")


def test_without_its_package_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "mine.txt"
    names.write_text("\n".join(["emma", "olivia", "ava", "isabella", "sophia", "mia"]))
    monkeypatch.setenv("MAKEMORE_NAMES", str(names))
    monkeypatch.setitem(sys.modules, "distributed", None)
    command = ["sweep", "loss-log", "--record", str(tmp_path / "a"), "--scheduler", "tcp://none:1"]
    assert cli.main(command) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "makemore3: a cluster needs distributed, which is not installed; in the project's folder "
        'run: python -m pip install -e ".[cluster]"'
    )
