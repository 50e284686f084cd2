"""A visit is repeated unless all that it rests on is as it was, and it found nothing wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from site_visits import KeptVisits, Site, Visit


@pytest.fixture
def small(tmp_path: Path) -> Site:
    """A site of one page, of which nobody needs a browser to know what it asks for."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<link rel=stylesheet href=../style.css>")
    (tmp_path / "style.css").write_text("p { color: red }")
    return Site(tmp_path, "", "http://127.0.0.1:1234/")


def made(site: Site) -> Visit:
    urls = {f"{site.url}page/", f"{site.url}style.css", "data:image/png;base64,"}
    return Visit("page/index.html", 390, colours=True, width=390, requested=urls)


def kept(site: Site, visit: Visit) -> KeptVisits:
    """What is read back, after this visit was kept by another test run."""
    path = site.folder / "visits.json"
    before = KeptVisits(path, "a browser")
    before.keep(visit, site)
    before.write()
    return KeptVisits(path, "a browser")


def test_a_visit_is_found_again_also_at_another_port(small: Site) -> None:
    again = kept(small, made(small))
    elsewhere = Site(small.folder, "", "http://127.0.0.1:4321/")
    visit = Visit("page/index.html", 390, colours=True)
    assert again.find(visit, elsewhere)
    assert visit.width == 390
    assert visit.requested == {f"{elsewhere.url}page/", f"{elsewhere.url}style.css"}
    again.write()
    assert KeptVisits(again.path, "a browser").before == again.before != {}


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "style.css").write_text("p { color: blue }"),
        lambda folder: (folder / "style.css").unlink(),
        lambda folder: (folder / "page" / "index.html").write_text("<p>"),
    ],
)
def test_a_visit_is_repeated_when_a_file_has_changed(
    change: Callable[[Path], object], small: Site
) -> None:
    again = kept(small, made(small))
    change(small.folder)
    assert not again.find(Visit("page/index.html", 390, colours=True), small)


def test_that_a_page_names_another_commit_does_not_count(small: Site) -> None:
    page = small.folder / "page" / "index.html"
    link = '<a href="https://example.org/commit/{}"><code>{}</code></a>{}. More'
    page.write_text("Built from commit " + link.format("1234567", "1234567", ", with changes"))
    again = kept(small, made(small))
    visit = Visit("page/index.html", 390, colours=True)
    for text, same in (
        (link.format("abcdef0", "abcdef0", ""), True),
        ("<code>abcdef0</code>. More", True),
        ("<code>abcdef0</code>. Less", False),
    ):
        page.write_text(f"Built from commit {text}")
        assert again.find(visit, small) == same


def test_other_pages_other_checks_and_other_browsers_are_other_visits(small: Site) -> None:
    again = kept(small, made(small))
    assert not again.find(Visit("page.html", 390, colours=True), small)
    assert not again.find(Visit("page/index.html", 390, colours=False), small)
    other = KeptVisits(again.path, "another browser")
    assert not other.find(Visit("page/index.html", 390, colours=True), small)
    other.write()
    assert KeptVisits(again.path, "a browser").before == {}, "what was not visited is forgotten"


def test_a_visit_that_found_something_is_repeated(small: Site) -> None:
    for fault in (
        {"errors": ["a message"]},
        {"failed": ["404"]},
        {"violations": [{"id": "color-contrast"}]},
        {"cut": ["a table"]},
        {"width": 391},
        {"requested": {f"{small.url}page/", "https://elsewhere.org/"}},
    ):
        visit = made(small)
        for name, value in fault.items():
            setattr(visit, name, value)
        assert not kept(small, visit).find(Visit("page/index.html", 390, colours=True), small)


def test_a_damaged_file_counts_as_none(small: Site) -> None:
    path = kept(small, made(small)).path
    path.write_bytes(path.read_bytes()[:-20])
    visit = Visit("page/index.html", 390, colours=True)
    assert not KeptVisits(path, "a browser").find(visit, small)
