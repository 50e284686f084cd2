"""What blocks and tests share: threads, processes, long runs, and the corpus as an input."""

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from literate.reset import Setting, attributes_restored, settings_restored
from unchanged import Unchanged

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads slow tiny matrices down

pytest_plugins = ["pytester"]  # only the root may name plugins


KEPT = pytest.StashKey[Path]()
"""The folder of what was done before and need not be repeated."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fresh",
        action="store_true",
        help="do everything anew, each long run once in this test run, as CI does",
    )
    parser.addoption(
        "--renew",
        action="store_true",
        help="write the files that tests compare whole outputs with, instead of comparing",
    )


def pytest_configure(config: pytest.Config) -> None:
    if names := os.environ.get("MAKEMORE_NAMES"):  # a notebook works in its own folder
        os.environ["MAKEMORE_NAMES"] = str(Path(names).expanduser().absolute())
    fresh = config.getoption("--fresh") or os.environ.get("CI", "false") != "false"
    if hasattr(config, "workerinput"):
        folder = Path(config.workerinput["kept"])  # pyright: ignore[reportAttributeAccessIssue]
    elif fresh:
        temporary = tempfile.TemporaryDirectory(prefix="makemore-")
        config.add_cleanup(temporary.cleanup)
        folder = Path(temporary.name)
    else:
        folder = between_test_runs()
    config.stash[KEPT] = folder
    if not fresh:
        config.pluginmanager.register(Unchanged(config, Path(__file__).parent, folder))


def between_test_runs() -> Path:
    """The project's cache, or the user's where the checkout cannot be written to."""
    folder = Path(__file__).parent / ".cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        import pooch

        return pooch.os_cache("makemore3")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the folder."""
    node.workerinput["kept"] = str(node.config.stash[KEPT])


@pytest.fixture(scope="session")
def kept(pytestconfig: pytest.Config) -> Path:
    """The folder of what need not be repeated."""
    return pytestconfig.stash[KEPT]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """While a page is executed, a long run that was done before is read back."""
    if item.path.suffix != ".md":
        return (yield)
    from makemore3 import fast, keep, training
    from makemore3.lab import reproduce

    runs = item.config.stash[KEPT] / "runs"
    train = keep.kept(training.train, runs)
    train_many = keep.kept_many(fast.train_many, runs)
    with (
        patch.object(training, "train", train),
        patch.object(fast, "train_many", train_many),
        patch.object(reproduce, "train", train),
        patch.object(reproduce, "train_many", train_many),
    ):
        return (yield)


def pytest_literate_kernel_lines(config: pytest.Config) -> list[str]:
    """The same in the kernel of a notebook, in a namespace of its own."""
    lines = f"""
from pathlib import Path
from makemore3 import fast, keep, training
runs = Path({str(config.stash[KEPT] / "runs")!r})
training.train = keep.kept(training.train, runs)
fast.train_many = keep.kept_many(fast.train_many, runs)
"""
    return [f"exec({lines!r}, {{}})"]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the files between two processes, unless the command line says otherwise.

    A single file stays in pytest's own process, and everything with `--pdb` or `-p no:xdist`.
    """
    options = config.option
    in_worker = hasattr(config, "workerinput")  # which has no processes of its own to start
    given = in_worker or getattr(options, "numprocesses", 0) is not None
    if not (given or options.tx or options.usepdb):
        files = [Path(argument.partition("::")[0]) for argument in config.args]
        single = len(set(files)) == 1 and files[0].is_file()
        options.numprocesses = 0 if single else 2
        options.dist = "loadfile" if options.dist == "no" else options.dist
        options.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that the processes end together.

    The lecture's pages do the long runs, other pages read them back; then come the browser tests.
    """
    first = ("lecture", "site")
    items.sort(key=lambda item: (item.path.suffix != ".md", item.path.parent.name not in first))


def pytest_literate_inputs() -> dict[str, str]:
    from makemore3.data import load_names

    return {"names": load_names().sha256[:16]}


@contextlib.contextmanager
def pytest_literate_reset() -> Iterator[None]:
    """What torch keeps for the whole process is set back after every page."""
    import torch
    from torch._tensor_str import PRINT_OPTS

    settings: list[Setting] = [
        (torch.get_default_dtype, torch.set_default_dtype),
        (lambda: None, torch.set_default_device),
        (torch.get_rng_state, torch.set_rng_state),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (lambda: dict(vars(PRINT_OPTS)), vars(PRINT_OPTS).update),
    ]
    with settings_restored(settings), attributes_restored(["torch", "makemore3"]):
        yield
