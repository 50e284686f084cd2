"""The reference: every public name has its entry, with the sections of its docstring."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from site_visits import Site

SOURCE = Path(__file__).parents[2] / "src"


def exports(module: Path) -> list[str] | None:
    """The names in a module's `__all__`, or None if it has none."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return None


def defined(module: Path) -> Iterator[str]:
    """The names without an underscore that a module defines."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [ast.unparse(target) for target in targets]
            case ast.AnnAssign(target=target):
                names = [ast.unparse(target)]
            case _:
                names = []
        yield from (name for name in names if not name.startswith("_"))


def public_names() -> Iterator[str]:
    """All that `makemore3` offers: what its packages export, and what its other modules define."""
    for path in sorted((SOURCE / "makemore3").rglob("*.py")):
        package = path.with_name("__init__.py")
        if path.stem == "__main__" or (path != package and exports(package) is not None):
            continue
        module = path.parent if path == package else path.with_suffix("")
        for name in exports(path) or defined(path):
            yield ".".join([*module.relative_to(SOURCE).parts, name])


def test_the_rule_finds_what_is_public():
    found = set(public_names())
    assert len(found) > 150
    assert {
        "makemore3.layers.BatchNorm1d",  # exported by its package
        "makemore3.training.train",  # defined in a module
        "makemore3.models.LECTURE_SEED",  # a constant
        "makemore3.lab.sweeps.sweep",  # of a package that exports nothing
    } <= found
    assert not {name for name in found if name.startswith("makemore3.layers.norms")}


@pytest.fixture(scope="module")
def reference(site: Site) -> str:
    pages = sorted((site.folder / "reference").rglob("index.html"))
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_every_public_name_has_its_entry(reference: str) -> None:
    headings = re.findall(r'<h[1-6] id="([^"]+)"', reference)
    assert len(headings) == len(set(headings))
    assert set(public_names()) - set(headings) == set()


def test_an_entry_has_a_signature_and_the_sections_of_its_docstring(reference: str) -> None:
    _, _, entry = reference.partition('<h3 id="makemore3.layers.BatchNorm1d"')
    entry, _, _ = entry.partition("<h4")
    code = re.sub(r"<[^>]+>", "", entry[entry.index("<code>") : entry.index("</code>")])
    assert code.splitlines()[:3] == ["BatchNorm1d(", "    num_features: int,", "    *,"]
    assert 'href="#makemore3.layers.Convention"' in entry
    parts = re.findall(r'<p class="lit-part__name">(.*?)</p>', entry)
    assert parts == ["Parameters", "Raises", "Shape", "Source"]


def test_no_section_of_a_docstring_is_left_as_text(reference: str) -> None:
    assert not re.search(r"<p>\s*(?:Args|Raises|Returns|Yields|Shape|Source):", reference)
    assert set(re.findall(r'"lit-part__name">(.*?)<', reference)) <= {
        *("Parameters", "Attributes", "Raises", "Returns", "Yields", "Shape", "Source"),
    }


def test_what_a_block_imports_is_linked_to_its_entry(site: Site) -> None:
    page = (site.folder / "lecture/kaiming-init/index.html").read_text(encoding="utf-8")
    name = "makemore3.layers.kaiming_normal"
    assert f'href="../../reference/data-and-layers/#{name}">kaiming_normal</a>' in page
    copied = (site.folder / "lecture/kaiming-init/index.md").read_text(encoding="utf-8")
    assert "\nfrom makemore3.layers import kaiming_normal\n" in copied
