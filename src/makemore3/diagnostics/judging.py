"""From facts to findings, by the table of rules."""

import math
from dataclasses import replace

from makemore3.diagnostics.facts import Finding, Level
from makemore3.diagnostics.measures import Measured
from makemore3.diagnostics.report import Report
from makemore3.diagnostics.rules import RULES, Limits, Rule


def judge(report: Report) -> Report:
    """Return the report with the findings of all rules that apply, problems first.

    A rule speaks once, with the worst value, however many layers it accuses.
    """
    findings = []
    for rule in RULES:
        if rule.when == "training" and not report.training:
            continue
        findings += _findings(rule, report)
    problems = {finding.rule for finding in findings if finding.level == "problem"}
    findings = [f for f in findings if f.level == "problem" or f.rule not in problems]
    findings.sort(key=lambda finding: finding.level != "problem")
    return replace(report, findings=tuple(findings))


def _findings(rule: Rule, report: Report) -> list[Finding]:
    accused: dict[Level, list[tuple[float, Measured, float]]] = {}
    for layer, value in rule.measure(report):
        if (limit := _passed(value, rule.problem)) is not None:
            accused.setdefault("problem", []).append(
                (_distance(value, limit), (layer, value), limit)
            )
        elif (limit := _passed(value, rule.watch)) is not None:
            accused.setdefault("watch", []).append((_distance(value, limit), (layer, value), limit))
    findings = []
    for level, cases in accused.items():
        _, (layer, value), limit = max(cases)
        named = ", ".join(f"`{name}`" for name in layer.split(", "))
        named += f" and {len(cases) - 1} more" if len(cases) > 1 else ""
        words = rule.words.format(layer=named, value=value, limit=limit, share=f"{value:.0%}")
        findings.append(
            Finding(level, rule.name, layer, value, limit, words, rule.advice, rule.source)
        )
    return findings


def _passed(value: float, limits: Limits) -> float | None:
    low, high = limits
    if math.isnan(value) or value > high:
        return high
    return low if value < low else None


def _distance(value: float, limit: float) -> float:
    distance = abs(value - limit)
    return distance if math.isfinite(distance) else math.inf
