"""Printed outputs as HTML: tables as tables, the rest as it stands."""

import xml.etree.ElementTree as ET

import pytest

from literate.outputs import printed


def parsed(text: str) -> ET.Element:
    return ET.fromstring(printed(3, text).replace(" data-search-exclude", ""))


def test_printed_table_is_shown_as_a_table_and_text_as_text():
    root = parsed("before <1>\n| a | b |\n|:--|--:|\n| x & y | 2 |\nafter\n")
    assert [child.tag for child in root] == ["pre", "table", "pre"]
    assert "".join(root[0].itertext()) == "before <1>\n"
    assert [["".join(c.itertext()) for c in row] for row in root.iter("tr")] == [
        ["a", "b"],
        ["x & y", "2"],
    ]
    assert [cell.get("class") for cell in root.iter("td")] == [None, "lit-number"]


def test_an_error_in_a_table_stays_with_its_sign():
    root = parsed("a ± b\n| a |\n|:--|\n| 0.1 ± 0.02 |\n")
    assert ["".join(part.itertext()) for part in root] == ["a ± b\n", "a0.1 ±\xa00.02"]


def test_empty_cells_at_both_ends_of_a_row_stay():
    root = parsed("|    | a |    |\n|:---|--:|:---|\n|    | 1 |    |\n")
    assert [[cell.text for cell in row] for row in root.iter("tr")] == [
        [None, "a", None],
        [None, "1", None],
    ]


def test_a_table_alone_has_no_empty_text_beside_it():
    assert [child.tag for child in parsed("\n| a |\n|--|\n| b |\n\n")] == ["table"]


@pytest.mark.parametrize("text", ["| x |\n", "|x| = 3\n|y| = 4\n", "a | b\n--|--\n"])
def test_what_only_looks_like_a_table_is_text(text):
    root = parsed(text)
    assert [child.tag for child in root] == ["pre"]
    assert "".join(root.itertext()) == text
