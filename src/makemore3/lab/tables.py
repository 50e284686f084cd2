"""Numbers as tables show them."""

from collections.abc import Collection


def low_to_high(values: Collection[float], digits: int = 3) -> str:
    """Write the spread of repeated measurements: `2.101 to 2.130`, or one number if both are alike.

    Args:
        values: What was measured, for example with several seeds.
        digits: Places after the point.

    Raises:
        ValueError: If there are no values.
    """
    if not values:
        raise ValueError("low_to_high expects at least one value, got none")
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
