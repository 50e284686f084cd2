"""What watching costs: every method once, with a clock that ticks by hand, and a record."""

import json
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from makemore3.diagnostics import Monitor
from makemore3.lab import overhead
from makemore3.lab.overhead import NETS, NOTHING, Cost, Costs, measure, read_costs

LECTURE = "the lecture's net"
COSTS = Costs(
    machine={"cores": "2"},
    milliseconds={"conv net": 1.5},
    costs=[Cost("conv net", "Monitor, every 10", 1.25, 1.2, 1.3)],
)


class Clock:
    """Processor time that a step and looking at it take, in seconds."""

    def __init__(self) -> None:
        self.now, self.steps, self.rounds = 0.0, 0, {NOTHING: 0, "slow": 0}

    def step(self) -> None:
        self.steps += 1
        self.now += 0.02

    def slow(self, model: nn.Module, optimizer: Optimizer):
        self.rounds["slow"] += 1
        seconds = {1: 9.0, 2: 0.01, 3: 0.02, 4: 0.03, 5: 0.06}[self.rounds["slow"]]
        self.now += 100.0  # making it ready is not watching

        @contextmanager
        def watching() -> Iterator[Callable[[int], object]]:
            yield lambda n: setattr(self, "now", self.now + seconds * (n < 50))

        return watching()

    def plain(self, model: nn.Module, optimizer: Optimizer):
        self.rounds[NOTHING] += 1
        self.now += 50.0
        return nullcontext()


def test_each_round_is_compared_with_the_plain_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    model = nn.Linear(1, 1)
    monkeypatch.setattr(
        overhead, "_training", lambda *_: (clock.step, model, SGD(model.parameters()))
    )
    monkeypatch.setattr(overhead, "_methods", lambda: {NOTHING: clock.plain, "slow": clock.slow})
    monkeypatch.setattr(overhead.time, "process_time", lambda: clock.now)
    found = measure({LECTURE: 4})
    assert clock.rounds == {NOTHING: 5, "slow": 5}  # the first ones warm up
    assert clock.steps == 2 * 5 * overhead.BLOCK
    assert found.milliseconds == pytest.approx({LECTURE: 20.0})
    plain, slow = found.costs
    assert (plain.net, plain.method) == (LECTURE, NOTHING)
    assert (plain.low, plain.ratio, plain.high) == pytest.approx((1.0, 1.0, 1.0))
    # A step takes 20 ms; half of the steps take 10, 20, 30 and 60 ms more.
    assert (slow.net, slow.method) == (LECTURE, "slow")
    assert (slow.low, slow.ratio, slow.high) == pytest.approx((1.4375, 1.625, 1.9375))
    assert list(found.machine)[:3] == ["cores", "python", "torch"]


def test_one_round_has_no_spread() -> None:
    assert overhead._quartiles([1.5]) == (1.5, 1.5, 1.5)
    assert overhead._quartiles([1.0, 2.0]) == (1.25, 1.5, 1.75)


def test_the_methods_take_turns_in_an_order_drawn_anew_and_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def order() -> list[str]:
        taken: list[str] = []

        def method(name: str):
            return lambda model, optimizer: (taken.append(name), nullcontext())[1]

        monkeypatch.setattr(overhead, "_methods", lambda: {n: method(n) for n in (NOTHING, *"abc")})
        monkeypatch.setattr(overhead, "_block", lambda step, watching: 1.0)
        measure({LECTURE: 5})
        return taken

    first = order()
    rounds = [first[start : start + 4] for start in range(0, len(first), 4)]
    assert len(rounds) == 6
    assert all(sorted(turns) == sorted([NOTHING, *"abc"]) for turns in rounds)
    assert len({tuple(turns) for turns in rounds}) > 2
    assert order() == first


@pytest.mark.parametrize("name", NETS)
def test_every_net_starts_alike_each_time_and_takes_steps_of_plain_descent(name: str) -> None:
    state = torch.get_rng_state()
    step, model, optimizer = overhead._training(*NETS[name]())
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)  # whatever was drawn before
    _, again, _ = overhead._training(*NETS[name]())
    before = [p.detach().clone() for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, again.parameters(), strict=True))
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e6)  # of the step before
    step()
    for p, a in zip(model.parameters(), before, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.detach(), a - 0.01 * p.grad, rtol=1e-6, atol=1e-7)
        assert p.grad.abs().max() < 1e3
    assert type(optimizer) is SGD


def test_the_nets_and_their_batches_have_the_sizes_that_were_measured() -> None:
    made = {name: make() for name, make in NETS.items()}
    found = {
        name: (sum(p.numel() for p in model.parameters()), tuple(x.shape), tuple(y.shape))
        for name, (model, x, y) in made.items()
    }
    assert found == {
        "the lecture's net": (12_097, (32, 3), (32,)),
        "conv net": (58_022, (32, 3, 16, 16), (32,)),
        "transformer": (153_664, (32, 16), (32, 16)),
    }
    _, tokens, following = made["transformer"]
    assert torch.equal(tokens[:, 1:], following[:, :-1])
    for drawn, count in (
        *((tokens, 20), (made["conv net"][2], 6)),
        *((part, 27) for part in made[LECTURE][1:]),
    ):
        assert isinstance(drawn, Tensor)
        assert (drawn.min(), drawn.max()) == (0, count - 1)


@pytest.mark.parametrize("every", [100, 10, 1])
def test_a_monitor_samples_as_often_as_its_name_says(
    every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitors: list[Monitor] = []

    class Noted(Monitor):
        def start(self) -> None:
            monitors.append(self)
            super().start()

    monkeypatch.setattr(overhead, "Monitor", Noted)
    step, model, optimizer = overhead._training(*NETS[LECTURE]())
    overhead._block(step, overhead._methods()[f"Monitor, every {every}"](model, optimizer))
    (monitor,) = monitors
    assert monitor.report().steps == tuple(range(0, overhead.BLOCK, every))
    assert not [hook for m in model.modules() for hook in m._forward_hooks]


class Elsewhere:
    """Stands for a package that may not be installed, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.run: Elsewhere | None = None

    def __getattr__(self, name: str) -> Callable[..., object]:
        def note(*arguments: object, **options: object) -> object:
            self.asked.append((name, *arguments, options))
            return self

        return note

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append(("exit",))


def test_wandb_watches_offline_and_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    wandb, run = Elsewhere(), Elsewhere()
    monkeypatch.setattr(overhead, "import_module", lambda name: wandb)

    def init(**options: object) -> None:
        assert Path(str(options.pop("dir"))).is_dir()
        assert options == {"mode": "offline", "settings": wandb}
        wandb.run = run

    vars(wandb)["init"] = init
    step, model, optimizer = overhead._training(*NETS[LECTURE]())
    for _ in range(2):  # there is one run of wandb in a process
        overhead._block(step, overhead._wandb(10, model, optimizer))
    assert wandb.asked == [("Settings", {"silent": True, "console": "off"})]
    logged = [("log", {"step": n}, {}) for n in range(0, overhead.BLOCK, 10)]
    watched = [("watch", model, {"log": "all", "log_freq": 10}), *logged, ("unwatch", model, {})]
    assert run.asked == [*watched, *watched]


def test_tensorboard_gets_every_weight_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Elsewhere()
    module = SimpleNamespace(SummaryWriter=lambda folder: writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    step, model, optimizer = overhead._training(*NETS[LECTURE]())
    overhead._block(step, overhead._tensorboard(50, model, optimizer))
    names = [name for name, _ in model.named_parameters()]
    assert [call[:2] for call in writer.asked[:-1]] == [
        ("add_histogram", written)
        for _ in (0, 50)
        for name in names
        for written in (name, f"{name}.grad")
    ]
    assert [call[3] for call in writer.asked[:-1]] == [0] * 2 * len(names) + [50] * 2 * len(names)
    assert writer.asked[-1] == ("exit",)
    assert not any(call[2] is None for call in writer.asked[:-1])


@pytest.mark.parametrize("there", [set(), {"wandb"}, {"tensorboard"}])
def test_what_is_not_installed_is_left_out(
    there: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        overhead, "find_spec", lambda package: package if package in there else None
    )
    names = [NOTHING, *(f"Monitor, every {every}" for every in (100, 10, 1))]
    names += [f"wandb.watch, every {n}" for n in (100, 10) if "wandb" in there]
    names += [f"TensorBoard, every {n}" for n in (100, 10) if "tensorboard" in there]
    assert list(overhead._methods()) == names


@pytest.mark.parametrize(
    "rounds", [{}, {"conv net": 0}, {"conv net": 1, "a net": 1}, {"conv net": 1, "transformer": -1}]
)
def test_rounds_that_cannot_be_are_refused(rounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1 round for some of the lecture's net, conv"):
        measure(rounds)


def test_what_is_written_is_read_and_what_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "overhead.json"
    COSTS.write(path)
    assert read_costs(path) == COSTS
    assert path.read_text().startswith('{\n "machine": {\n  "cores": "2"\n },\n')
    assert path.read_text().endswith("\n}\n")
    whole = json.loads(path.read_text())
    for damaged in ("", "[]", "{}", json.dumps({**whole, "costs": [{}]}), json.dumps(whole)[:-9]):
        path.write_text(damaged)
        with pytest.raises(ValueError, match=r"overhead\.json is no record of costs \(.*: write "):
            read_costs(path)


def test_the_command_measures_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(overhead, "measure", lambda rounds: asked.append(rounds) or COSTS)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    for rounds in ([], ["--rounds", "2"]):
        path = tmp_path / f"{len(rounds)}.json"
        monkeypatch.setattr(sys, "argv", ["overhead", str(path), *rounds])
        overhead.main()
        assert read_costs(path) == COSTS
    first, *others = NETS
    assert asked == [
        *(1, {first: 30, **dict.fromkeys(others, 10)}),
        *(1, {first: 2, **dict.fromkeys(others, 1)}),
    ]
    line = "conv net            Monitor, every 10         1.250  (1.200 to 1.300)\n"
    assert capsys.readouterr().out == 2 * line


def test_the_command_says_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["overhead", "--help"])
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delitem(sys.modules, overhead.__name__)  # which is not to be run twice
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(overhead.__name__, run_name="__main__")
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m makemore3.lab.overhead [-h] [--rounds ROUNDS] file\n")
    assert "What watching a net costs: `Monitor`, beside" in said
    assert [" ".join(line.split()) for line in said.splitlines()[-6:]] == [
        *("positional arguments:", "file where the record goes, as JSON", "", "options:"),
        "-h, --help show this help message and exit",
        "--rounds ROUNDS of the lecture's net; default: 30",
    ]


def test_the_record_in_the_repository_can_be_read_and_has_every_net() -> None:
    costs = read_costs(Path(__file__).parents[3] / "docs/experiments/runs/overhead.json")
    assert list(costs.milliseconds) == list(NETS)
    for cost in costs.costs:
        assert cost.low <= cost.ratio <= cost.high
        assert cost.method != NOTHING or cost == replace(cost, ratio=1.0, low=1.0, high=1.0)
