"""Which commit a site was built from."""

import subprocess
from pathlib import Path

MARK = "-dirty"
"""What a commit ends with where files differ from it."""


def commit(root: Path) -> str:
    """Return the checkout's commit in 12 digits, marked if files were changed; "" if unknown.

    It is unknown without git, and where `root` is not itself the top of a checkout: a copy that
    lies in somebody's repository is not of that repository's commit.
    """
    try:
        if _git(root, "rev-parse", "--show-prefix"):
            return ""
        return _git(root, "describe", "--always", f"--dirty={MARK}", "--abbrev=12", "--exclude=*")
    except OSError:
        return ""


def _git(root: Path, *command: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *command], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
