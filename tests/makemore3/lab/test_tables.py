"""Numbers as tables show them."""

import pytest

from makemore3.lab.tables import low_to_high


@pytest.mark.parametrize(
    ("values", "digits", "written"),
    [
        ([2.13, 2.101, 2.12], 3, "2.101 to 2.130"),
        ([2.13, 2.101, 2.12], 0, "2"),
        ([-0.5], 1, "-0.5"),
    ],
)
def test_spread_is_the_lowest_to_the_highest(values, digits, written):
    assert low_to_high(values, digits) == written


def test_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        low_to_high([])
