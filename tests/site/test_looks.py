"""Small things that were seen to be wrong once, measured."""

import pytest
from playwright.sync_api import Browser, Page
from site_visits import Site, open_window


def test_no_gap_stands_behind_a_root(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/kaiming-init/")
        tab.wait_for_function("document.fonts.status == 'loaded'")
        gaps = tab.evaluate(
            """() => [...document.querySelectorAll("span.lit-math > math")].flatMap(formula => {
              const root = formula.querySelector(":scope > :last-child:is(msqrt)")
              if (!root) return []
              const size = parseFloat(getComputedStyle(root).fontSize)
              const right = root.lastElementChild.getBoundingClientRect().right
              return [(formula.getBoundingClientRect().right - right) / size]
            })"""
        )
        assert gaps
        assert all(-0.03 < gap < 0.12 for gap in gaps), gaps
    finally:
        context.close()


@pytest.mark.parametrize("kind", [".highlight > pre", "div.lit-math", ".lit-table"])
def test_what_scrolls_has_a_shade_at_its_edge_and_nothing_else_has(
    site: Site, browser: Browser, kind: str
) -> None:
    context = open_window(browser, 390, "light")
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/kaiming-init/")
        first = tab.locator(f"{kind}:visible").first
        background = first.evaluate("e => getComputedStyle(e).backgroundAttachment")
        assert background == "local, local, scroll, scroll"
        assert first.evaluate("e => getComputedStyle(e).overflowX") == "auto"
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_text_in_figures_can_be_read_in_folds_too(site: Site, browser: Browser, width: int) -> None:
    context = open_window(browser, width, "light")
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}exercises/all-zero-init/")
        tab.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        sizes = tab.evaluate(
            """() => [...document.querySelectorAll(".lit-figure > svg text")].map(text =>
              parseFloat(getComputedStyle(text).fontSize)
                * Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b))"""
        )
        assert sizes
        assert min(sizes) >= 9
    finally:
        context.close()


def test_what_has_the_focus_has_a_ring_and_no_halo(site: Site, browser: Browser) -> None:
    context = open_window(browser, 390, "light")
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/kaiming-init/")
        tab.locator(".lit-contents > summary").focus()
        tab.keyboard.press("Enter")
        fold = tab.locator(".lit-contents")
        assert fold.evaluate("e => getComputedStyle(e).boxShadow") == "none"
        ring = fold.locator("> summary").evaluate(
            "e => [getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineOffset)]"
        )
        assert ring[0] == "solid"
        assert ring[1] < 0  # within the fold, which cuts what reaches out
    finally:
        context.close()


TEXT, ITEM, FIGURE = (f".md-content__inner > {kind}" for kind in ("p", "ul > li", ".lit-figure"))


@pytest.mark.parametrize(
    ("page", "kinds"), [("saturated-tanh", [TEXT, ITEM, FIGURE]), ("batch-norm", [TEXT, FIGURE])]
)
def test_moments_stand_between_navigation_and_text_in_a_wide_window(
    page: str, kinds: list[str], site: Site, browser: Browser
) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/{page}/")
        navigation = edges(tab, ".lit-sidebar")[0]["right"]
        for kind in kinds:
            left = edges(tab, FIGURE if kind == FIGURE else TEXT)[0]["left"]
            boxes = edges(tab, f"{kind} a.lit-moment")
            assert boxes
            assert all(navigation <= box["left"] < box["right"] <= left for box in boxes), boxes
    finally:
        context.close()


def edges(tab: Page, selector: str) -> list[dict[str, float]]:
    return tab.locator(selector).evaluate_all(
        "found => found.map(element => element.getBoundingClientRect().toJSON())"
    )
