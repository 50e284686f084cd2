"""A report as one HTML page, with its pictures drawn in SVG; nothing else is needed."""

from collections.abc import Sequence

from makemore3.diagnostics.facts import Facts, Finding


def page(facts: Facts, findings: Sequence[Finding]) -> str:
    """Return the page."""
    return ""
