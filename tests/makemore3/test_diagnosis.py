"""`check` and `Monitor` on any network: what they see, what they leave, what they say."""

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW
from torch.utils.checkpoint import checkpoint

from companion.chapters import read_chapters
from makemore3.diagnostics import RULES, Monitor, Report, Unhealthy, check, monitoring, watch
from makemore3.diagnostics.text import WIDTH

DOCS = Path(__file__).parents[2] / "docs"
Batch = tuple[Tensor, Tensor]


@pytest.fixture(autouse=True)
def seed() -> None:
    """Seed the weights that torch's own layers draw."""
    torch.manual_seed(0)


@pytest.fixture
def batch(generator: torch.Generator) -> Batch:
    x = torch.randn(64, 8, generator=generator)
    return x, (x[:, :3].argmax(1))


def net(*, scale: float = 1.0) -> nn.Sequential:
    layers = nn.Sequential(
        nn.Linear(8, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 3)
    )
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(0, scale * 5 / 3 * layer.in_features**-0.5)
    return layers


def train(
    model: nn.Module, batch: Batch, *, steps: int = 30, every: int = 10, lr: float = 0.1
) -> Report:
    optimizer = SGD(model.parameters(), lr)
    with Monitor(model, optimizer, every=every) as monitor:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
    return monitor.report()


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def rules(report: Report, level: str | None = None) -> set[str]:
    return {f.rule for f in report.findings if level in (None, f.level)}


def test_the_numbers_of_check_are_those_of_autograd(batch: Batch) -> None:
    model = net(scale=2)
    report = check(model, batch, F.cross_entropy)
    z1 = model[0](batch[0])
    h1 = model[1](z1)
    h2 = model[3](model[2](h1))
    loss = F.cross_entropy(model[4](h2), batch[1])
    gradient, by_weight = torch.autograd.grad(loss, [h1, model.get_parameter("2.weight")])

    layer = report.chained()[0]
    assert report.chain == ("1", "3")
    assert layer.mean[0] == pytest.approx(h1.mean().item(), abs=1e-6)
    assert layer.std[0] == pytest.approx(h1.std().item(), rel=1e-5)
    assert layer.flat[0] == pytest.approx((h1.abs() > 0.97).float().mean().item())
    assert layer.dead == int((h1.abs() > 0.97).all(0).sum())
    assert layer.grad_std[0] == pytest.approx(gradient.std().item(), rel=1e-4)
    assert layer.grad_norm[0] == pytest.approx(gradient.norm().item(), rel=1e-2)
    weight = next(w for w in report.weights if w.name == "2.weight")
    assert weight.grad_std[0] == pytest.approx(by_weight.std().item(), rel=1e-4)
    assert report.loss is not None
    assert report.loss.values[0] == pytest.approx(loss.item(), rel=1e-4)
    assert report.loss_value == pytest.approx(loss.item())
    shares = batch[1].bincount() / 64
    assert report.loss.guess == pytest.approx(-(shares * shares.log()).sum().item(), rel=1e-4)


@pytest.mark.parametrize("place", ["last", "second", "ignored", "weighted"])
def test_the_loss_is_read_from_the_gradient(place: str, generator: torch.Generator) -> None:
    model = nn.Linear(5, 7)
    x, y = torch.randn(6, 4, 5, generator=generator), torch.randint(0, 7, (6, 4))
    if place == "ignored":
        y[:, 0] = -100
    weight = torch.rand(7) + 0.5 if place == "weighted" else None

    def loss(output: Tensor, targets: Tensor) -> Tensor:
        if place == "second":
            return F.cross_entropy(output.transpose(1, 2), targets)
        return F.cross_entropy(output.flatten(0, 1), targets.flatten(), weight=weight)

    report = check(model, (x, y), loss)
    assert report.loss is not None
    assert report.loss.classes == 7
    unweighted = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    assert report.loss.values[0] == pytest.approx(unweighted.item(), rel=1e-4)


def test_another_loss_is_not_taken_for_a_cross_entropy(batch: Batch) -> None:
    report = check(net(), (batch[0], torch.randn(64, 3)), F.mse_loss)
    assert report.loss is None
    assert report.loss_value is not None
    assert "loss" in str(report)


class Careless(nn.Module):
    """Changes whatever a pass can change, and fails if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True))
        self.dropout, self.head = nn.Dropout(0.5), nn.Linear(6, 3)
        self.passes, self.fails = 0, False
        self.register_buffer("latest", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        random.random()
        out = self.head(self.dropout(self.body(x)))
        self.latest = out.detach().mean(0)
        if self.fails:
            raise RuntimeError("on purpose")
        return out


@pytest.mark.parametrize("fails", [False, True])
def test_check_leaves_everything_as_it_was(batch: Batch, fails: bool) -> None:
    model = Careless()
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    model.head.bias.grad = None
    model.eval()
    model.dropout.train()
    model.fails = fails
    state = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [(p.grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    buffers = [id(b) for b in model.buffers()]
    before = torch.get_rng_state(), random.getstate(), model.passes

    if fails:
        with pytest.raises(RuntimeError, match="on purpose"):
            check(model, batch, F.cross_entropy)
    else:
        check(model, batch, F.cross_entropy)

    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    for p, (gradient, values) in zip(model.parameters(), gradients, strict=True):
        assert p.grad is gradient
        assert p.grad is None or (values is not None and torch.equal(p.grad, values))
    assert [m.training for m in model.modules()] == modes
    assert [id(b) for b in model.buffers()] == buffers
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), model.passes) == before[1:]
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ("inputs", "call"),
    [
        (lambda x: (x, x), lambda self, a, b: self.net(a + b)),
        (lambda x: {"a": x, "b": x}, lambda self, a, b: self.net(a + b)),
    ],
    ids=["several", "by name"],
)
def test_inputs_may_be_several(inputs: Callable, call: Callable, batch: Batch) -> None:
    kind = type("Two", (nn.Module,), {"forward": call})
    model = kind()
    model.net = net()
    assert check(model, (inputs(batch[0]), batch[1]), F.cross_entropy).chain == ("net.1", "net.3")


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_check_works_where_gradients_are_off(without: Callable, batch: Batch) -> None:
    model = net()
    with without():
        assert check(model, batch, F.cross_entropy).loss is not None


@pytest.mark.parametrize(
    ("bad", "loss", "message"),
    [
        (torch.zeros(2, 8), F.cross_entropy, r"batch of \(inputs, targets\), got Tensor"),
        ((1, 2, 3), F.cross_entropy, r"got tuple of 3"),
        (None, lambda out, y: out, r"one number with a gradient, got shape \(64, 3\)"),
        (None, lambda out, y: 3.0, r"one number with a gradient, got 3.0"),
    ],
)
def test_bad_input_is_explained(bad: object, loss: Callable, message: str, batch: Batch) -> None:
    with pytest.raises(ValueError, match=message):
        check(net(), batch if bad is None else bad, loss)  # pyright: ignore[reportArgumentType]


def test_lazy_layers_are_refused(batch: Batch) -> None:
    with pytest.raises(ValueError, match="run a batch through it first"):
        check(nn.Sequential(nn.LazyLinear(3)), batch, F.cross_entropy)


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return torch.tanh(self.layers[-1](x))


def test_functions_are_unseen_and_said_to_be(batch: Batch) -> None:
    report = check(Functional(), batch, F.cross_entropy)
    assert report.chain == ("layers.0", "layers.1", "layers.2")
    assert len(report.unseen) == 1
    assert "4 of 4 nonlinearities (tanh, relu)" in report.unseen[0]
    assert "Not seen: 4 of 4" in str(report)


class Reusing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.tanh, self.head = nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.tanh(self.layer(x))
        return self.head(x)


def test_a_reused_module_is_seen_at_each_call(batch: Batch) -> None:
    for report in (check(Reusing(), batch, F.cross_entropy), train(Reusing(), batch)):
        assert report.chain == ("tanh", "tanh (2)", "tanh (3)")
        assert not report.unseen
        assert all(math.isfinite(std) for layer in report.layers for std in layer.std)
        assert "not a number" not in rules(report)


class Tokens(nn.Module):
    """What puts out tuples: a recurrent net, and torch's attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 9, bias=False)
        self.head.weight = self.embedding.weight  # tied

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        x, _ = self.lstm(self.embedding(tokens))
        x, _ = self.attention(x, x, x)
        return {"hidden": x, "logits": self.head(x)}


def test_tuples_dictionaries_and_tied_weights(generator: torch.Generator) -> None:
    tokens = torch.randint(0, 9, (4, 6), generator=generator)
    report = check(
        Tokens(),
        (tokens, tokens),
        lambda out, y: F.cross_entropy(out["logits"].flatten(0, 1), y.flatten()),
    )
    assert [layer.name for layer in report.layers] == ["embedding", "lstm", "attention", "head"]
    assert {w.name for w in report.weights} >= {"embedding.weight", "lstm.weight_hh_l0"}
    assert "head.weight" not in {w.name for w in report.weights}
    assert report.loss is not None
    assert report.loss.classes == 9


def test_wrappers_are_looked_through(batch: Batch) -> None:
    assert check(nn.DataParallel(net()), batch, F.cross_entropy).chain == ("1", "3")
    assert train(nn.DataParallel(net()), batch).chain == ("1", "3")


@pytest.mark.filterwarnings("ignore")
def test_compiled_models_are_said_to_be_unseen(batch: Batch) -> None:
    model = net()
    compiled = torch.compile(model, backend="eager")
    report = check(compiled, batch, F.cross_entropy)  # pyright: ignore[reportArgumentType]
    assert report.chain == ("1", "3")
    assert report.unseen[0] == "what compiling changes: the model was run without it"

    report = train(compiled, batch)  # pyright: ignore[reportArgumentType]
    assert report.layers == ()
    assert report.unseen[0] == "the layers inside what is compiled: the whole model"
    assert report.loss is not None
    assert all(math.isfinite(weight.update[-1]) for weight in report.weights)
    assert hooks(model) == 0


def test_a_compiled_part_is_named(batch: Batch) -> None:
    model = net()
    model[1].compile(backend="eager")
    unseen = check(model, batch, F.cross_entropy).unseen
    assert unseen[0] == "the layers inside what is compiled: 1"
    assert unseen[1].startswith("1 of 2 nonlinearities (tanh): functions, not modules, or compiled")


def test_gradient_checkpoints_are_seen_once(batch: Batch) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.net, x, use_reentrant=False)

    report = check(Checkpointed(), batch, F.cross_entropy)
    assert [layer.name for layer in report.layers] == [f"net.{n}" for n in range(5)]
    assert all(math.isfinite(layer.grad_std[0]) for layer in report.chained())


@pytest.mark.parametrize("kind", [Adam, AdamW, SGD])
def test_the_change_of_a_weight_is_the_real_one(kind: type[Adam], batch: Batch) -> None:
    model = net()
    optimizer = kind(model.parameters(), lr=0.01, weight_decay=0.1)
    before = torch.zeros(())
    with Monitor(model, optimizer, every=1) as monitor:
        for _ in range(3):
            before = model.get_parameter("2.weight").detach().clone()
            optimizer.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
    change = model.get_parameter("2.weight").detach() - before
    weight = next(w for w in monitor.report().weights if w.name == "2.weight")
    assert weight.update[-1] == pytest.approx(
        (change.std() / before.std()).log10().item(), abs=1e-4
    )
    assert weight.std[-1] == pytest.approx(before.std().item(), rel=1e-5)


def test_hooks_are_there_in_sampled_steps_only(batch: Batch) -> None:
    model, seen = net(), []
    optimizer = SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=3) as monitor:
        for _ in range(7):
            seen.append(sum(len(m._forward_hooks) for m in model.modules()) > 0)
            optimizer.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
    assert seen == [True, False, False, True, False, False, True]
    assert monitor.report().steps == (0, 3, 6)
    assert monitor.report().taken == 7
    assert hooks(model) == 0
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_no_hook_is_left_after_an_exception(batch: Batch) -> None:
    model = net()
    optimizer = SGD(model.parameters(), 0.1)
    with suppress(KeyboardInterrupt), Monitor(model, optimizer, every=1):
        model(batch[0])
        assert hooks(model)
        raise KeyboardInterrupt
    assert hooks(model) == 0
    assert not optimizer._optimizer_step_post_hooks


def test_training_is_the_same_under_a_monitor(batch: Batch) -> None:
    watched, alone = net(), net()
    alone.load_state_dict(watched.state_dict())
    train(watched, batch, every=2)
    optimizer = SGD(alone.parameters(), 0.1)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(alone(batch[0]), batch[1]).backward()
        optimizer.step()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name])


def test_nothing_is_read_from_the_device_while_training(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("waits for the device")

    model = Reusing()
    optimizer = SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=1) as monitor, monkeypatch.context() as patch:
        for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
            patch.setattr(Tensor, name, refuse)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
    assert len(monitor.report().steps) == 3


def test_accumulated_gradients_are_one_step(batch: Batch) -> None:
    model = net()
    optimizer = SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=2) as monitor:
        for _ in range(4):
            optimizer.zero_grad()
            for x, y in zip(batch[0].chunk(4), batch[1].chunk(4), strict=True):
                (F.cross_entropy(model(x), y) / 4).backward()
            optimizer.step()
    report = monitor.report()
    assert report.steps == (0, 2)
    assert report.chain == ("1", "3")
    assert "old gradients" not in rules(report)


def test_a_skipped_step_of_mixed_precision_is_no_step(batch: Batch) -> None:
    model = net()
    optimizer, scaler = SGD(model.parameters(), 0.1), torch.amp.GradScaler("cpu")
    with Monitor(model, optimizer, every=1) as monitor:
        for step in range(4):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(batch[0]), batch[1])
            scaler.scale(loss * (math.inf if step == 1 else 1)).backward()
            scaler.step(optimizer)
            scaler.update()
    report = monitor.report()
    assert report.taken == 3
    assert "not a number" not in rules(report)
    assert all(math.isfinite(u) for weight in report.weights for u in weight.update)


def test_the_loss_is_read_at_every_sample_of_a_long_run(batch: Batch) -> None:
    report = train(net(), batch, steps=20, every=1)
    assert report.loss is not None
    assert len(report.loss.values) == 20
    assert report.loss.values[-1] < report.loss.values[0]


def test_constant_weights_are_found_whatever_their_value(batch: Batch) -> None:
    model = net()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(0.1)
    assert "constant weights" in rules(check(model, batch, F.cross_entropy), "problem")


def test_samples_are_thinned_out(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "MOST_SAMPLES", 8)
    report = train(net(), batch, steps=50, every=1)
    assert len(report.steps) <= 9
    assert {b - a for a, b in zip(report.steps, report.steps[1:], strict=False)} == {8}


def test_evaluation_between_steps_is_not_recorded(batch: Batch) -> None:
    model = nn.Sequential(nn.Linear(8, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 3))
    optimizer = SGD(model.parameters(), 0.1)
    reports = []
    for mode in (False, True):
        with Monitor(model, optimizer, every=1) as monitor:
            for _ in range(2):
                optimizer.zero_grad()
                F.cross_entropy(model(batch[0]), batch[1]).backward()
                model.train(mode)
                with torch.no_grad():
                    model(batch[0][:3])
                model.train()
                optimizer.step()
        reports.append(monitor.report())
    assert all(report.layers[0].shape == (64, 20) for report in reports)
    assert [report.evaluated_in_train for report in reports] == [0, 2]
    assert "training mode" not in rules(reports[0])
    assert "training mode" in rules(reports[1], "watch")


def test_a_frozen_layer_is_no_lack_of_a_gradient(batch: Batch) -> None:
    model = net()
    model[0].requires_grad_(False)
    report = train(model, batch)
    assert "no gradient" not in rules(report)
    assert rules(report, "watch") >= {"frozen"}
    assert [w.trained for w in report.weights] == [False, True, True]
    assert report.ok


def test_weights_of_another_optimizer_are_not_accused(batch: Batch) -> None:
    model = net()
    mine, other = SGD(model[0].parameters(), 0.1), SGD(model[2:].parameters(), 0.1)
    with Monitor(model, mine, every=1) as monitor:
        for _ in range(3):
            model.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            other.step()
            mine.step()
    assert "never changes" not in rules(monitor.report())


def test_a_monitor_of_the_wrong_optimizer_says_so(batch: Batch) -> None:
    with pytest.raises(ValueError, match="has none of them"):
        Monitor(net(), SGD(net().parameters(), 0.1)).start()
    with pytest.raises(ValueError, match="from 1 up, got 0"):
        Monitor(net(), SGD(net().parameters(), 0.1), every=0)
    model = net()
    monitor = Monitor(model, SGD(model.parameters(), 0.1))
    with monitor, pytest.raises(RuntimeError, match="no finished step"):
        monitor.report()
    with pytest.raises(RuntimeError, match="started before"):
        monitor.start()


def test_an_optimizer_that_is_wrapped_is_found(batch: Batch) -> None:
    model = net()
    inner = SGD(model.parameters(), 0.1)

    class Wrapper:
        def __init__(self, optimizer: object) -> None:
            self.optimizer = optimizer

    wrapped: Any = Wrapper(inner)
    inner.optimizer = SGD(model.parameters(), 0.1)  # pyright: ignore[reportAttributeAccessIssue]
    with Monitor(model, wrapped, every=1) as monitor:
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        inner.step()
        assert monitor.steps == 0
        inner.optimizer.step()  # pyright: ignore[reportAttributeAccessIssue]
    assert monitor.report().taken == 1


def test_a_step_without_a_pass_through_the_modules_is_said_to_be_unseen() -> None:
    model = net()
    optimizer = SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=1) as monitor:
        sum(p.sum() for p in model.parameters()).backward()  # pyright: ignore
        optimizer.step()
    report = monitor.report()
    assert report.unseen == ("all layers: no pass with gradients went through the modules",)
    assert not report.layers


@pytest.mark.parametrize(("after", "read"), [(1, False), (2, True)])
def test_whether_the_loss_is_a_cross_entropy_is_verified_at_first(
    after: int, read: bool, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "VERIFIED", 2)
    model = net()
    optimizer = SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=1) as monitor:
        for step in range(4):
            optimizer.zero_grad()
            output = model(batch[0])
            loss = F.cross_entropy(output, batch[1]) if step < after else output.square().mean()
            loss.backward()
            optimizer.step()
    assert (monitor.report().loss is not None) is read


def test_a_resumed_run_has_no_start(batch: Batch) -> None:
    model = net(scale=4)
    optimizer = Adam(model.parameters(), 1e-3)
    reports = []
    for _ in range(2):
        with Monitor(model, optimizer, every=1) as monitor:
            optimizer.zero_grad()
            F.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()
        reports.append(monitor.report())
    assert [report.from_start for report in reports] == [True, False]
    assert "first loss" in rules(reports[0])
    assert "first loss" not in rules(reports[1])


def test_the_cure_makes_the_report_healthy(batch: Batch) -> None:
    sick, cured = (check(net(scale=s), batch, F.cross_entropy) for s in (6.0, 0.8))
    assert not sick.ok
    assert "saturated" in rules(sick, "problem")
    assert cured.ok
    with pytest.raises(Unhealthy, match="saturated: The median tanh"):
        sick.raise_for()
    cured.raise_for("problem")
    with pytest.raises(ValueError, match="expects one of watch, problem, got 'error'"):
        sick.raise_for("error")  # pyright: ignore[reportArgumentType]


@pytest.fixture(params=["check", "monitor", "diverged"])
def report(request: pytest.FixtureRequest, batch: Batch) -> Iterator[Report]:
    if request.param == "check":
        yield check(net(scale=6), batch, F.cross_entropy)
    else:
        model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(30)), nn.Tanh(), nn.Linear(8, 3))
        yield train(model, batch, lr=1e20 if request.param == "diverged" else 0.1)


def test_a_report_prints_in_narrow_columns(report: Report) -> None:
    lines = str(report).split("\n")
    assert max(map(len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)
    for finding in report.findings:
        assert f"{finding.level.upper()}: {finding.rule}" in lines


def test_a_report_goes_through_json(report: Report) -> None:
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["ok"] is report.ok
    assert found["steps"] == list(report.steps)
    assert [f["rule"] for f in found["findings"]] == [f.rule for f in report.findings]
    assert len(found["layers"]) == len(report.layers)


class Tags(HTMLParser):
    """Collects the tags that are open, and every address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_one_html_file(report: Report, tmp_path: Path) -> None:
    report.write_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert all(address.startswith("https://youtu.be/") for address in tags.addresses)
    assert "nan" not in text.partition("<svg")[2].partition("</svg>")[0]
    for finding in report.findings:
        assert finding.rule in text
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


@pytest.mark.parametrize("rule", {rule.name: rule for rule in RULES}.values(), ids=lambda r: r.name)
def test_a_rule_is_explained_where_it_says(rule) -> None:
    page, _, anchor = rule.source.notes.partition("#")
    lines = (DOCS / page).read_text(encoding="utf-8").split("\n")
    headings = [line.lstrip("# ").strip() for line in lines if line.startswith("##")]
    slugs = {
        "".join(c for c in h.lower() if c.isalnum() or c in " -").replace(" ", "-")
        for h in headings
    }
    assert anchor in slugs, f"{page} has {sorted(slugs)}"
    if rule.source.moment:
        seconds = int(rule.source.url.partition("?t=")[2])
        assert 0 < seconds < read_chapters(DOCS / "chapters.toml").chapters[-1].end


def test_diagnostics_stand_alone() -> None:
    program = (
        "import sys, makemore3.diagnostics\n"
        "ours = {name for name in sys.modules if name.startswith('makemore3.')}\n"
        "allowed = ('makemore3.diagnostics', 'makemore3.files')\n"
        "assert all(name.startswith(allowed) for name in ours), ours\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Everything(nn.Module):
    """One of each: convolution, batch norms, dropout, a layer used twice, and a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.relu, self.dropout = nn.ReLU(), nn.Dropout(0.25)
        self.hidden, self.again = nn.Linear(16, 16), nn.Linear(16, 16)
        self.fixed, self.fixed_norm = nn.Linear(16, 16), nn.BatchNorm1d(16)
        self.tanh, self.gelu, self.sigmoid = nn.Tanh(), nn.GELU(), nn.Sigmoid()
        self.head = nn.Linear(16, 5)
        self.fixed.requires_grad_(False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = F.max_pool2d(self.relu(self.norm(self.conv(x))), 2).flatten(1)
        x = self.dropout(self.tanh(self.hidden(x)))
        x = self.sigmoid(self.tanh(self.again(x)) * 3)
        x = F.relu(self.gelu(self.fixed_norm(self.fixed(x))))
        return {"features": x.detach(), "logits": self.head(x)}


def close(old: object, new: object) -> bool:
    """Whether two reports are the same, numbers up to a hundredth."""
    if isinstance(old, dict) and isinstance(new, dict):
        return list(old) == list(new) and all(close(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(close, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return new == pytest.approx(old, rel=1e-2, abs=1e-6)
    return old == new


def watched_in_every_way() -> list[dict[str, object]]:
    """What `check` and `Monitor` report of a net that has everything, and of its training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Everything()
        x, y = torch.randn(12, 2, 4, 4), torch.randint(0, 5, (12,))
        before = check(model, (x, y), lambda out, targets: F.cross_entropy(out["logits"], targets))
        model.fixed_norm.eval()
        given = [p for name, p in model.named_parameters() if not name.startswith("again")]
        optimizer = SGD(given, 0.5, weight_decay=0.1)
        with Monitor(model, optimizer, every=2) as monitor:
            for step in range(5):
                if step != 4:
                    optimizer.zero_grad()
                for half in (slice(0, 8), slice(8, 12)):
                    F.cross_entropy(model(x[half])["logits"], y[half]).backward()
                optimizer.step()
                with torch.no_grad():
                    model(x)
    reports = before, monitor.report()
    texts = [json.dumps(report.to_dict()) for report in reports]
    return [
        json.loads(text, parse_float=lambda digits: float(f"{float(digits):.5g}")) for text in texts
    ]


def test_all_that_is_measured_is_what_was_looked_at(as_written: Callable[..., None]) -> None:
    def same(old: str, new: str) -> bool:
        return close(json.loads(old), json.loads(new))

    found = json.dumps(watched_in_every_way(), indent=1) + "\n"
    as_written("reports/everything.json", found, same)
