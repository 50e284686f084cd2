"""What a block printed, as HTML: Markdown tables as tables, everything else as it stands."""

import html
import re
from collections.abc import Iterator

_ROW = re.compile(r"^\|.*\|\s*$")
_RULE = re.compile(r"^\|[\s:|-]+\|\s*$")


def printed(number: int, text: str) -> str:
    """Return as HTML what block `number` printed: tables as tables, the rest as it stands."""
    parts = [
        _table(lines) if is_table else _plain(number, lines)
        for is_table, lines in _parts(text.rstrip("\n").split("\n"))
    ]
    return f'<div class="lit-output" data-search-exclude>{"".join(parts)}</div>'


def _parts(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Runs of lines that are a Markdown table, and the runs between them."""
    plain: list[str] = []
    rest = list(lines)
    while rest:
        if len(rest) > 1 and _ROW.match(rest[0]) and _RULE.match(rest[1]):
            end = next((i for i, line in enumerate(rest) if not _ROW.match(line)), len(rest))
            if any(line.strip() for line in plain):
                yield False, plain
            yield True, rest[:end]
            plain, rest = [], rest[end:]
        else:
            plain.append(rest.pop(0))
    if any(line.strip() for line in plain):
        yield False, plain


def _plain(number: int, lines: list[str]) -> str:
    text = html.escape("\n".join(lines).strip("\n"), quote=False)
    return (
        f'<pre tabindex="0" role="group" aria-label="Output of block {number}">'
        f"<code>{text}\n</code></pre>"
    )


def _table(lines: list[str]) -> str:
    head, rule, *body = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
    )
    sides = [' class="lit-number"' if cell.endswith(":") else "" for cell in rule]

    def row(cells: list[str], tag: str) -> str:
        columns = zip(cells, sides, strict=False)
        return "".join(
            f"<{tag}{side}>{html.escape(cell, quote=False)}</{tag}>" for cell, side in columns
        )

    rows = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in body)
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{rows}</tbody></table>"
