"""What a schedule excludes: dates, weekdays, holidays, calendar events, quiet hours."""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, NamedTuple, Self
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

from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS, weekday_number
from mission_control.model.definitions.schedules.clock.times_of_day import is_date, parse_date, parse_time
from mission_control.model.definitions.schedules.exclusions.holiday_calendar import check_holidays, is_holiday
from mission_control.model.definitions.schedules.exclusions.ics_calendar import IcsCalendar, read_ics
from mission_control.model.values.fields import checked_by
from mission_control.model.values.frozen_model import FrozenModel

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
        if self.ics is not None:
            found = self._calendar.event_at(local, zone) if self._calendar is not None else None
            return Span(*found) if found is not None else None
        if self._hours is not None:
            return _hours_span(local, *self._hours)
        dates = self._dates_around(local.date())
        if dates is None:
            return None
        first, last = dates
        return Span(dt.datetime.combine(first, dt.time.min), dt.datetime.combine(last, dt.time.max))

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

    def _dates_around(self, day: dt.date) -> tuple[dt.date, dt.date] | None:
        """Return the first and the last of the excluded dates around `day`, or None if it is not excluded."""
        if self._dates is not None:
            return self._dates if self._dates[0] <= day <= self._dates[1] else None
        is_day = (
            is_holiday(day, self.holidays) if self.holidays is not None else day.weekday() == self._weekday
        )
        return (day, day) if is_day else None

    @cached_property
    def _weekday(self) -> int | None:
        return weekday_number(self.weekday) if self.weekday is not None else None

    @cached_property
    def _dates(self) -> tuple[dt.date, dt.date] | None:
        if self.date is not None:
            return parse_date(self.date), parse_date(self.date)
        if self.from_ is not None and self.to is not None:
            return parse_date(self.from_), parse_date(self.to)
        return None

    @cached_property
    def _hours(self) -> tuple[dt.time, dt.time] | None:
        return (parse_time(self.between[0]), parse_time(self.between[1])) if self.between else None

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
        if self._dates is not None and self._dates[0] > self._dates[1]:
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


def _hours_span(local: dt.datetime, start: dt.time, end: dt.time) -> Span | None:
    """Return the span of quiet hours around `local`, which may have begun the day before."""
    day = local.date()
    if start < end:
        inside = start <= local.time() < end
        return Span(dt.datetime.combine(day, start), dt.datetime.combine(day, end)) if inside else None
    if local.time() >= start:
        return Span(dt.datetime.combine(day, start), dt.datetime.combine(day + _DAY, end))
    if local.time() < end:
        return Span(dt.datetime.combine(day - _DAY, start), dt.datetime.combine(day, end))
    return None
