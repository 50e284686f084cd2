"""The figures' colours: one table, seen on every ground."""

import re
from pathlib import Path

import pytest

from literate.svg import PALETTE

SHEET = Path(__file__).parents[1] / "docs" / "assets" / "stylesheets" / "colours.css"
PAIR = re.compile(r"(--lit-[\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
SITE = {name: (light, dark) for name, light, dark in PAIR.findall(SHEET.read_text())}
LINES = [name for name in PALETTE if re.fullmatch(r"--lit-c\d", name)]


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_figure_has_the_sites_line_colours_without_the_site_too():
    assert len(LINES) == 6
    assert {name: SITE[name][0] for name in LINES} == {name: PALETTE[name] for name in LINES}


@pytest.mark.parametrize("name", LINES)
def test_lines_are_seen_in_the_light_and_in_the_dark(name):
    for line, ground in zip(SITE[name], SITE["--lit-bg"], strict=True):
        assert contrast(line, ground) >= 3


@pytest.mark.parametrize("name", [*LINES, "--lit-fg", "--lit-muted"])
@pytest.mark.parametrize("ground", ["#ffffff", "#0d1117", *SITE["--lit-bg"]])
def test_a_figure_is_seen_where_nobody_sets_its_colours(name, ground):
    assert contrast(PALETTE[name], ground) >= 3


def test_contrast_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
