"""pytest as this project configures it, called the ways that people call it."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEST = "tests/test_workflows.py"
TWO = [TEST, "tests/companion/test_chapters.py"]
WAYS = {
    "a place for its cache that cannot be written": ["-o", "cache_dir=/dev/null/cache", TEST],
    "two files without xdist": ["-p", "no:xdist", *TWO],
    "two files in processes of its own accord": TWO,
}


@pytest.mark.parametrize("arguments", WAYS.values(), ids=WAYS)
def test_pytest_ends_with_its_result_lines(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert ("workers" in done.stdout) == (arguments == TWO)


TORCH_LEAKS = {
    "default type": "torch.set_default_dtype(torch.float64)",
    "default device": "torch.set_default_device('meta')",
    "random state": "torch.manual_seed(1)",
    "gradients": "torch.set_grad_enabled(False)",
    "digits": "torch.set_printoptions(precision=1)",
    "a function": "torch.tanh = torch.sigmoid",
    "a method": "torch.nn.Linear.forward = lambda self, x: x",
    "a function of ours": "import makemore3.models as m; m.mlp = None or (lambda: 0)",
    "determinism": "torch.use_deterministic_algorithms(True)",
}


def test_nothing_of_torch_reaches_the_next_page(pytestconfig: pytest.Config):
    import torch

    from makemore3 import models

    def state() -> tuple[object, ...]:
        return (
            torch.tensor([0.123]).dtype,
            str(torch.tensor([0.123])),
            torch.get_rng_state().tolist(),
            torch.is_grad_enabled(),
            torch.tanh,
            torch.nn.Linear.forward,
            models.mlp,
            torch.are_deterministic_algorithms_enabled(),
        )

    before = state()
    for name, code in TORCH_LEAKS.items():
        with ExitStack() as resetters:
            for resetter in pytestconfig.hook.pytest_literate_reset():
                resetters.enter_context(resetter)
            exec(code, {"torch": torch})
            assert name == "default device" or state() != before
        assert state() == before, name
