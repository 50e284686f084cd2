"""How fast the playground is, and how much it loads: not part of the test run, as it needs quiet.

Each time includes loading, drawing and, at the end, the losses of both splits. The notebook's loop
takes turns with the page.
"""

import gzip
import statistics
import time
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Browser
from site_visits import Site
from tabulate import tabulate

from makemore3.data import load_dataset
from makemore3.lab.bench import notebook_loop


def seconds(browser: Browser, site: Site, stage: str, steps: int) -> tuple[float, set[str]]:
    """From the reader's click to the end of so many steps; and the files that were asked for."""
    tab = browser.new_page()
    asked: set[str] = set()
    tab.goto(f"{site.url}playground/?stage={stage}&step={steps}", wait_until="networkidle")
    tab.on("request", lambda request: asked.add(urlsplit(request.url).path.lstrip("/")))
    start = time.perf_counter()
    tab.get_by_role("button", name="Open the playground").click()
    what = f"{steps:,} step{'s' if steps > 1 else ''} taken"
    tab.locator(".lit-status").filter(has_text=what).wait_for(timeout=300_000)
    taken = time.perf_counter() - start
    tab.close()
    return taken, {path for path in asked if "playground" in path}


def test_the_playground_keeps_its_bars(
    browser: Browser, site: Site, capsys: pytest.CaptureFixture[str]
):
    torch.set_num_threads(1)
    dataset = load_dataset()
    first, files = seconds(browser, site, "tanh-fixed", 1)
    size = sum(len(gzip.compress((site.folder / path).read_bytes(), 6)) for path in files)
    loops, ratios = [], []
    for _ in range(3):
        start = time.perf_counter()
        notebook_loop(dataset, 3000)
        loops.append((time.perf_counter() - start) / 3000)
        ratios.append(loops[-1] * 50_000 / seconds(browser, site, "batch-norm", 50_000)[0])
    some, _ = seconds(browser, site, "tanh-fixed", 2000)
    whole, _ = seconds(browser, site, "tanh-fixed", 200_000)
    rows = [
        ("bytes after the click, gzip", size, "under 120,000", size < 120_000),
        ("click to first step, s", first, "under 1", first < 1),
        ("click to 2,000 steps of tanh fixed, s", some, "under 2", some < 2),
        ("click to 200,000 steps of tanh fixed, s", whole, "under 60", whole < 60),
        (
            "50,000 steps of batch norm against the notebook's loop",
            statistics.median(ratios),
            "3",
            statistics.median(ratios) >= 3,
        ),
    ]
    with capsys.disabled():
        print(
            f"\nThe notebook's loop takes {1 / statistics.median(loops):,.0f} steps a second here."
        )
        print(tabulate(rows, ["what", "measured", "bar", "kept"], floatfmt=".2f"))
    assert all(kept for *_, kept in rows)
