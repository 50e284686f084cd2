"""The hooks of pytest by which a project tells the plugin what it needs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest


class Hooks:
    """What a project tells this plugin."""

    @pytest.hookspec(firstresult=True)
    def pytest_literate_inputs(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """What outputs depend on beside the code, by name: for example a data set's digest.

        Outputs are compared with the baked ones only between equal inputs.
        """

    @pytest.hookspec(firstresult=True)
    def pytest_literate_kernel_lines(self, config: pytest.Config) -> list[str]:  # type: ignore[empty-body]
        """Lines of Python that the kernel of a notebook runs before the first cell.

        They share the notebook's namespace, in which they should leave no names.
        """

    def pytest_literate_reset(self) -> AbstractContextManager[None]:  # type: ignore[empty-body]
        """A context around each chain of blocks, which restores what libraries keep globally."""
