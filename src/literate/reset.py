"""Keeps what a page does to its process from reaching the next page.

`everything_restored` restores what Python itself and matplotlib hold. A project that uses other
libraries with a state of their own names it with the pytest hook `pytest_literate_reset`.
"""

import contextlib
import decimal
import gc
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""How a part of a process's state is read, and how it is set."""


def _set_environment(values: dict[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _set_modules(modules: dict[str, Any]) -> None:
    sys.modules.update({n: m for n, m in modules.items() if sys.modules.get(n) is not m})


PROCESS: list[Setting] = [
    (lambda: sys.stdout, lambda stream: setattr(sys, "stdout", stream)),
    (lambda: sys.stderr, lambda stream: setattr(sys, "stderr", stream)),
    (sys.gettrace, sys.settrace),
    (Path.cwd, os.chdir),
    (lambda: dict(os.environ), _set_environment),
    (lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path)),
    (lambda: list(sys.argv), lambda argv: sys.argv.__setitem__(slice(None), argv)),
    (lambda: dict(sys.modules), _set_modules),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: decimal.getcontext().copy(), decimal.setcontext),
    (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    (random.getstate, random.setstate),
]


@contextlib.contextmanager
def everything_restored() -> Iterator[None]:
    """Give a page a clean slate, and leave the process as it was before."""
    with contextlib.ExitStack() as stack:
        if find_spec("matplotlib"):
            stack.enter_context(_drawing())  # first, for it imports numpy with its random state
        stack.enter_context(settings_restored(PROCESS))
        stack.enter_context(attributes_restored(sys.stdlib_module_names))
        stack.enter_context(_logging_restored())
        stack.enter_context(warnings.catch_warnings())
        yield


@contextlib.contextmanager
def settings_restored(settings: Iterable[Setting]) -> Iterator[None]:
    """Set every one of `settings` to what it was before, where it has changed."""
    before = [(read, write, read()) for read, write in settings]
    try:
        yield
    finally:
        for _, write, value in before:
            write(value)


@contextlib.contextmanager
def attributes_restored(packages: Iterable[str]) -> Iterator[None]:
    """Restore the functions and classes of loaded modules, and their methods, if replaced."""
    names = set(packages)
    before: list[tuple[Any, dict[str, Any]]] = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in names and module is not None:
            before.append((module, _callables(module)))
            before += [
                (value, _callables(value))
                for value in vars(module).values()
                if issubclass(type(value), type) and value.__module__ == name
            ]
    try:
        yield
    finally:
        for owner, attributes in before:
            now = vars(owner)
            for name, value in attributes.items():
                if now.get(name) is not value:
                    with contextlib.suppress(AttributeError, TypeError):  # built in: unchanged
                        setattr(owner, name, value)


def _callables(owner: Any) -> dict[str, Any]:
    methods = (classmethod, staticmethod, property)
    return {
        name: value
        for name, value in dict(vars(owner)).items()
        if callable(value) or issubclass(type(value), methods)
    }


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    """Let a page begin without handlers, as a program does, and take away those it adds."""
    root, manager = logging.root, logging.root.manager

    def loggers() -> list[logging.Logger]:
        known = [
            entry for entry in manager.loggerDict.values() if isinstance(entry, logging.Logger)
        ]
        return [root, *known]

    before = {logger: _state(logger) for logger in loggers()}
    disabled, root.handlers = manager.disable, []
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        manager.disable = disabled
        for logger in loggers():
            null = [handler for handler in logger.handlers if type(handler) is logging.NullHandler]
            vars(logger).update(before.get(logger, {**_state(logger), "handlers": null}))
        manager._clear_cache()  # pyright: ignore[reportAttributeAccessIssue]


def _state(logger: logging.Logger) -> dict[str, Any]:
    names = ("level", "propagate", "disabled")
    lists = {"handlers": list(logger.handlers), "filters": list(logger.filters)}
    return lists | {name: getattr(logger, name) for name in names}


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """The style of the pages' figures, none of the reader's own, and no figure left open."""
    import matplotlib
    import numpy

    from literate.svg import STYLE

    settings: list[Setting] = [
        (numpy.random.get_state, numpy.random.set_state),
        (numpy.get_printoptions, lambda options: numpy.set_printoptions(**options)),
        (numpy.geterr, lambda kinds: numpy.seterr(**kinds)),
    ]
    with matplotlib.rc_context(), settings_restored(settings):
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        matplotlib.use("agg")
        try:
            yield
        finally:
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close("all")
