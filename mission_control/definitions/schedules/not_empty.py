"""Lists that must hold something."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

Item = TypeVar("Item")


def not_empty(value: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the list if it holds anything.

    pydantic's own `min_length` also speaks up when items are there but wrong, which is then said twice.

    Raises:
        ValueError: the list is empty.

    >>> not_empty((1, 2))
    (1, 2)
    """
    if not value:
        raise ValueError("is empty; write at least one item, or leave it out if it is optional")
    return value


Listed = Annotated[tuple[Item, ...], Field(strict=False), AfterValidator(not_empty)]
"""A list of at least one item, stored as a tuple."""
