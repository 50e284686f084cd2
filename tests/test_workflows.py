"""The workflows: who may start them, and what each job may do."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / ".github" / "workflows"
WORKFLOWS: dict[str, dict[Any, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))
}
WRITES = {
    ("pages", "attest"): {"attestations", "id-token"},
    ("pages", "deploy"): {"pages", "id-token"},
    ("pages", "colab"): {"contents"},
}
"""The jobs that may write, and what."""
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
ON = True  # YAML reads the key `on` as a truth value


def job_of(name: str, job: str) -> dict[str, Any]:
    return WORKFLOWS[name]["jobs"][job]


def permissions(name: str, job: str) -> dict[str, str]:
    """What a job may do: its own list, else its workflow's; without any it may do everything."""
    granted = job_of(name, job).get("permissions", WORKFLOWS[name].get("permissions"))
    assert isinstance(granted, dict), f"{name}: {job} names no permissions"
    return granted


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_a_job_may_do_no_more_than_it_needs(name, job):
    granted = permissions(name, job)
    assert {what for what, how in granted.items() if how != "read"} == WRITES.get(
        (name, job), set()
    )


@pytest.mark.parametrize(("name", "job"), WRITES)
def test_what_may_write_runs_no_code_of_the_checkout(name, job):
    steps = job_of(name, job)["steps"]
    text = " ".join(step.get("run", "") for step in steps)
    assert not any(command in text for command in ("pip", "python", "mkdocs", "pytest"))
    assert all("ref" not in step.get("with", {}) for step in steps)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_with_rights_is_not_started_by_a_fork(name):
    """A head branch of a fork may have any name: a run counts only if it was a push to here."""
    events = WORKFLOWS[name][ON]
    assert "pull_request_target" not in events
    if "workflow_run" not in events:
        return
    jobs = WORKFLOWS[name]["jobs"]
    first = [job for job in jobs.values() if "needs" not in job]
    for job in first:
        condition = " ".join(job["if"].split())
        assert "github.event.workflow_run.event == 'push'" in condition
        assert "workflow_run.head_repository.full_name == github.repository" in condition
        assert "workflow_run.conclusion == 'success'" in condition
        assert condition.count("||") == 1  # the other way in is by hand, on the main branch
        assert "workflow_dispatch' && github.ref == 'refs/heads/main')" in condition
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
    assert all(job.get("needs") in jobs for job in jobs.values() if job not in first)


def test_what_is_published_has_its_provenance():
    """`gh attestation verify index.html --repo ...` knows every page that a reader can fetch."""
    assert job_of("pages", "deploy")["needs"] == "attest"
    *_, step = job_of("pages", "attest")["steps"]
    assert step["uses"].startswith("actions/attest-build-provenance@")
    assert step["with"]["subject-path"].split() == ["artifact.tar", "site/**/*.html"]
