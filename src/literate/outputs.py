"""What a block printed, as HTML: Markdown tables as tables, everything else as it stands."""

import html
import re

_TABLE = re.compile(r"^(\|.*\| *\n\|[ :|-]+\| *(?:\n\|.*\| *)*)$", re.MULTILINE)


def printed(number: int, text: str) -> str:
    """Return as HTML what block `number` printed: tables as tables, the rest as it stands."""
    shown = ""
    for index, part in enumerate(_TABLE.split(text)):
        if index % 2:
            shown += _table(part)
        elif part.strip():
            shown += (
                f'<pre tabindex="0" role="group" aria-label="Output of block {number}">'
                "<code>{}\n</code></pre>".format(html.escape(part.strip("\n"), quote=False))
            )
    return f'<div class="lit-output" data-search-exclude>{shown}</div>'


def _table(text: str) -> str:
    lines = text.replace("± ", "±\N{NO-BREAK SPACE}").split("\n")  # an error stays with its sign
    rows = (line.strip().removeprefix("|").removesuffix("|").split("|") for line in lines)
    head, rule, *body = ([cell.strip() for cell in cells] for cells in rows)
    sides = [' class="lit-number"' if cell.endswith(":") else "" for cell in rule]

    def row(cells: list[str], tag: str) -> str:
        columns = zip(cells, sides, strict=False)
        return "".join(
            f"<{tag}{side}>{html.escape(cell, quote=False)}</{tag}>" for cell, side in columns
        )

    below = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in body)
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{below}</tbody></table>"
