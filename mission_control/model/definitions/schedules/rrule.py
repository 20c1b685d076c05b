"""Recurrence rules of RFC 5545, as calendars use them."""

from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo, field_validator, model_validator

from mission_control.model.definitions.schedules.clock.wall_clock import (
    REAL_TIME,
    TICK,
    Dst,
    Occurrence,
    earliest,
    following,
    latest,
    preceding,
    to_local,
)
from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import (
    SUB_DAILY,
    RecurrenceRule,
    parse_recurrence_rule,
)
from mission_control.model.definitions.schedules.recurrence.words import recurrence_in_words
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import Moment
from mission_control.model.values.instants import parse_moment

_DEFAULT_BEGIN = "1970-01-01T00:00:00"
_UTC_ZONE = ZoneInfo("UTC")


class RRuleSchedule(ScheduleBase):
    """An RFC 5545 `rule`, with or without "RRULE:", that begins at `dtstart`: a local time, or an instant.

    `dtstart` may be left out (1970-01-01T00:00 then) where nothing depends on it but the time of day. It is
    an occurrence only if it fits the rule. UNTIL is inclusive; a mere date means all of that day.

    Yearly to daily rules are about the wall clock, and `dst` holds for them. An hourly, minutely or
    secondly rule without any BY part runs in real time, exactly one period after the other; with BY parts
    it runs whenever the clock shows a fitting time.
    """

    type: Literal["rrule"] = "rrule"
    dtstart: Moment | None = None
    rule: str

    def _following(self, moment: datetime) -> Occurrence | None:
        found = following(moment, self._timeline, self._rules, self._recurrence.after)
        if found is None or (self._until is not None and found.instant > self._until):
            return None
        return self._local(found.instant) if self._runs_in_real_time else found

    def _preceding(self, moment: datetime) -> Occurrence | None:
        if self._until is not None:
            moment = min(moment, self._until + TICK)
        found = preceding(moment, self._timeline, self._rules, self._recurrence.before)
        return self._local(found.instant) if found is not None and self._runs_in_real_time else found

    def _words(self) -> str:
        return f"{recurrence_in_words(self._parts, self._begin_local)} ({self.timezone})"

    @property
    def _rules(self) -> Dst:
        return REAL_TIME if self._parts.frequency in SUB_DAILY else self.dst

    @cached_property
    def _parts(self) -> RecurrenceRule:
        return parse_recurrence_rule(self.rule)

    @cached_property
    def _runs_in_real_time(self) -> bool:
        return self._parts.frequency in SUB_DAILY and not self._parts.by

    @cached_property
    def _timeline(self) -> ZoneInfo:
        """The zone whose clock the rule is counted on: one that never changes, for real time."""
        return _UTC_ZONE if self._runs_in_real_time else self.zone

    @cached_property
    def _recurrence(self) -> Recurrence:
        begin = self._begin_local
        if self._runs_in_real_time:
            begin = earliest(begin, self.zone).replace(tzinfo=None)
        return Recurrence(self._parts, begin)

    @cached_property
    def _begin_local(self) -> datetime:
        moment = _begin(self.dtstart)
        local = to_local(moment, self.zone) if moment.tzinfo is not None else moment
        return local.replace(microsecond=0)

    @cached_property
    def _until(self) -> datetime | None:
        text = self._parts.until
        if text is None:
            return None
        if "T" not in text:
            return latest(datetime.combine(date.fromisoformat(text), time.max), self.zone)
        return latest(datetime.fromisoformat(text), self.zone).astimezone(UTC)

    @field_validator("rule")
    @classmethod
    def _happens(cls, value: str, info: ValidationInfo) -> str:
        rule = parse_recurrence_rule(value)
        if "dtstart" not in info.data:  # it is wrong in itself
            return value
        begin = info.data["dtstart"]
        if begin is None and _depends_on_begin(rule):
            raise ValueError(
                f'{quoted(value)} counts from its beginning; add "dtstart", for example "2026-01-01T09:00"'
            )
        try:
            happens = Recurrence(rule, _begin(begin).replace(tzinfo=None)).has_occurrences()
        except ValueError as error:
            raise ValueError(f"{quoted(value)} cannot be used: {error}") from error
        if not happens:
            raise ValueError(f"{quoted(value)} never happens: no time fits all its parts; remove some")
        return value

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self._until is not None and self._until < earliest(self._begin_local, self.zone):
            raise ValueError(
                f'UNTIL={self._parts.until} in "rule" is before "dtstart" ({self.dtstart}); use a later one'
            )
        return self


def _begin(dtstart: str | None) -> datetime:
    return parse_moment(dtstart if dtstart is not None else _DEFAULT_BEGIN)


def _depends_on_begin(rule: RecurrenceRule) -> bool:
    weekly = rule.frequency == "WEEKLY" and not rule.by.keys() & {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}
    return rule.count is not None or rule.interval > 1 or weekly
