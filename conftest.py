"""What the pages' blocks and the tests share: one torch thread, and the corpus as an input."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads slow tiny matrices down

pytest_plugins = ["pytester"]  # only the root may name plugins


def pytest_literate_inputs() -> dict[str, str]:
    from makemore3.data import load_names

    return {"names": load_names().sha256[:16]}
