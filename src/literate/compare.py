"""Decides whether an output that was produced again is the same as the one that is shown.

Text is the same up to one unit in the last printed place of numbers with a decimal point or an
exponent; whole numbers and everything else must be equal. SVG is the same if its elements and texts
are, with coordinates within half a unit.
"""

import difflib
import re
import xml.etree.ElementTree as ET
from collections.abc import Container, Sequence
from decimal import Decimal

Output = tuple[str, Sequence[str]]
"""What a block or a cell printed, and the figures it drew, as SVG."""

_NUMBER = re.compile(r" *(?P<number>[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_COORDINATES = {"d", "points", "transform", "x", "y", "width", "height", "viewBox"}
_COORDINATE = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_SCALE = re.compile(r"(?:scale|matrix)\([^)]*\)")
_TOLERANCE = 0.5


def differences(
    name: str, baked: Output, now: Output, not_compared: Container[int] = ()
) -> list[str]:
    """How what `name` did now differs from what is stored of it.

    `not_compared` holds the numbers, from 1, of figures that may differ.
    """
    (old_text, old_figures), (new_text, new_figures) = baked, now
    found = []
    if difference := text_difference(old_text, new_text):
        found.append(f"{name} printed something else:\n{difference}")
    if len(old_figures) != len(new_figures):
        found.append(f"{name} drew {len(new_figures)} figures, {len(old_figures)} are stored")
        return found
    for number, pair in enumerate(zip(old_figures, new_figures, strict=True), start=1):
        if number not in not_compared and (difference := svg_difference(*pair)):
            found.append(f"{name} drew another figure {number}: {difference}")
    return found


def text_difference(old: str, new: str) -> str | None:
    """A readable difference between two printed texts, or `None` if they are the same."""
    if _same_text(old, new):
        return None
    lines = difflib.unified_diff(
        old.split("\n"), new.split("\n"), "baked", "this run", lineterm="", n=1
    )
    return "\n".join(lines)


def svg_difference(old: str, new: str) -> str | None:
    """What differs first between two figures, or `None` if they are the same."""
    if old == new:
        return None
    return _element_difference(ET.fromstring(old), ET.fromstring(new), "svg")


def _same_text(old: str, new: str) -> bool:
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    return all(map(_same_number, _NUMBER.finditer(old), _NUMBER.finditer(new)))


def _same_number(old: re.Match[str], new: re.Match[str]) -> bool:
    """The spaces before a number count, but may make up for a digit or a sign more or less."""
    if old[0] == new[0]:
        return True
    padding = len(old[0]) - len(old["number"]), len(new[0]) - len(new["number"])
    if padding[0] != padding[1] and len(old[0]) != len(new[0]):
        return False
    if not re.search(r"[.eE]", old["number"] + new["number"]):
        return False
    if _places(old["number"]) != _places(new["number"]):
        return False
    (old_value, old_unit), (new_value, new_unit) = map(_value_and_unit, (old[1], new[1]))
    return abs(old_value - new_value) <= min(old_unit, new_unit)


def _value_and_unit(number: str) -> tuple[Decimal, Decimal]:
    value = Decimal(number.replace("−", "-"))
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return value, Decimal(1).scaleb(exponent)


def _places(number: str) -> int:
    """Digits after the decimal point, before any exponent."""
    mantissa = re.split(r"[eE]", number)[0]
    return len(mantissa.partition(".")[2])


def _element_difference(old: ET.Element, new: ET.Element, where: str) -> str | None:
    if old.tag != new.tag:
        return f"{where}: <{_name(old.tag)}> became <{_name(new.tag)}>"
    if old.attrib.keys() != new.attrib.keys():
        return f"{where}: attributes {sorted(old.attrib)} became {sorted(new.attrib)}"
    for name, value in old.attrib.items():
        if not _same_attribute(name, value, new.attrib[name]):
            return f"{where}: {name}={_short(value)} became {_short(new.attrib[name])}"
    for old_text, new_text in ((old.text, new.text), (old.tail, new.tail)):
        if not _same_text(old_text or "", new_text or ""):
            return f"{where}: text {old_text!r} became {new_text!r}"
    if len(old) != len(new):
        return f"{where}: {len(old)} elements inside became {len(new)}"
    for index, (old_child, new_child) in enumerate(zip(old, new, strict=True)):
        here = f"{where}/{_name(old_child.tag)}[{index}]"
        if difference := _element_difference(old_child, new_child, here):
            return difference
    return None


def _same_attribute(name: str, old: str, new: str) -> bool:
    if old == new:
        return True
    if _name(name) == "href" and old[:14] == new[:14] == "data:image/png":
        return _pixels(old) == _pixels(new)
    if name not in _COORDINATES or _SCALE.findall(old) != _SCALE.findall(new):
        return False
    if _COORDINATE.sub("#", old) != _COORDINATE.sub("#", new):
        return False
    pairs = zip(_COORDINATE.findall(old), _COORDINATE.findall(new), strict=True)
    return all(abs(float(a) - float(b)) <= _TOLERANCE for a, b in pairs)


def _pixels(data_url: str) -> tuple[tuple[int, int], bytes]:
    import base64
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))).convert("RGBA")
    return image.size, image.tobytes()


def _name(qualified: str) -> str:
    return qualified.rpartition("}")[2]


def _short(value: str) -> str:
    return value if len(value) <= 60 else f"{value[:57]}..."
