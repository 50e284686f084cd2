"""What blocks and tests share: threads, processes, long runs, and the corpus as an input."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads slow tiny matrices down

pytest_plugins = ["pytester"]  # only the root may name plugins


def pytest_configure(config: pytest.Config) -> None:
    if "MAKEMORE_RUNS" not in os.environ:  # a worker has it from the process that started it
        folder = tempfile.TemporaryDirectory(prefix="makemore-runs-")
        os.environ["MAKEMORE_RUNS"] = folder.name

        def forget() -> None:
            del os.environ["MAKEMORE_RUNS"]
            folder.cleanup()

        config.add_cleanup(forget)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes; none beside pytest's own for a single file."""
    files = [Path(argument.partition("::")[0]) for argument in config.args]
    return 0 if len(set(files)) == 1 and files[0].is_file() else 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that the processes end together.

    The lecture's pages do the long runs, other pages read them back; then come the browser tests.
    """
    first = ("lecture", "site")
    items.sort(key=lambda item: (item.path.suffix != ".md", item.path.parent.name not in first))


def pytest_literate_inputs() -> dict[str, str]:
    from makemore3.data import load_names

    return {"names": load_names().sha256[:16]}
