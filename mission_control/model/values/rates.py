"""Rates as text: how many in a second, minute, hour or day."""

import re
from typing import Final

from mission_control.model.problems.suggestions import quoted

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RATE: Final = re.compile(r"(\d{1,6})/([smhd])")


def per_second(text: str) -> float:
    """Return a rate as a number a second.

    Raises:
        ValueError: it is no rate, or zero.

    >>> per_second("30/m"), per_second("10/s")
    (0.5, 10.0)
    """
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(
            f'{quoted(text)} is not a rate; write a number a second, minute, hour or day: "30/m"'
        )
    return int(match[1]) / _SECONDS[match[2]]
