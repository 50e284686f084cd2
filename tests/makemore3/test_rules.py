"""From facts to findings, and to what is printed of them: with facts made by hand."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from makemore3.diagnostics import RULES, Report, Unhealthy, judging, look, measures
from makemore3.diagnostics.facts import Finding, LayerFacts, LossFacts, Source, WeightFacts
from makemore3.diagnostics.kinds import (
    count_nonlinear_nodes,
    first_tensor,
    kind_of,
    unwrapped,
    watched,
)
from makemore3.diagnostics.look import (
    alive_units,
    cross_entropy_seen,
    flat_share,
    margin,
    moments,
    some,
)
from makemore3.diagnostics.reading import LATEST, chain_of, layer_facts, loss_facts
from makemore3.diagnostics.rules import NEVER, Rule
from makemore3.diagnostics.text import number, short, text

NAN, INF = math.nan, math.inf


def layer(name: str, **changes: Any) -> LayerFacts:
    facts = LayerFacts(
        name=name,
        type="Tanh",
        kind="tanh",
        shape=(4, 9),
        mean=(0.0, 0.0),
        std=(1.0, 1.0),
        flat=(0.1, 0.2),
        dead=0,
        units=9,
        grad_mean=(0.0, 0.0),
        grad_std=(1.0, 1.0),
    )
    return replace(facts, **changes)


def weight(name: str, **changes: Any) -> WeightFacts:
    facts = WeightFacts(
        name=name,
        shape=(3, 9),
        trained=True,
        std=(1.0, 1.0),
        grad_std=(0.1, 0.1),
        update=(-3.0, -3.0),
        changed=True,
    )
    return replace(facts, **changes)


def loss(*values: float, **changes: Any) -> LossFacts:
    return replace(LossFacts(classes=27, values=values, guess=2.0, probabilities=False), **changes)


def report(*parts: LayerFacts | WeightFacts, **changes: Any) -> Report:
    layers = tuple(part for part in parts if isinstance(part, LayerFacts))
    return replace(
        Report(
            training=True,
            from_start=True,
            steps=(0, 10),
            taken=20,
            layers=layers,
            weights=tuple(part for part in parts if isinstance(part, WeightFacts)),
            loss=None,
            chain=tuple(layer.name for layer in layers),
        ),
        **changes,
    )


def stds(*numbers: float) -> list[LayerFacts]:
    return [layer(str(index), std=(number, 7.0)) for index, number in enumerate(numbers)]


def gradients(*numbers: float) -> list[LayerFacts]:
    return [layer(str(i), grad_std=(7.0, number)) for i, number in enumerate(numbers)]


def updates(*series: tuple[float, ...]) -> list[WeightFacts]:
    return [weight(str(index), update=each) for index, each in enumerate(series)]


activation = partial(measures.activation_factor, total=10)
gradient = partial(measures.gradient_factor, total=10)
guessed = partial(measures.against_guess, after=20)


@pytest.mark.parametrize(
    ("measure", "facts", "measured"),
    [
        (measures.first_loss, report(loss=loss(6.6, 3.3)), [("", 6.6 / math.log(27))]),
        (measures.first_loss, report(loss=loss(6.6), from_start=False), []),
        (measures.first_loss, report(), []),
        (
            measures.saturation,
            report(
                layer("a", flat=(0.9, 0.1)),
                layer("b", flat=(0.9, 0.5), kind="sigmoid"),
                layer("c", flat=(0.9, NAN)),
                layer("d", flat=(0.9, 0.9), kind="relu"),
            ),
            [("", 0.3)],
        ),
        (measures.saturation, report(layer("a", kind="relu")), []),
        (
            measures.dead_units,
            report(layer("a", dead=0), layer("b", dead=None), layer("c", dead=3)),
            [("a", 0.0), ("c", 1 / 3)],
        ),
        (activation, report(*stds(1, 2, 4, 16)), [("", 16 ** (1 / 3))]),
        (activation, report(*stds(1, 1 / 16)), [("", 1 / 16)]),
        (activation, report(*stds(1, 10)), []),
        (activation, report(*stds(1, 0)), [("", 0.0)]),
        (activation, report(*stds(0, 1)), []),
        (activation, report(*stds(16)), []),
        (activation, report(*stds(1, INF, 16)), []),
        (activation, report(*stds(1, 16), from_start=False), []),
        (activation, report(*stds(1, 16), chain=("1", "0")), [("", 1 / 16)]),
        (
            activation,
            report(layer("a", mean=(30.0, 0.0)), layer("b")),
            [("", 1 / math.hypot(30, 1))],
        ),
        (gradient, report(*gradients(16, 4, 1)), [("", 4.0)]),
        (gradient, report(layer("a", shape=(1600, 9)), layer("b")), [("", 20.0)]),
        (gradient, report(layer("a", grad_std=(16.0, NAN)), layer("b")), [("", 16.0)]),
        (measures.gradient_total, report(*gradients(1, 5, 100)), [("", 2.0)]),
        (measures.gradient_total, report(*gradients(1, 0, 100)), []),
        (measures.gradient_total, report(*gradients(1)), []),
        (
            measures.update_size,
            report(*updates((0, 0, -2, -4), (NAN, -2), (NAN, NAN), (-9, -2, -1))),
            [("", -2.0)],
        ),
        (measures.update_size, report(*updates((NAN,))), []),
        (
            measures.largest_update,
            report(*updates((-1, -4, NAN), (-2, NAN, NAN), (-3, -3, NAN))),
            [("", -2.0)],
        ),
        (measures.largest_update, report(*updates((NAN,))), []),
        (
            measures.uneven_updates,
            report(*updates((-3,), (-3,), (-2,), (-4.5,), (-3.9,))),
            [("", 2)],
        ),
        (measures.uneven_updates, report(*updates((-INF,))), []),
        (
            measures.not_finite,
            report(
                layer("a", std=(1.0, NAN)),
                layer("b"),
                weight("c", std=(INF, 1.0)),
                weight("d", grad_std=(NAN, 1.0)),
                weight("e", grad_std=(INF, 1.0)),
                loss_value=NAN,
            ),
            [("The loss", 1), ("a", 1), ("c", 1), ("e", 1)],
        ),
        (measures.not_finite, report(layer("a"), loss_value=1.0), []),
        (
            measures.no_gradient,
            report(
                weight("a", grad_std=(NAN, 0.0)),
                weight("b", grad_std=(0.0, 1.0)),
                weight("c", grad_std=(NAN, NAN)),
                weight("d", grad_std=(NAN, NAN), trained=False),
            ),
            [("a, c", 2 / 3)],
        ),
        (measures.no_gradient, report(weight("a")), []),
        (
            measures.never_changed,
            report(
                weight("a", changed=False),
                weight("b", changed=None),
                weight("c", changed=False, trained=False),
                weight("d", changed=False, grad_std=(0.0, NAN)),
                weight("e", changed=False, grad_std=(0.0, 0.1)),
            ),
            [("a", 1), ("e", 1)],
        ),
        (
            measures.frozen,
            report(weight("a"), weight("b", trained=False), weight("c", trained=False)),
            [("b, c", 2 / 3)],
        ),
        (measures.frozen, report(weight("a")), []),
        (
            measures.constant_weights,
            report(
                weight("a", std=(1e-7, 1.0)),
                weight("b", std=(1e-6, 0.0)),
                weight("c", std=(0.0, 0.0), trained=False),
                weight("d", std=(0.0, 1.0)),
            ),
            [("a, d", 2 / 3)],
        ),
        (measures.constant_weights, report(weight("a", std=(0.0,)), from_start=False), []),
        (measures.old_gradients, report(stale=0.25), [("", 0.25)]),
        (measures.in_eval, report(in_eval=("a", "b")), [("a", 1), ("b", 1)]),
        (measures.evaluated_in_train, report(evaluated_in_train=3), []),
        (
            measures.evaluated_in_train,
            report(evaluated_in_train=3, norm_values={"a": 5}),
            [("", 3)],
        ),
        (measures.norm_values, report(norm_values={"a": 5, "b": 6}), [("a", 5), ("b", 6)]),
        (measures.softmax_twice, report(loss=loss(1)), []),
        (measures.softmax_twice, report(loss=loss(1, probabilities=True)), [("", 1)]),
        (guessed, report(loss=loss(9, 9, 1, 2, 3)), [("", 1.0)]),
        (guessed, report(loss=loss(9), taken=19), []),
        (guessed, report(loss=loss(9), from_start=False), []),
        (guessed, report(loss=loss(9, guess=0.0)), []),
        (measures.loss_growth, report(loss=loss(2, 9, 3, 5)), [("", 2.0)]),
        (measures.loss_growth, report(loss=loss(2, 9, 3)), []),
        (measures.loss_growth, report(loss=loss(0, 1, 1, 1)), []),
    ],
)
def test_a_measure_by_hand(
    measure: Callable[[Report], Iterable[measures.Measured]],
    facts: Report,
    measured: list[measures.Measured],
) -> None:
    found = list(measure(facts))
    assert [name for name, _ in found] == [name for name, _ in measured]
    assert [value for _, value in found] == pytest.approx([value for _, value in measured])


def rule(*measured: measures.Measured, **changes: Any) -> Rule:
    made = Rule(
        "length",
        "both",
        lambda facts: measured,
        watch=(-2, 2),
        problem=(-4, 4),
        words="{layer} has {value:.1f}, {share}, beyond {limit}.",
        advice="Cut it.",
        source=Source("1:02", "page.md#anchor"),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ([("a", 2), ("b", -2)], []),
        ([("a", 2.1)], ["watch: `a` has 2.1, 210%, beyond 2."]),
        ([("a", -4), ("b", 4)], ["watch: `b` and 1 more has 4.0, 400%, beyond 2."]),
        ([("a", -4.1)], ["problem: `a` has -4.1, -410%, beyond -4."]),
        (
            [("a", 3), ("b, c", -9), ("d", 8)],
            ["problem: `b`, `c` and 1 more has -9.0, -900%, beyond -4."],
        ),
        (
            [("a", 5), ("b", math.inf), ("c", 6)],
            ["problem: `b` and 2 more has inf, inf%, beyond 4."],
        ),
        ([("a", math.nan)], ["problem: `a` has nan, nan%, beyond 4."]),
    ],
)
def test_a_rule_speaks_once_of_the_worst(
    measured: list[measures.Measured], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "RULES", (rule(*measured),))
    assert [f"{f.level}: {f.words}" for f in judging.judge(report()).findings] == said


def test_problems_come_first_and_hide_the_milder_word_of_their_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = (
        rule(("a", 3), name="mild"),
        rule(("a", 3), name="both"),
        rule(("a", 9), name="both", watch=NEVER),
        rule(("a", 9), name="start", when="start"),
        rule(("a", 9), name="while training", when="training"),
    )
    monkeypatch.setattr(judging, "RULES", rules)
    found = judging.judge(report())
    assert [f.rule for f in found.findings] == ["both", "start", "while training", "mild"]
    assert not found.ok
    at_start = judging.judge(report(training=False))
    assert [f.rule for f in at_start.findings] == ["both", "start", "mild"]
    with pytest.raises(Unhealthy) as raised:
        at_start.raise_for("watch")
    lines = str(raised.value).split("\n")
    assert lines[0] == "problem, both: `a` has 9.0, 900%, beyond 4."
    assert [line.partition(":")[0] for line in lines[1:]] == ["problem, start", "watch, mild"]
    with pytest.raises(Unhealthy, match=r"^problem, both:[^\n]*\nproblem, start:[^\n]*$"):
        at_start.raise_for()


def test_a_source_has_an_address_where_the_lecture_says_something() -> None:
    assert Source("1:02:03", "a.md#b").url == "https://youtu.be/P6sfmUTpUmc?t=3723"
    assert str(Source("4:19", "a.md#b")) == "lecture 4:19; notes: a.md#b"
    assert (Source("", "a.md#b").url, str(Source("", "a.md#b"))) == ("", "notes: a.md#b")


def test_the_table_of_rules_is_what_was_set(as_written: Callable[..., None]) -> None:
    rows = [
        f"{rule.name} ({rule.when}), watch {rule.watch}, problem {rule.problem}\n"
        f"  {rule.words}\n  Try: {rule.advice}\n  {rule.source}\n"
        for rule in RULES
    ]
    as_written("reports/rules.txt", "".join(rows))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_limits_of_a_rule_are_in_order(rule: Rule) -> None:
    assert rule.watch != NEVER or rule.problem != NEVER
    for low, high in (rule.watch, rule.problem):
        assert low < high
    assert rule.problem[0] <= rule.watch[0] or rule.watch == NEVER
    assert rule.problem[1] >= rule.watch[1] or rule.watch == NEVER


class Own(nn.Tanh):
    """A nonlinearity of somebody's own."""


class TanhGELU(nn.Module):
    """Named after two: the longer one that it says wins."""


@pytest.mark.parametrize(
    ("module", "kind", "axis", "normalises"),
    [
        (nn.Tanh(), "tanh", None, False),
        (Own(), "tanh", None, False),
        (TanhGELU(), "tanh", None, False),
        (nn.Tanhshrink(), "smooth", None, False),
        (nn.LogSigmoid(), "smooth", None, False),
        (nn.Sigmoid(), "sigmoid", None, False),
        (nn.ReLU6(), "relu", None, False),
        (nn.LeakyReLU(), "smooth", None, False),
        (nn.Softmax(1), None, None, False),
        (nn.Linear(2, 2), "weights", -1, False),
        (nn.Conv2d(2, 2, 1), "weights", 1, False),
        (nn.Embedding(2, 2), "other", None, False),
        (nn.LSTM(2, 2), "other", None, False),
        (nn.LayerNorm(2), "norm", -1, False),
        (nn.BatchNorm2d(2), "norm", 1, True),
        (nn.Dropout2d(), "dropout", None, False),
        (nn.Sequential(nn.Tanh()), None, None, False),
        (nn.Flatten(), None, None, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_rules_know_a_layer_as(
    module: nn.Module, kind: str | None, axis: int | None, normalises: bool
) -> None:
    assert kind_of(module) == kind
    found = watched(module, kind or "")
    assert (found.unit_axis, found.normalises) == (axis, normalises)


def test_a_model_of_one_module_is_no_wrapper_unless_it_is_called_so() -> None:
    inner = nn.Linear(2, 2)
    assert unwrapped(nn.DataParallel(nn.DataParallel(inner))) is inner
    plain, two = nn.Sequential(inner), nn.DataParallel(inner)
    two.head = nn.Linear(2, 2)
    assert (unwrapped(plain), unwrapped(two)) == (plain, two)


def test_the_first_tensor_of_what_is_put_out() -> None:
    x, indices = torch.ones(2), torch.ones(2, dtype=torch.int64)
    for output in (x, (indices, x), [None, (x, 2 * x)], {"a": None, "b": {"c": x}}):
        assert first_tensor(output) is x
    for output in (indices, None, (), "text", SimpleNamespace(logits=x)):
        assert first_tensor(output) is None


def test_a_nonlinearity_that_is_reached_on_two_ways_counts_once() -> None:
    h = torch.tanh(torch.ones(2, requires_grad=True))
    output = torch.relu(torch.relu(h + 2 * h) * h)
    assert count_nonlinear_nodes(output) == {"relu": 2, "tanh": 1}
    assert count_nonlinear_nodes(torch.ones(2)) == {}


@pytest.mark.parametrize(
    ("kind", "outputs", "margins"),
    [
        ("tanh", [0.97, -0.99, 0.5], [0.0, -0.02, 0.47]),
        ("sigmoid", [0.985, 0.5, 0.005], [0.0, 0.97, -0.02]),
        ("relu", [0.0, 2.0, -1.0], [0.0, 2.0, -1.0]),
    ],
)
def test_a_margin_is_the_distance_from_the_flat_part(
    kind: str, outputs: list[float], margins: list[float]
) -> None:
    found = margin(kind, torch.tensor(outputs))
    assert found is not None
    assert found.tolist() == pytest.approx(margins, abs=1e-6)
    assert margin("smooth", torch.ones(1)) is None


def test_numbers_of_a_tensor_by_hand() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    mean, std = moments(x)
    assert (mean.item(), std.item()) == pytest.approx((5.5, x.std().item()))
    assert [m.item() for m in moments(torch.ones(1))] == [1.0, 0.0]
    assert moments(x.half())[1].dtype == torch.float32
    margins = torch.tensor([[0.0, 1.0, -1.0], [0.0, -1.0, 2.0]])
    assert alive_units(margins, -1).tolist() == [False, True, True]
    assert alive_units(margins, 0).tolist() == [True, True]
    assert flat_share(margins).item() == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("entries", "taken"),
    [
        (10, list(range(10))),
        (19, list(range(19))),
        (20, list(range(0, 20, 3))),
        (35, list(range(0, 35, 3))),
    ],
)
def test_some_entries_are_evenly_spaced_by_an_odd_step(entries: int, taken: list[int]) -> None:
    x = torch.arange(float(entries))
    assert some(x, 10).tolist() == taken
    assert some(x.reshape(1, -1).t(), 10).tolist() == taken
    assert some(x, 10).data_ptr() != x.data_ptr()
    assert some(x, 10, copy=False).data_ptr() == x.data_ptr()
    assert some(x.double(), 10, copy=False).dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "axis", "taken"),
    [
        ((4, 6), 1, range(4)),  # all that may be
        ((5, 2), 1, range(5)),
        ((9, 2), 1, range(0, 9, 2)),
        ((13, 2), 1, range(0, 12, 3)),  # 24 entries are copied
        ((4, 7), 1, range(3)),
        ((2, 30), 1, range(1)),
        ((3, 3, 2), 1, range(6)),  # rows are examples and places
        ((3, 2, 3), 2, range(6)),
        ((5, 3, 2), 1, range(0, 8, 2)),
    ],
)
def test_of_many_rows_some_are_taken(
    shape: tuple[int, ...], axis: int, taken: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "ROWS", 4)
    monkeypatch.setattr(look, "ENTRIES", 24)
    x = torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)
    rows = look._rows(x, axis)
    assert rows.dtype == torch.float32
    assert torch.equal(rows, x.movedim(axis, -1).flatten(0, -2)[list(taken)].float())


def gradient_of(z: Tensor, y: Tensor, loss: Callable[..., Tensor] = F.cross_entropy) -> Tensor:
    return torch.autograd.grad(loss(z.requires_grad_(), y), z)[0]


def test_a_cross_entropy_is_read_and_anything_else_told_from_it() -> None:
    z, y = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]]), torch.tensor([1, 2])
    ((name, numbers, counts),) = cross_entropy_seen(z, gradient_of(z, y), verify=True)
    assert name == "last"
    assert numbers["loss"].item() == pytest.approx(F.cross_entropy(z, y).item())
    assert numbers["deviation"].item() == pytest.approx(0, abs=1e-6)
    assert counts.tolist() == [0, 1, 1]
    ((_, numbers, _),) = cross_entropy_seen(z, gradient_of(z, y), verify=False)
    assert list(numbers) == ["loss"]
    other = gradient_of(z, F.one_hot(y).float(), F.mse_loss)
    assert cross_entropy_seen(z, other, verify=True)[0][1]["deviation"] > 0.5
    ((_, numbers, counts),) = cross_entropy_seen(z, torch.zeros(2, 3), verify=True)
    assert [n.item() for n in numbers.values()] == [0, 0, False]
    assert counts.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("output", "softmaxed"),
    [
        *(([0.2, 0.8], True), ([0.0, 1.0], True), ([0.2, 0.8099], True)),
        *(([0.2, 0.811], False), ([-0.2, 1.2], False), ([0.2, 0.2], False)),
    ],
)
def test_what_a_softmax_puts_out_is_known_by_its_sum(output: list[float], softmaxed: bool) -> None:
    z = torch.tensor([[0.3, 0.7], output])
    ((_, numbers, _),) = cross_entropy_seen(z, torch.ones(2, 2), verify=True)
    assert numbers["softmaxed"].item() is softmaxed


@pytest.mark.parametrize(
    ("output", "gradient", "readings"),
    [
        ((4,), (4,), []),
        ((4, 3), (4, 2), []),
        ((0, 3), (0, 3), []),
        ((4, 1), (4, 1), []),
        ((4, 3), (4, 3), ["last"]),
        ((4, 3, 2), (4, 3, 2), ["last", "second"]),
        ((4, 3, 1), (4, 3, 1), ["second"]),
        ((4, 1, 3), (4, 1, 3), ["last"]),
    ],
)
def test_classes_are_looked_for_on_two_axes(
    output: tuple[int, ...], gradient: tuple[int, ...], readings: list[str]
) -> None:
    seen = cross_entropy_seen(torch.zeros(output), torch.ones(gradient), verify=False)
    assert [name for name, _, _ in seen] == readings


def step(numbers: dict[str, list[float]], place: str = "last") -> dict[Any, list[float]]:
    return {("loss", place, name): values for name, values in numbers.items()}


def read_loss(*steps: Any, counts: list[list[float]]) -> LossFacts | None:
    windows: Any = [
        SimpleNamespace(counts={p: torch.tensor(counted) for _, p, _ in step})
        for counted, step in zip(counts, steps, strict=True)
    ]
    return loss_facts(windows, steps)


def test_the_loss_of_each_step_is_the_mean_over_its_passes() -> None:
    found = read_loss(
        step({"loss": [2.0, 4.0], "deviation": [0.01, 0.05], "softmaxed": [1.0, 1.0]}),
        step({"loss": [1.5]}),
        counts=[[1.0, 0.0, 2.0], [5.0, 0.0, 0.0]],
    )
    assert found is not None
    assert found.guess == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert found == LossFacts(3, (3.0, 1.5), found.guess, True)


@pytest.mark.parametrize(
    ("first", "second", "counts", "read"),
    [
        ({"loss": [1.0], "deviation": [0.01, 0.051]}, {"loss": [1.0]}, 2, False),
        ({"loss": [1.0], "deviation": [NAN]}, {"loss": [1.0]}, 2, True),
        ({"loss": [1.0]}, {}, 2, False),
        ({"loss": [1.0]}, {"loss": [1.0]}, 3, False),
    ],
)
def test_a_loss_is_a_cross_entropy_over_the_same_classes_each_time_or_not_read(
    first: dict[str, list[float]], second: dict[str, list[float]], counts: int, read: bool
) -> None:
    found = read_loss(step(first), step(second), counts=[[1.0, 1.0], [1.0] * counts])
    assert (found is not None) is read


def test_the_network_puts_out_probabilities_if_it_always_does() -> None:
    steps = [step({"loss": [1.0], "softmaxed": [share]}, "second") for share in (1.0, 0.0)]
    found = read_loss(*steps, counts=[[1.0, 1.0]] * 2)
    assert found is not None
    assert not found.probabilities


def test_a_unit_is_dead_that_was_so_in_the_latest_samples() -> None:
    count = LATEST + 1
    alive = torch.zeros(count, 3, dtype=torch.bool)
    alive[0, 0] = alive[1, 1] = True  # the first is too long ago
    windows: Any = [
        SimpleNamespace(alive={"a": units}, values={}, grad_values={}) for units in alive
    ]
    site = SimpleNamespace(type="Tanh", kind="tanh", shape=(4, 3), units=3)
    watch: Any = SimpleNamespace(sites={"a": site})
    (found,) = layer_facts(watch, windows, [{}] * count)
    assert found.dead == 2


@pytest.mark.parametrize(
    ("kinds", "nodes", "chain", "said"),
    [
        ("weights tanh weights tanh weights", {"tanh": 2}, (1, 3), ""),
        (
            "weights tanh weights relu weights",
            {"tanh": 2, "relu": 1},
            (1, 3),
            "1 of 3 nonlinearities (tanh, relu)",
        ),
        ("weights tanh weights weights", {"gelu": 2}, (0, 2), "1 of 2 nonlinearities (gelu)"),
        ("weights other weights weights", None, (0, 2), ""),
        ("weights", {}, (0,), ""),
        ("other", {}, (), ""),
    ],
)
def test_the_chain_is_of_nonlinearities_unless_most_are_unseen(
    kinds: str, nodes: dict[str, int] | None, chain: tuple[int, ...], said: str
) -> None:
    layers = [layer(str(index), kind=kind) for index, kind in enumerate(kinds.split())]
    found, unseen = chain_of(layers, SimpleNamespace(nonlinear_nodes=nodes))  # pyright: ignore
    assert found == tuple(map(str, chain))
    assert unseen == ([f"{said}: {UNSEEN}"] if said else [])


UNSEEN = "functions, not modules, or compiled; their flat and dead units are not known"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((NAN, "-"), (0.0, "0"), (0.1, "0.10"), (0.0996, "1e-01"), (-0.05, "-5e-02")),
        *((999.99, "999.99"), (1000.0, "1e+03"), (-1.234, "-1.23"), (INF, "inf")),
    ],
)
def test_a_number_takes_few_columns(value: float, written: str) -> None:
    assert number(value) == written


def test_a_long_name_is_shortened_in_its_middle() -> None:
    assert short("encoder.layer", 13) == "encoder.layer"
    assert short("encoder.layers.11.weight", 13) == "enco…1.weight"


FINDING = Finding(
    "problem",
    "too <long>",
    "a",
    9.0,
    4.0,
    "`a` is longer than anybody would like it to be.",
    "Cut it, & look again at what is left of it.",
    Source("1:02:03", "lecture/a.md#b"),
)
GOLDEN = {
    "start": report(
        layer(
            "", flat=(NAN,), std=(1.5,), mean=(0.25,), dead=None, grad_mean=(0.0,), grad_std=(NAN,)
        ),
        training=False,
        steps=(0,),
        taken=0,
        chain=("",),
        loss_value=0.5,
        unseen=("1 of 2 nonlinearities (tanh): functions, not modules",),
    ),
    "flat": report(
        layer("a", std=(1.0, 0.0), grad_std=(1.0, NAN)),
        layer("b", std=(1.0, INF), grad_std=(1.0, 0.0)),
        *(weight(f"w{index}", update=(-3.0, -3.0)) for index in range(6)),
        loss=loss(2.0, INF),
    ),
    "training": report(
        layer("encoder.layers.1.activation", std=(1.0, 0.5), flat=(0.1, 0.256), dead=2),
        layer("b", std=(1.0, 50.0), grad_std=(0.5, 0.001)),
        layer("head", type="Linear", std=(1.0, 0.0), shape=(4, 2, 9), grad_std=(0.5, INF)),
        weight("encoder.layers.1.weight", update=(-2.5, -3.25)),
        weight("<b>", std=(1.0, 2000.0), update=(-2.0, NAN), grad_std=(0.1, NAN)),
        weight("c", update=(NAN, NAN)),
        loss=loss(3.5, 2.25),
        loss_value=9.0,
        chain=("encoder.layers.1.activation", "b"),
        findings=(FINDING, replace(FINDING, level="watch", source=Source("", "c.md#d"))),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("form", ["txt", "html"])
def test_a_report_is_written_to_the_letter(
    name: str, form: str, as_written: Callable[..., None]
) -> None:
    found = GOLDEN[name].html() if form == "html" else f"{GOLDEN[name]}\n"
    as_written(f"reports/{name}.{form}", found)


@pytest.mark.parametrize(("word", "widest"), [("four", 44), ("a", 43)])
def test_a_line_has_at_most_44_columns(word: str, widest: int) -> None:
    words = replace(FINDING, words=" ".join([word] * 60), advice="", source=Source("", "a.md#b"))
    lines = text(report(findings=()), (words,)).split("\n")
    assert max(map(len, lines)) == widest


def test_of_many_rows_the_middle_is_left_out() -> None:
    for count, middle in ((24, []), (25, ["... 1 more"]), (40, ["... 16 more"])):
        many = report(*(weight(f"w{index}") for index in range(count)))
        lines = [line for line in text(many, ()).split("\n") if line.startswith(("w", "..."))][1:]
        names = [line.split()[0] for line in lines if line.startswith("w")]
        assert names == (
            [f"w{i}" for i in range(count)][:12] + [f"w{i}" for i in range(count)][-12:]
        )
        assert [line for line in lines if line.startswith("...")] == middle


def test_a_picture_shows_at_most_six_weights_evenly() -> None:
    many = report(*(weight(f"w{index}", update=(-index, -3.0)) for index in range(13)))
    html = many.html()
    assert "<p>5 of 13 weights; about -3 is usual.</p>" in html
    assert [n for n in range(13) if re.search(rf"</span> w{n}\b", html)] == [0, 3, 6, 9, 12]


def test_a_dictionary_has_all_but_what_histograms_need() -> None:
    made = GOLDEN["training"]
    found = made.to_dict()
    assert found["ok"] is False
    assert set(found) == {"ok", *vars(made)}
    assert found["loss"] == {
        **{"classes": 27, "values": [3.5, 2.25], "guess": 2.0, "probabilities": False}
    }
    assert {"values", "grad_values"}.isdisjoint(found["layers"][0] | found["weights"][0])
    for facts in (layer("a", values=(1.0,), grad_values=(2.0,)), weight("a", values=(1.0,))):
        assert "values" not in repr(facts), "a thousand numbers tell a reader nothing"
    assert found["layers"][2]["grad_std"] == [0.5, None]
    assert found["findings"][0]["source"] == {"moment": "1:02:03", "notes": "lecture/a.md#b"}
