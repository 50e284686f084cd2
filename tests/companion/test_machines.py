"""Pages beside pages, and the list of them."""

from pathlib import Path

import pytest

from companion import machines
from companion.machines import KEPT, write_list, write_markdown

PAGE = (
    "<html><head><title>{title}</title>{more}"
    '<meta name="description" content="About {title} &amp; more."></head>'
    "<body>{body}<article><h1>{title}</h1></article></body></html>"
)
NAVIGATION = """<nav class="lit-nav" aria-label="Site"><ul>
<li><a href="." aria-current="page">Home</a></li>
<li><span class="lit-nav__section">Part &amp; one</span>
<ul><li><a href="part/b/">B</a></li></ul></li>
<li><a href="gone/">Gone</a></li>
<li><a href="c/">C</a></li>
</ul></nav>"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(machines, "user_cache_path", lambda name: folder / name)
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("", "part/b", "c"):
        page = tmp_path / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        body = "<!-- </head> -->" if name else NAVIGATION
        page.write_text(PAGE.format(title=name or "Site", more="", body=body), encoding="utf-8")
    return tmp_path


def files(site: Path) -> dict[str, str]:
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
        for path in site.rglob("*.*")
    }


def test_each_page_is_there_as_markdown_and_says_so(site):
    (site / "404.html").write_text("<head></head><article><h1>None</h1></article>")
    (site / "moved.html").write_text("<head></head>Moved.")
    write_markdown(site)
    made = {name for name in files(site) if name.endswith(".md")}
    assert made == {"index.md", "part/b/index.md", "c/index.md"}
    assert files(site)["c/index.md"] == "# c\n"
    link = '<link rel="alternate" type="text/markdown" href="index.md"></head>'
    assert files(site)["c/index.html"].count(link) == 1
    assert "alternate" not in files(site)["404.html"] + files(site)["moved.html"]


def test_the_list_has_the_pages_of_the_navigation_in_its_order(site):
    write_markdown(site)
    write_list(site)
    assert files(site)["llms.txt"] == (
        "# Site\n\n> About Site & more.\n\n"
        "## Part & one\n\n- [B](part/b/index.md): About part/b & more.\n\n"
        "## Also here\n\n- [Home](index.md): About Site & more.\n"
        "- [C](c/index.md): About c & more.\n"
    )


def test_a_page_that_is_a_file_is_in_the_list_too(site):
    (site / "d.html").write_text(PAGE.format(title="D", more="", body=""))
    page = PAGE.format(title="Site", more="", body=NAVIGATION.replace("c/", "d.html"))
    (site / "index.html").write_text(page, encoding="utf-8")
    write_markdown(site)
    write_list(site)
    assert files(site)["llms.txt"].endswith("\n- [C](d.md): About D & more.\n")


def test_where_the_site_has_an_address_the_list_has_it_too(site):
    canonical = '<link rel="canonical" href="https://example.org/notes/">'
    page = PAGE.format(title="Site", more=canonical, body=NAVIGATION)
    (site / "index.html").write_text(page, encoding="utf-8")
    write_markdown(site)
    write_list(site)
    assert "[C](https://example.org/notes/c/index.md)" in files(site)["llms.txt"]


def test_without_a_navigation_there_is_no_list(tmp_path):
    write_list(tmp_path)
    (tmp_path / "index.html").write_text("<article></article>")
    write_list(tmp_path)
    assert list(files(tmp_path)) == ["index.html"]


def test_doing_it_twice_changes_nothing_more(site):
    made = []
    for _ in range(2):
        write_markdown(site)
        write_list(site)
        made.append(files(site))
    assert made[0] == made[1]


def test_an_unchanged_page_is_read_back_and_a_changed_one_is_not(site, monkeypatch):
    write_markdown(site)
    monkeypatch.setattr(machines, "page_markdown", lambda page: f"# new {len(page)}\n")
    page = site / "c" / "index.html"
    page.write_text(page.read_text().replace("<h1>", "<h1>Changed: "), encoding="utf-8")
    write_markdown(site)
    assert files(site)["part/b/index.md"] == "# part/b\n"
    assert files(site)["c/index.md"].startswith("# new ")


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"a": '])
def test_a_damaged_cache_is_made_anew(site, cache, damage):
    write_markdown(site)
    kept = cache / "makemore3" / KEPT
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    write_markdown(site)
    assert kept.read_bytes() == whole
    assert files(site)["c/index.md"] == "# c\n"


def test_without_a_cache_nothing_is_kept_and_all_is_written(site, tmp_path_factory, monkeypatch):
    file = tmp_path_factory.mktemp("none") / "file"
    file.touch()
    monkeypatch.setattr(machines, "user_cache_path", lambda name: file / name)
    write_markdown(site)
    assert files(site)["c/index.md"] == "# c\n"
