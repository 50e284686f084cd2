"""The arrows between the modules, as the design draws them: nothing else is imported."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGES = ("makemore3", "literate")

# What a module may import besides the standard library: when it is loaded, and after the bar
# only while one of its functions runs.
ARROWS = {
    "makemore3": "",
    "makemore3.__main__": "| makemore3.cli",
    "makemore3.init": "torch",
    "makemore3.layers": "torch makemore3.init",
    "makemore3.models": "torch makemore3.init makemore3.layers",
    "makemore3.folding": "torch makemore3.layers",
    "makemore3.resnet": "torch makemore3.init",
    "makemore3.data": "torch pooch requests tqdm",
    "makemore3.files": "",
    "makemore3.counting": "torch",
    "makemore3.checkpoint": "torch makemore3.files",
    "makemore3.runs": "torch makemore3.data",
    "makemore3.training": (
        "torch tqdm makemore3.checkpoint makemore3.data makemore3.models makemore3.runs"
    ),
    "makemore3.blocks": "torch makemore3.data makemore3.layers",
    "makemore3.stacked": "torch makemore3.blocks",
    "makemore3.compiled": "torch pooch makemore3.blocks",
    "makemore3.fast": (
        "torch tqdm makemore3.blocks makemore3.compiled makemore3.data makemore3.stacked "
        "makemore3.training"
    ),
    "makemore3.experiments": (
        "torch makemore3.data makemore3.fast makemore3.files makemore3.models makemore3.training"
    ),
    "makemore3.bench": (
        "torch makemore3.data makemore3.fast makemore3.files makemore3.models makemore3.training"
    ),
    "makemore3.sampling": "torch makemore3.data makemore3.models",
    "makemore3.diagnostics": "torch",
    "makemore3.figures": "torch numpy matplotlib makemore3.diagnostics makemore3.training",
    "makemore3.published": "",
    "makemore3.reproduce": (
        "torch makemore3.data makemore3.diagnostics makemore3.layers makemore3.models "
        "makemore3.published makemore3.sampling makemore3.training"
    ),
    "makemore3.cli": (
        "torch makemore3.bench makemore3.checkpoint makemore3.data makemore3.experiments "
        "makemore3.models makemore3.published makemore3.reproduce makemore3.sampling "
        "makemore3.training"
    ),
    "literate": "",
    "literate.page": "",
    "literate.chapters": "",
    "literate.svg": "",
    "literate.compare": "| PIL",
    "literate.record": "| matplotlib literate.svg",
    "literate.store": "literate.page",
    "literate.notebook": (
        "nbformat literate.compare literate.page literate.store "
        "| IPython matplotlib matplotlib_inline nbclient literate.svg"
    ),
    "literate.pytest_plugin": (
        "pytest pytest_codeblocks literate.compare literate.notebook literate.page "
        "literate.record literate.store"
    ),
    "literate.markdown_ext": (
        "markdown math_core literate.chapters literate.notebook literate.page literate.store"
    ),
    "literate.lint": "pytest_codeblocks yaml literate.chapters literate.page literate.store",
    "literate.mkdocs_hooks": (
        "mkdocs nbformat literate.notebook literate.page literate.store | fontTools"
    ),
}


def allowed(module: str) -> tuple[set[str], set[str]]:
    """What `module` may import when it is loaded, and at any time."""
    loaded, _, later = ARROWS[module].partition("|")
    return set(loaded.split()), set(loaded.split()) | set(later.split())


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(tree: ast.AST, *, loading: bool = True) -> Iterator[tuple[str, int, bool]]:
    """Name, line, and whether it happens when the module is loaded; none for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _unit(alias.name), node.lineno, loading
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: expected an absolute import"
            for alias in node.names:
                yield _unit(f"{node.module}.{alias.name}"), node.lineno, loading
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
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


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_nothing_but_what_the_table_allows(module):
    assert module in ARROWS, f"{module} is new: say in the table above what it may import"
    when_loaded, at_any_time = allowed(module)
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for name, line, loading in imports(tree):
        if name not in sys.stdlib_module_names and name != module:
            assert name in (when_loaded if loading else at_any_time), (
                f"{MODULES[module].relative_to(SOURCE)}:{line}: {module} may not import {name}"
                + (" when it is loaded" if name in at_any_time else "")
            )


def test_table_names_no_module_that_is_gone():
    assert set(ARROWS) == set(MODULES)


def test_arrows_go_one_way():
    tuple(TopologicalSorter({module: allowed(module)[1] for module in ARROWS}).static_order())


@pytest.mark.parametrize("module", ARROWS)
def test_table_keeps_the_designs_principles(module):
    names = {name.partition(".")[0] for name in allowed(module)[1]}
    if module.startswith("makemore3"):
        assert not names & {"literate", "markdown", "mkdocs", "pytest"}
        assert "matplotlib" not in names or module == "makemore3.figures"
    else:
        assert not names & {"makemore3", "torch"}
        assert "mkdocs" not in names or module == "literate.mkdocs_hooks"
        assert "matplotlib" not in allowed(module)[0]


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
        ("if TYPE_CHECKING:\n    import torch", []),
    ],
)
def test_imports_are_found_wherever_they_hide(code, found):
    assert list(imports(ast.parse(code))) == found
