"""The site as it is deployed: below a path, and with the repository's address known."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from site_visits import Site, axe_violations, in_words, open_window

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/someone/makemore3"


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = open_window(browser, 390, "light")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("page", ["", "lecture/kaiming-init/", "404.html"])
def test_the_search_works_below_a_path(deployed: Site, tab: Page, page: str) -> None:
    tab.goto(deployed.url + page)
    tab.keyboard.press("/")
    tab.keyboard.type("hockey stick")
    expect(tab.get_by_role("option").first).to_contain_text("The hockey stick")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(re.escape(deployed.url) + r"[\w/-]+/#(the-)?hockey-stick$"))


def test_the_repository_is_a_link_in_header_and_footer(deployed: Site, tab: Page) -> None:
    tab.goto(f"{deployed.url}404.html")
    for part in ("banner", "contentinfo"):
        link = tab.get_by_role(part).get_by_role("link", name="The repository")
        expect(link).to_have_attribute("href", REPOSITORY)
    assert not axe_violations(tab), in_words(axe_violations(tab))
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


def test_the_commands_say_what_to_clone(deployed: Site, site: Site) -> None:
    page = "contributing/index.html"
    known = (deployed.folder / page).read_text(encoding="utf-8")
    unknown = (site.folder / page).read_text(encoding="utf-8")
    assert f"</span>git clone {REPOSITORY} makemore3" in known
    assert "</span>git clone" not in unknown


def test_without_an_address_there_is_no_link_to_it(site: Site, tab: Page) -> None:
    tab.goto(site.url)
    expect(tab.get_by_role("link", name="The repository")).to_have_count(0)


def test_each_page_names_its_commit(deployed: Site, site: Site) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout[:12]
    if not head:
        pytest.skip("the tests do not run in a checkout")
    for page in deployed.pages:
        text = page.read_text(encoding="utf-8")
        assert f'<a href="{REPOSITORY}/commit/{head}"><code>{head[:7]}</code></a>' in text, page
    text = (site.folder / "index.html").read_text(encoding="utf-8")
    assert f"Built from commit <code>{head[:7]}</code>" in text


def test_the_list_for_machines_has_whole_addresses(deployed: Site) -> None:
    text = (deployed.folder / "llms.txt").read_text(encoding="utf-8")
    assert "(https://example.org/notes/lecture/kaiming-init/index.md): " in text
    page = (deployed.folder / "lecture/kaiming-init/index.html").read_text(encoding="utf-8")
    address = "https://example.org/notes/lecture/kaiming-init/"
    assert f'<meta property="og:url" content="{address}">' in page
