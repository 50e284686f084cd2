"""The report: facts and findings, as text, dictionary, HTML or an error."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from makemore3.diagnostics.facts import LEVELS, Facts, Finding, Level, LossFacts
from makemore3.diagnostics.html import page
from makemore3.diagnostics.text import text
from makemore3.files import written_whole


class Unhealthy(Exception):
    """A report holds findings that its reader does not accept."""


@dataclass(frozen=True, kw_only=True)
class Report(Facts):
    """What `check` or `Monitor` measured, and what the rules say of it.

    Printed, it is a table and the findings in words.

    Args:
        findings: What the rules say, the gravest first.
    """

    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no problem; things to watch are allowed."""
        return not any(finding.level == "problem" for finding in self.findings)

    def raise_for(self, level: Level = "problem") -> None:
        """Raise if there is a finding of this level or a graver one.

        Raises:
            Unhealthy: Naming the findings.
            ValueError: If there is no such level.
        """
        if level not in LEVELS:
            raise ValueError(f"raise_for expects one of {', '.join(LEVELS)}, got {level!r}")
        accused = [f for f in self.findings if LEVELS.index(f.level) >= LEVELS.index(level)]
        if accused:
            raise Unhealthy("\n".join(f"{f.level}, {f.rule}: {f.words}" for f in accused))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the entries kept for histograms, ready for JSON.

        Numbers that are not finite are `None`, as JSON knows none.
        """
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)} | {
            "ok": self.ok
        }

    def html(self) -> str:
        """Return the report as one HTML page that needs no other file."""
        return page(self, self.findings)

    def write_html(self, path: Path | str) -> None:
        """Write the report as one HTML file, whole or not at all.

        Raises:
            OSError: If the file cannot be written.
        """
        content = self.html().encode()
        with written_whole(Path(path)) as file:
            file.write(content)

    def __str__(self) -> str:
        return text(self, self.findings)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {
            item.name: _plain(getattr(value, item.name))
            for item in fields(value)
            if item.name not in ("values", "grad_values") or isinstance(value, LossFacts)
        }
    return value
