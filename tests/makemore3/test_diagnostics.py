"""Diagnostics of any network, against autograd, closed forms and the lecture's numbers."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from makemore3.data import LECTURE_NAMES, load_dataset, load_names, minibatch
from makemore3.diagnostics import (
    UpdateRatios,
    activation_stats,
    dead_units,
    gradient_stats,
    local_gradient,
    parameter_stats,
    record_activations,
    record_gradients,
    saturation,
)
from makemore3.layers import Tanh
from makemore3.models import deep_mlp
from makemore3.training import StepInfo, TrainConfig, train


@pytest.fixture(autouse=True)
def seed() -> None:
    """Seed the weights that torch's own layers draw."""
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2147483647)


@pytest.fixture
def x(generator: torch.Generator) -> Tensor:
    return torch.randn(32, 4, generator=generator)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 3), nn.Tanh()))


def hook_count(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


class Reusing(nn.Module):
    """One tanh, called twice; the second time on what a function without a module made."""

    def __init__(self) -> None:
        super().__init__()
        self.tanh = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.tanh(F.relu(self.tanh(x)) * 2)


# --- record_activations ----------------------------------------------------------------------


def test_leaves_are_recorded_with_their_outputs(x):
    first = nn.Linear(4, 5)
    model = nn.Sequential(first, nn.Tanh(), nn.Sequential(nn.Linear(5, 3), nn.Tanh()))
    with record_activations(model) as outputs:
        y = model(x)
    assert list(outputs) == ["0", "1", "2.0", "2.1"]
    torch.testing.assert_close(outputs["0"], F.linear(x, first.weight, first.bias))
    torch.testing.assert_close(outputs["1"], outputs["0"].tanh())
    torch.testing.assert_close(outputs["2.1"], y)
    assert not any(h.requires_grad for h in outputs.values())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (nn.Tanh, ["1", "2.1"]),
        ((nn.Tanh, nn.ReLU), ["1", "2.1"]),
        (["2.0", "0"], ["0", "2.0"]),
        ("2", ["2"]),
        (nn.Sequential, ["2", ""]),
    ],
)
def test_layers_are_chosen_by_type_or_name_and_come_in_the_order_they_ran(x, layers, expected):
    model = net()
    with record_activations(model, layers) as outputs:
        model(x)
    assert list(outputs) == expected


@pytest.mark.parametrize("layers", [nn.LSTM, (nn.LSTM, nn.ReLU), ["0", "nowhere"], "no", [], ()])
def test_layers_that_the_model_lacks_are_refused(layers):
    with (
        pytest.raises(ValueError, match=r"expected layers of the model, .* it has 0 \(Linear\), 1"),
        record_activations(net(), layers),
    ):
        pass


def test_hooks_leave_no_trace_even_after_an_error(x):
    model = net()
    with record_activations(model):
        assert hook_count(model) == 9
        model(x)
    assert hook_count(model) == 0
    with pytest.raises(RuntimeError, match="mat1"), record_activations(model):
        model(x.T)
    assert hook_count(model) == 0


def test_watching_changes_neither_outputs_nor_gradients(x):
    model = net()
    expected = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    with record_activations(model):
        gradients = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True))


def test_latest_run_is_kept(x):
    model = net()
    with record_activations(model, "1") as outputs:
        model(x)
        model(x[:3])
    assert outputs["1"].shape == (3, 5)


def test_layer_called_twice_is_recorded_twice(x):
    model = Reusing()
    with record_activations(model) as outputs:
        model(x)
        y = model(x)
    assert list(outputs) == ["tanh", "tanh (2)"]
    assert torch.equal(outputs["tanh"], x.tanh())
    assert torch.equal(outputs["tanh (2)"], y)


def test_layers_that_work_in_place_do_not_change_the_record(x):
    model = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    with record_activations(model) as outputs:
        model(x.clone())
    assert torch.equal(outputs["0"], x)


def test_outputs_other_than_tensors_are_left_out_or_refused_if_asked_for(x):
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(4, 3)
            self.tanh = nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.tanh(self.rnn(x)[0])

    model = Recurrent()
    with record_activations(model) as outputs:
        model(x)
    assert list(outputs) == ["tanh"]
    with (
        pytest.raises(TypeError, match="expected a tensor from layer 'rnn', got tuple"),
        record_activations(model, "rnn"),
    ):
        model(x)


# --- activation_stats ------------------------------------------------------------------------


def test_stats_are_those_of_the_outputs(x):
    model = net()
    with record_activations(model) as outputs:
        model(x)
    for stats in activation_stats(model, x, threshold=0.3):
        h = outputs[stats.name]
        assert stats.shape == h.shape
        assert stats.mean == pytest.approx(h.mean().item(), abs=1e-6)
        assert stats.std == pytest.approx(h.std().item(), rel=1e-5)
        assert stats.saturated == (h.abs() > 0.3).double().mean().item()
        assert 0 < stats.saturated < 1


def test_dead_units_are_counted_for_elementwise_layers_alone(x):
    first = nn.Linear(4, 3)
    with torch.no_grad():
        first.bias.copy_(torch.tensor([-100.0, 100.0, -100.0]))
    model = nn.Sequential(
        first, nn.ReLU(inplace=True), nn.BatchNorm1d(3), nn.PReLU(), nn.Softmax(1)
    )
    stats = {s.name: s.dead for s in activation_stats(model, x)}
    assert stats == {"0": None, "1": 2, "2": None, "3": None, "4": None}


def test_units_are_the_last_dimension(x):
    (stats,) = activation_stats(nn.Sequential(nn.ReLU()), x.view(4, 8, 4).sub(100.0))
    assert stats.dead == 4


def test_input_without_rows_or_of_indices_has_no_dead_units(x):
    model = nn.Sequential(nn.Identity(), nn.Embedding(3, 2), nn.Tanh())
    stats = activation_stats(model, torch.tensor([[0, 1, 2], [0, 0, 2]]))
    assert [(s.shape, s.dead) for s in stats] == [((2, 3), None), ((2, 3, 2), None), ((2, 3, 2), 0)]
    assert activation_stats(nn.Sequential(nn.ReLU()), x[0])[0].dead is None


def test_elu_in_place_is_judged_by_what_went_in(x):
    model = nn.Sequential(nn.Identity(), nn.ELU(inplace=True))
    assert activation_stats(model, x - 100)[1].dead == 4
    assert activation_stats(model, x)[1].dead == 0


def test_stats_leave_the_model_and_the_random_numbers_as_they_were(x):
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rng = torch.get_rng_state()
    first = activation_stats(model, x)
    assert activation_stats(model, x) == first
    assert first[1].mean == pytest.approx(0, abs=1e-6)  # the batch's own statistics were used
    assert model.training
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 97, math.nan])
def test_threshold_outside_0_to_1_is_refused(x, threshold):
    with pytest.raises(ValueError, match="expected a threshold between 0 and 1, got"):
        activation_stats(net(), x, threshold=threshold)
    with pytest.raises(ValueError, match="expected a threshold between 0 and 1, got"):
        saturation(x.tanh(), threshold=threshold)


def test_empty_input_is_refused():
    with pytest.raises(ValueError, match=r"from layer '0', got shape \(0, 5\): pass at least"):
        activation_stats(net(), torch.zeros(0, 4))


# --- Gradients of layer outputs --------------------------------------------------------------


def test_gradients_are_those_of_autograd_in_the_order_of_the_layers(x):
    model = net()
    with record_gradients(model) as gradients:
        outputs = [model[0](x)]
        outputs.append(model[1](outputs[0]))
        for layer in model[2].children():
            outputs.append(layer(outputs[-1]))
        expected = torch.autograd.grad(outputs[-1].square().sum(), outputs)
        model(x).square().sum().backward()
    assert list(gradients) == ["0", "1", "2.0", "2.1"]
    for gradient, oracle in zip(gradients.values(), expected, strict=True):
        torch.testing.assert_close(gradient, oracle)
        assert not gradient.requires_grad
    assert hook_count(model) == 0


def test_recording_gradients_leaves_those_of_the_parameters_as_they_are(x):
    model = net()
    expected = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    with record_gradients(model):
        model(x).sum().backward()
    for p, oracle in zip(model.parameters(), expected, strict=True):
        assert p.grad is not None
        assert torch.equal(p.grad, oracle)


def test_a_layer_that_backward_does_not_reach_stays_nan(x):
    model = net()
    with record_gradients(model, ["0", "1"]) as gradients:
        h = model[1](model[0](x))
        model[0](x).sum().backward()
    assert gradients["1"].isnan().all()
    assert list(gradients) == ["0", "1", "0 (2)"]
    assert torch.equal(gradients["0 (2)"], torch.ones(32, 5))
    assert h.shape == (32, 5)


def test_a_layer_called_twice_has_two_gradients(x):
    model = Reusing()
    x.requires_grad_()
    with record_gradients(model) as gradients:
        y = model(x)
        y.sum().backward()
    assert torch.equal(gradients["tanh (2)"], torch.ones(32, 4))
    first = x.detach().tanh()
    inside = (2 * (1 - y.detach().square())) * (first > 0)
    torch.testing.assert_close(gradients["tanh"], inside)


def test_layers_that_work_in_place_have_gradients_of_what_they_got(x):
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True))
    with record_gradients(model) as gradients:
        model(x).sum().backward()
    assert torch.equal(gradients["0"], (model[0](x) > 0).float())


def test_layers_without_gradients_are_left_out_or_refused_if_asked_for(x):
    model = nn.Sequential(nn.Identity(), nn.Linear(4, 5))
    with record_gradients(model) as gradients:
        model(x)
    assert list(gradients) == ["1"]
    message = "expected a gradient for the output of layer '1', but none is kept"
    with (
        pytest.raises(RuntimeError, match=message),
        record_gradients(model, "1"),
        torch.no_grad(),
    ):
        model(x)


def test_gradient_stats_are_those_of_the_gradients(x):
    model, y = net(), torch.arange(32) % 3
    with record_gradients(model) as gradients:
        F.cross_entropy(model(x), y).backward()
    for stats in gradient_stats(model, x, y):
        g = gradients[stats.name]
        assert stats.shape == g.shape
        assert stats.mean == pytest.approx(g.mean().item(), abs=1e-8)
        assert stats.std == pytest.approx(g.std().item(), rel=1e-5)
    twice = gradient_stats(model, x, y, loss=lambda output, y: 2 * F.cross_entropy(output, y))
    assert twice[0].std == pytest.approx(2 * gradients["0"].std().item(), rel=1e-5)


def test_gradient_stats_leave_the_model_and_the_random_numbers_as_they_were(x):
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout())
    y = torch.arange(32) % 5
    model(x).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    rng = torch.get_rng_state()
    with torch.no_grad():
        assert gradient_stats(model, x, y) == gradient_stats(model, x, y)
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    after = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(after, gradients, strict=True))


def test_gradient_stats_name_a_layer_that_the_loss_does_not_depend_on(x):
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            self.unused(x)
            return self.used(x)

    with pytest.raises(RuntimeError, match="expected a gradient at layer 'unused', none arrived"):
        gradient_stats(Branching(), x, torch.zeros(32, dtype=torch.int64))


# --- Parameters and updates ------------------------------------------------------------------


def test_parameter_stats_are_those_of_weights_and_gradients(x):
    model = net()
    model(x).square().sum().backward()
    stats = parameter_stats(model)
    assert [s.name for s in stats] == ["0.weight", "2.0.weight"]
    for s in stats:
        p = model.get_parameter(s.name)
        assert p.grad is not None
        assert s.shape == p.shape
        expected = (p.mean(), p.std(), p.grad.mean(), p.grad.std())
        assert (s.mean, s.std, s.grad_mean, s.grad_std) == pytest.approx(
            tuple(value.item() for value in expected)
        )
        assert s.grad_to_data == pytest.approx((p.grad.std() / p.std()).item())
    assert len(parameter_stats(model, min_ndim=1)) == 4


def test_constant_values_have_an_infinite_ratio(x):
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    model(x).square().sum().backward()
    ratios = {s.name: s.grad_to_data for s in parameter_stats(model, min_ndim=1)}
    assert ratios["1.weight"] == math.inf


def test_parameters_without_gradients_are_refused_unless_frozen(x):
    model = net()
    with pytest.raises(RuntimeError, match=r"expected a gradient of '0\.weight', it has none"):
        parameter_stats(model)
    model[0].requires_grad_(False)
    model(x).sum().backward()
    assert [s.name for s in parameter_stats(model)] == ["2.0.weight"]
    with pytest.raises(ValueError, match="trained parameters with 3 axes or more, the model has"):
        parameter_stats(model, min_ndim=3)


def test_update_ratios_by_hand(x):
    model, ratios = net(), UpdateRatios()
    before = [p.detach().clone() for p in model.parameters() if p.ndim == 2]
    for step in range(3):
        model.zero_grad()
        model(x).square().sum().backward()
        with torch.no_grad():
            for p in model.parameters():
                assert p.grad is not None
                p -= 0.01 * p.grad
        ratios.record(StepInfo(step, model, loss=1.0, lr=0.01))
        after = [p.detach().clone() for p in model.parameters() if p.ndim == 2]
        for line, old, new in zip(ratios.ratios.values(), before, after, strict=True):
            expected = math.log10((new - old).std().item() / new.std().item())
            assert line[step] == pytest.approx(expected, abs=1e-3)
        before = after
    assert list(ratios.ratios) == ["0.weight", "2.0.weight"]
    line = ratios.ratios["0.weight"]
    assert ratios.mean(last=2)["0.weight"] == pytest.approx((line[1] + line[2]) / 2)


@pytest.mark.parametrize("last", [0, -1, 2])
def test_a_mean_over_steps_that_are_not_there_is_refused(x, last):
    model, ratios = net(), UpdateRatios()
    model(x).sum().backward()
    ratios.record(StepInfo(0, model, loss=1.0, lr=0.1))
    with pytest.raises(ValueError, match=f"from 1 to the 1 recorded, got {last}"):
        ratios.mean(last)


def test_a_parameter_that_does_not_change_has_no_finite_ratio(x):
    model, ratios = net(), UpdateRatios()
    (model(x).sum() * 0).backward()
    ratios.record(StepInfo(0, model, loss=0.0, lr=0.1))
    assert ratios.ratios["0.weight"] == [-math.inf]


# --- saturation ------------------------------------------------------------------------------


def test_saturation_by_hand():
    h = torch.tensor([[1.0, 0.5, -1.0, 0.99], [-1.0, 0.0, 0.98, 0.995]], requires_grad=True)
    report = saturation(h)
    assert report.mask.tolist() == [[True, False, True, False], [True, False, False, True]]
    assert report.share == 0.5
    assert report.dead_units == 1
    assert report.threshold == 0.99
    assert saturation(h, threshold=0.97).dead_units == 3


def test_map_and_local_gradient_tell_the_same(x):
    """|h| > 0.99 means a local gradient below 1 - 0.99² = 0.0199, and the reverse."""
    pre = x * 4
    by_gradient = dead_units(torch.tanh, pre[:2], tolerance=1 - 0.99**2)
    assert saturation(pre[:2].tanh()).dead_units == int(by_gradient.sum())
    assert torch.equal(saturation(pre.tanh()).mask, local_gradient(torch.tanh, pre) < 1 - 0.99**2)


def test_a_function_that_passes_nothing_on_has_the_gradient_zero() -> None:
    weight = torch.ones(3, requires_grad=True)
    assert local_gradient(lambda x: 2 * weight, torch.ones(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("h", "message"),
    [
        (torch.zeros(3), r"expects a tensor of shape \(rows, units\), got \(3,\)"),
        (torch.zeros(2, 3, 4), r"got \(2, 3, 4\): .* flatten\(0, -2\)"),
        (torch.zeros(0, 4), r"got \(0, 4\)"),
        (torch.tensor([[-19.1, 18.1]]), r"got values from -19.1 to 18.1: pass h"),
        (torch.tensor([[0.0, math.nan]]), r"got values from nan to nan"),
    ],
)
def test_saturation_refuses_what_tanh_cannot_put_out(h, message):
    with pytest.raises(ValueError, match=message):
        saturation(h)


# --- local_gradient and dead_units -----------------------------------------------------------

GRID = torch.tensor([-30.0, -3.0, -1.0, -0.1, 0.1, 1.0, 3.0, 30.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (torch.tanh, lambda x: 1 - x.tanh() ** 2),
        (torch.sigmoid, lambda x: x.sigmoid() * (1 - x.sigmoid())),
        (F.relu, lambda x: (x > 0).double()),
        (F.leaky_relu, lambda x: 0.01 + 0.99 * (x > 0).double()),
        (F.elu, lambda x: torch.where(x > 0, 1.0, x.exp())),
        (nn.ReLU(inplace=True), lambda x: (x > 0).double()),
        (lambda x: x**2, lambda x: 2 * x),
    ],
)
def test_local_gradient_is_the_derivative(function, derivative):
    x = GRID.clone()
    torch.testing.assert_close(local_gradient(function, x), derivative(x))
    assert torch.equal(x, GRID)
    assert not x.requires_grad


def test_local_gradient_works_where_gradients_are_off():
    with torch.no_grad():
        assert local_gradient(torch.tanh, torch.zeros(1)).item() == 1


def test_local_gradient_keeps_nan():
    assert local_gradient(torch.tanh, torch.tensor([math.nan, 0.0])).isnan().tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: x.softmax(0), torch.zeros(4)),
        (lambda x: x.cumsum(0), torch.zeros(4)),
        (lambda x: x - x.mean(), torch.zeros(4)),
        (lambda x: x.sum(), torch.zeros(4)),
        (lambda x: x > 0, torch.zeros(4)),
        (torch.tanh, torch.zeros(4, dtype=torch.int64)),
    ],
)
def test_functions_that_are_not_elementwise_are_refused(function, x):
    with pytest.raises(ValueError, match="local_gradient expects an elementwise function"):
        local_gradient(function, x)


LEFT, MIDDLE, RIGHT = -30.0, 0.5, 30.0
ROWS = torch.tensor(
    [
        [LEFT, LEFT, LEFT, MIDDLE, RIGHT],
        [LEFT, MIDDLE, RIGHT, MIDDLE, RIGHT],
    ]
)


@pytest.mark.parametrize(
    ("function", "dead"),
    [
        (torch.tanh, [True, False, True, False, True]),
        (torch.sigmoid, [True, False, True, False, True]),
        (F.relu, [True, False, False, False, False]),
        (F.elu, [True, False, False, False, False]),
        (F.leaky_relu, [False, False, False, False, False]),
    ],
)
def test_dead_units_of_the_usual_nonlinearities(function, dead):
    assert dead_units(function, ROWS).tolist() == dead


def test_dead_relu_gets_no_gradient_and_a_living_one_does(x):
    layer = nn.Linear(4, 6)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([-100.0, 0.0, -100.0, 0.0, 100.0, 0.0]))
    pre = layer(x)
    F.relu(pre).square().sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad.abs().sum(1) == 0, dead_units(F.relu, pre))


def test_dead_units_need_rows():
    with pytest.raises(ValueError, match=r"dead_units expects .* got \(5,\)"):
        dead_units(torch.tanh, ROWS[0])


# --- The lecture's numbers -------------------------------------------------------------------


def test_saturation_of_the_lectures_first_batch(generator):
    """Re-run of the lecture: 61 % beyond 0.99, 68.5 % beyond 0.97, no white column."""
    names = load_names(remote=replace(LECTURE_NAMES, url="http://127.0.0.1:9/names.txt"))
    if not names.from_lecture:
        pytest.skip("the lecture's names.txt is neither in MAKEMORE_NAMES nor in the cache")
    embedding = torch.randn((27, 10), generator=generator)
    w1 = torch.randn((30, 200), generator=generator)
    b1 = torch.randn(200, generator=generator)
    torch.randn((200, 27), generator=generator)
    torch.randn(27, generator=generator)
    x, _ = minibatch(load_dataset(names).train, 32, generator=generator)
    pre = embedding[x].view(32, 30) @ w1 + b1
    assert (pre.min().item(), pre.max().item()) == pytest.approx((-19.1, 18.1), abs=0.05)
    assert saturation(pre.tanh()).share == pytest.approx(0.61, abs=0.005)
    assert saturation(pre.tanh(), threshold=0.97).share == pytest.approx(0.685, abs=0.0005)
    assert saturation(pre.tanh()).dead_units == 0
    assert not dead_units(torch.tanh, pre).any()


@pytest.mark.parametrize(
    ("arguments", "layers", "stds", "saturated", "gradients"),
    [
        (
            {"gain": 5 / 3},
            Tanh,
            [0.75, 0.69, 0.67, 0.66, 0.66],
            [0.2025, 0.084, 0.066, 0.055, 0.061],
            [4.2e-4, 4.0e-4, 3.7e-4, 3.3e-4, 3.1e-4],
        ),
        (
            {"gain": 0.5},
            Tanh,
            [0.41, 0.20, 0.10, 0.05, 0.02],
            [0, 0, 0, 0, 0],
            [1.9e-5, 3.9e-5, 8.0e-5, 1.6e-4, 3.1e-4],
        ),
        (
            {"gain": 5 / 3, "nonlinearity": None},
            [f"linear{n}" for n in range(1, 6)],
            [1.65, 2.72, 4.67, 7.50, 12.8],
            None,
            [2.6e-3, 1.6e-3, 9.5e-4, 5.5e-4, 3.2e-4],
        ),
    ],
    ids=["tanh, 5/3", "tanh, 0.5", "linear, 5/3"],
)
def test_statistics_of_the_lectures_deep_net(
    arguments, layers, stds, saturated, gradients, lecture_dataset, generator
):
    model = deep_mlp(**arguments, generator=generator)
    x, y = minibatch(lecture_dataset.train, 32, generator=generator)
    stats = activation_stats(model, x, layers=layers)
    assert [s.std for s in stats] == pytest.approx(stds, rel=0.01, abs=0.006)
    if saturated is not None:
        assert [s.saturated for s in stats] == pytest.approx(saturated, abs=0.0006)
    found = gradient_stats(model, x, y, layers=layers)
    assert [s.std for s in found] == pytest.approx(gradients, rel=0.03)


def test_update_ratios_of_the_lectures_first_step(lecture_dataset, generator):
    """Re-run of the lecture: -0.63 for the last layer, from -3.9 to -3.2 for the others."""
    model, ratios = deep_mlp(generator=generator), UpdateRatios()
    train(
        model,
        lecture_dataset.train,
        TrainConfig(max_steps=1),
        generator=generator,
        callback=ratios.record,
    )
    *others, last = ratios.mean(1).values()
    assert last == pytest.approx(-0.63, abs=0.005)
    assert (min(others), max(others)) == pytest.approx((-3.87, -3.18), abs=0.005)
    shapes = [s.shape for s in parameter_stats(model)]
    assert shapes == [(27, 10), (30, 100), *[(100, 100)] * 4, (100, 27)]
