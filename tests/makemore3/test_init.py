import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from makemore3.layers import calculate_gain, gaussian_rms, kaiming_normal


def test_gains_are_those_the_lecture_lists() -> None:
    gains = [calculate_gain(name) for name in ("linear", "relu", "tanh")]
    assert gains == [1, math.sqrt(2), 5 / 3]


@pytest.mark.parametrize(("fan_in", "fan_out"), [(30, 200), (200, 27), (17, 1)])
def test_kaiming_normal_is_torchs_with_the_axes_exchanged(fan_in: int, fan_out: int) -> None:
    ours = kaiming_normal(fan_in, fan_out, gain=5 / 3, generator=torch.Generator().manual_seed(1))
    # Filled in the same order, torch's (fan_out, fan_in) tensor holds the same numbers.
    oracle = torch.nn.init.kaiming_normal_(
        torch.empty(fan_out, fan_in),
        nonlinearity="tanh",
        generator=torch.Generator().manual_seed(1),
    )
    assert ours.shape == (fan_in, fan_out)
    torch.testing.assert_close(ours.flatten(), oracle.flatten())


def test_kaiming_normal_multiplies_and_divides_in_the_notebooks_order() -> None:
    ours = kaiming_normal(30, 200, gain=5 / 3, generator=torch.Generator().manual_seed(1))
    draw = torch.randn((30, 200), generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours, draw * (5 / 3) / (30**0.5))
    assert not torch.equal(ours, draw * ((5 / 3) / (30**0.5))), "the order should be visible"


@given(
    fan_in=st.integers(1, 300), gain=st.floats(0.1, 3), seed=st.integers(0, 2**32), n=st.just(500)
)
def test_kaiming_normal_turns_unit_inputs_into_pre_activations_of_std_gain(
    fan_in: int, gain: float, seed: int, n: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = kaiming_normal(fan_in, n, gain=gain, generator=generator)
    x = torch.ones(fan_in)  # mean square 1
    # The standard deviation of n normal numbers is off by a share of 1 / sqrt(2 n).
    assert (x @ weight).std().item() == pytest.approx(gain, rel=6 / math.sqrt(2 * n))


@pytest.mark.parametrize(("fan_in", "fan_out", "named"), [(0, 5, "fan_in"), (5, -1, "fan_out")])
def test_kaiming_normal_refuses_sizes_below_one(
    fan_in: int, fan_out: int, named: str, generator: torch.Generator
) -> None:
    with pytest.raises(ValueError, match=f"kaiming_normal needs {named} of at least 1, got"):
        kaiming_normal(fan_in, fan_out, gain=1.0, generator=generator)


@pytest.mark.parametrize("std", [0.0, 0.3, 1.0, 5.0])
def test_gaussian_rms_is_what_is_known_in_closed_form(std: float) -> None:
    assert gaussian_rms(lambda z: z, std) == pytest.approx(std, rel=1e-12)
    assert gaussian_rms(torch.relu, std) == pytest.approx(std / math.sqrt(2), rel=1e-12)
    assert gaussian_rms(lambda z: z**2, std) == pytest.approx(math.sqrt(3) * std**2, rel=1e-12)


@given(std=st.floats(0.01, 5), seed=st.integers(0, 2**32))
def test_gaussian_rms_of_tanh_is_what_draws_have(std: float, seed: int) -> None:
    z = std * torch.randn(20_000, generator=torch.Generator().manual_seed(seed))
    measured = z.tanh().square().mean().sqrt().item()
    assert gaussian_rms(torch.tanh, std) == pytest.approx(measured, rel=0.05)


@pytest.mark.parametrize("std", [-1.0, math.nan, math.inf])
def test_gaussian_rms_refuses_what_is_no_std(std: float) -> None:
    with pytest.raises(ValueError, match=r"gaussian_rms needs a finite std from 0 up, got"):
        gaussian_rms(torch.tanh, std)
