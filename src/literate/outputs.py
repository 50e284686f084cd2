"""What a block printed, as HTML: Markdown tables as tables, everything else as it stands."""

import html
import re

_TABLE = re.compile(r"^(\|.*\| *\n\|[ :|-]+\| *(?:\n\|.*\| *)*)$", re.MULTILINE)

_ERROR = "±\N{NO-BREAK SPACE}"
"""An error stays with its sign where a narrow cell breaks."""


def printed(number: int, text: str) -> str:
    """Return as HTML what block `number` printed: tables as tables, the rest as it stands."""
    shown = ""
    for index, part in enumerate(_TABLE.split(text)):
        if index % 2:
            shown += _table(part.split("\n"))
        elif part.strip():
            shown += (
                f'<pre tabindex="0" role="group" aria-label="Output of block {number}">'
                "<code>{}\n</code></pre>".format(html.escape(part.strip("\n"), quote=False))
            )
    return f'<div class="lit-output" data-search-exclude>{shown}</div>'


def _table(lines: list[str]) -> str:
    head, rule, *body = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
    )
    sides = [' class="lit-number"' if cell.endswith(":") else "" for cell in rule]

    def row(cells: list[str], tag: str) -> str:
        columns = zip(cells, sides, strict=False)
        return "".join(
            f"<{tag}{side}>{html.escape(cell.replace('± ', _ERROR), quote=False)}</{tag}>"
            for cell, side in columns
        )

    rows = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in body)
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{rows}</tbody></table>"
