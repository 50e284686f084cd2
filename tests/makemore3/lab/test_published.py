"""The published numbers against a second source: what was noted of the lecture, typed once more."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from makemore3.lab.published import PUBLISHED, Published, read_published

BAKED = Path(__file__).parents[3] / "docs" / "baked" / "experiments" / "published-numbers"

# Run, quantity, value, and the moment as a player shows it. The values are those of notes that were
# taken while watching, with the notebook and a re-run beside them; nothing is copied from the CSV.
NOTED = """
data                       | names             | 32,033  |    1:37
data                       | vocabulary size   | 27      |    1:39
data                       | train examples    | 182,625 |    1:44
data                       | dev examples      | 22,655  |    1:44
data                       | test examples     | 22,866  |    1:44
data                       | context characters | 3      |    1:44
as-written, step 0         | parameters        | 11,897  |    2:11
as-written, step 0         | loss              | 27.8817 |    4:31
W2 x 0.1, step 0           | loss              | 4.2326  |   10:14
softmax-fixed, step 0      | loss              | 3.3221  |   10:22
tanh-fixed, step 0         | loss              | 3.3135  |   25:39
kaiming, step 0            | loss              | 3.3179  |   39:25
batch-norm, step 0         | parameters        | 12,297  |   47:25
batch-norm, step 0         | loss              | 3.3147  |   47:25
batch-norm-no-bias, step 0 | parameters        | 12,097  | 1:02:26
batch-norm-no-bias, step 0 | loss              | 3.3239  | 1:02:26
six layers, step 0         | parameters        | 46,497  | 1:26:05
six layers, step 0         | loss              | 3.2962  | 1:26:48
as-written, trained        | train loss        | 2.1245  |   12:31
as-written, trained        | dev loss          | 2.1682  |   12:31
softmax-fixed, trained     | train loss        | 2.07    |   12:25
softmax-fixed, trained     | dev loss          | 2.13    |   26:22
softmax-fixed, trained     | train loss        | 2.0696  |   12:25
softmax-fixed, trained     | dev loss          | 2.1311  |   26:22
tanh-fixed, trained        | train loss        | 2.0356  |   26:03
tanh-fixed, trained        | dev loss          | 2.1027  |   26:25
kaiming, trained           | train loss        | 2.0377  |   40:08
kaiming, trained           | dev loss          | 2.1070  |   40:08
batch-norm, trained        | own train loss    | 2.0668  |   48:17
batch-norm, trained        | own dev loss      | 2.1048  |   48:17
batch-norm, trained        | calibrated train  | 2.0668  |   55:43
batch-norm, trained        | calibrated dev    | 2.1049  |   55:43
batch-norm-no-bias, trained | train loss       | 2.0674  | 1:00:44
batch-norm-no-bias, trained | dev loss         | 2.1057  | 1:00:44
six layers, batch norm     | parameters        | 47,024  | 1:46:04
six layers, batch norm     | first loss        | 3.2870  | 1:46:04
six layers, batch norm     | train loss        | 2.4003  | 1:46:04
six layers, batch norm     | dev loss          | 2.3982  | 1:46:04
six layers, batch norm     | tanh1 std         | 0.63    | 1:47:53
six layers, batch norm     | tanh5 std         | 0.65    | 1:47:53
six layers, batch norm     | tanh1 saturated % | 2.78    | 1:47:53
six layers, batch norm     | tanh2 saturated % | 2.56    | 1:47:53
six layers, batch norm     | tanh3 saturated % | 2.25    | 1:47:53
six layers, batch norm     | tanh4 saturated % | 1.69    | 1:47:53
six layers, batch norm     | tanh5 saturated % | 1.88    | 1:47:53
"""

# Longer lists, whose values the tests and the page measure: run, quantities, moment. What is not
# mentioned has the start of its chapter.
LISTS = (
    ("batch-norm-no-bias, trained", r"batch .*", "40:40"),
    ("six layers, batch norm", r"tanh\d (mean|std|saturated %)", "1:47:53"),
    ("six layers, batch norm", r"\w+ grad.*", "1:48:02"),
    ("six layers, batch norm", r"name \d+", "1:46:04"),
    ("bonus, linear", r".*", "27:53"),
    ("bonus, linear and norm", r".*", "1:46:04"),
)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total


def test_values_and_moments_are_those_that_were_noted() -> None:
    noted = {(run, quantity, value): seconds(clock) for run, quantity, value, clock in cells(NOTED)}
    published = {(p.run, p.quantity, p.value): p.moment for p in PUBLISHED}
    assert len(noted) == len(cells(NOTED))
    assert {key: published.get(key) for key in noted} == noted


def test_lists_have_the_moments_that_were_noted() -> None:
    noted = {(run, quantity) for run, quantity, _, _ in cells(NOTED)}
    for p in PUBLISHED:
        if (p.run, p.quantity) not in noted:
            (clock,) = (
                c for run, what, c in LISTS if run == p.run and re.fullmatch(what, p.quantity)
            )
            assert p.moment == seconds(clock), p


def test_the_page_shows_every_number_met() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in sorted(BAKED.glob("*.txt")))
    rows = {
        (name.rpartition(": ")[2].removesuffix(", re-run"), published): ours
        for line in shown.splitlines()
        if line.startswith("| ")
        for name, published, ours, _ in [[cell.strip() for cell in line.strip()[1:-1].split("|")]]
    }
    for p in PUBLISHED:
        ours = rows.get((p.quantity, p.value))
        assert ours is not None, f"the page lacks {p}"
        if p.kind == "text":
            assert ours == p.value
        else:
            off = abs(Decimal(ours.replace(",", "")) - Decimal(p.value.replace(",", "")))
            assert off <= Decimal(p.tolerance), f"{ours} is too far from {p}"


HEAD = "run,quantity,value,tolerance,kind,source,moment,note"


def test_lines_are_read_into_fields() -> None:
    (number, name) = read_published(
        [
            HEAD,
            'data,names,"32,033",0,number,notebook,97,"said: a, b"',
            "x,name 1,ed,0,text,re-run,1,",
        ]
    )
    assert number == Published(
        "data", "names", "32,033", "0", "number", "notebook", 97, "said: a, b"
    )
    assert (name.value, name.kind, name.source, name.moment, name.note) == (
        *("ed", "text", "re-run"),
        1,
        "",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("data,names,about 32,0,number,notebook,97,", "expected a number, got 'about 32'"),
        ("data,names,32,?,number,notebook,97,", "expected a number, got '?'"),
        ('data,names,"32"x,0,number,notebook,97,', "expected a number, got '32x'"),
        ("data,names,32,0,numeral,notebook,97,", "expected kind number or text, got 'numeral'"),
        ("data,names,32,0,number,blog,97,", "expected source notebook or re-run, got 'blog'"),
        ("data,names,32,0,number,notebook,1:37,", "invalid literal for int"),
        ("data,names,32,0,number,notebook", "line 3"),
        ("data,names,32,033,0,number,notebook,97,said", "line 3"),
    ],
)
def test_a_line_that_is_wrong_is_named(line: str, message: str) -> None:
    with pytest.raises(ValueError, match="line 3 of the published numbers: ") as caught:
        read_published([HEAD, "x,name 1,ed,0,text,re-run,1,", line])
    assert message in str(caught.value)
