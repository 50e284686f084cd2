"""Where the reader is: the contents follow, the map remembers, and the top is never far."""

import pytest
from playwright.sync_api import Browser, expect
from site_visits import Site, open_window

PAGE = "lecture/kaiming-init/"


@pytest.mark.parametrize("width", [390, 1440])
def test_the_contents_mark_where_the_reader_is(site: Site, browser: Browser, width: int) -> None:
    context = open_window(browser, width, "light")
    tab = context.new_page()
    column = ".lit-sidebar--right" if width == 1440 else ".lit-contents"
    marked = tab.locator(f"{column} [aria-current]")
    try:
        tab.goto(site.url + PAGE)
        expect(marked).to_have_count(0)  # above the first section
        anchors = tab.locator(f"{column} .lit-toc a").evaluate_all("all => all.map(a => a.hash)")
        assert len(anchors) > 4
        for anchor in (
            anchors[2],
            anchors[len(anchors) // 2],
            anchors[1],
        ):  # also far down and far back
            tab.evaluate("anchor => document.querySelector(anchor).scrollIntoView()", anchor)
            expect(marked).to_have_attribute("href", anchor)
        tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(marked).to_have_attribute("href", anchors[-1])
        tab.evaluate("scrollTo(0, 0)")
        expect(marked).to_have_count(0)
    finally:
        context.close()


def test_the_marked_line_of_a_long_table_of_contents_is_in_view(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 400})
    tab = context.new_page()
    try:
        tab.goto(site.url + PAGE)
        tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(tab.locator(".lit-sidebar--right [aria-current]")).to_be_in_viewport()
    finally:
        context.close()


def test_the_map_knows_how_much_of_a_page_has_been_seen(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    link = tab.get_by_role("navigation", name="Site").locator(f"a[href$='{PAGE.split('/')[1]}/']")

    def seen() -> float:
        return link.evaluate("link => +getComputedStyle(link).getPropertyValue('--lit-seen') || 0")

    try:
        tab.goto(site.url)
        assert seen() == 0
        tab.goto(site.url + PAGE)
        link = tab.locator(".lit-nav [aria-current]")
        tab.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        tab.wait_for_function("document.querySelector('.lit-nav [aria-current]').style.length")
        assert 0.3 < seen() < 0.7
        tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(link).to_have_attribute("data-seen", "all")
        tab.goto(site.url)
        assert tab.locator(f".lit-nav a[href*='{PAGE}'][data-seen=all]").count() == 1
        assert tab.locator(f".md-content a[href*='{PAGE}'][data-seen=all]").count() >= 1
    finally:
        context.close()


@pytest.mark.parametrize("stored", ["{", "null", '"x"', "[]"])
def test_a_damaged_memory_harms_nothing(site: Site, browser: Browser, stored: str) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    try:
        tab.goto(site.url)
        tab.evaluate("text => localStorage.setItem(`seen ${location.href}`, text)", stored)
        tab.goto(site.url + PAGE)
        tab.evaluate("scrollTo(0, 3000)")
        expect(tab.locator(".lit-sidebar--right [aria-current]")).to_have_count(1)
        assert errors == []
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_on_the_way_up_a_button_leads_to_the_top(site: Site, browser: Browser, width: int) -> None:
    context = open_window(browser, width, "dark")
    tab = context.new_page()
    top = tab.locator(".lit-top")
    try:
        tab.goto(site.url + PAGE)
        expect(top).to_be_hidden()
        tab.evaluate("scrollTo(0, 4000)")
        tab.wait_for_timeout(100)
        expect(top).to_be_hidden()
        tab.evaluate("scrollTo(0, 3800)")
        top.click()
        tab.wait_for_function("scrollY === 0")
        expect(top).to_be_hidden()
    finally:
        context.close()
