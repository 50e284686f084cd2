"""Which commit a site was built from, asked of real checkouts."""

import subprocess
from pathlib import Path

import pytest

from companion.commit import commit


def git(folder: Path, *command: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    done = subprocess.run(
        ["git", "-C", folder, *who, *command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "page.md").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_a_checkout_has_its_commit_whatever_its_tags_say(checkout):
    git(checkout, "tag", "-a", "v1", "-m", "one")
    assert commit(checkout) == git(checkout, "rev-parse", "HEAD")[:12]


def test_changed_files_are_marked(checkout):
    (checkout / "page.md").write_text("two")
    assert commit(checkout).endswith("-dirty")


def test_a_folder_of_somebody_elses_repository_has_none(checkout):
    (checkout / "notes").mkdir()
    assert commit(checkout / "notes") == ""


def test_no_repository_and_no_git_are_no_commit(checkout, tmp_path_factory, monkeypatch):
    assert commit(tmp_path_factory.mktemp("plain")) == ""
    monkeypatch.setenv("PATH", "")
    assert commit(checkout) == ""
