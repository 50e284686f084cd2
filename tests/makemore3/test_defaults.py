"""What is taken where nothing is given: the defaults of all that is public, in one list."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import makemore3


def defaults() -> Iterator[str]:
    """A line for each public function, method and class whose parameters have defaults."""
    names = sorted(m.name for m in pkgutil.walk_packages(makemore3.__path__, "makemore3."))
    for name in names:
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        for own, value in vars(module).items():
            if own.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            found = {own: value}
            if inspect.isclass(value):
                found |= {
                    f"{own}.{method}": function
                    for method, function in vars(value).items()
                    if inspect.isfunction(function) and function.__module__ == name
                    if not method.startswith("_")
                }
            yield from filter(None, (_line(f"{name}.{key}", v) for key, v in found.items()))


def _line(name: str, value: object) -> str | None:
    if not callable(value) or name.endswith(("Error", "Unhealthy")):
        return None
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):  # an alias of types
        return None
    given = [f"{p.name}={_shown(p.default)}" for p in parameters if p.default is not p.empty]
    return f"{name}: {', '.join(given)}" if given else None


def _shown(default: object) -> str:
    if inspect.isfunction(default) or inspect.isclass(default):
        return default.__name__
    text = re.sub(r" at 0x\w+", "", repr(default))
    return text if len(text) < 60 else f"{text[:40]}..."


def test_defaults_are_those_of_the_list() -> None:
    """Meant otherwise? Change the line in `defaults.txt`, and whatever tells a reader of it."""
    written = Path(__file__).with_name("defaults.txt").read_text("utf-8").splitlines()
    assert list(defaults()) == written
