"""Figures as SVG: small, repeatable, in the page's colours, with ids that are theirs alone."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from literate.compare import svg_difference
from literate.svg import PALETTE, STYLE, SVG, clean, figure_to_svg


def draw() -> Figure:
    """A figure with everything the pages use: line, area, image, legend, clip paths."""
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.plot(np.linspace(0, 1, 50) ** 2, label="loss (nats)")
    left.fill_between(np.arange(50), np.linspace(0, 1, 50), alpha=0.2)
    left.legend()
    left.set_title("−1 < h & h < 1")
    right.imshow(np.eye(8), cmap="gray")
    return figure


@pytest.fixture(scope="module")
def raw() -> str:
    """The figure as matplotlib saves it."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        draw().savefig(buffer, format="svg")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def svg() -> str:
    with mpl.rc_context(STYLE):
        return figure_to_svg(draw(), "b3f2-")


def in_the_pages_style() -> Figure:
    """A small figure that shows what the style decides: lines, ticks, grid, title, legend, bars."""
    figure = Figure()
    ax = figure.subplots()
    for number in range(6):
        ax.plot([0, 1, 2], [number, number + 1, number + 0.5], label=f"line {number}")
    ax.bar([0.5], [3])
    ax.set(title="Title", xlabel="step", ylabel="loss (nats)")
    ax.legend()
    return figure


def test_the_pages_style_draws_what_was_looked_at(as_written):
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        now = figure_to_svg(in_the_pages_style(), "p-")
    as_written("figure.svg", now, lambda old, new: svg_difference(old, new) is None)


RAW = f"""<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1"
 width="10pt" height="5pt" viewBox="0 0  10.04 5">
 <metadata><a>when</a></metadata> <title>What</title>
 <defs><style>* {{}}</style></defs>
 <defs><path id="m" d="M 0 0
L 1.25 3.06 " style="stroke: #2f6db5"/>
 <clipPath id="c"><rect x="0.04" y="1.16" width="2.22" height="3.35"/></clipPath></defs>
 <g id="figure_1">
  <g id="line" style="font-family: X;opacity: 0.5"><use xlink:href="#m" x="1.26"/></g>
  <g id="labels"> <text style="font: 12.50px 'DejaVu Sans'; text-anchor: middle">a  b</text>
   <text style="font: bold">c<tspan>d</tspan> e</text> </g>
  <image xlink:href="data:image/png;base64,abcd"/> <polyline points="1.26,2  3,4.44"/>
  <g clip-path="url(#c)"><path d="M 0 0" style="fill: none"/> <path d="M 1 1"/></g>
 </g>
</svg>"""
CLEAN = f"""<svg xmlns="{SVG}" viewBox="0 0 10 5" stroke-linejoin="round">
<defs><path d="M 0 0 L 1.2 3.1" style="stroke: var(--lit-c0, #2f6db5)" id="p-1"/>
<clipPath id="p-2"><rect x="0" y="1.2" width="2.2" height="3.4"/></clipPath></defs>
<g style="opacity: 0.5"><use x="1.3" href="#p-1"/></g>
<text style="font-size: 12.5px; text-anchor: middle">a  b</text>
<text style="font-size: 11px">c<tspan>d</tspan> e</text>
<image href="data:image/png;base64,abcd"/>
<polyline points="1.3,2 3,4.4"/>
<g clip-path="url(#p-2)"><path d="M 1 1"/></g>
</svg>
"""


def test_a_whole_figure_is_cleaned() -> None:
    assert clean(RAW, "p-") == CLEAN


def test_saving_twice_gives_identical_bytes(svg):
    with mpl.rc_context(STYLE):
        assert figure_to_svg(draw(), "b3f2-") == svg


def test_nothing_of_machine_time_or_font_is_left(svg):
    root = ET.fromstring(svg)
    assert {"metadata", "style", "title"}.isdisjoint(e.tag.rpartition("}")[2] for e in root.iter())
    assert "font-family" not in svg
    assert "DejaVu" not in svg
    assert "matplotlib" not in svg.lower()
    assert root.get("viewBox") == "0 0 388.8 216"
    assert not {"width", "height"} & root.attrib.keys()
    assert root.get("stroke-linejoin") == "round"  # which the dropped style had said


def test_text_stays_text(svg):
    texts = {element.text for element in ET.fromstring(svg).iter(f"{{{SVG}}}text")}
    assert {"loss (nats)", "−1 < h & h < 1", "0.2"} <= texts


def test_drawn_colours_become_variables_of_the_page_with_themselves_as_fallback(svg):
    for name in ("--lit-c0", "--lit-fg", "--lit-muted", "--lit-grid"):
        assert f"var({name}, {PALETTE[name]})" in svg
    for colour in PALETTE.values():
        assert svg.count(colour) == svg.count(f", {colour})")


def test_fixed_colours_stay():
    figure = Figure()
    figure.text(0.5, 0.5, "x", color="#123456")
    assert "#123456" in figure_to_svg(figure, "p-")


def test_ids_are_prefixed_unique_and_all_referred_to(svg):
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert ids
    assert len(set(ids)) == len(ids)
    assert set(ids) == {f"b3f2-{number}" for number in range(1, len(ids) + 1)}
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    assert references == set(ids)


def test_two_figures_of_a_page_share_no_id(raw, svg):
    other = clean(raw, "b3f3-")
    first, second = (set(re.findall(r'\bid="([^"]*)"', text)) for text in (svg, other))
    assert first
    assert second
    assert first.isdisjoint(second)


def test_coordinates_have_one_decimal(svg):
    paths = re.findall(r'\bd="([^"]*)"', svg)
    assert paths
    assert not re.search(r"\.\d\d", "".join(paths))


def test_cleaning_shrinks_an_ordinary_figure(raw):
    assert len(clean(raw, "p-")) < 0.6 * len(raw)


def test_cleaning_keeps_every_point_of_a_line():
    with mpl.rc_context(STYLE):
        figure = Figure()
        figure.subplots().plot(np.arange(20), np.arange(20) % 3)
        svg = figure_to_svg(figure, "p-")
    longest = max(re.findall(r'\bd="([^"]*)"', svg), key=len)
    assert longest.count("L") == 19


def test_embedded_image_is_kept_pixel_for_pixel(raw, svg):
    before, after = pixels(raw), pixels(svg)
    assert before.size == after.size
    assert before.tobytes() == after.tobytes()


def pixels(svg: str) -> Image.Image:
    (data,) = re.findall(r'href="data:image/png;base64,([^"]*)"', svg)
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("12.345", "12.3"), ("-0.04", "0"), ("3.0", "3"), ("7", "7"), ("-1.25 2.55", "-1.2 2.5")],
)
def test_rounding_drops_empty_decimals_and_negative_zeros(value, rounded):
    raw = f'<svg xmlns="{SVG}"><rect x="{value}" style="fill: #fff"/></svg>'
    assert f'x="{rounded}"' in clean(raw, "p-")


@pytest.mark.parametrize(
    ("transform", "kept"),
    [
        ("translate(1.26 2)", "translate(1.3 2)"),
        ("matrix(0.123 0 0 0.456 1 2)", "matrix(0.123 0 0 0.456 1 2)"),
        ("translate(1.26 2) scale(0.123)", "translate(1.26 2) scale(0.123)"),
        ("rotate(-90 1.26 2)", "rotate(-90 1.3 2)"),
    ],
)
def test_what_scales_is_not_rounded(transform, kept):
    raw = f'<svg xmlns="{SVG}"><rect transform="{transform}" style="fill: #fff"/></svg>'
    assert f'transform="{kept}"' in clean(raw, "p-")


def test_a_turn_by_nothing_is_none():
    raw = f'<svg xmlns="{SVG}"><rect transform="rotate(-0 1.2 3)" style="fill: #fff"/></svg>'
    assert "transform" not in clean(raw, "p-")


def test_a_shape_that_draws_nothing_stays_where_another_draws_it():
    path, use = '<path id="m" d="M 0 0" style="fill: none"/>', '<use href="#m"/>'
    assert "<path" in clean(f'<svg xmlns="{SVG}">{path}{use}</svg>', "p-")
    assert "<path" not in clean(f'<svg xmlns="{SVG}">{path}</svg>', "p-")
