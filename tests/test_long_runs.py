"""What `conftest.py` does for pages and notebooks with long runs, in a small project of its own."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest

import makemore3

ROOT = Path(__file__).parents[1]
PYPROJECT = """
[tool.pytest.ini_options]
addopts = "--codeblocks -n 0"
"""
CODE = """\
import torch
from makemore3.data import load_dataset
from makemore3.models import KAIMING, mlp
from makemore3.training import TrainConfig, train

data = load_dataset()
g = torch.Generator().manual_seed(1)
net = mlp(KAIMING, n_embd=2, n_hidden=4, generator=g)
config = TrainConfig(max_steps=1_000, batch_size=8)
history = train(net, data.train, config, generator=g)
print(f"{history.losses[0]:.4f} {history.losses[-1]:.4f}")"""


class Project:
    """Our conftest and package, with one page and one notebook that do the same long run."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester, self.monkeypatch = pytester, monkeypatch
        self.runs = pytester.path / ".cache" / "runs"
        self.package = pytester.path / "makemore3"
        shutil.copytree(Path(makemore3.__file__).parent, self.package)
        shutil.copy(ROOT / "conftest.py", pytester.path)
        shutil.copy(ROOT / "tests" / "unchanged.py", pytester.path)
        names = "\n".join(f"{a}{b}{c}" for a in "bdk" for b in "aeio" for c in "lmnr")
        (pytester.path / "names.txt").write_text(names)
        monkeypatch.setenv("MAKEMORE_NAMES", "names.txt")  # relative to where pytest starts
        monkeypatch.setenv("PYTHONPATH", str(pytester.path))
        monkeypatch.delenv("CI", raising=False)
        pytester.makepyprojecttoml(PYPROJECT)
        docs = pytester.mkdir("docs")
        (docs / "page.md").write_text(f"# Page\n\n```python\n{CODE}\n```\n")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
        nbformat.write(notebook, docs / "notebook.ipynb")

    def test(self, *arguments: str) -> str:
        """Run pytest as a user does, and return what it printed."""
        return str(self.pytester.runpytest_subprocess(*arguments).stdout)

    def kept(self) -> list[os.stat_result]:
        return [file.stat() for file in self.runs.iterdir()] if self.runs.exists() else []

    def move_to_the_users_cache(self) -> None:
        """Let the project's own cache be a place where nothing can be written."""
        users = self.pytester.path / "users"
        self.monkeypatch.setenv("XDG_CACHE_HOME", str(users))
        folder = users / "makemore3" / "runs"
        folder.parent.mkdir(parents=True)
        self.runs.rename(folder)
        shutil.rmtree(self.runs.parent)
        self.runs.parent.write_text("in the way of the folder")
        self.runs = folder

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.package / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self.package / file).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(pytester.path)
    return Project(pytester, monkeypatch)


def test_a_long_run_is_done_once_and_anew_after_a_change_of_a_formula(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("CI", "true")
        project.test("--collect-only", "docs/page.md")
    assert "baked" in project.test("--fresh", "--bake", "docs")
    assert not project.runs.exists()

    assert "1 blocks equal to their baked outputs" in project.test("docs/page.md")
    (made,) = project.kept()
    assert "1 blocks equal to their baked outputs" in project.test("docs/notebook.ipynb")
    (same,) = project.kept()
    assert (same.st_ino, same.st_size) == (made.st_ino, made.st_size)
    assert same.st_mtime_ns > made.st_mtime_ns, "the notebook read it"

    project.move_to_the_users_cache()
    project.edit("layers/nonlinearities.py", "torch.tanh(x)", "torch.tanh(1.5 * x)")
    out = project.test("docs/page.md")
    assert "block 1 printed something else" in out
    assert len(project.kept()) == 2
