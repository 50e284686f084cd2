"""A page on paper: as text, and as a picture."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from site_visits import Scheme, Site, open_window

FOLDED = "exercises/fold-batch-norm/"


@pytest.fixture(scope="module", params=["light", "dark"])
def paper(site: Site, browser: Browser, request: pytest.FixtureRequest) -> str:
    """The text of a page with folds, printed from one palette."""
    context = open_window(browser, 1440, request.param)
    tab = context.new_page()
    try:
        tab.goto(site.url + FOLDED)
        reader = PdfReader(io.BytesIO(tab.pdf(format="A4", print_background=True)))
        assert 2 < len(reader.pages) < 20
        return "\n".join(page.extract_text() for page in reader.pages)
    finally:
        context.close()


def test_a_page_prints_whole_and_alone(paper: str, site: Site) -> None:
    page = (site.folder / FOLDED / "index.html").read_text(encoding="utf-8")
    titles = re.findall(r"<h[12] id=[^>]*>(.*?)<a class=\"headerlink", page)
    words = " ".join(paper.split())
    for title in titles:
        assert re.sub(r"<.*?>", "", title) in words
    assert page.count("<details") > 1
    assert "fold_batchnorm(model)" in words  # stands in a closed fold
    for around in ("Search", "On this page", "Previous", "Back to top", "Download this page"):
        assert around not in words


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_is_white_and_nothing_is_cut(site: Site, browser: Browser, scheme: Scheme) -> None:
    context = open_window(browser, 1440, scheme)
    tab = context.new_page()
    try:
        tab.goto(site.url + FOLDED)
        tab.emulate_media(media="print")
        tab.set_viewport_size({"width": 640, "height": 900})  # an A4 page between its margins
        picture = Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("L")
        shades = picture.histogram()
        assert shades[255] > 0.8 * sum(shades)
        assert sum(shades[:60]) > 0.005 * sum(shades)  # black on it
        assert _cut(tab) == []
        assert (
            tab.locator(":is(.highlight, .lit-figure, .lit-output)").evaluate_all(
                "all => all.filter(e => getComputedStyle(e).breakInside !== 'avoid').length"
            )
            == 0
        )
    finally:
        context.close()


def _cut(tab: Page) -> list[str]:
    """The beginnings of code and outputs that are wider than their box."""
    return tab.locator(":is(.highlight, .lit-output) > pre").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent.slice(0, 40))"
    )


def test_every_kind_of_page_has_the_style_for_paper(site: Site) -> None:
    pages: list[Path] = site.pages
    assert all("@media print" in page.read_text(encoding="utf-8") for page in pages)
