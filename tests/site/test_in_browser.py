"""What readers meet in a browser, on a phone and on a desk, in the light and in the dark."""

import gzip
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from site_visits import Scheme, Site, Visit, axe_violations, in_words, open_window

FIRST_VISIT_BYTES = 150_000
SEARCH = ("search/search_index.json", "assets/javascripts/workers/")


def test_no_page_scrolls_sideways(visits: list[Visit]) -> None:
    assert [visit.page for visit in visits if visit.width > visit.window] == []


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
        paths = {urlsplit(url).path.lstrip("/") for url in visit.requested if url[0:4] == "http"}
        sizes = {path: _compressed(site, path) for path in paths if not path.startswith(SEARCH)}
        assert len(sizes) > 1, f"{visit.page} asked only for {paths}"
        assert sum(sizes.values()) <= FIRST_VISIT_BYTES, f"{visit.page}: {sizes}"


def _compressed(site: Site, path: str) -> int:
    file = site.folder / path
    data = (file / "index.html" if file.is_dir() else file).read_bytes()
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


def test_the_dark_is_dark_before_material_s_script_has_come(site: Site, browser: Browser) -> None:
    context = open_window(browser, 390, "dark")
    tab = context.new_page()
    try:
        tab.route("**/*.js", lambda route: route.abort())
        tab.goto(site.url)
        assert tab.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
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


@pytest.mark.parametrize("width", [390, 1440])
def test_search_finds_a_word_of_the_lecture(site: Site, browser: Browser, width: int) -> None:
    context = open_window(browser, width, "dark")
    tab = context.new_page()
    try:
        tab.goto(site.url)
        if width == 390:
            tab.get_by_role("button", name="Search").click()
        tab.get_by_role("textbox", name="Search").press_sequentially("saturated")
        expect(tab.locator(".md-search-result__link").first).to_be_visible()
        tab.wait_for_function(f"document.documentElement.scrollWidth == {width}")
        assert not axe_violations(tab), in_words(axe_violations(tab))
    finally:
        context.close()


@pytest.mark.parametrize("sign", ["mouse", "key", "focus"])
def test_materials_scripts_wait_for_the_reader(site: Site, browser: Browser, sign: str) -> None:
    context = open_window(browser, 390 if sign == "focus" else 1440, "light")
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(urlsplit(request.url).path))
    try:
        tab.goto(site.url, wait_until="networkidle")
        tab.evaluate("scrollTo(0, 500)")
        tab.wait_for_timeout(300)
        assert not [path for path in asked if "/bundle." in path]
        with tab.expect_response(lambda response: "/bundle." in response.url):
            if sign == "mouse":
                tab.mouse.move(300, 300)
            elif sign == "key":
                tab.keyboard.press("Tab")
            else:
                tab.get_by_role("button", name="Search").tap()
        tab.mouse.move(400, 400)
        tab.wait_for_load_state("networkidle")
        assert len([path for path in asked if "/bundle." in path]) == 1
    finally:
        context.close()


def test_a_block_of_code_can_be_copied(site: Site, browser: Browser) -> None:
    context = open_window(browser, 390, "light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    try:
        tab.goto(next(site.address(p) for p in site.pages if 'class="highlight"' in p.read_text()))
        block = tab.locator(".highlight").first
        code = block.locator("code").inner_text()
        block.get_by_role("button", name="Copy").click()
        expect(block.get_by_role("button", name="Copied")).to_be_visible()
        assert tab.evaluate("navigator.clipboard.readText()").strip() == code.strip() != ""
    finally:
        context.close()


def test_every_page_of_the_navigation_is_marked_on_itself(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    try:
        tab.goto(site.url)
        links = tab.get_by_role("navigation", name="Site").get_by_role("link")
        addresses = links.evaluate_all("links => links.map(link => link.href)")
        assert len(addresses) == len(set(addresses)) > 1
        for address in addresses:
            tab.goto(address)
            current = tab.locator("[aria-current=page]")
            assert current.evaluate_all("links => links.map(link => link.href)") == [address]
    finally:
        context.close()
