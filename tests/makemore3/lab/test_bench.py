"""The measurement of speed: every method once, the same losses, and a record that can be read."""

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from makemore3 import cli
from makemore3.data import Dataset, Split
from makemore3.fast import best_method
from makemore3.lab import bench, limits
from makemore3.lab.bench import NOTEBOOK, Speed, Timing, read_speed

SPEED = Speed(
    machine={"processor": "abacus", "cores": "2"},
    timings=[Timing(NOTEBOOK, rate=3000.0, ratio=1.0, difference=1e-6)],
    products={"1 thread": {8: 1.5, 16: 2.5}},
    bandwidth=20.0,
    microseconds={"a call": 2.0},
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "COMPARED", 100)
    for module in (bench, limits):
        monkeypatch.setattr(module, "SIZES", (8, 64))
    monkeypatch.setattr(bench, "STACKS", (1, 4))
    monkeypatch.setattr(limits, "STREAM_BYTES", 2**16)
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 2)


@pytest.mark.usefixtures("quick")
def test_every_method_and_every_limit_is_measured(made_up: Dataset):
    speed = bench.bench(made_up, rounds=2, seconds=0.01)
    methods = [
        NOTEBOOK,
        "the same, 2 threads",
        "2 at once, 1 thread each",
        "2 at once, 2 threads each",
        "makemore3.training",
        "stacked, 1 net",
        "stacked, 4 nets",
    ]
    if best_method() == "compiled":
        methods += ["compiled, 1 net", "compiled, 2 nets on 2 cores"]
    assert [timing.method for timing in speed.timings] == methods
    assert speed.timings[0].ratio == 1.0
    assert speed.timings[4].difference == 0.0  # the others are compared with this one
    for timing in speed.timings:
        assert timing.rate > 0
        assert timing.difference < 1e-5
    assert list(speed.products) == ["1 thread", "2 threads"]
    for rates in speed.products.values():
        assert list(rates) == [8, 64]
        assert min(rates.values()) > 0
    assert speed.bandwidth > 0
    assert list(speed.microseconds) == ["a call", "a call and its backward", "a minibatch"]
    assert min(speed.microseconds.values()) > 0
    assert list(speed.machine) == ["processor", "cores", "python", "torch"]
    assert all(speed.machine.values())


@pytest.mark.usefixtures("quick")
def test_limits_have_the_units_that_they_say(made_up: Dataset, monkeypatch: pytest.MonkeyPatch):
    def takes_a_millisecond(run: Callable[[], object], seconds: float) -> float:
        run()
        return 1e-3

    def draw(split: Split, batch_size: int, *, generator: torch.Generator) -> None:
        drawn.append((split, batch_size))

    drawn: list[tuple[Split, int]] = []
    monkeypatch.setattr(limits, "_each", takes_a_millisecond)
    monkeypatch.setattr(limits, "minibatch", draw)
    assert dict(limits.limits(made_up, 1, seconds=0.01)) == pytest.approx(
        {
            "1 8": 2 * 8**3 / 1e-3 / 1e9,
            "1 64": 2 * 64**3 / 1e-3 / 1e9,
            "bandwidth": 2 * 2**16 / 1e-3 / 1e9,  # read and written
            "a call": 1000,
            "a call and its backward": 10,  # a hundred of them
            "a minibatch": 1000,
        }
    )
    assert drawn == [(made_up.train, 32)], "a minibatch of the lecture's size"


@pytest.mark.parametrize(
    ("one", "seconds", "count"),
    [
        (0.5, 1.8, 4),  # one call, then as many as fill the time
        (0.5, 0.1, 1),  # and at least one
        (0.0, 1e-6, 10),  # too short for the clock
    ],
)
def test_what_is_timed_is_warm_and_repeated(
    one: float, seconds: float, count: int, monkeypatch: pytest.MonkeyPatch
):
    calls = []
    clock = iter([0.0, one, 1.0, 3.0])
    monkeypatch.setattr(limits.time, "perf_counter", lambda: next(clock))
    assert limits._each(lambda: calls.append(1), seconds=seconds) == 2.0 / count
    assert len(calls) == 2 + count


@pytest.mark.parametrize(
    ("information", "name"),
    [
        ("vendor_id\t: us\nmodel name\t: Abacus: 3000\nmodel name\t: other\n", "Abacus: 3000"),
        ("Hardware\t: Abacus\n", "family"),
        (None, "family"),
    ],
)
def test_a_processor_is_called_by_its_name_or_its_family(
    information: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "cpuinfo"
    if information is not None:
        path.write_text(information)
    monkeypatch.setattr(limits, "Path", {"/proc/cpuinfo": path}.__getitem__)
    monkeypatch.setattr(limits.platform, "processor", lambda: "family")
    assert limits.processor_name() == name
    monkeypatch.setattr(limits.platform, "processor", str)
    monkeypatch.setattr(limits.platform, "machine", lambda: "machine")
    assert limits.processor_name() == name.replace("family", "machine")


def test_torch_has_as_many_threads_afterwards_as_before():
    before = torch.get_num_threads()
    with suppress(KeyboardInterrupt), limits.torch_threads(before + 2):
        assert torch.get_num_threads() == before + 2
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before


def test_a_turn_has_the_steps_that_fill_its_time(made_up: Dataset, monkeypatch: pytest.MonkeyPatch):
    now, calls = [0.0], []

    def way(name: str, nets: int, duration: float) -> bench._Way:
        def run(dataset: Dataset, steps: int) -> list[float]:
            calls.append((name, steps))
            now[0] += steps * duration
            return [0.0] * (steps - 1) + [-0.25 * nets]

        return bench._Way(nets, run)

    def machine(dataset: Dataset, cores: int, seconds: float) -> list[tuple[str, float]]:
        assert (cores, seconds) == (8, 0.01)
        names = [f"{n} {size}" for n in (1, 8) for size in limits.SIZES]
        return [(name, now[0]) for name in (*names, "bandwidth", *limits.SMALL_THINGS)]

    monkeypatch.setattr(limits.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(bench, "_layers", lambda dataset, steps: [0.0] * steps)
    monkeypatch.setattr(bench, "limits", machine)
    ways = {NOTEBOOK: way("a", 1, 2**-10), "stack": way("b", 4, 2**-3)}
    speed = bench._measure(made_up, 8, ways, 3, 0.5)
    tried = [(name, steps) for name in "ab" for steps in (1, bench.CALIBRATION, bench.COMPARED)]
    assert calls == [*tried, *[("a", 512), ("b", bench.CALIBRATION)] * 3]
    assert speed.timings == [
        Timing(NOTEBOOK, rate=2**10, ratio=1.0, difference=0.25),
        Timing("stack", rate=2**5, ratio=2**-5, difference=1.0),
    ]
    assert list(speed.products) == ["1 thread", "8 threads"]
    assert {*speed.products["8 threads"].values(), speed.bandwidth} == {now[0] - 0.5 - 50 / 8}


@pytest.mark.usefixtures("quick")
def test_one_core_has_no_lines_for_several(made_up: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench.os, "cpu_count", lambda: 1)
    speed = bench.bench(made_up, rounds=1, seconds=0.01)
    assert not [timing.method for timing in speed.timings if "2" in timing.method]
    assert list(speed.products) == ["1 thread"]


@pytest.mark.usefixtures("quick")
def test_command_prints_a_line_for_each_method_and_records_them(
    made_up: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
):
    monkeypatch.setattr(cli, "load_dataset", lambda: made_up)
    path = tmp_path / "speed.json"
    arguments = ["bench", "--rounds", "1", "--seconds", "0.01", "--record", str(path)]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    assert "step" not in captured.err, "a bar would take time"
    head, *lines = captured.out.splitlines()
    assert head.split()[-5:] == ["steps/s", "ratio", "loss", "differs", "by"]
    recorded = read_speed(path)
    assert [line.split("  ")[0] for line in lines] == [t.method for t in recorded.timings]
    assert float(lines[0].split()[-2]) == 1.0
    assert all(float(line.split()[-1]) < 1e-5 for line in lines)


def test_a_record_without_a_folder_is_refused_before_anything_is_timed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    path = tmp_path / "none" / "speed.json"
    assert cli.main(["bench", "--record", str(path)]) == 2
    said = f"makemore3: --record needs a folder that exists, got {path}: make it first\n"
    assert capsys.readouterr().err == said


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["bench", "--rounds", "0"]) == 2
    assert "bench needs at least 1 round, got 0" in capsys.readouterr().err


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "speed.json"
    SPEED.write(path)
    assert read_speed(path) == SPEED
    assert path.read_text().startswith('{\n "machine": {\n  "processor": "abacus",\n')
    assert path.read_text().endswith("\n }\n}\n")


def test_runs_at_once_wait_for_each_other_but_not_for_ever(
    made_up: Dataset, monkeypatch: pytest.MonkeyPatch
):
    waited: list[object] = []
    barrier = SimpleNamespace(wait=lambda **options: waited.append(options))
    monkeypatch.setattr(bench, "_joined", None, raising=False)
    bench._join(made_up, barrier)  # pyright: ignore[reportArgumentType]
    assert bench._loop_with_others(1, 2) == bench.notebook_loop(made_up, 2)
    assert waited == [{"timeout": 600}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"timings": []}),
        json.dumps({"timings": [{"method": NOTEBOOK}]}),
    ],
)
def test_damaged_records_are_refused_with_what_to_do(text: str, tmp_path: Path):
    path = tmp_path / "speed.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"speed\.json is no record of speed .*bench --record"):
        read_speed(path)


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path):
    path = tmp_path / "speed.json"
    SPEED.write(path)
    broken = Speed(
        machine={},
        timings=[],
        products={"1 thread": {8: object()}},  # pyright: ignore[reportArgumentType]
        bandwidth=1.0,
        microseconds={},
    )
    with pytest.raises(TypeError):
        broken.write(path)
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            replace(SPEED, bandwidth=number).write(path)
    assert read_speed(path) == SPEED


def ways(cores: int) -> dict[str, int]:
    """The ways to train on a machine of so many cores, and how many nets each trains."""
    with ThreadPoolExecutor() as processes:
        together = min(cores, bench.AT_ONCE)
        return {name: way.nets for name, way in bench._ways(cores, together, processes).items()}


@pytest.mark.skipif(best_method() != "compiled", reason="needs a C++ compiler")
def test_the_record_in_the_repository_has_every_way_by_its_name():
    speed = read_speed(Path(__file__).parents[3] / "docs" / "experiments" / "runs" / "speed.json")
    assert [timing.method for timing in speed.timings] == list(ways(int(speed.machine["cores"])))
    assert speed.timings[0].ratio == 1.0
    assert ways(8) == {
        **{"the notebook's loop": 1, "the same, 8 threads": 1},
        **{"4 at once, 1 thread each": 4, "4 at once, 8 threads each": 4},
        **{"makemore3.training": 1, "stacked, 1 net": 1},
        **{f"stacked, {count} nets": count for count in (4, 16, 64)},
        **{"compiled, 1 net": 1, "compiled, 8 nets on 8 cores": 8},
    }
