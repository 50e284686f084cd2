"""A model, a batch and a loss from a function in somebody's file."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn


def load_setup(place: str) -> tuple[nn.Module, tuple[Any, Any], Callable[[Any, Any], Any]]:
    """Call a function of a file, which returns `(model, batch, loss_fn)`, what `check` takes.

    The file's folder is put on Python's path, so that it may import its neighbours.

    Args:
        place: `FILE:FUNCTION`, such as `train.py:setup`.

    Raises:
        ValueError: If there is no such file or function, or it returns something else.
    """
    file, separator, name = place.rpartition(":")
    path = Path(file)
    if not separator or not name.isidentifier() or not path.is_file():
        raise ValueError(
            f"expected FILE:FUNCTION, a Python file that exists and one of its functions, got "
            f"{place!r}"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"expected a Python file, got {file!r}: its name should end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where pickles and dataclasses look for it
    sys.path.insert(0, str(path.parent.resolve()))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        found = [key for key, value in vars(module).items() if callable(value)]
        raise ValueError(
            f"expected a function {name!r} in {file}; it has {', '.join(found) or 'none'}"
        )
    setup = function()
    match setup:
        case (nn.Module() as model, (inputs, targets), loss_fn) if callable(loss_fn):
            return model, (inputs, targets), loss_fn
    kinds = [type(part).__name__ for part in setup] if isinstance(setup, tuple) else setup
    raise ValueError(f"expected {name} to return (model, (inputs, targets), loss_fn), got {kinds}")
