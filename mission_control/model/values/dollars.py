"""Dollars, counted in billionths: a token costs some hundreds, and sums of whole numbers are exact."""

from decimal import ROUND_CEILING, Decimal
from typing import Final

BILLIONTHS: Final = 1_000_000_000


def billionths(dollars: float) -> int:
    """Return an amount of dollars in billionths, rounded up.

    >>> billionths(0.1), billionths(1.5e-10)
    (100000000, 1)
    """
    exact = Decimal(repr(float(dollars))) * BILLIONTHS
    return int(exact.to_integral_value(ROUND_CEILING))
