"""The site taken along: as a folder that is read from files, and as one PDF."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from site_visits import Site, ask, axe_violations, in_words, open_window

from companion.offline import write_offline
from companion.paper import PaperError, write_pdf

QUESTIONS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("questions.toml").read_text(encoding="utf-8")
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "companion", *command], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("taken") / "along" / "notes"
    done = run("offline", site.folder, target)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in target.parent.iterdir()] == ["notes"]
    return target


@pytest.fixture
def tab(browser: Browser, folder: Path) -> Iterator[Page]:
    """A page of the folder, which must ask for nothing but files and say nothing."""
    context = open_window(browser, 390, "light")
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("requestfailed", lambda request: said.append(request.url))
    tab.on("request", lambda request: said.extend(_from_elsewhere(request.url)))
    tab.goto((folder / "index.html").as_uri())
    yield tab
    before = list(said)  # closing the window ends whatever is still under way
    context.close()
    assert before == []


def _from_elsewhere(url: str) -> list[str]:
    return [] if url.startswith(("file:", "data:")) else [url]


def test_every_link_in_the_folder_names_a_file(folder: Path) -> None:
    pages = sorted(folder.rglob("*.html"))
    assert len(pages) > 30
    wrong = []
    for page in pages:
        for address in re.findall(r'\b(?:href|src)="([^"]*)"', page.read_text(encoding="utf-8")):
            parts = urlsplit(address)
            if parts.scheme or not parts.path:
                continue
            if not (page.parent / unquote(parts.path)).is_file():
                wrong.append(f"{page.relative_to(folder)}: {address}")
    assert wrong == []


def test_a_reader_gets_about_from_file_to_file(tab: Page) -> None:
    tab.get_by_role("main").get_by_role("link", name="before you run anything").click()
    tab.wait_for_url("file:///**/lecture/initial-loss/index.html")
    tab.get_by_role("contentinfo").get_by_role("link", name="Next").click()
    tab.wait_for_url("file:///**/lecture/saturated-tanh/index.html")
    assert not axe_violations(tab), in_words(axe_violations(tab))
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


def test_formulas_have_their_font(tab: Page) -> None:
    tab.goto(tab.url.replace("index.html", "lecture/kaiming-init/index.html"))
    tab.wait_for_function("document.fonts.status == 'loaded'")
    fonts = tab.evaluate("[...document.fonts].map(font => [font.family, font.status])")
    assert [status for family, status in fonts if "STIX" in family] == ["loaded"]


def test_the_lecture_is_a_plain_link(tab: Page) -> None:
    tab.goto(tab.url.replace("index.html", "lecture/kaiming-init/index.html"))
    link = tab.get_by_role("link", name="Watch it on YouTube")
    expect(link).to_have_attribute("href", "https://youtu.be/P6sfmUTpUmc?t=1673")
    expect(tab.get_by_role("button", name="Play the lecture")).to_have_count(0)
    expect(tab.get_by_role("button", name="Copy page")).to_have_count(0)


def test_the_search_finds_what_it_finds_online(tab: Page) -> None:
    root = tab.url.removesuffix("index.html")
    tab.keyboard.press("/")
    answered = 0
    for question, wanted in QUESTIONS.items():
        ask(tab, question)
        links = tab.get_by_role("option").evaluate_all("links => links.map(link => link.href)")
        found = [link.removeprefix(root).replace("index.html", "") for link in links[:3]]
        answered += not set(wanted).isdisjoint(found)
    assert answered >= 0.7 * len(QUESTIONS)
    ask(tab, "hockey stick")
    expect(tab.get_by_role("option").first).to_contain_text("The hockey stick")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"^file:.*/lecture/initial-loss/index\.html#the-hockey-stick$"))


def test_what_needs_a_server_says_so(browser: Browser, folder: Path) -> None:
    context = open_window(browser, 390, "light")
    tab = context.new_page()
    try:
        tab.goto((folder / "playground" / "index.html").as_uri())
        tab.get_by_role("button", name="Open the playground").click()
        expect(tab.get_by_role("alert")).to_contain_text("mkdocs serve")
    finally:
        context.close()


def test_a_folder_is_never_written_over(folder: Path, site: Site) -> None:
    before = sorted(folder.rglob("*"))
    done = run("offline", site.folder, folder)
    assert done.returncode == 1
    assert f"expected nothing at {folder}" in done.stderr
    assert sorted(folder.rglob("*")) == before


def test_what_is_no_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `mkdocs build`"):
        write_offline(tmp_path, tmp_path / "notes")
    with pytest.raises(FileNotFoundError, match="run `mkdocs build`"):
        write_pdf(tmp_path, tmp_path / "lecture.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def paper(site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> PdfReader:
    """The PDF of the site without an address; `browser` is there so that it's skipped alike."""
    target = tmp_path_factory.mktemp("paper") / "lecture.pdf"
    done = run("pdf", site.folder, target)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in target.parent.iterdir()] == ["lecture.pdf"]
    return PdfReader(target)


def titles(site: Site) -> list[str]:
    """The lecture's pages in the order of the navigation."""
    home = (site.folder / "index.html").read_text(encoding="utf-8")
    navigation = home[home.index('<nav class="lit-nav"') : home.index('<div class="md-content"')]
    return re.findall(r'<a href="lecture/[\w-]+/" ?>(.*?)</a>', navigation)


def test_the_pdf_has_all_pages_of_the_lecture_in_its_order(paper: PdfReader, site: Site) -> None:
    chapters = [entry for entry in paper.outline if not isinstance(entry, list)]
    assert [entry.title for entry in chapters][1:] == titles(site)
    starts = [paper.get_destination_page_number(entry) or 0 for entry in chapters]
    assert starts == sorted(set(starts))
    text = " ".join(page.extract_text() for page in paper.pages)
    words = " ".join(text.split())
    assert words.count("What to remember") >= 10
    assert "fold_batchnorm" not in words.split("17. Summary")[0][:2000]
    for around in ("Play the lecture", "Copy page", "On this page", "Search"):
        assert around not in words


def test_its_links_lead_within_it_or_to_the_web(paper: PdfReader) -> None:
    kinds: Counter[str] = Counter()
    for page in paper.pages:
        for note in page.get("/Annots") or ():
            link = note.get_object()
            uri = str(link["/A"]["/URI"]) if "/A" in link and "/URI" in link["/A"] else ""
            kinds["web" if uri.startswith("https://") else uri or "within"] += 1
    assert set(kinds) == {"web", "within"}
    assert kinds["within"] > 50


def test_its_formulas_are_set_in_the_maths_font(paper: PdfReader) -> None:
    fonts = set()
    for page in paper.pages:
        resources: Any = page["/Resources"].get_object()
        for font in resources.get("/Font", {}).values():
            fonts.add(str(font.get_object()["/BaseFont"]))
    assert any("STIX" in name for name in fonts), fonts


def test_without_chromium_the_pdf_says_what_is_missing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(PaperError, match="expected Chromium, found none"):
        write_pdf(site.folder, tmp_path / "lecture.pdf")
    assert list(tmp_path.iterdir()) == []
