"""The search, as learners use it: what they type, and the section that answers it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from site_visits import Scheme, Site, ask, axe_violations, in_words, open_window

from companion.questions import read_questions

QUESTIONS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("questions.toml").read_text(encoding="utf-8")
)

VIEWERS = Path(__file__).parents[2] / "docs" / "questions"
STOP_WORD = re.compile(
    r"an?|and|are|as|at|be|by|can|does?|for|from|have|how|if|in|is|isn't|it|its|of|on|one|or|should"
    r"|so|than|that|the|then|they|this|to|was|were|what|when|which|why|with|wouldn't",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def desk(site: Site, browser: Browser) -> Iterator[Page]:
    context = open_window(browser, 1440, "light")
    yield context.new_page()
    context.close()


@pytest.fixture
def home(desk: Page, site: Site) -> Page:
    desk.goto(site.url)
    return desk


def field(tab: Page) -> Locator:
    return tab.get_by_role("combobox", name="Search the notes")


def search(tab: Page, query: str) -> list[str]:
    """Ask for a query, and return the addresses of what is found, seen from the site's root."""
    ask(tab, query)
    root = tab.url.partition("#")[0]
    found = tab.get_by_role("option").evaluate_all("links => links.map(link => link.href)")
    return [address.removeprefix(root) for address in found]


def test_thirty_questions_find_their_section_among_the_first_three(
    home: Page, subtests: pytest.Subtests
) -> None:
    assert len(QUESTIONS) >= 30
    home.keyboard.press("/")
    for question, sections in QUESTIONS.items():
        with subtests.test(question=question):
            first = search(home, question)[:3]
            assert set(first) & set(sections), f"{question}: found {first}"


def test_each_viewers_question_is_found_by_the_words_of_its_heading(
    home: Page, subtests: pytest.Subtests
) -> None:
    home.keyboard.press("/")
    for question in read_questions(VIEWERS):
        words = question.title.translate(str.maketrans("", "", "`?,:*")).split()
        typed = " ".join(word for word in words if not STOP_WORD.fullmatch(word))
        with subtests.test(typed=typed):
            first = search(home, typed)[:3]
            page = question.file.removesuffix(".md")
            assert f"questions/{page}/#{question.slug}" in first, f"found {first}"


@pytest.mark.parametrize("power", ["10^-3", "10⁻³", "1e-3", "10**-3", "10^{-3}"])
def test_a_power_of_ten_is_found_however_it_is_written(home: Page, power: str) -> None:
    home.keyboard.press("/")
    expected = search(home, "10⁻³")
    assert search(home, power) == expected != []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("guassian", "gaussian"),
        ("saturaded", "saturated"),
        ("batch nrom", "batch norm"),
        ("intialization", "initialisation"),
        ("gradeint", "gradient"),
    ],
)
def test_a_misspelt_word_finds_what_was_meant_and_says_so(
    home: Page, typed: str, meant: str
) -> None:
    home.keyboard.press("/")
    assert search(home, typed)[:3] == search(home, meant)[:3] != []
    search(home, typed)
    expect(home.get_by_role("status")).to_contain_text(f"for “{meant[:6]}")


@pytest.mark.parametrize("query", ["xyzzyplugh", "§§§", "^", "()", "🙂", "....", "-", "'"])
def test_what_is_nowhere_is_said_to_be_nowhere(home: Page, query: str) -> None:
    home.keyboard.press("/")
    errors: list[str] = []
    home.on("pageerror", lambda error: errors.append(str(error)))
    assert search(home, query) == []
    expect(home.get_by_role("status")).to_have_text(f"Nothing found for “{query}”")
    assert errors == []


def test_fillers_alone_and_very_long_queries_are_answered(home: Page) -> None:
    home.keyboard.press("/")
    assert search(home, "what is the") != []
    field(home).fill("batch norm " * 200)
    expect(home.get_by_role("option").first).to_be_visible()


def test_nothing_of_the_search_is_loaded_before_it_is_opened(home: Page, site: Site) -> None:
    asked: list[str] = []
    home.on("request", lambda request: asked.append(urlsplit(request.url).path))
    home.reload(wait_until="networkidle")
    home.mouse.move(300, 300)
    home.keyboard.press("Tab")
    home.get_by_role("button", name="Search").hover()
    home.wait_for_load_state("networkidle")
    assert [path for path in asked if "search/" in path or "find" in path] == []
    home.keyboard.press("/")
    search(home, "saturated")
    loaded = {path for path in asked if "/search/" in path}
    assert {path for path in loaded if "pagefind.js" in path}
    everything = len(list((site.folder / "search").rglob("*.pf_*")))
    assert len({path for path in loaded if ".pf_" in path}) < everything / 4


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_the_first_keys_open_the_search_and_are_not_lost(home: Page, keys: str) -> None:
    home.route("**/find.js", lambda route: (home.wait_for_timeout(300), route.continue_()))
    home.keyboard.press(keys)
    home.keyboard.type("saturation map")
    expect(home.get_by_role("option").first).to_contain_text("The saturation map")
    home.unroute("**/find.js")
    home.keyboard.press("ArrowDown")
    home.keyboard.press("ArrowUp")
    home.keyboard.press("ArrowUp")
    expect(home.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    home.keyboard.press("ArrowDown")
    home.keyboard.press("Enter")
    home.wait_for_url("**/lecture/saturated-tanh/#the-saturation-map")


def test_enter_waits_for_the_answer_to_what_was_typed(home: Page) -> None:
    home.keyboard.press("/")
    search(home, "resnet")
    field(home).fill("")
    home.keyboard.type("hockey stick")
    home.keyboard.press("Enter")
    home.wait_for_url(re.compile(r"/#(the-)?hockey-stick$"))  # a mission has the same name


def test_escape_closes_the_search_and_gives_the_focus_back(home: Page) -> None:
    button = home.get_by_role("button", name="Search")
    button.press("Enter")
    expect(field(home)).to_be_focused()
    home.keyboard.press("Escape")
    expect(field(home)).to_be_hidden()
    expect(button).to_be_focused()


def test_a_slash_in_the_field_is_a_slash(home: Page) -> None:
    home.keyboard.press("/")
    home.keyboard.type("5/3")
    expect(field(home)).to_have_value("5/3")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_open_search_has_no_barriers(
    site: Site, browser: Browser, width: int, scheme: Scheme
) -> None:
    context = open_window(browser, width, scheme)
    tab = context.new_page()
    try:
        tab.goto(site.url)
        tab.get_by_role("button", name="Search").click()
        search(tab, "running mean and the square root of fan in")
        assert not axe_violations(tab), in_words(axe_violations(tab))
        assert tab.evaluate("document.documentElement.scrollWidth") == width
    finally:
        context.close()


def test_without_a_connection_the_search_says_so(site: Site, browser: Browser) -> None:
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    try:
        tab.route("**/search/**", lambda route: route.abort())
        tab.goto(site.url)
        tab.keyboard.press("/")
        tab.keyboard.type("tanh")
        expect(tab.get_by_role("status")).to_contain_text("could not be loaded")
    finally:
        context.close()
