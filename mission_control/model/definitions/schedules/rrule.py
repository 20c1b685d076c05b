"""Recurrence rules of RFC 5545, as calendars use them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mission_control.model.definitions.schedules.clock.calendar_words import MONTHS, in_words, ordinal
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS as WEEKDAY_NAMES
from mission_control.model.definitions.schedules.clock.wall_clock import (
    REAL_TIME,
    TICK,
    Dst,
    Occurrence,
    earliest,
    following,
    instants_of,
    latest,
    to_local,
)
from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import (
    SUB_DAILY,
    WEEKDAYS,
    RecurrenceRule,
    is_pasted,
    parse_recurrence_rule,
    unpacked,
)
from mission_control.model.definitions.schedules.recurrence.rule_days import RuleDays, RuleTimes
from mission_control.model.definitions.schedules.schedule_base import MOST_EXCLUSIONS, ScheduleBase
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.fields import Moment
from mission_control.model.values.instants import parse_moment

# The last occurrence of a COUNT is not looked for beyond these years.
_CENTURIES = 400
_DEFAULT_BEGIN = "1970-01-01T00:00:00"
_UTC_ZONE = ZoneInfo("UTC")
_UNITS = {"YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day"}
_DAYS = ("BYDAY", "BYMONTHDAY", "BYMONTH")
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_MOST_TIMES = 10


class RRuleSchedule(ScheduleBase):
    """An RFC 5545 `rule`, with or without "RRULE:", that begins at `dtstart`: a local time, or an instant.

    A rule pasted whole, with its lines DTSTART, RRULE and EXDATE, becomes `dtstart`, `timezone`, `rule`,
    `exdate` (moments at which it does not happen, although COUNT counts them) and dates in `exclude`.

    `dtstart` may be left out (1970-01-01T00:00 then) where nothing depends on it but the time of day. It is
    an occurrence only if it fits the rule. UNTIL is inclusive; a mere date means all of that day. COUNT
    counts instants.

    Yearly to daily rules are about the wall clock, and `dst` holds for them. An hourly, minutely or
    secondly rule without any BY part runs in real time, exactly one period after the other; with BY parts
    it runs whenever the clock shows a fitting time.
    """

    type: Literal["rrule"] = "rrule"
    dtstart: Moment | None = None
    rule: str
    exdate: tuple[Moment, ...] = Field(default=(), strict=False, max_length=MOST_EXCLUSIONS)

    def _following(self, moment: datetime) -> Occurrence | None:
        found = following(moment, self._timeline, self._rules, self._recurrence.after)
        while found is not None and found.instant in self._except:
            found = following(found.instant, self._timeline, self._rules, self._recurrence.after)
        if found is None or (self._last_instant is not None and found.instant > self._last_instant):
            return None
        return self._local(found.instant) if self._runs_in_real_time else found

    def _words(self) -> str:
        words = f"{recurrence_in_words(self._parts, self._begin_local)} ({self.timezone})"
        return (
            f"{words}, not at {in_words([one.replace('T', ' ') for one in self.exdate])}"
            if self.exdate
            else words
        )

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
    def _except(self) -> frozenset[datetime]:
        moments = map(parse_moment, self.exdate)
        both = [[one] if one.tzinfo else instants_of(one, self.zone, Dst(fold="both")) for one in moments]
        return frozenset(instant for instants in both for instant in instants)

    @cached_property
    def _last_instant(self) -> datetime | None:
        """The last instant that UNTIL or COUNT allows; None without either, or if COUNT reaches centuries."""
        if self._parts.count is not None:
            return self._last_counted(self._parts.count)
        text = self._parts.until
        if text is None:
            return None
        is_date = "T" not in text
        until = (
            datetime.combine(date.fromisoformat(text), time.max) if is_date else datetime.fromisoformat(text)
        )
        return latest(until, self.zone).astimezone(UTC)

    def _last_counted(self, count: int) -> datetime | None:
        """Return the instant of occurrence number `count`; times that clock changes skip do not count."""
        moment = earliest(self._recurrence.begin, self._timeline)
        found = following(moment - TICK, self._timeline, self._rules, self._recurrence.after)
        for _ in range(count - 1):
            if found is None or found.local.year - self._begin_local.year > _CENTURIES:
                return None
            found = following(found.instant, self._timeline, self._rules, self._recurrence.after)
        return found.instant if found is not None else None

    @model_validator(mode="before")
    @classmethod
    def _unpack(cls, data: Any) -> Any:  # noqa: ANN401  # whatever the definition holds
        if not isinstance(data, Mapping) or not is_pasted(data.get("rule")):
            return data
        fields = unpacked(data["rule"])
        given = {key: value for key, value in data.items() if key != "rule" and value is not None}
        twice = sorted(key for key in given.keys() & fields.keys() if given[key] != fields[key])
        if twice:
            raise ValueError(
                f"{in_words([quoted(key) for key in twice])}: given in the pasted rule, too; give it once"
            )
        return given | fields

    @field_validator("rule")
    @classmethod
    def _is_complete(cls, value: str, info: ValidationInfo) -> str:
        if _depends_on_begin(parse_recurrence_rule(value)) and info.data.get("dtstart", "wrong") is None:
            raise ValueError(
                f'{quoted(value)} counts from its beginning; add "dtstart", for example "2026-01-01T09:00"'
            )
        return value


def _begin(dtstart: str | None) -> datetime:
    return parse_moment(dtstart if dtstart is not None else _DEFAULT_BEGIN)


def _depends_on_begin(rule: RecurrenceRule) -> bool:
    names_days = rule.by.keys() & {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}
    is_by_week = rule.frequency == "WEEKLY" or "BYWEEKNO" in rule.by
    return rule.count is not None or rule.interval > 1 or (is_by_week and not names_days)


_UNITS |= {"HOURLY": "hour", "MINUTELY": "minute", "SECONDLY": "second"}


def recurrence_in_words(rule: RecurrenceRule, begin: datetime) -> str:
    """Return what a rule that begins at `begin` means; rare parts are named as they are written.

    >>> from datetime import datetime
    >>> from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule
    >>> recurrence_in_words(parse_recurrence_rule("FREQ=WEEKLY;BYDAY=MO,FR"), datetime(2026, 1, 1, 9))
    'every week on Monday and Friday at 09:00'
    """
    unit = _UNITS[rule.frequency]
    days, times = RuleDays(rule, begin.date()).wanted, RuleTimes(rule, begin).usual
    lists_times = rule.frequency not in SUB_DAILY and len(times) <= _MOST_TIMES
    named = _DAYS + _TIMES if lists_times else _DAYS
    words = [f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"]
    words += [_days(part, days[part]) for part in _DAYS if part in days]
    words += [f"at {in_words([_time(second) for second in times])}"] if lists_times else []
    words += [f"with {part}={value}" for part, value in rule.by.items() if part not in named]
    if not lists_times or rule.interval > 1 or rule.count is not None:
        words.append(f"from {begin.date() if lists_times else begin} on")
    if rule.count is not None:
        words.append(f"{rule.count} times in all" if rule.count > 1 else "once in all")
    if rule.until is not None:
        until = datetime.fromisoformat(rule.until)
        words.append(f"until {until if 'T' in rule.until else until.date()}")
    return " ".join(words)


def _days(part: str, values: list[str]) -> str:
    if part == "BYMONTH":
        return f"in {in_words([MONTHS[int(value) - 1].capitalize() for value in values])}"
    if part == "BYMONTHDAY":
        return f"on the {in_words([_nth(int(value)) for value in values])} of the month"
    names = [(value[:-2], WEEKDAY_NAMES[WEEKDAYS.index(value[-2:])].capitalize()) for value in values]
    return f"on {in_words([f'the {_nth(int(nth))} {name}' if nth else name for nth, name in names])}"


def _time(second: int) -> str:
    text = f"{second // 3_600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text


def _nth(number: int) -> str:
    if number >= 0:
        return ordinal(number)
    return "last" if number == -1 else f"{ordinal(-number)} last"
