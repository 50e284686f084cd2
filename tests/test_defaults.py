"""What is taken where nothing is given: defaults and limits of all packages, in one list."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from types import ModuleType, NoneType

import companion
import literate
import makemore3


def lines() -> Iterator[str]:
    """A line for each constant, and for each public function and class that has defaults."""
    for package in (makemore3, literate, companion):
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for name in sorted(module.name for module in found):
            if not name.endswith("__main__"):
                module = importlib.import_module(name)
                yield from sorted([*constants(module), *defaults(module)])


def constants(module: ModuleType) -> Iterator[str]:
    """The module's own names in capitals that hold plain values; of private ones the numbers.

    Plain are also tuples, sets, dictionaries and dataclasses of plain values, up to a length: what
    is longer is a table with tests of its own.
    """
    own = re.findall(r"^(_?[A-Z][A-Z0-9_]+)(?:: .*)? = ", inspect.getsource(module), re.MULTILINE)
    for name in own:
        value = vars(module)[name]
        value = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        parts = [*leaves(value)]
        plain = (int, float) if name.startswith("_") else (int, float, str, range, NoneType)
        if parts and all(isinstance(part, plain) for part in parts) and len(repr(value)) < 1000:
            yield f"{module.__name__}.{name} = {value!r}"


def leaves(value: object) -> Iterator[object]:
    """What a value is made of."""
    if isinstance(value, dict):
        value = (*value, *value.values())
    elif is_dataclass(value) and not isinstance(value, type):
        value = (*vars(value).values(),)
    if isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def defaults(module: ModuleType) -> Iterator[str]:
    """What parameters are where nothing is given."""
    for own, value in vars(module).items():
        if own.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        found = {own: value}
        if inspect.isclass(value):
            found |= {
                f"{own}.{name}": function
                for name, function in vars(value).items()
                if inspect.isfunction(function) and function.__module__ == module.__name__
                if not name.startswith("_")
            }
        for name, function in found.items():
            if given := given_by(function):
                yield f"{module.__name__}.{name}: {given}"


def given_by(function: object) -> str:
    if not callable(function) or (inspect.isclass(function) and issubclass(function, Exception)):
        return ""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # an alias of types
        return ""
    return ", ".join(f"{p.name}={shown(p.default)}" for p in parameters if p.default is not p.empty)


def shown(default: object) -> str:
    if inspect.isfunction(default) or inspect.isclass(default):
        return default.__name__
    text = re.sub(r" at 0x\w+", "", repr(default))
    return text if len(text) < 60 else f"{text[:40]}..."


def test_what_holds_facts_cannot_be_changed_afterwards() -> None:
    """All dataclasses are frozen, but for those that something is gathered in."""
    loose = []
    for package in (makemore3, literate, companion):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                own = vars(importlib.import_module(module.name)).values()
                loose += [
                    f"{kind.__module__}.{kind.__name__}"
                    for kind in own
                    if inspect.isclass(kind) and is_dataclass(kind)
                    if kind.__module__ == module.name
                    if not vars(kind)["__dataclass_params__"].frozen
                ]
    assert sorted(loose) == [
        "companion.search.Section",
        "literate.record.Recorder",
        "makemore3.diagnostics.watch.Window",
    ]


def test_defaults_and_limits_are_those_of_the_list(as_written: Callable[..., None]) -> None:
    """Meant otherwise? Change whatever else tells a reader of it, too."""
    as_written("defaults.txt", "".join(f"{line}\n" for line in lines()))
