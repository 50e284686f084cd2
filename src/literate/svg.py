"""Makes a matplotlib figure a small SVG that follows the page's light or dark palette.

While a page runs, matplotlib draws in the colours of `STYLE`. They stand for the page's own: in the
saved file each becomes a CSS variable, with the drawn colour as fallback for viewers without them.
"""

import io
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"(?P<before>#|url\(#)(?P<id>[^()]+)(?P<after>\)?)")

PALETTE = {
    "--lit-fg": "#6b7481",
    "--lit-muted": "#7d8694",
    "--lit-grid": "#c3c9d1",
    "--lit-bg": "#fdfdfc",
    "--lit-c0": "#2f6db5",
    "--lit-c1": "#c2571a",
    "--lit-c2": "#2b8a57",
    "--lit-c3": "#a8418f",
    "--lit-c4": "#8a7300",
    "--lit-c5": "#5a5fc8",
}
"""CSS variable of the page -> the colour that stands for it while drawing.

Where no page sets the variable that colour shows, so lines and text are seen on white and on black.
The site's style sheet has the same line colours for the light.
"""

STYLE: "dict[RcKeyType, Any]" = {
    "figure.figsize": (5.4, 3.0),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": PALETTE["--lit-muted"],
    "axes.labelcolor": PALETTE["--lit-fg"],
    "axes.titlecolor": PALETTE["--lit-fg"],
    "axes.titlesize": "medium",  # the size of all text
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": "cycler('color', "
    + repr([colour for name, colour in PALETTE.items() if name.startswith("--lit-c")])
    + ")",
    "grid.color": PALETTE["--lit-grid"],
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "patch.edgecolor": PALETTE["--lit-fg"],
    "text.color": PALETTE["--lit-fg"],
    "xtick.color": PALETTE["--lit-muted"],
    "xtick.labelcolor": PALETTE["--lit-fg"],
    "ytick.color": PALETTE["--lit-muted"],
    "ytick.labelcolor": PALETTE["--lit-fg"],
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "literate",
}
"""rcParams in force while a page runs."""


def figure_to_svg(figure: "Figure", prefix: str) -> str:
    """Save `figure`; the ids that remain begin with `prefix`, which must be unique in the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    return clean(buffer.getvalue(), prefix)


def clean(raw: str, prefix: str) -> str:
    """Drop what the page does not need, and let colours and fonts follow the page."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(raw)
    for parent in list(root.iter()):
        for child in list(parent):
            if _tag(child) in {"metadata", "style", "title"}:
                parent.remove(child)
    _shorten_ids(root, prefix)
    for element in root.iter():
        _clean_element(element)
    _unwrap(root)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("stroke-linejoin", "round")
    text = ET.tostring(root, encoding="unicode")
    text = re.sub(r">\s+<", ">\n<", text).replace(" />", "/>")
    for variable, colour in PALETTE.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    return text.strip() + "\n"


def _clean_element(element: ET.Element) -> None:
    if style := element.get("style"):
        kept = []
        for declaration in style.split(";"):
            name, _, value = (part.strip() for part in declaration.partition(":"))
            if name == "font":
                size = re.search(r"([\d.]+)px", value)
                name, value = "font-size", f"{float(size[1]):g}px" if size else "11px"
            if name and name != "font-family":
                kept.append(f"{name}: {value}")
        element.set("style", "; ".join(kept))
    if href := element.attrib.pop(_HREF, None):
        element.set("href", href)
    for name in ("d", "points", "x", "y", "width", "height", "viewBox"):
        if value := element.get(name):
            element.set(name, _round(" ".join(value.split())))
    if (transform := element.get("transform")) and not re.search("scale|matrix", transform):
        if transform.startswith("rotate(-0 "):
            del element.attrib["transform"]
        else:
            element.set("transform", _round(transform))


def _round(value: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda match: f"{round(float(match[0]), 1) + 0:g}", value)


def _shorten_ids(root: ET.Element, prefix: str) -> None:
    """Keep the ids that something refers to, numbered; two raw figures share dozens of ids."""
    new: dict[str, str] = {}
    for element in root.iter():
        for name, value in element.attrib.items():
            if match := _REFERENCE.fullmatch(value):
                number = new.setdefault(match["id"], f"{prefix}{len(new) + 1}")
                element.set(name, f"{match['before']}{number}{match['after']}")
    for element in root.iter():
        if number := new.get(element.attrib.pop("id", "")):
            element.set("id", number)


def _unwrap(parent: ET.Element) -> None:
    """Replace groups that carry no attribute by what they hold; drop what draws nothing."""
    children: list[ET.Element] = []
    for child in parent:
        _unwrap(child)
        if _tag(child) == "g" and not child.attrib:
            children.extend(child)
        elif not _draws_nothing(child):
            children.append(child)
    for child in list(parent):
        parent.remove(child)
    parent.extend(children)


def _draws_nothing(element: ET.Element) -> bool:
    if _tag(element) in {"g", "defs"}:
        return len(element) == 0
    return element.get("style") == "fill: none" and "id" not in element.attrib


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
