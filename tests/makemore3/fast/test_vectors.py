"""The functions of `vectors.hpp`, by themselves, against exact decimals and against torch."""

import ctypes
import os
import shlex
import subprocess
from collections.abc import Callable
from decimal import Decimal, localcontext
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from compilers import has_compiler
from torch import Tensor

from makemore3.fast.compiled import FLAGS, MATHS

if not has_compiler():
    pytest.skip("there is no C++ compiler", allow_module_level=True)

WRAPPER = """
#include <cstring>
#include "vectors.hpp"
extern "C" void apply(int64_t which, int64_t size, const real *from, real *to) {
    for (int64_t i = 0; i < size; i += lanes) {
        vec x;
        std::memcpy(&x, from + i, sizeof x);
        x = which == 0 ? exponential<false>(x) : which == 1 ? exponential<true>(x) :
            which == 2 ? hyperbolic_tangent(x) : square_root(x);
        std::memcpy(to + i, &x, sizeof x);
    }
}
"""
TYPES = {"float": torch.float32, "double": torch.float64}
SMALLEST = {"float": -87.0, "double": -708.0}
LARGEST = {"float": 88.0, "double": 709.0}

Apply = Callable[[str, Tensor], Tensor]


@pytest.fixture(scope="module", params=TYPES)
def real(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def apply(real: str, tmp_path_factory: pytest.TempPathFactory) -> Apply:
    """Compile the functions alone and return a way to call them."""
    folder = tmp_path_factory.mktemp("vectors")
    (code := folder / "wrapper.cpp").write_text(WRAPPER)
    compiler = shlex.split(os.environ.get("CXX") or "c++")
    include = f"-I{Path(str(files('makemore3.fast')))}"
    command = [*compiler, *FLAGS, *MATHS, include, f"-DREAL={real}", str(code)]
    subprocess.run([*command, "-o", str(folder / "wrapper.so")], check=True)
    library = ctypes.CDLL(str(folder / "wrapper.so"))
    library.apply.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]

    def call(name: str, x: Tensor) -> Tensor:
        which = ["exp", "expm1", "tanh", "sqrt"].index(name)
        assert len(x) % 16 == 0, "whole vectors, also the widest"
        y = torch.empty_like(x)
        library.apply(which, len(x), x.data_ptr(), y.data_ptr())
        return y

    return call


def exact(name: str, x: float) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        value = Decimal(x)
        if name == "tanh":
            twice = (2 * value).exp()
            return (twice - 1) / (twice + 1)
        return value.exp() - (name == "expm1")


def worst(name: str, x: Tensor, y: Tensor) -> float:
    """The largest relative error, in units of the dtype's epsilon."""
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    errors = [abs((Decimal(b) - (e := exact(name, a))) / e) for a, b in pairs if a != 0]
    return float(max(errors)) / torch.finfo(x.dtype).eps


def spread(real: str, low: float, high: float, count: int = 3200) -> Tensor:
    """Numbers all over a range, both ends included."""
    generator = torch.Generator().manual_seed(1)
    x = low + (high - low) * torch.rand(count, generator=generator, dtype=TYPES[real])
    x[0], x[-1] = low, high
    return x


# One term of the series less costs 1.6 and more for exp, 3.2 and more for the others; a rounded
# ln 2 costs 100 at the ends of the range of double.
def test_exp_is_right_to_the_last_digit_over_its_whole_range(apply: Apply, real: str) -> None:
    for x in (spread(real, SMALLEST[real], LARGEST[real]), spread(real, -0.35, 0.35)):
        y = apply("exp", x)
        assert worst("exp", x, y) < 1
        torch.testing.assert_close(y, torch.exp(x))


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1e-4, 0.3, 1.0, 9.0])
@pytest.mark.parametrize("name", ["expm1", "tanh"])
def test_small_and_large_values_keep_their_digits(
    name: str, size: float, apply: Apply, real: str
) -> None:
    x = spread(real, -size, size, 1600)
    y = apply(name, x)
    assert worst(name, x, y) < (2.2 if name == "tanh" else 1.6)
    torch.testing.assert_close(y, getattr(torch, name)(x))


def test_tanh_saturates_and_never_leaves_its_range(apply: Apply, real: str) -> None:
    huge = torch.finfo(TYPES[real]).max
    x = torch.tensor([19.5, 20, 21, 44, 88, 400, 1e4, 1e30, huge, torch.inf], dtype=TYPES[real])
    x = torch.cat([x, -x, x[:6], -x[:6]])
    assert torch.equal(apply("tanh", x), x.sign())
    x = spread(real, -30, 30)
    assert (apply("tanh", x).abs() <= 1).all()


def test_exp_of_what_is_far_below_is_as_good_as_nothing(apply: Apply, real: str) -> None:
    x = torch.tensor([SMALLEST[real] - 1, -1e3, -1e30, -torch.inf] * 4, dtype=TYPES[real])
    y = apply("exp", x)
    assert (y >= 0).all()
    assert (y <= 2 * torch.finfo(TYPES[real]).tiny).all()
    assert torch.equal(apply("expm1", x), torch.full_like(x, -1))


def test_what_is_no_number_stays_none(apply: Apply, real: str) -> None:
    x = torch.full((16,), torch.nan, dtype=TYPES[real])
    for name in ("exp", "expm1", "tanh", "sqrt"):
        assert apply(name, x).isnan().all(), name


def test_zero_and_roots(apply: Apply, real: str) -> None:
    x = torch.zeros(16, dtype=TYPES[real])
    assert apply("exp", x).tolist() == [1] * 16
    for name in ("expm1", "tanh", "sqrt"):
        assert apply(name, x).tolist() == [0] * 16
    x = spread(real, 0, 1e6, 160)
    torch.testing.assert_close(apply("sqrt", x), x.sqrt())
