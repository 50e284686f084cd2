"""Checks the form of a page: calm times, an early figure, folded plumbing, narrow outputs.

Each check takes a parsed page and returns what is wrong with it, line by line.
"""

import re
from itertools import pairwise

from companion.prose import units
from companion.reading import MOMENT
from literate.page import Block, Page
from literate.store import Baked, Problem

OUTPUT_WIDTH = 46
"""Columns of printed text that a phone of 390 px shows without scrolling."""

OPEN_BLOCKS_BEFORE_FIGURE = 1
"""Blocks that may stand open before a lecture page's first figure."""

_TIME_LINK = re.compile(rf"\[[^\]]*\]\({MOMENT.pattern}\)")
_VERDICT_OF_A_TEST = re.compile(r"\b(?:True|False)\b")


def moments(page: Page) -> list[Problem]:
    """Paragraphs with more than one time link, or with one that does not stand at the start."""
    problems = []
    for first, paragraph in units(page.prose()):
        if paragraph.lstrip().startswith(("|", "#")):
            continue
        links = list(_TIME_LINK.finditer(paragraph))
        if len(links) > 1:
            problems.append(
                Problem(first, f"expected one time link a paragraph, found {len(links)}: keep one")
            )
        elif links and not _leads(paragraph, links[0]):
            problems.append(
                Problem(first, f"expected {links[0][0]} at the start of its paragraph or caption")
            )
    return problems


def _leads(paragraph: str, link: re.Match[str]) -> bool:
    """Whether nothing but the figure of a caption precedes the link."""
    before = paragraph[: link.start()].strip()
    return not before or re.fullmatch(r"!\[.*?\]\(baked[^)]*\)", before, re.DOTALL) is not None


def opening(page: Page) -> list[Problem]:
    """A first figure that comes after more than one open block."""
    before = []
    for block in page.blocks:
        if block.figures:
            break
        if not is_folded(page, block):
            before.append(block)
    if len(before) > OPEN_BLOCKS_BEFORE_FIGURE:
        return [
            Problem(
                before[-1].first_line,
                f"expected at most {OPEN_BLOCKS_BEFORE_FIGURE} open block before the first figure, "
                f"found {len(before)}: open with the figure, or fold what only prepares",
            )
        ]
    return []


def rhythm(page: Page) -> list[Problem]:
    """Open blocks that follow each other without a sentence between them."""
    prose = page.prose()
    problems = []
    visible = [block for block in page.blocks if not is_folded(page, block)]
    for before, after in pairwise(visible):
        between = prose[before.last_line : after.first_line]
        if not any(line.strip() and not line.strip().startswith("<!--") for line in between):
            problems.append(
                Problem(after.first_line, "expected a sentence between this block and the last one")
            )
    return problems


def outputs(page: Page, baked: Baked) -> list[Problem]:
    """Printed lines that a phone cuts off, and results of tests that only the test run needs."""
    problems = []
    for block in page.blocks:
        if (output := baked.outputs.get(block.number)) is None:
            continue
        lines = output.text.split("\n")
        plain = [line for line in lines if not line.startswith("|")]
        if widest := max((line for line in plain if len(line) > OUTPUT_WIDTH), key=len, default=""):
            problems.append(
                Problem(
                    block.first_line,
                    f"expected output of at most {OUTPUT_WIDTH} columns, found {len(widest)}: "
                    f"{widest[:60]!r}; print fewer, or a Markdown table",
                )
            )
        if _VERDICT_OF_A_TEST.search(output.text):
            problems.append(
                Problem(block.first_line, "prints True or False: assert it, print what it means")
            )
    return problems


def is_folded(page: Page, block: Block) -> bool:
    """Whether the block stands in a fold that is closed at first (`??? setup "…"`)."""
    for line in reversed(page.text.split("\n")[: block.first_line]):
        if line.strip() and not line.startswith(block.indent):
            return line.lstrip().startswith("??? ")
    return False
