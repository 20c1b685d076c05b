"""What a schedule excludes: dates, weekdays, holidays, calendar events, quiet hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from mission_control.model.definitions.schedules.clock.calendar_words import (
    WEEKDAYS,
    is_date,
    parse_date,
    parse_time,
    weekday_number,
)
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar, read_ics
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import FrozenModel, checked_by

if TYPE_CHECKING:  # several MiB that few schedules need
    from holidays import HolidayBase

DateText = Annotated[str, checked_by(parse_date)]
_KINDS = ("date", "weekday", "from", "holidays", "ics", "between")
_DAY = dt.timedelta(days=1)
_FORMS = (
    'write a date "2026-12-25", a weekday "sunday", {"from": "2026-12-24", "to": "2027-01-01"}, '
    '{"holidays": "DE-BY"}, {"ics": "calendar.ics"} or {"between": ["22:00", "07:00"]}'
)


class Span(NamedTuple):
    """A span of local time: `start` inclusive, `end` exclusive, or the last moment of a day."""

    start: dt.datetime
    end: dt.datetime


class Exclusion(FrozenModel):
    """One exclusion of a schedule, in local time of the schedule's zone.

    It has exactly one kind: a `date`; a `weekday`; the dates `from` … `to`, both included; the public
    `holidays` of a country or a part of it; the events of an iCalendar file (`ics`, read through the
    validation context's `read_text`), all-day or timed; or the hours `between` two times of every day,
    the second exclusive, over midnight if it is the earlier. A date or weekday may be written as text.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    date: DateText | None = None
    weekday: Annotated[str, checked_by(weekday_number)] | None = None
    from_: DateText | None = Field(default=None, alias="from")
    to: DateText | None = None
    holidays: Annotated[str, checked_by(check_holidays)] | None = None
    ics: str | None = Field(default=None, min_length=1, max_length=1024)
    between: tuple[str, ...] | None = Field(default=None, strict=False, min_length=2, max_length=2)

    _calendar: IcsCalendar | None = PrivateAttr(default=None)

    def span(self, local: dt.datetime, zone: ZoneInfo) -> Span | None:
        """Return the excluded span that contains `local`, or None if it is not excluded."""
        day = local.date()
        if self.ics is not None:
            found = self._calendar.event_at(local, zone) if self._calendar is not None else None
            return Span(*found) if found is not None else None
        if self.between is not None:
            return hours_span(local, *map(parse_time, self.between))
        if self.holidays is not None:
            return _whole_days(day, day) if is_holiday(day, self.holidays) else None
        if self.weekday is not None:
            return _whole_days(day, day) if day.weekday() == weekday_number(self.weekday) else None
        first, last = parse_date(self.date or self.from_ or ""), parse_date(self.date or self.to or "")
        return _whole_days(first, last) if first <= day <= last else None

    def describe(self) -> str:
        """Return the exclusion in plain words.

        >>> Exclusion.model_validate("sat").describe()
        'on Saturdays'
        """
        if self.date is not None:
            return f"on {self.date}"
        if self.weekday is not None:
            return f"on {WEEKDAYS[weekday_number(self.weekday)].capitalize()}s"
        if self.from_ is not None:
            return f"from {self.from_} to {self.to}"
        if self.holidays is not None:
            return f"on public holidays in {self.holidays}"
        if self.between is not None:
            return f"between {self.between[0]} and {self.between[1]}"
        return f"during the events of {self.ics}"

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:  # noqa: ANN401  # whatever the definition holds
        if isinstance(data, str):
            return {"date": data} if is_date(data) else {"weekday": _checked_weekday(data)}
        if not isinstance(data, Mapping | cls):
            raise ValueError(f"an exclusion is text or an object; {_FORMS}")  # noqa: TRY004  # pydantic's way
        return data

    @field_validator("between")
    @classmethod
    def _are_hours(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len({parse_time(one) for one in value}) == 1:
            raise ValueError(
                f"the hours between {value[0]} and {value[1]} are none or all; write two different times, "
                'for example ["22:00", "07:00"]'
            )
        return value

    @model_validator(mode="after")
    def _of_one_kind(self, info: ValidationInfo) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, "from_" if kind == "from" else kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"an exclusion has exactly one kind, but this has {len(kinds)}; {_FORMS}")
        if (self.from_ is None) != (self.to is None):
            raise ValueError(f'a range of dates needs "from" and "to"; {_FORMS}')
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError(f'"to" ({self.to}) lies before "from" ({self.from_}); swap them')
        if self.ics is not None:
            self._calendar = read_ics(self.ics, info.context)
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any] | str:
        text = self.date if self.date is not None else self.weekday
        return text if text is not None else {key: value for key, value in dump(self).items() if value}


def _checked_weekday(text: str) -> str:
    try:
        weekday_number(text)
    except ValueError as error:
        raise ValueError(f"{error}; or {_FORMS}") from error
    return text


def _whole_days(first: dt.date, last: dt.date) -> Span:
    return Span(dt.datetime.combine(first, dt.time.min), dt.datetime.combine(last, dt.time.max))


def hours_span(local: dt.datetime, start: dt.time, end: dt.time) -> Span | None:
    """Return the span of quiet hours around `local`, which may have begun the day before."""
    over_midnight = start > end
    first = local.date() - _DAY * (over_midnight and local.time() < end)
    span = Span(dt.datetime.combine(first, start), dt.datetime.combine(first + _DAY * over_midnight, end))
    return span if span.start <= local < span.end else None


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
