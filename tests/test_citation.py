"""CITATION.cff, against the parts of the Citation File Format 1.2.0 that it uses."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

REQUIRED = {"cff-version", "message", "title", "authors"}
KNOWN = REQUIRED | {"abstract", "keywords", "license", "references", "type", "version"}
REFERENCE = {"type", "title", "authors", "year", "url", "repository-code"}


def check_authors(authors: list[dict[str, str]]) -> None:
    assert authors
    for author in authors:  # an entity has one name, a person several
        assert set(author) in ({"name"}, {"family-names", "given-names"})
        assert all(isinstance(name, str) and name for name in author.values())


def test_the_file_has_what_the_format_requires_and_nothing_it_does_not_know():
    assert set(CITATION) >= REQUIRED
    assert set(CITATION) <= KNOWN
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    for key in ("message", "title", "abstract", "license"):
        assert isinstance(CITATION[key], str)
        assert CITATION[key].strip()
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])
    check_authors(CITATION["authors"])


def test_version_and_licence_are_the_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (CITATION["version"], CITATION["license"]) == (project["version"], project["license"])


def test_each_reference_is_whole():
    for reference in CITATION["references"]:
        assert {"type", "title", "authors"} <= set(reference) <= REFERENCE
        assert reference["type"] in {"video", "software"}
        check_authors(reference["authors"])
        assert isinstance(reference.get("year", 2022), int)
        for key in ("url", "repository-code"):
            assert re.match(r"https://\S+$", reference.get(key, "https://none"))


def test_the_lecture_is_among_them():
    assert any(
        reference.get("url", "").endswith("P6sfmUTpUmc") for reference in CITATION["references"]
    )
