"""Numbers that are written the way they were given."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainSerializer


def plain_number(value: float) -> int | float:
    """Return a whole number as an integer, so that 30 is not written as 30.0.

    >>> plain_number(30.0), plain_number(0.5)
    (30, 0.5)
    """
    return int(value) if value.is_integer() else value


PlainNumber = Annotated[
    float, PlainSerializer(lambda value: plain_number(float(value)), return_type=int | float)
]
"""A number, written without a fraction if it has none."""
