"""The playground as a reader meets it: before the click, while a net trains, and afterwards."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from site_visits import Scheme, Site, axe_violations, in_words, open_window

from makemore3.data import LECTURE_NAMES, load_names

BYTES_AFTER_THE_CLICK = 120_000
MINIS = {
    "initial-loss": "mean loss",
    "saturated-tanh": "Beyond ±0.99",
    "activations": "Std of the tanh output: tanh1",
    "batch-norm": "Out:",
    "updates": "linear3",
}
MINUTE = 60_000


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Loading and 1,000 steps take a second or two, and longer where other tests run as well."""
    expect.set_options(timeout=MINUTE / 2)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def tab(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window, 1440 wide and light unless the test says otherwise, whose console stays empty."""
    width, scheme = getattr(request, "param", (1440, "light"))
    context = open_window(browser, width, scheme)
    tab = context.new_page()
    tab.set_default_timeout(MINUTE)
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    yield tab
    context.close()
    assert said == []


def opened(tab: Page, site: Site, query: str = "") -> Page:
    tab.goto(f"{site.url}playground/{query}")
    tab.get_by_role("button", name="Open the playground").click()
    expect(tab.get_by_role("button", name="Train", exact=True)).to_be_visible()
    return tab


def status(tab: Page) -> Locator:
    return tab.locator(".lit-status")


def to_step_1000(tab: Page) -> None:
    tab.get_by_role("button", name="To step 1,000").click()
    expect(status(tab)).to_contain_text("1,001 steps taken. Train loss")


def test_before_the_click_nothing_of_it_is_loaded(tab: Page, site: Site):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{site.url}playground/", wait_until="networkidle")
    assert not [
        url for url in asked if "/playground/" in url.removeprefix(f"{site.url}playground/")
    ]
    expect(tab.get_by_role("button", name="Open the playground")).to_be_visible()


@pytest.mark.parametrize(
    "tab", [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")], indirect=True
)
def test_a_net_trains_within_every_bar(tab: Page, site: Site):
    asked: list[str] = []
    tab.goto(f"{site.url}playground/", wait_until="networkidle")
    tab.on("request", lambda request: asked.append(request.url))
    tab.get_by_role("button", name="Open the playground").click()
    expect(status(tab)).to_have_text("11,897 parameters. No step taken yet.")
    to_step_1000(tab)
    assert all(url.startswith(site.url) for url in asked)
    files = {urlsplit(url).path.lstrip("/") for url in asked}
    ours = {path for path in files if "playground" in path}
    sizes = {path: len(gzip.compress((site.folder / path).read_bytes(), 6)) for path in ours}
    assert sum(sizes.values()) < BYTES_AFTER_THE_CLICK, sizes
    assert tab.viewport_size
    width = tab.viewport_size["width"]
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert not axe_violations(tab), in_words(axe_violations(tab))


def test_every_plot_says_what_it_shows(tab: Page, site: Site):
    opened(tab, site, "?stage=six-layers-batch-norm")
    before = tab.locator(".lit-plots figure > p").all_text_contents()
    to_step_1000(tab)
    after = tab.locator(".lit-plots figure > p").all_text_contents()
    assert len(before) == tab.locator(".lit-plots figure:visible").count() == 9
    assert all(len(text) > 10 for text in before + after)
    assert all(text != earlier for text, earlier in zip(after, before, strict=True))
    row = tab.get_by_role("group", name="Layer by layer").get_by_role("row").nth(1)
    expect(row).to_contain_text("tanh1")
    assert len(tab.locator(".lit-sampled").inner_text().split(", ")) == 10


def test_the_address_says_what_is_seen_and_leads_back_to_it(tab: Page, site: Site):
    opened(tab, site, "?stage=six-layers&gain=3&step=500")
    expect(status(tab)).to_contain_text("500 steps taken. Train loss")
    expect(tab.get_by_label("Gain")).to_have_attribute("aria-valuetext", "3")
    said = status(tab).inner_text()
    tab.get_by_label("Gain").press("ArrowLeft")
    expect(status(tab)).to_contain_text("No step taken yet")
    assert parse_qs(urlsplit(tab.url).query) == {"stage": ["six-layers"], "gain": ["2.5"]}
    tab.get_by_label("Gain").press("ArrowRight")
    tab.get_by_role("button", name="One step").click()
    expect(status(tab)).to_contain_text("1 step taken. Train loss")
    address = tab.url.replace("step=1", "step=500")
    tab.goto("about:blank")
    tab.goto(address)
    tab.get_by_role("button", name="Open the playground: stage six-layers, gain 3").click()
    expect(status(tab)).to_have_text(said)


def test_what_an_address_names_wrongly_is_ignored(tab: Page, site: Site):
    opened(tab, site, "?stage=nonsense&w1=7&seed=-1&step=many&gain=3&hidden=1e9")
    expect(tab.get_by_label("Stage")).to_have_value("tanh-fixed")
    expect(tab.get_by_label("Scale of W1")).to_have_attribute("aria-valuetext", "0.2")
    expect(tab.get_by_label("Seed")).to_have_value("2147483647")
    expect(status(tab)).to_have_text("11,897 parameters. No step taken yet.")


def test_the_keyboard_trains_stops_and_sets(tab: Page, site: Site):
    opened(tab, site)
    train = tab.locator(".lit-bar button").first
    train.press("Enter")
    expect(train).to_have_text("Stop")
    tab.keyboard.press("Enter")
    expect(train).to_have_text("Train")
    expect(train).to_be_focused()
    expect(status(tab)).to_contain_text("Train loss")
    found = re.search(r"([\d,]+) steps? taken", status(tab).inner_text())
    assert found
    assert 0 < int(found[1].replace(",", "")) < 200_000
    tab.get_by_role("button", name="One step").press("Enter")
    after = f"{int(found[1].replace(',', '')) + 1:,} steps taken"
    expect(status(tab)).to_contain_text(after)
    tab.get_by_role("checkbox", name="Batch norm").press("Space")
    expect(status(tab)).to_have_text("12,297 parameters. No step taken yet.")
    stage = tab.get_by_label("Stage")
    stage.press("ArrowDown")
    expect(stage).to_have_value("kaiming")
    expect(stage).to_be_focused()


def test_slow_motion_is_slow(tab: Page, site: Site):
    opened(tab, site)
    tab.get_by_label("slow motion").check()
    train = tab.locator(".lit-bar button").first
    train.click()
    tab.wait_for_timeout(1000)
    train.click()
    expect(status(tab)).to_contain_text("steps taken")
    found = re.search(r"([\d,]+) steps? taken", status(tab).inner_text())
    assert found
    assert 1 <= int(found[1].replace(",", "")) < 30


def test_the_run_before_stays(tab: Page, site: Site):
    opened(tab, site)
    to_step_1000(tab)
    loss = tab.locator(".lit-plots figure").first
    expect(loss).not_to_contain_text("The run before")
    tab.get_by_role("button", name="Again").click()
    expect(status(tab)).to_contain_text("No step taken yet")
    tab.get_by_role("button", name="One step").click()
    expect(loss).to_contain_text("The run before, in grey, ended at")


def test_the_learning_rate_can_be_changed_on_the_way(tab: Page, site: Site):
    opened(tab, site)
    tab.get_by_role("button", name="One step").click()
    expect(status(tab)).to_contain_text("1 step taken")
    tab.get_by_label("Learning rate").press("End")
    expect(status(tab)).to_contain_text("1 step taken")
    tab.get_by_role("button", name="To step 1,000").click()
    figure = tab.locator(".lit-plots figure").filter(has_text="Saturated activations")
    expect(figure).to_contain_text(re.compile(r"1\d\d of 200 columns|200 of 200 columns"))


def test_it_goes_on_offline(tab: Page, site: Site):

    def icon(route: Route) -> None:  # asked for at each new address
        route.fulfill(
            body="<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml"
        )

    tab.route("**/favicon.svg", icon)
    opened(tab, site)
    tab.mouse.move(300, 300)  # brings Material's scripts, which have nothing to do with it
    tab.wait_for_load_state("networkidle")
    tab.context.set_offline(True)
    tab.get_by_label("Stage").select_option("batch-norm")
    to_step_1000(tab)


def test_a_mission_is_ticked_off(tab: Page, site: Site):
    opened(tab, site)
    heading = tab.locator("#hockey-stick")
    start = tab.locator("#hockey-stick + button")
    start.click()
    mission = tab.get_by_role("region", name="Mission")
    expect(mission).to_contain_text("The hockey stick")
    expect(tab.get_by_label("Stage")).to_have_value("as-written")
    mission.get_by_label("Far above it").check()
    expect(mission).to_contain_text("Now see whether it happens.")
    goals = mission.locator("ol > li")
    to_step_1000(tab)
    expect(goals.nth(0)).to_contain_text("seen:")
    expect(goals.nth(1)).to_contain_text("to see:")
    tab.get_by_label("Stage").select_option("softmax-fixed")
    expect(status(tab)).to_contain_text("No step taken yet")
    to_step_1000(tab)
    expect(goals.nth(1)).to_contain_text("seen:")
    mission.get_by_role("button", name="End the mission").click()
    expect(mission).to_be_hidden()
    expect(start).to_be_focused()
    assert heading.evaluate("h => h.nextElementSibling.nextElementSibling.tagName") == "P"


def test_a_prediction_changes_no_setting(tab: Page, site: Site):
    opened(tab, site)
    tab.locator("#gain + button").click()  # a mission that is called as a setting is
    gain = tab.get_by_role("slider", name="Gain")
    expect(gain).to_have_attribute("aria-valuetext", "5/3")
    tab.get_by_role("region", name="Mission").get_by_label("Almost nothing").check()
    expect(gain).to_have_attribute("aria-valuetext", "5/3")
    tab.get_by_role("button", name="One step").click()
    expect(status(tab)).to_contain_text("1 step taken. Train loss")
    assert parse_qs(urlsplit(tab.url).query) == {"stage": ["six-layers"], "step": ["1"]}


def test_a_mission_opens_the_playground_by_itself(tab: Page, site: Site):
    tab.goto(f"{site.url}playground/#minus-three")
    tab.locator("#minus-three + button").click()
    mission = tab.get_by_role("region", name="Mission")
    expect(mission).to_contain_text("The line at")
    expect(tab.get_by_label("Learning rate")).to_have_attribute("aria-valuetext", "0.001")
    beside = tab.locator(".lit-desk figure")
    expect(beside).to_contain_text("Update to data")
    to_step_1000(tab)
    expect(mission.locator("ol > li").first).to_contain_text("seen:")
    for _ in range(7):
        tab.get_by_label("Learning rate").press("ArrowRight")
    expect(tab.get_by_label("Learning rate")).to_have_attribute("aria-valuetext", "1")
    to_step_1000(tab)  # a new run, as this one has ended
    expect(tab.locator(".lit-plots figure").first).to_contain_text("At step 1,000")
    expect(mission.locator("ol > li").last).to_contain_text("seen:")
    mission.get_by_role("button", name="End the mission").click()
    expect(beside).to_have_count(0)


def test_a_file_of_the_readers_own_is_used_or_refused(tab: Page, site: Site):
    opened(tab, site)
    says = tab.locator(".lit-names [role=status]")
    expect(says).to_contain_text("another corpus than the lecture's")
    file = tab.get_by_label("A file of your own")
    file.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"Emma\n"})
    expect(says).to_contain_text("line 1: expected a lower-case name")
    names = b"\n".join([b"emma", b"olivia", b"ava"] * 20)
    file.set_input_files({"name": "b.txt", "mimeType": "text/plain", "buffer": names})
    expect(says).to_contain_text("In use: 60 names")
    to_step_1000(tab)


def test_fetched_names_are_checked_before_they_are_used(tab: Page, site: Site):
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="emma\nolivia\n", headers={"Access-Control-Allow-Origin": "*"})

    tab.route(LECTURE_NAMES.url, answer)
    opened(tab, site)
    assert asked == []
    tab.get_by_role("button", name="Fetch").click()
    expect(tab.locator(".lit-names [role=status]")).to_contain_text("the digest of the lecture's")
    assert asked == [LECTURE_NAMES.url]


def with_the_lectures_names(tab: Page) -> None:
    names = load_names()
    if not names.from_lecture:
        pytest.skip("the published numbers belong to the lecture's names")
    content = ("\n".join(names) + "\n").encode()
    if hashlib.sha256(content).hexdigest() != LECTURE_NAMES.sha256:
        content = content.removesuffix(b"\n")
    tab.get_by_label("A file of your own").set_input_files(
        {"name": "names.txt", "mimeType": "text/plain", "buffer": content}
    )
    expect(tab.locator(".lit-names [role=status]")).to_contain_text("byte for byte")


def test_published_digits_of_a_thousand_steps(tab: Page, site: Site):
    opened(tab, site, "?stage=six-layers-batch-norm")
    with_the_lectures_names(tab)
    to_step_1000(tab)
    table = tab.get_by_role("group", name="Published numbers")
    rows = table.get_by_role("row")
    verdicts = [row.split("\t") for row in rows.all_inner_texts()[1:]]
    assert [row for row in verdicts if row[-1] != "agrees"] == []
    assert len(verdicts) == 70
    tab.get_by_label("Gain").press("ArrowRight")
    expect(tab.get_by_text("These settings were never published")).to_be_visible()


def test_published_digits_of_a_whole_run(tab: Page, site: Site):
    opened(tab, site, "?stage=tanh-fixed")
    with_the_lectures_names(tab)
    tab.get_by_role("button", name="Whole run").click()
    expect(status(tab)).to_contain_text("200,000 steps taken", timeout=5 * MINUTE)
    expect(status(tab)).to_contain_text("Train loss 2.0356, dev loss 2.1027")
    expect(tab.get_by_text("3 of 3 agree so far, of 3 published")).to_be_visible()


def test_first_losses_are_the_published_ones(tab: Page, site: Site):
    opened(tab, site)
    with_the_lectures_names(tab)
    stages = tab.get_by_label("Stage").locator("option").all()
    for stage in [stage.get_attribute("value") for stage in stages]:
        tab.get_by_label("Stage").select_option(stage)
        expect(status(tab)).to_contain_text("No step taken yet")
        tab.get_by_role("button", name="One step").click()
        expect(status(tab)).to_contain_text("1 step taken")
        row = tab.get_by_role("row").filter(has_text=re.compile("^(first )?loss")).first
        expect(row).to_contain_text("agrees")


@pytest.mark.parametrize("tab", [(390, "dark"), (1440, "light")], indirect=True)
@pytest.mark.parametrize("page", MINIS)
def test_a_chapters_instance_takes_the_place_of_its_figure(tab: Page, site: Site, page: str):
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{site.url}lecture/{page}/", wait_until="networkidle")
    assert not [url for url in asked if "/playground/" in url]
    host = tab.locator("p.lit-play")
    host.get_by_role("button", name="Try it here").click()
    slider = host.get_by_role("slider")
    expect(slider).to_be_focused()
    says = tab.locator(".lit-says")
    expect(says).to_contain_text(MINIS[page])
    first = says.inner_text()
    slider.press("ArrowLeft")
    expect(says).not_to_have_text(first)
    expect(tab.locator(".lit-live svg").first).to_be_visible()
    assert not axe_violations(tab), in_words(axe_violations(tab))
    figure = tab.locator(".lit-figure--live > svg")
    expect(figure).to_be_hidden()
    tab.emulate_media(media="print")
    expect(figure).to_be_visible()
    expect(tab.locator(".lit-live")).to_be_hidden()


def test_without_scripts_the_chapters_figures_remain(site: Site, browser: Browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    try:
        tab.goto(f"{site.url}lecture/initial-loss/")
        expect(tab.locator("p.lit-play")).to_be_hidden()
        expect(tab.locator(".lit-figure > svg").first).to_be_visible()
    finally:
        context.close()


def test_from_a_file_it_says_why_not(site: Site, browser: Browser):
    context = open_window(browser, 1440, "light")
    tab = context.new_page()
    try:
        tab.goto((site.folder / "playground" / "index.html").as_uri())
        tab.get_by_role("button", name="Open the playground").click()
        expect(tab.get_by_role("alert")).to_contain_text("run `mkdocs serve`")
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_palette_can_change_while_it_runs(site: Site, browser: Browser, scheme: Scheme):
    context = open_window(browser, 1440, scheme)
    tab = context.new_page()
    try:
        opened(tab, site)
        line = tab.locator(".lit-plots .lit-dotted").first
        before = line.evaluate("e => getComputedStyle(e).stroke")
        tab.emulate_media(color_scheme="dark" if scheme == "light" else "light")
        expect(line).not_to_have_css("stroke", before)
    finally:
        context.close()
