"""A whole test run leaves out what would pass again, and nothing else."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt  # before the inner runs, each of which would load it anew
import pytest

import unchanged
from unchanged import project_files, rests_on

CONFTEST = """
from unchanged import Unchanged

def pytest_configure(config):
    config.pluginmanager.register(Unchanged(config, config.rootpath, config.rootpath / ".kept"))
"""
INI = """
[pytest]
addopts = --codeblocks
testpaths = tests docs
"""
PAGE = "# Page\n\n```python\nprint({})\n```\n"


class Project:
    """Two pages, a test of the site and another one; each run says which of them were run."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester, self.root = pytester, pytester.path
        pytester.makeconftest(CONFTEST)
        pytester.makeini(INI)
        self.write("src/formula.py", "x = 1")
        self.write("docs/one.md", PAGE.format(1))
        self.write("docs/two.md", PAGE.format(2))
        self.write("tests/site/test_site.py", "def test_site(): pass")
        self.write("tests/test_quick.py", "def test_quick(): pass")
        self.run("--bake")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def run(self, *options: str) -> str:
        """The tests that were run, the failed ones marked, and what was said of the others."""
        done = self.pytester.runpytest_inprocess("-rpf", *QUICK, *options)
        found = re.findall(r"^(PASSED|FAILED) \S*?(\w+)\.\w+::", str(done.stdout), re.MULTILINE)
        names = sorted(name + "!" * (how == "FAILED") for how, name in found)
        said = re.findall("^not repeated, .* passed: ([0-9]+) ", str(done.stdout), re.MULTILINE)
        return " ".join(names + [f"({number} not repeated)" for number in said])


QUICK = ["-p", "no:xdist", "-p", "no:hypothesispytest", "-p", "no:anyio"]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(unchanged, "environment", lambda: ["this machine"])
    plt.close("all")  # what other tests have drawn is not the pages'
    return Project(pytester)


def test_what_passed_and_rests_on_nothing_changed_is_left_out(project: Project) -> None:
    assert project.run() == "one test_quick test_site two"
    assert project.run() == "test_quick (3 not repeated)"
    assert project.run() == "test_quick (3 not repeated)", "what is left out is not forgotten"


def test_a_change_repeats_what_may_rest_on_it(project: Project) -> None:
    project.run()
    project.change("docs/one.md", "# Page", "# A page")
    assert project.run() == "one test_quick test_site (1 not repeated)"
    project.change("docs/baked/two/01.txt", "2", "3")
    assert project.run() == "test_quick test_site two! (1 not repeated)"
    assert project.run() == "test_quick two! (2 not repeated)"


def test_what_failed_is_repeated_until_it_passes(project: Project) -> None:
    project.write("tests/site/test_site.py", "def test_site(): assert 0")
    for _ in range(2):
        assert "test_site!" in project.run()
    project.write("tests/site/test_site.py", "def test_site(): pass")
    assert "test_site" in project.run()
    project.write("tests/site/test_site.py", "def test_site(): assert 0")
    assert "test_site!" in project.run()
    project.write("tests/site/test_site.py", "def test_site(): pass")
    assert "test_site" in project.run(), "it has failed since it passed with these files"


def test_another_machine_repeats_everything(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run()
    monkeypatch.setattr(unchanged, "environment", lambda: ["another machine"])
    assert project.run() == "one test_quick test_site two"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["docs/one.md"], "one"),
        (["-k", "site"], "test_site"),
        (["docs", "tests"], "one test_quick test_site two"),
        (["--bake"], "one test_quick test_site two"),
    ],
)
def test_what_is_named_or_chosen_is_run(
    options: list[str], expected: str, project: Project
) -> None:
    project.run()
    assert project.run(*options) == expected


def test_a_page_that_was_not_compared_is_repeated(project: Project) -> None:
    project.pytester.makeconftest(
        CONFTEST + "def pytest_literate_inputs(): return {'names': 'others'}"
    )
    project.run("--bake")
    project.pytester.makeconftest(
        CONFTEST + "def pytest_literate_inputs(): return {'names': 'mine'}"
    )
    for _ in range(2):
        assert project.run().startswith("one test_quick")


def test_a_page_of_another_place_is_not_noted(project: Project, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(1))
    project.run(str(page))
    assert project.run("docs", "tests") == "one test_quick test_site two"
    noted = (project.root / ".kept" / "passed.json").read_text()
    assert sorted(name.partition("::")[0] for name in json.loads(noted)) == [
        "docs/one.md",
        "docs/two.md",
        "tests/site/test_site.py",
    ]


def test_a_damaged_or_missing_list_leaves_nothing_out(project: Project) -> None:
    project.run()
    passed = project.root / ".kept" / "passed.json"
    passed.write_bytes(passed.read_bytes()[:-1])
    assert project.run() == "one test_quick test_site two"
    passed.unlink()
    assert project.run() == "one test_quick test_site two"


def test_two_processes_leave_out_the_same(project: Project) -> None:
    project.run()
    project.change("docs/two.md", "# Page", "# A page")
    done = project.pytester.runpytest_inprocess("-n2", "--dist=loadfile")
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines("not repeated,* since they passed: 1 *")
    assert project.run() == "test_quick (3 not repeated)"


def test_hidden_and_generated_files_do_not_count(tmp_path: Path) -> None:
    kept = ["README.md", "docs/site.md", "tests/site/a.py"]
    others = ["site/a", "venv/a", ".venv/a", "src/__pycache__/a", "docs/.a"]
    for name in kept + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "docs" / "nowhere").symlink_to("there")
    assert list(project_files(tmp_path)) == kept


@pytest.mark.parametrize(
    ("test", "file", "expected"),
    [
        ("docs/a/b.md", "docs/a/b.md", True),
        ("docs/a/b.md", "docs/baked/a/b/1.txt", True),
        ("docs/a/b.md", "docs/baked/a/bc/1.txt", False),
        ("docs/a/b.md", "docs/a/c.md", False),
        ("docs/a/b.md", "docs/a/c.ipynb", False),
        ("docs/a/b.md", "docs/runs/a.jsonl", True),
        ("docs/a/b.md", "tests/test_a.py", False),
        ("docs/a/b.ipynb", "docs/a/b.ipynb", True),
        ("tests/site/test_a.py", "docs/a/b.md", True),
        ("tests/site/test_a.py", "tests/site/helper.py", True),
        ("tests/site/test_a.py", "tests/conftest.py", True),
        ("tests/site/test_a.py", "tests/test_b.py", False),
        ("tests/site/test_a.py", "tests/playground/test_b.py", False),
        ("tests/test_code_quality.py", "tests/site/test_a.py", True),
        ("tests/test_code_quality.py", "docs/a/b.md", False),
        ("tests/test_code_quality.py", "docs/baked/a/b/1.txt", False),
        ("tests/test_code_quality.py", "docs/assets/a.js", True),
    ],
)
def test_a_result_rests_on(test: str, file: str, expected: bool) -> None:
    assert rests_on(test, file) == expected


def test_the_environment_names_packages_machine_and_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = unchanged.environment()
    assert "torch 2.13.0" in " ".join(map(str, before))
    names = tmp_path / "names.txt"
    names.write_text("anna\nbob\ncarl\ndora\nemil\nfred\n")
    monkeypatch.setenv("MAKEMORE_NAMES", str(names))
    assert unchanged.environment() != before
