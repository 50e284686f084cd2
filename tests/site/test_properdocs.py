"""ProperDocs, the maintained fork of MkDocs, builds the same site."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from site_visits import Site

ROOT = Path(__file__).parents[2]
GENERATOR = b'<meta name="generator" content="'


def files(folder: Path) -> dict[str, bytes]:
    """All files, the pages without the line that names what built them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".gz":  # compressed with the time of the build
            lines = path.read_bytes().split(b"\n")
            kept = [line for line in lines if GENERATOR not in line]
            found[path.relative_to(folder).as_posix()] = b"\n".join(kept)
    return found


@pytest.mark.skipif(
    importlib.util.find_spec("properdocs") is None,
    reason="ProperDocs is not installed: pip install properdocs",
)
def test_properdocs_builds_the_same_site(site: Site, tmp_path: Path) -> None:
    build = subprocess.run(
        [
            *[sys.executable, "-m", "properdocs", "build", "--strict"],
            *["--config-file", "mkdocs.yml", "--site-dir", tmp_path / "site"],
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    ours, theirs = files(site.folder), files(tmp_path / "site")
    assert ours.keys() == theirs.keys()
    assert [name for name, content in ours.items() if content != theirs[name]] == []
