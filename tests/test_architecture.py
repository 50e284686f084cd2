"""The arrows between the modules, as the design draws them: nothing else is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGES = ("makemore3", "literate", "companion")

# What the modules of a room may import besides the standard library and their own room: when they
# are loaded, and after the bar only while one of their functions runs. A room is a module or a
# folder of modules, and is named from its package.
ARROWS = {
    "makemore3": "",
    "makemore3.__main__": "| makemore3.cli",
    "makemore3.layers": "torch",
    "makemore3.models": "torch makemore3.layers",
    "makemore3.folding": "torch makemore3.layers",
    "makemore3.resnet": "torch makemore3.layers",
    "makemore3.data": "torch pooch requests",
    "makemore3.training": "torch tqdm makemore3.data makemore3.models",
    "makemore3.files": "",
    "makemore3.keep": (
        "torch makemore3.data makemore3.fast makemore3.files makemore3.models makemore3.training"
    ),
    "makemore3.sampling": "torch makemore3.data makemore3.models",
    "makemore3.fast": (
        "torch pooch tqdm makemore3.data makemore3.files makemore3.layers makemore3.training"
    ),
    "makemore3.lab": (
        "torch filelock tqdm makemore3.data makemore3.diagnostics makemore3.fast makemore3.files "
        "makemore3.keep "
        "makemore3.layers makemore3.models makemore3.sampling makemore3.training | distributed"
    ),
    "makemore3.diagnostics": "torch makemore3.files",
    "makemore3.figures": "torch numpy matplotlib makemore3.diagnostics makemore3.training",
    "makemore3.cli": (
        "torch makemore3.data makemore3.diagnostics makemore3.keep makemore3.lab "
        "makemore3.models makemore3.sampling makemore3.training"
    ),
    "literate": "",
    "literate.page": "",
    "literate.outputs": "",
    "literate.compare": "| PIL",
    "literate.svg": "| matplotlib",
    "literate.reset": "| matplotlib numpy literate.svg",
    "literate.record": "literate.reset | literate.page literate.svg",
    "literate.store": "literate.page",
    "literate.notebook": (
        "nbformat literate.compare literate.page literate.record literate.store "
        "| IPython jupyter_client matplotlib matplotlib_inline nbclient literate.svg"
    ),
    "literate.hooks": "pytest",
    "literate.pytest_plugin": (
        "pytest pytest_codeblocks literate.compare literate.hooks literate.notebook literate.page "
        "literate.record literate.store"
    ),
    "literate.outdated": "literate.notebook literate.page literate.store",
    "literate.__main__": "literate.outdated",
    "literate.markdown_ext": "markdown literate.outputs literate.page literate.store",
    "literate.notebook_page": (
        "nbconvert nbformat literate.markdown_ext literate.notebook literate.outputs"
    ),
    "literate.mkdocs_plugin": (
        "mkdocs literate.markdown_ext literate.notebook | literate.notebook_page"
    ),
    "companion": "",
    "companion.chapters": "",
    "companion.reading": "markdown",
    "companion.typography": "markdown math_core",
    "companion.questions": "companion.chapters companion.reading literate.page",
    "companion.markdown_ext": (
        "markdown companion.questions companion.reading companion.typography literate.markdown_ext"
    ),
    "companion.prose": "literate.page",
    "companion.lint": ("bs4 yaml companion.chapters companion.prose literate.page literate.store"),
    "companion.form": "companion.prose companion.reading literate.page literate.store",
    "companion.download": "nbformat literate.notebook literate.page",
    "companion.served": "",
    "companion.commit": "",
    "companion.built": "",
    "companion.search": "companion.built literate.store",
    "companion.player": "companion.chapters literate.store",
    "companion.crosslinks": "companion.built literate.store",
    "companion.page_markdown": "bs4 markdownify",
    "companion.machines": "platformdirs companion.built companion.page_markdown literate.store",
    "companion.offline": "companion.built companion.search literate.store",
    "companion.paper": "companion.built literate.store",
    "companion.__main__": "companion.offline companion.paper",
    "companion.finish": (
        "platformdirs companion.built companion.crosslinks companion.machines companion.player "
        "companion.search literate.store | fontTools"
    ),
    "companion.mkdocs_plugin": (
        "mkdocs nbformat companion.commit companion.download companion.finish companion.questions "
        "companion.served literate.notebook literate.page literate.store"
    ),
}


def room(module: str) -> str:
    """The longest entry of the table that `module` is or stands in."""
    parts = module.split(".")
    return next(
        name
        for length in range(len(parts), 0, -1)
        if (name := ".".join(parts[:length])) in ARROWS and (length > 1 or len(parts) == 1)
    )


def allowed(name: str) -> tuple[set[str], set[str]]:
    """What the modules of a room may import when they are loaded, and at any time."""
    loaded, _, later = ARROWS[name].partition("|")
    return set(loaded.split()), set(loaded.split()) | set(later.split())


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(tree: ast.AST, *, loading: bool = True) -> Iterator[tuple[str, int, bool]]:
    """Name, line, and whether it happens when the module is loaded; for type checkers not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _unit(alias.name), node.lineno, loading
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: expected an absolute import"
            for alias in node.names:
                yield _unit(f"{node.module}.{alias.name}"), node.lineno, loading
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        inside |= isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        yield from imports(node, loading=loading and not inside)


def _unit(name: str) -> str:
    """A module of ours, or the package that `name` belongs to."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return parts[0]
    return next(
        known
        for length in range(len(parts), 0, -1)
        if (known := ".".join(parts[:length])) in MODULES
    )


def arrows(module: str) -> Iterator[tuple[str, int, bool]]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for name, line, loading in imports(tree):
        if name not in sys.stdlib_module_names and name != module:
            yield name, line, loading


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_nothing_but_what_the_table_allows(module):
    own = room(module)
    when_loaded, at_any_time = allowed(own)
    for name, line, loading in arrows(module):
        there = room(name) if name in MODULES else name
        if there != own:
            assert there in (when_loaded if loading else at_any_time), (
                f"{MODULES[module].relative_to(SOURCE)}:{line}: {own} may not import {there}"
                + (" when it is loaded" if there in at_any_time else "")
            )


def test_table_names_no_room_that_is_gone():
    assert set(ARROWS) == {room(module) for module in MODULES}


def test_arrows_between_rooms_go_one_way():
    tuple(TopologicalSorter({name: allowed(name)[1] for name in ARROWS}).static_order())


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: {name for name, _, _ in arrows(module)} for module in MODULES}
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", ARROWS)
def test_table_keeps_the_designs_principles(name):
    names = {other.partition(".")[0] for other in allowed(name)[1]}
    if name.startswith("makemore3"):
        assert not names & {"literate", "companion", "markdown", "mkdocs", "pytest"}
        assert "matplotlib" not in names or name == "makemore3.figures"
    else:
        assert not names & {"makemore3", "torch"}
        assert "companion" not in names or name.startswith("companion")
        assert "mkdocs" not in names or name.endswith(".mkdocs_plugin")
        assert "mkdocs_jupyter" not in names
        assert "matplotlib" not in allowed(name)[0]


def test_what_is_imported_is_declared():
    """Every distribution that a module or a test imports stands in `pyproject.toml`."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {_canonical(re.split(r"[^\w.-]", entry)[0]) for entry in listed}
    distributions = packages_distributions()
    tests = sorted((SOURCE.parent / "tests").rglob("*.py"))
    own = {*PACKAGES, *(path.stem for path in tests)}
    for path in [*MODULES.values(), SOURCE.parent / "conftest.py", *tests]:
        for name, line, _ in imports(ast.parse(path.read_text(encoding="utf-8"))):
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in own and top != "_typeshed":
                names = {_canonical(found) for found in distributions.get(top, [top])}
                assert names & declared, f"{path}:{line}: {top} is not declared"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import torch.nn.functional as F", [("torch", 1, True)]),
        ("from torch import nn, Tensor", [("torch", 1, True)] * 2),
        ("from literate.page import Page", [("literate.page", 1, True)]),
        (
            "from literate import page, store",
            [("literate.page", 1, True), ("literate.store", 1, True)],
        ),
        ("from literate import __doc__", [("literate", 1, True)]),
        ("try:\n    import torch\nexcept ImportError:\n    pass", [("torch", 2, True)]),
        ("class A:\n    import torch", [("torch", 2, True)]),
        ("def f():\n    if True:\n        import torch", [("torch", 3, False)]),
        ("if TYPE_CHECKING:\n    import torch", [("torch", 2, False)]),
    ],
)
def test_imports_are_found_wherever_they_hide(code, found):
    assert list(imports(ast.parse(code))) == found
