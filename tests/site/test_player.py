"""The lecture beside the notes, against a stub of YouTube's embed that speaks its protocol."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Route, expect
from site_visits import Scheme, Site, axe_violations, in_words, open_window

PAGE = "lecture/kaiming-init/"  # chapter 5
START, END = 1673, 2440
STUB = Path(__file__).with_name("embed.html").read_text(encoding="utf-8")
EMBED = "https://www.youtube-nocookie.com/embed/"


class Watched:
    """A page in a window that has no way out but to the stub; notes what it asks of others."""

    def __init__(self, context: BrowserContext, site: Site, page: str = PAGE) -> None:
        self.site = site
        self.foreign: list[str] = []
        self.referrers: list[str | None] = []
        self.errors: list[str] = []
        context.route(lambda url: not url.startswith(site.url), self._answer)
        self.tab = context.new_page()
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(site.url + page)

    def _answer(self, route: Route) -> None:
        self.foreign.append(route.request.url)
        self.referrers.append(route.request.headers.get("referer"))
        if route.request.url.startswith(EMBED):
            route.fulfill(body=STUB, content_type="text/html")
        else:
            route.fulfill(body="Elsewhere", content_type="text/html")

    @property
    def button(self) -> Locator:
        return self.tab.locator(".lit-watch")

    @property
    def player(self) -> Locator:
        return self.tab.get_by_role("complementary", name="The lecture")

    @property
    def current(self) -> Locator:
        return self.tab.locator(".md-content [aria-current=true]:not(.lit-contents *)")

    @property
    def following(self) -> Locator:
        return self.player.get_by_role("button", name="Follow")

    def frame(self) -> Frame:
        return next(frame for frame in self.tab.frames if frame.url.startswith(EMBED))

    def open(self) -> "Watched":
        self.button.click()
        self.player.locator("iframe").wait_for()
        self.tab.wait_for_function("document.querySelector('iframe').src")
        self.tab.frame_locator("iframe").locator("#own").wait_for()
        self.frame().wait_for_function("heard.some(m => m.func === 'addEventListener')")
        return self

    def play(self, seconds: float) -> None:
        self.frame().evaluate("seconds => at(seconds)", seconds)

    def moments(self) -> list[int]:
        """The moments of this chapter that the page links to, in order of time."""
        links = self.tab.locator(".md-content a[href*='?t=']")
        found = links.evaluate_all("all => all.map(a => +a.href.split('t=')[1])")
        return sorted({time for time in found if START <= time < END})

    def passage_in_view(self) -> bool:
        return self.tab.evaluate(
            """() => { const r = document.querySelector(".lit-now").getBoundingClientRect()
            return r.top >= 0 && r.top < innerHeight }"""
        )


@pytest.fixture
def desk(site: Site, browser: Browser) -> Iterator[Watched]:
    context = open_window(browser, 1440, "light")
    watched = Watched(context, site)
    yield watched
    assert watched.errors == []
    context.close()


@pytest.fixture
def phone(site: Site, browser: Browser) -> Iterator[Watched]:
    context = open_window(browser, 390, "dark")
    watched = Watched(context, site)
    yield watched
    assert watched.errors == []
    context.close()


def test_nothing_is_asked_of_others_before_the_click(desk: Watched) -> None:
    desk.button.hover()
    desk.tab.locator(".md-content a[href*='?t=']").first.hover()
    desk.tab.mouse.wheel(0, 3000)
    desk.button.focus()
    desk.tab.wait_for_load_state("networkidle")
    assert desk.foreign == []


def test_the_click_asks_for_one_document_with_a_referrer(desk: Watched) -> None:
    desk.open()
    assert len(desk.foreign) == 1
    address = urlsplit(desk.foreign[0])
    options = parse_qs(address.query)
    assert address.path == "/embed/P6sfmUTpUmc"
    assert options["enablejsapi"] == ["1"]
    assert options["start"] == [str(START)]
    assert options["origin"] == [desk.site.url.rstrip("/")]
    assert desk.referrers == [desk.site.url]
    frame = desk.player.locator("iframe")
    expect(frame).to_have_attribute("referrerpolicy", "strict-origin-when-cross-origin")
    assert "autoplay" in (frame.get_attribute("allow") or "")


LAST_WORD = """() => addEventListener("click", event => {
  window.leftAlone = !event.defaultPrevented
  event.preventDefault()
})"""
"""Listens after the page, and notes whether the browser may do with a click what it always does."""


def test_links_to_moments_seek_and_stay_links_for_other_clicks(desk: Watched) -> None:
    desk.open()
    link = desk.tab.locator(".md-content a[href*='?t=']").nth(1)
    seconds = int((link.get_attribute("href") or "").split("t=")[1])
    link.click()
    desk.frame().wait_for_function(
        "s => heard.some(m => m.func === 'seekTo' && m.args[0] === s && m.args[1])", arg=seconds
    )
    expect(link).to_have_attribute("aria-current", "true")
    assert desk.tab.url == desk.site.url + PAGE
    heard = desk.frame().evaluate("heard.length")
    desk.tab.evaluate(LAST_WORD)
    link.click(modifiers=["ControlOrMeta"])
    assert desk.tab.evaluate("leftAlone"), "the browser opens it in a window of its own"
    assert desk.frame().evaluate("heard.length") == heard


def test_without_the_player_a_link_leads_to_youtube(desk: Watched) -> None:
    desk.tab.locator(".md-content a[href*='?t=']").first.click()
    desk.tab.wait_for_url("https://youtu.be/**")


def test_the_passage_is_marked_followed_and_left_alone_when_the_reader_scrolls(
    desk: Watched,
) -> None:
    desk.open()
    moments = desk.moments()
    for seconds in (moments[0], moments[len(moments) // 2], moments[-1]):
        desk.play(seconds + 0.4)
        expect(desk.current).to_have_attribute("href", re.compile(rf"t={seconds}$"))
        expect(desk.tab.locator(".lit-now")).to_have_count(1)
        desk.tab.wait_for_timeout(100)
        assert desk.passage_in_view()
    expect(desk.following).to_have_attribute("aria-pressed", "true")
    desk.tab.mouse.move(600, 400)
    desk.tab.mouse.wheel(0, -50)
    expect(desk.following).to_have_attribute("aria-pressed", "false")
    place = desk.tab.evaluate("scrollY")
    desk.play(moments[0])
    expect(desk.current).to_have_attribute("href", re.compile(rf"t={moments[0]}$"))
    desk.tab.wait_for_timeout(200)
    assert abs(desk.tab.evaluate("scrollY") - place) < 60
    assert not desk.passage_in_view()
    desk.following.click()
    desk.tab.wait_for_timeout(100)
    assert desk.passage_in_view()


@pytest.mark.parametrize("key", ["PageDown", "ArrowUp", "End", " "])
def test_keys_that_scroll_pause_following(desk: Watched, key: str) -> None:
    desk.open()
    desk.tab.locator("body").press("a")
    expect(desk.following).to_have_attribute("aria-pressed", "true")
    desk.tab.evaluate("document.activeElement.blur()")
    desk.tab.keyboard.press(key)
    expect(desk.following).to_have_attribute("aria-pressed", "false")


def test_a_page_that_already_shows_the_moment_does_not_move(desk: Watched) -> None:
    desk.open()
    moment = desk.moments()[0]
    desk.play(moment)
    place = desk.tab.evaluate("scrollY")
    desk.play(moment + 1)
    desk.tab.wait_for_timeout(200)
    assert desk.tab.evaluate("scrollY") == place


def test_old_times_after_a_seek_are_ignored(desk: Watched) -> None:
    desk.open()
    first, *_, last = desk.moments()
    desk.play(first)
    desk.frame().evaluate("window.delay = 1500")
    link = desk.tab.locator(f".md-content a[href$='t={last}']").first
    link.click()
    desk.play(first + 1)
    desk.play(first + 2)
    expect(link).to_have_attribute("aria-current", "true")
    desk.tab.wait_for_timeout(2700)
    desk.play(first + 3)
    expect(link).not_to_have_attribute("aria-current", "true")


def test_the_next_chapter_is_offered_as_a_link_and_the_place_is_kept(desk: Watched) -> None:
    desk.open()
    desk.play(END + 3)
    now = desk.player.locator(".lit-player__now")
    expect(now).to_have_text("40:43 Batch normalization, next page")
    expect(desk.current).to_have_count(0)
    desk.play(60)
    expect(now).to_have_text("1:00 Intro, another page")
    desk.play(END + 4)
    now.click()
    desk.tab.wait_for_url("**/lecture/batch-norm/")
    asked = len(desk.foreign)
    expect(desk.button).to_have_text("Continue the lecture at 40:44")
    desk.tab.wait_for_load_state("networkidle")
    assert len(desk.foreign) == asked
    desk.open()
    assert parse_qs(urlsplit(desk.foreign[-1]).query)["start"] == [str(END + 4)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "does not know"),
        (5, "does not work"),
        (100, "no longer"),
        (101, "does not let"),
        (150, "does not let"),
        (153, "which site asks"),
        (999, "error 999"),
    ],
)
def test_an_error_is_said_and_leaves_plain_links(desk: Watched, code: int, words: str) -> None:
    desk.open()
    desk.frame().evaluate("code => say('onError', code)", code)
    failure = desk.tab.locator(".lit-watch__failure")
    expect(failure).to_contain_text(words)
    link = failure.get_by_role("link")
    expect(link).to_have_attribute("href", f"https://youtu.be/P6sfmUTpUmc?t={START}")
    expect(desk.player).to_have_count(0)
    desk.tab.locator(".md-content p a[href*='?t=']").last.click()
    desk.tab.wait_for_url("https://youtu.be/**")


def test_ten_seconds_without_an_answer_are_enough(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    watched = Watched(context, site)
    try:
        context.route(f"{EMBED}**", lambda route: route.abort())
        watched.tab.clock.install()
        watched.button.click()
        watched.player.locator("iframe[src]").wait_for()
        watched.tab.clock.run_for(9_000)
        expect(watched.player).to_have_count(1)
        watched.tab.clock.run_for(1_500)
        expect(watched.tab.locator(".lit-watch__failure")).to_contain_text("does not answer")
        expect(watched.player).to_have_count(0)
    finally:
        context.close()


def test_messages_of_others_and_broken_ones_are_not_heard(desk: Watched) -> None:
    desk.open()
    first, *_, last = desk.moments()
    desk.play(first)
    forged = json.dumps({"event": "infoDelivery", "info": {"currentTime": last}})
    desk.tab.evaluate("text => postMessage(text)", forged)
    for text in ("{", "null", "3", '{"info": null}', '{"info": {"currentTime": "x"}}'):
        desk.frame().evaluate("text => parent.postMessage(text, '*')", text)
    desk.frame().evaluate("parent.postMessage({not: 'text'}, '*')")
    desk.tab.wait_for_timeout(200)
    expect(desk.current).to_have_attribute("href", re.compile(rf"t={first}$"))


def test_where_autoplay_is_refused_the_player_stands_ready(desk: Watched) -> None:
    desk.open()  # the stub sends no times until it is told to play
    desk.tab.wait_for_timeout(300)
    expect(desk.player).to_be_visible()
    expect(desk.tab.locator(".lit-watch__failure")).to_have_count(0)
    desk.tab.frame_locator("iframe").locator("#own").click()
    desk.play(START + 60)
    expect(desk.current).to_have_count(1)


def test_the_keyboard_opens_closes_and_is_never_taken_away(desk: Watched) -> None:
    desk.button.focus()
    desk.tab.keyboard.press("Enter")
    desk.tab.frame_locator("iframe").locator("#own").wait_for()
    expect(desk.button).to_be_focused()
    expect(desk.button).to_have_attribute("aria-expanded", "true")
    desk.player.get_by_role("button", name="Close").press("Enter")
    expect(desk.player).to_have_count(0)
    expect(desk.button).to_be_focused()
    expect(desk.button).to_have_attribute("aria-expanded", "false")


def test_it_covers_no_text_on_a_desk(desk: Watched) -> None:
    desk.open()
    desk.play(desk.moments()[3])
    boxes = [desk.player.bounding_box(), desk.tab.locator(".md-content__inner").bounding_box()]
    player, text = (box for box in boxes if box)
    assert text["x"] + text["width"] <= player["x"]
    contents = desk.tab.locator(".lit-sidebar--right").bounding_box()
    assert contents
    assert contents["y"] >= player["y"] + player["height"]
    frame = desk.player.locator("iframe").bounding_box()
    assert frame
    assert min(frame["width"], frame["height"]) >= 200
    assert desk.tab.evaluate("document.documentElement.scrollWidth") == 1440
    assert not axe_violations(desk.tab), in_words(axe_violations(desk.tab))


def test_on_a_phone_it_stands_below_the_page(phone: Watched) -> None:
    phone.open()
    phone.play(phone.moments()[2])
    player = phone.player.bounding_box()
    assert player
    assert (player["x"], player["width"]) == (0, 390)
    frame = phone.player.locator("iframe").bounding_box()
    assert frame
    assert frame["height"] >= 200
    assert phone.passage_in_view()
    phone.tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = phone.tab.locator(".md-copyright").bounding_box()
    assert last
    assert last["y"] + last["height"] <= player["y"]
    assert phone.tab.evaluate("document.documentElement.scrollWidth") == 390
    assert not axe_violations(phone.tab), in_words(axe_violations(phone.tab))


def test_a_reader_s_touch_pauses_following(phone: Watched) -> None:
    phone.open()
    phone.tab.locator(".md-content p").first.dispatch_event("touchmove")
    expect(phone.following).to_have_attribute("aria-pressed", "false")


def test_it_plays_where_frames_alone_are_allowed(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")

    def strict(route: Route) -> None:
        response = route.fetch()
        policy = (
            "default-src 'self' 'unsafe-inline' data:; frame-src https://www.youtube-nocookie.com"
        )
        route.fulfill(
            response=response, headers={**response.headers, "content-security-policy": policy}
        )

    try:
        context.route(f"{site.url}{PAGE}", strict)
        watched = Watched(context, site)
        broken: list[str] = []
        watched.tab.on("console", lambda message: broken.append(message.text))
        watched.open().play(watched.moments()[1])
        expect(watched.current).to_have_count(1)
        assert broken == []
    finally:
        context.close()


def test_without_javascript_and_from_a_file_there_is_no_button(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    try:
        tab.goto(site.url + PAGE)
        expect(tab.locator(".lit-watch")).to_be_hidden()
    finally:
        context.close()
    context = browser.new_context()
    tab = context.new_page()
    try:
        tab.goto((site.folder / PAGE / "index.html").as_uri())
        expect(tab.locator(".lit-watch")).to_be_hidden()
    finally:
        context.close()


def test_each_page_of_the_lecture_has_the_button_and_no_other(site: Site) -> None:
    for page in site.pages:
        folder = page.relative_to(site.folder).parts[0]
        text = page.read_text(encoding="utf-8")
        has = 'class="lit-watch"' in text
        assert has == (
            folder in {"lecture", "questions"} and "https://youtu.be/" in _article(text)
        ), page


def _article(text: str) -> str:
    return text.partition("<article")[2].partition("</article>")[0]


def test_the_table_knows_where_each_chapter_is(site: Site) -> None:
    table = json.loads((site.folder / "assets" / "lecture.json").read_text(encoding="utf-8"))
    for chapter in table:
        path, _, anchor = chapter["address"].partition("#")
        page = (site.folder / path / "index.html").read_text(encoding="utf-8")
        assert not anchor or f'id="{anchor}"' in page


def test_the_player_is_small(site: Site) -> None:
    script = (site.folder / "assets" / "javascripts" / "player.js").read_bytes()
    assert len(gzip.compress(script)) < 4_096


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_failure_has_no_barriers(site: Site, browser: Browser, scheme: Scheme) -> None:
    context = open_window(browser, 390, scheme)
    watched = Watched(context, site)
    try:
        watched.open().frame().evaluate("say('onError', 150)")
        watched.tab.locator(".lit-watch__failure").wait_for()
        assert not axe_violations(watched.tab), in_words(axe_violations(watched.tab))
    finally:
        context.close()
