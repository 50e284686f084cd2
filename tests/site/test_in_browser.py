"""What readers meet in a browser, on a phone and on a desk, in the light and in the dark."""

import gzip
import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from site_visits import Scheme, Site, Visit, axe_violations, in_words, open_window

FIRST_VISIT_BYTES = 150_000


def test_no_page_scrolls_sideways(visits: list[Visit]) -> None:
    assert [visit.page for visit in visits if visit.width > visit.window] == []


def test_no_table_and_no_output_is_cut(visits: list[Visit]) -> None:
    assert [(visit.page, visit.window, visit.cut) for visit in visits if visit.cut] == []


def test_the_console_stays_empty(visits: list[Visit]) -> None:
    assert [(visit.page, visit.errors) for visit in visits if visit.errors] == []


def test_every_request_succeeds_and_stays_at_home(site: Site, visits: list[Visit]) -> None:
    assert [(visit.page, visit.failed) for visit in visits if visit.failed] == []
    asked = {url for visit in visits for url in visit.requested}
    assert {url for url in asked if not url.startswith((site.url, "data:", "blob:"))} == set()


def test_axe_finds_nothing(visits: list[Visit], subtests: pytest.Subtests) -> None:
    for visit in visits:
        with subtests.test(page=visit.page):
            assert not visit.violations, f"{visit.page}\n{in_words(visit.violations)}"


def test_a_first_visit_is_light(site: Site, visits: list[Visit]) -> None:
    for visit in visits:
        files = {site.file(url) for url in visit.requested if url.startswith(site.url)}
        sizes = {str(file): _compressed(file) for file in files}
        assert len(sizes) > 1, f"{visit.page} asked only for {sizes}"
        assert sum(sizes.values()) <= FIRST_VISIT_BYTES, f"{visit.page}: {sizes}"


def _compressed(file: Path) -> int:
    data = file.read_bytes()
    return min(len(data), len(gzip.compress(data, 6)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_follow_the_system_until_the_reader_chooses(
    site: Site, browser: Browser, scheme: Scheme
) -> None:
    context = open_window(browser, 1440, scheme)
    tab = context.new_page()
    body = tab.locator("body")
    switch = tab.get_by_role("button", name="Colours")
    names = {"light": "default", "dark": "slate"}
    other = "light" if scheme == "dark" else "dark"
    try:
        tab.goto(site.url)
        expect(body).to_have_attribute("data-md-color-scheme", names[scheme])
        tab.emulate_media(color_scheme=other)
        expect(body).to_have_attribute("data-md-color-scheme", names[other])
        for chosen in ("light", "dark"):
            switch.press("Enter")
            expect(body).to_have_attribute("data-md-color-scheme", names[chosen])
            tab.reload()
            expect(body).to_have_attribute("data-md-color-scheme", names[chosen])
        switch.press("Enter")
        expect(body).to_have_attribute("data-md-color-scheme", names[other])
    finally:
        context.close()


@pytest.mark.parametrize(("scheme", "ground"), [("light", 250), ("dark", 40)])
def test_without_javascript_the_palette_follows_the_system(
    site: Site, browser: Browser, scheme: Scheme, ground: int
) -> None:
    context = browser.new_context(color_scheme=scheme, java_script_enabled=False)
    tab = context.new_page()
    try:
        tab.goto(site.url)
        picture = Image.open(io.BytesIO(tab.screenshot())).convert("L")
        assert picture.getpixel((3, 300)) == pytest.approx(ground, abs=20)
        expect(tab.locator(".lit-search-button")).to_be_hidden()
        expect(tab.locator(".lit-copy")).to_have_count(0)
    finally:
        context.close()


def test_the_keyboard_opens_and_closes_the_menu_on_a_phone(site: Site, browser: Browser) -> None:
    context = open_window(browser, 390, "light")
    tab = context.new_page()
    menu = tab.get_by_role("navigation", name="Site")
    try:
        tab.goto(site.url)
        expect(menu).to_be_hidden()
        tab.get_by_role("button", name="Menu", exact=True).press("Enter")
        expect(menu).to_be_visible()
        assert not axe_violations(tab), in_words(axe_violations(tab))
        tab.keyboard.press("Escape")
        expect(menu).to_be_hidden()
    finally:
        context.close()


def test_a_block_of_code_can_be_copied(site: Site, browser: Browser) -> None:
    context = open_window(browser, 390, "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/initial-loss/")
        block = tab.locator(".highlight").filter(visible=True).first  # the first ones are folded
        code = block.locator("code").inner_text()
        block.get_by_role("button", name="Copy").click()
        expect(block.get_by_role("button", name="Copied")).to_be_visible()
        assert tab.evaluate("navigator.clipboard.readText()").strip() == code.strip() != ""
    finally:
        context.close()


def test_of_a_console_the_commands_are_copied(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}contributing/")
        block = tab.locator(".highlight", has=tab.locator(".gp")).last
        block.locator("code").evaluate(
            "code => code.insertAdjacentHTML('beforeend', '<span class=go>an output\\n</span>')"
        )
        shown = block.locator("code").inner_text()
        block.get_by_role("button", name="Copy").click()
        expect(block.get_by_role("button", name="Copied")).to_be_visible()
        copied = tab.evaluate("navigator.clipboard.readText()")
        lines = shown.replace("an output", "").strip().splitlines()
        assert copied.splitlines() == [line.removeprefix("$ ") for line in lines]
    finally:
        context.close()


@pytest.mark.parametrize("page", ["lecture/initial-loss/", "reference/figures/"])
def test_a_page_can_be_copied_as_markdown(site: Site, browser: Browser, page: str) -> None:
    context = open_window(browser, 390, "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    try:
        tab.goto(site.url + page)
        tab.get_by_role("button", name="Copy page").click()
        expect(tab.get_by_role("button", name="Copied")).to_be_visible()
        copied = tab.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n")
        assert copied == (site.folder / page / "index.md").read_text(encoding="utf-8")
        assert copied.startswith("# ")
    finally:
        context.close()


def test_a_page_that_cannot_be_fetched_is_not_said_to_be_copied(
    site: Site, browser: Browser
) -> None:
    context = open_window(browser, 390, "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.route("**/*.md", lambda route: route.fulfill(status=404))
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}glossary/")
        tab.get_by_role("button", name="Copy page").click()
        expect(tab.get_by_role("button", name="Not copied")).to_be_visible()
    finally:
        context.close()
