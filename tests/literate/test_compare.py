"""What counts as the same output: one unit in the last place, half a unit of a coordinate."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from literate.compare import differences, svg_difference, text_difference

SAME_TEXT = {
    "equal": ("loss 2.0696\n", "loss 2.0696\n"),
    "one unit up": ("loss 2.0696\n", "loss 2.0697\n"),
    "one unit down, over a carry": ("loss 2.1000\n", "loss 2.0999\n"),
    "one digit more": ("loss 9.9999\n", "loss 10.0000\n"),
    "one digit more in a column": ("a  9.9999\n", "a 10.0000\n"),
    "around zero": ("x -0.0000\n", "x 0.0000\n"),
    "around zero in a column": ("[-0.0001, 1.0]\n", "[ 0.0000, 1.0]\n"),
    "minus sign": ("x −0.12\n", "x −0.13\n"),
    "exponent": ("1.23e-05\n", "1.24e-05\n"),
    "exponent without a point": ("3e-05\n", "4e-05\n"),
    "over a power of ten": ("1.0000e-05\n", "9.9999e-06\n"),
    "percent": ("31.2%\n", "31.3%\n"),
    "several": ("1.00 and 2.00\n", "1.01 and 1.99\n"),
}

OTHER_TEXT = {
    "two units": ("loss 2.0696\n", "loss 2.0698\n"),
    "whole number": ("27 characters\n", "28 characters\n"),
    "whole number in a shape": ("(32, 200)\n", "(32, 201)\n"),
    "whole number became decimal": ("x 3\n", "x 3.0\n"),
    "more places": ("loss 2.06\n", "loss 2.060\n"),
    "more places before an exponent": ("1.2e-05\n", "1.20e-05\n"),
    "minus sign": ("x −0.0005\n", "x  0.0005\n"),
    "sign": ("x 0.0001\n", "x -0.0001\n"),
    "next power of ten": ("1e-5\n", "1e-6\n"),
    "a word": ("loss 2.0696\n", "Loss 2.0696\n"),
    "a line more": ("a\n", "a\nb\n"),
    "no output any more": ("a\n", ""),
    "an empty line": ("a\n\nb\n", "a\nb\n"),
    "spaces": ("a  b\n", "a b\n"),
    "indentation": ("  a\n", "a\n"),
    "spaces before an equal number": ("a  1.0\n", "a 1.0\n"),
    "not a number": ("loss 2.0696\n", "loss nan\n"),
    "another kind of line end": ("a\x0bb\n", "a\nb\n"),
}


@pytest.mark.parametrize(("old", "new"), SAME_TEXT.values(), ids=SAME_TEXT)
def test_text_that_is_the_same(old, new):
    assert text_difference(old, new) is None
    assert text_difference(new, old) is None


@pytest.mark.parametrize(("old", "new"), OTHER_TEXT.values(), ids=OTHER_TEXT)
def test_text_that_is_not_the_same(old, new):
    assert text_difference(old, new)
    assert text_difference(new, old)


def test_difference_of_texts_shows_both_sides():
    difference = text_difference("1\n2\nloss 2.0696\n4\n5\n", "1\n2\nloss 2.1696\n4\n5\n")
    assert difference == (
        "--- baked\n+++ this run\n@@ -2,3 +2,3 @@\n 2\n-loss 2.0696\n+loss 2.1696\n 4"
    )


def test_what_a_block_did_is_compared_part_by_part():
    figures = svg("<g/>"), svg("<a/>"), svg("<b/>")
    now = svg("<g/>"), svg("<c/>"), svg("<d/>")
    assert differences("block 2", ("1\n", figures), ("2\n", now), [2]) == [
        "block 2 printed something else:\n--- baked\n+++ this run\n@@ -1,2 +1,2 @@\n-1\n+2\n ",
        "block 2 drew another figure 3: svg/b[0]: <b> became <d>",
    ]
    assert differences("block 2", ("", figures), ("", now[:1])) == [
        "block 2 drew 1 figures, 3 are stored"
    ]
    assert differences("block 2", ("1.0\n", figures), ("1.1\n", figures)) == []


@given(st.decimals(-100, 100, places=4, allow_nan=False), st.integers(-5, 5))
def test_exactly_one_unit_of_the_last_place_is_accepted(value, units):
    other = value + units * type(value)("0.0001")
    same = text_difference(f"x = {value}\n", f"x = {other}\n") is None
    assert same == (abs(units) <= 1)


# SVG


def svg(inside: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 388.8 216">{inside}</svg>'


def png(
    colour: tuple[int, int, int],
    *,
    comment: str = "",
    mode: str = "RGB",
    size: tuple[int, int] = (2, 1),
) -> str:
    """A data URL of a two-pixel image; the comment changes the file and no pixel."""
    image = Image.new("RGB", size, colour).convert(mode)
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", comment)
    buffer = io.BytesIO()
    image.save(buffer, format="png", pnginfo=info)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


SAME_SVG = {
    "equal": ('<path d="M 0 0"/>', '<path d="M 0 0"/>'),
    "half a unit": ('<path d="M 10 20.1 L 3.5 4"/>', '<path d="M 10.5 20 L 3 4.5"/>'),
    "translation": ('<g transform="translate(10 20)"/>', '<g transform="translate(10.4 19.6)"/>'),
    "every coordinate": (
        '<rect x="1" y="1" width="2" height="3" points="4" viewBox="0 0 5 6" style="s"/>',
        '<rect style="s" x="1.4" y="0.6" width="2.1" height="3.2" points="4.3" '
        'viewBox="0 0 5 6.5"/>',
    ),
    "exponents": ('<path d="M 1e-3 .5"/>', '<path d="M 2e-3 .6"/>'),
    "tick label": ("<text>2.06</text>", "<text>2.07</text>"),
    "pixels": (
        f'<image href="{png((0, 0, 0))}"/>',
        f'<image href="{png((0, 0, 0), comment="x", mode="RGBA")}"/>',
    ),
}

LONG = f"fill: #{'0' * 53}"  # the longest value that is told in whole

OTHER_SVG = {
    "more than half a unit": (
        '<path d="M 10 20"/>',
        '<path d="M 10.6 20"/>',
        "svg/path[0]: d=M 10 20 became M 10.6 20",
    ),
    "a point more": (
        '<path d="M 10 20"/>',
        '<path d="M 10 20 L 1 1"/>',
        "svg/path[0]: d=M 10 20 became M 10 20 L 1 1",
    ),
    "path command": (
        '<path d="M 1 2 L 3 4"/>',
        '<path d="M 1 2 C 3 4"/>',
        "svg/path[0]: d=M 1 2 L 3 4 became M 1 2 C 3 4",
    ),
    "scale": (
        '<g transform="scale(1 -1)"/>',
        '<g transform="scale(1.2 -1)"/>',
        "svg/g[0]: transform=scale(1 -1) became scale(1.2 -1)",
    ),
    "matrix": (
        '<g transform="matrix(1 0 0 1 0 0)"/>',
        '<g transform="matrix(1 0 0 1.2 0 0)"/>',
        "svg/g[0]: transform=matrix(1 0 0 1 0 0) became matrix(1 0 0 1.2 0 0)",
    ),
    "colour": (
        f'<path style="{LONG}"/>',
        f'<path style="{LONG}0"/>',
        f"svg/path[0]: style={LONG} became {LONG[:57]}...",
    ),
    "attribute": (
        '<path d="M 1 1" a=""/>',
        '<path d="M 1 1" x="1" a=""/>',
        "svg/path[0]: attributes ['a', 'd'] became ['a', 'd', 'x']",
    ),
    "element": ('<path d="M 1 1"/>', '<line d="M 1 1"/>', "svg/path[0]: <path> became <line>"),
    "number of elements": ("<g/>", "<g/><g/>", "svg: 1 elements inside became 2"),
    "text": (
        "<text>loss</text>",
        "<text>step</text>",
        "svg/text[0]: text 'loss' became 'step'",
    ),
    "text after an element": (
        "<text><a/>x</text>",
        "<text><a/>y</text>",
        "svg/text[0]/a[0]: text 'x' became 'y'",
    ),
    "pixels": (
        f'<image href="{png((0, 0, 0))}"/>',
        f'<image href="{png((0, 0, 1))}"/>',
        f"svg/image[0]: href={png((0, 0, 0))[:57]}... became {png((0, 0, 1))[:57]}...",
    ),
    "the shape of an image": (
        f'<image href="{png((0, 0, 0))}"/>',
        f'<image href="{png((0, 0, 0), size=(1, 2))}"/>',
        f"svg/image[0]: href={png((0, 0, 0))[:57]}... became {png((0, 0, 0), size=(1, 2))[:57]}...",
    ),
    "deep inside": (
        "<g><g/><g><path/></g></g>",
        "<g><g/><g><use/></g></g>",
        "svg/g[0]/g[1]/path[0]: <path> became <use>",
    ),
}


@pytest.mark.parametrize(("old", "new"), SAME_SVG.values(), ids=SAME_SVG)
def test_figures_that_are_the_same(old, new):
    assert svg_difference(svg(old), svg(new)) is None


@pytest.mark.parametrize(("old", "new", "message"), OTHER_SVG.values(), ids=OTHER_SVG)
def test_figures_that_are_not_the_same(old, new, message):
    assert svg_difference(svg(old), svg(new)) == message
