"""Public holidays of countries and their parts, as the `holidays` library knows them."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from mission_control.model.problems.suggestions import did_you_mean, quoted

if TYPE_CHECKING:  # several MiB that few schedules need
    from holidays import HolidayBase


def check_holidays(code: str) -> None:
    """Accept the code of a country ("DE") or of a part of one ("DE-BY"), as in ISO 3166.

    Raises:
        ValueError: the `holidays` library knows no such place.

    >>> check_holidays("DE-BY")
    """
    places = _places()
    country, _, part = code.partition("-")
    if country not in places:
        raise ValueError(
            f"{quoted(code)} is not a country whose holidays are known{did_you_mean(country, places)}; "
            'write a code like "DE", or "DE-BY" for a part of it'
        )
    if "-" in code and part not in places[country]:
        known = [f"{country}-{one}" for one in places[country]]
        parts = (
            f"its parts are {', '.join(known)}" if known else "holidays are known for the whole of it only"
        )
        raise ValueError(f"{quoted(code)} is not a part of {country}; {parts}")


def is_holiday(day: date, code: str) -> bool:
    """Return whether `day` is a public holiday in the place that `code` names.

    >>> from datetime import date
    >>> is_holiday(date(2026, 1, 6), "DE-BY"), is_holiday(date(2026, 1, 6), "DE-BE")
    (True, False)
    """
    return day in _calendar(code)


@lru_cache(maxsize=1)
def _places() -> dict[str, list[str]]:
    """Return the parts of every known country, by its two-letter code."""
    import holidays

    return {code: list(parts) for code, parts in holidays.list_supported_countries().items()}


@lru_cache(maxsize=64)
def _calendar(code: str) -> HolidayBase:
    import holidays

    country, _, part = code.partition("-")
    return holidays.country_holidays(country, subdiv=part or None)
