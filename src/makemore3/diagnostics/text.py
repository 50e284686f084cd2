"""A report as text, in columns that fit a phone."""

import math
import textwrap
from collections.abc import Iterator, Sequence

from makemore3.diagnostics.facts import Facts, Finding, LayerFacts, WeightFacts

WIDTH = 44
"""Columns: they fit a phone, half a terminal, and the log of a CI."""
ROWS = 24
"""Rows of a table; of a longer one the middle is left out."""


def text(facts: Facts, findings: Sequence[Finding]) -> str:
    """Return the table of layers, that of weights, and the findings with advice and source."""
    lines = [*head(facts, findings), ""]
    if layers := facts.chained():
        lines += [f"{'layer':18}{'std':>7}{'flat':>6}{'dead':>5}{'grad':>8}"]
        lines += _shortened([_layer(layer) for layer in layers])
        lines += [""]
    if facts.training and facts.weights:
        lines += [f"{'weight':20}{'std':>8}{'grad':>8}{'update':>8}"]
        lines += _shortened([_weight(weight) for weight in facts.weights])
        lines += [""]
    for finding in findings:
        lines += [*_finding(finding), ""]
    for hidden in facts.unseen:
        lines += [*textwrap.wrap(f"Not seen: {hidden}.", WIDTH), ""]
    return "\n".join(lines).rstrip()


def head(facts: Facts, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the first lines: what was watched, the loss, how many findings."""
    if facts.training:
        sampled = len(facts.steps)
        yield f"{facts.taken} steps, {sampled} of them sampled"
    else:
        yield "one batch, before training"
    if facts.loss is None and facts.loss_value is not None:
        yield f"loss {number(facts.loss_value)}"
    if facts.loss:
        first, last = facts.loss.values[0], facts.loss.values[-1]
        seen = f"{first:.2f}" if len(facts.loss.values) == 1 else f"{first:.2f} to {last:.2f}"
        yield f"loss {seen}; a uniform guess: {math.log(facts.loss.classes):.2f}"
    problems = sum(finding.level == "problem" for finding in findings)
    yield f"problems: {problems}, to watch: {len(findings) - problems}"


def _layer(layer: LayerFacts) -> str:
    flat = layer.flat[-1]
    shown = "-" if math.isnan(flat) else f"{flat:.0%}"
    dead = "-" if layer.dead is None else f"{layer.dead}"
    name = short(f"{layer.name} {layer.type}", 18)
    return f"{name:18}{number(layer.std[-1]):>7}{shown:>6}{dead:>5}{number(layer.grad_std[-1]):>8}"


def _weight(weight: WeightFacts) -> str:
    update = weight.update[-1]
    shown = "-" if math.isnan(update) else f"{update:.1f}"
    grad = number(weight.grad_std[-1])
    return f"{short(weight.name, 20):20}{number(weight.std[-1]):>8}{grad:>8}{shown:>8}"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.level.upper()}: {finding.rule}"
    yield from textwrap.wrap(finding.words, WIDTH)
    yield from textwrap.wrap(f"Try: {finding.advice}", WIDTH)
    if finding.source.url:
        yield f"See {finding.source.url}"
    page, _, anchor = finding.source.notes.partition("#")
    yield from (f"    {part}" for part in (page, f"#{anchor}"))


def _shortened(rows: list[str]) -> list[str]:
    if len(rows) <= ROWS:
        return rows
    half = ROWS // 2
    return [*rows[:half], f"... {len(rows) - 2 * half} more", *rows[-half:]]


def short(name: str, width: int) -> str:
    """Shorten a dotted name in its middle."""
    if len(name) <= width:
        return name
    front = (width - 1) // 3
    return f"{name[:front]}…{name[front + 1 - width :]}"


def number(value: float) -> str:
    """Write a number in at most seven columns; `-` for none."""
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if 0.1 <= abs(value) < 1000 else f"{value:.0e}" if value else "0"
