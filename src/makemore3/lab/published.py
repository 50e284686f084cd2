"""The numbers that lecture and notebook publish, which `makemore3.lab.reproduce` compares.

They stand in `published.csv` beside this module, a line each, run by run in the lecture's order.
The columns are the fields of `Published`. A new line needs a run that measures it, in
`makemore3.lab.reproduce.RUNS`.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Literal, get_args

Kind = Literal["number", "text"]
"""What was published: a number, or a sampled name."""
Source = Literal["notebook", "re-run"]
"""Where it stands: among the notebook's outputs, or nowhere: its code was run again."""


@dataclass(frozen=True)
class Published:
    """One number, or one sampled name, as published.

    Args:
        run: The run in `makemore3.lab.reproduce.RUNS` that measures it.
        quantity: What that run calls it.
        value: What is published, e.g. `"2.0356"`, `"32,033"`, `"2.6407e-03"` or `"carpah"`. Of
            digits that depend on the processor only those before them.
        tolerance: How far ours, rounded to as many digits, may be off: one unit of the last
            place, or more for a chaotic number, whose note then says why.
        kind: `"text"` if the value is a name.
        source: `"notebook"`: printed in the lecture's notebook. `"re-run"`: neither printed nor
            said to these digits; it comes out of the notebook's code on the lecture's data.
        moment: The second of the lecture that says or shows it; for what it does not mention, the
            start of the chapter.
        note: What a reader should know, e.g. what exactly is said at the moment; may be empty.

    Raises:
        ValueError: If a number, or its tolerance, is none, or `kind` or `source` is unknown.
    """

    run: str
    quantity: str
    value: str
    tolerance: str
    kind: Kind
    source: Source
    moment: int
    note: str

    def __post_init__(self) -> None:
        for what, known in {"kind": get_args(Kind), "source": get_args(Source)}.items():
            if getattr(self, what) not in known:
                raise ValueError(
                    f"expected {what} {' or '.join(known)}, got {getattr(self, what)!r}"
                )
        for text in (self.tolerance, *([self.value] if self.kind == "number" else [])):
            try:
                Decimal(text.replace(",", ""))
            except InvalidOperation:
                raise ValueError(f"expected a number, got {text!r}") from None

    @property
    def exponent(self) -> int:
        """The last place of the number: -4 for `"2.0356"`, -7 for `"2.6407e-03"`."""
        exponent = Decimal(self.value.replace(",", "")).as_tuple().exponent
        assert isinstance(exponent, int)
        return exponent

    @property
    def chaotic(self) -> bool:
        """Whether the tolerance is wider than one unit of the last place."""
        return self.kind == "number" and Decimal(self.tolerance) > Decimal(1).scaleb(self.exponent)


def read_published(lines: Iterable[str]) -> tuple[Published, ...]:
    """Read lines of CSV, the first of which names the columns.

    Raises:
        ValueError: If a line is not what `Published` takes, with the number of the line.
    """
    rows = csv.DictReader(lines)
    published = []
    for row in rows:
        try:
            published.append(Published(**{**row, "moment": int(row["moment"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"line {rows.line_num} of the published numbers: {error}") from error
    return tuple(published)


PUBLISHED = read_published(
    (files("makemore3.lab") / "published.csv").read_text(encoding="utf-8").splitlines()
)
"""Everything published, in the lecture's order run by run."""
