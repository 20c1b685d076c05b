"""Moments as people write them: "tomorrow 09:00", "mon 16:00", "in 5m", "2h ago", or ISO 8601."""

import re
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from mission_control.model.definitions.schedules.clock.calendar_words import (
    WEEKDAYS,
    clock_text,
    in_words,
    is_date,
    parse_date,
    parse_time,
    weekday_number,
)
from mission_control.model.definitions.schedules.clock.wall_clock import earliest, only_instant
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.durations import parse_duration
from mission_control.model.values.instants import parse_moment
from mission_control.model.values.zones import zone as named_zone

_LONGEST: Final = 80
_NUMBER: Final = re.compile(r"(?<![\d:.])[1-9]\d{0,3}(?!\d)")
_TIME: Final = re.compile(r"(?<![\d:.])(\d{1,2})(?:[:.h]([0-5]\d))?(?!\d)\s*(pm|p\.m)?")
_NOON: Final = 12
_LAST_HOUR: Final = 23
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9]{2}:[0-9]{2}")
_AS_SHOWN: Final = re.compile(r"\s*([0-9-]{10}[Tt ][0-9:]{5,8})\s+([A-Za-z][^\s]*)\s*")
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DAY_AND_TIME: Final = re.compile(
    r"(?:(?P<day>[a-z]+|[0-9]{4}-[0-9]{2}-[0-9]{2})(?: at)? )?(?P<time>[0-9]{1,2}:[0-9:]{2,5})"
)
_SPAN: Final = re.compile(r"(?P<ahead>in )?(?P<span>[0-9][^:]*?)(?P<back> ago)?")

_DAY: Final = re.compile(rf"\b({'|'.join(name[:3] for name in WEEKDAYS)})(?!th)")


def nearest_schedules(text: str) -> str:
    """Return the forms of a schedule, filled in with the number, time and days that stand in the text.

    >>> nearest_schedules("täglich 9 Uhr")
    '"daily 09:00", "every 9m", "weekly mon,fri 09:00" or "0 9 * * *"'
    """
    text = text[:_LONGEST].casefold()
    time, days, number = _time_in(text), ",".join(dict.fromkeys(_DAY.findall(text))), _NUMBER.search(text)
    weekly = f'"weekly {days or "mon,fri"} {time}"'
    forms = [f'"daily {time}"', f'"every {number[0] if number is not None else 5}m"']
    forms = [weekly, *forms] if days else [*forms, weekly]
    if "month" in text:
        forms = [f'"monthly 1 {time}"', *forms]
    hour, minute = time.split(":")
    return in_words([*forms, f'"{int(minute)} {int(hour)} * * *"'], "or")


def nearest_moments(text: str) -> str:
    """Return the forms of a moment, filled in with the number, time and day that stand in the text.

    >>> nearest_moments("monday 9")
    '"mon 09:00", "tomorrow 09:00", "9m" or "2026-03-01T09:00:00Z"'
    """
    text = text[:_LONGEST].casefold()
    time, day, number = _time_in(text), _DAY.search(text), _NUMBER.search(text)
    first = f"{day[0]} {time}" if day is not None else time
    period = f"{number[0] if number is not None else 5}m"
    return in_words([f'"{first}"', f'"tomorrow {time}"', f'"{period}"', f'"2026-03-01T{time}:00Z"'], "or")


def _time_in(text: str) -> str:
    for hour, minute, afternoon in _TIME.findall(text):
        shifted = int(hour) % _NOON + _NOON if afternoon else int(hour)
        if shifted <= _LAST_HOUR and (shifted or minute):  # a bare zero is no hour
            return f"{shifted:02}:{minute or '00'}"
    return "09:00"


_DAY_NAMES: Final = {*_DAYS, *WEEKDAYS, *(name[:3] for name in WEEKDAYS)}


def spoken_moment(text: str, now: datetime, zone: tzinfo, *, past: bool = False) -> datetime:
    """Return the moment that a text names: an instant in UTC, or a naive local time in `zone`.

    A duration is counted from `now`, back if `past`. A time or weekday without a date is the next one, or
    the last one if `past`. Only then a day alone is a moment, its beginning.

    Raises:
        ValueError: it names no moment, or leaves the time of day open; the message has the nearest forms.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> str(spoken_moment("tomorrow 09:00", noon, UTC)), str(spoken_moment("2h", noon, UTC, past=True))
    ('2026-03-02 09:00:00', '2026-03-01 10:00:00+00:00')
    """
    words = " ".join(text.casefold().split())
    if words == "now":
        return now
    if shown := _AS_SHOWN.fullmatch(text):  # by a command, with the name of the zone
        moment, there = parse_moment(shown[1]), named_zone(shown[2])
        return earliest(moment, there) if past else only_instant(moment, there)
    if _ISO.match(words):
        return parse_moment(text)
    try:
        counted = _counted(words, now, past=past)
        return counted if counted is not None else _on_a_day(words, now.astimezone(zone), past=past)
    except (ValueError, OverflowError) as error:
        why = str(error).partition("; ")[0]
        raise ValueError(
            f"{quoted(text)} is not a moment{why and f': {why}'}; write {nearest_moments(text)}"
        ) from error


def _counted(words: str, now: datetime, *, past: bool) -> datetime | None:
    found = None if is_date(words) else _SPAN.fullmatch(words)
    if found is None:
        return None
    span = timedelta(seconds=parse_duration(found["span"]))
    is_back = past if found["ahead"] is found["back"] is None else found["back"] is not None
    return now - span if is_back else now + span


def _on_a_day(words: str, here: datetime, *, past: bool) -> datetime:
    found = _DAY_AND_TIME.fullmatch(words)
    if found is None and not past:
        raise ValueError("it has no time of day" if words in _DAY_NAMES or is_date(words) else "")
    day, at = (words, time.min) if found is None else (found["day"], parse_time(clock_text(found["time"])))
    local = here.replace(tzinfo=None)
    if day is not None and is_date(day):
        return datetime.combine(parse_date(day), at)
    if day in _DAYS:
        return datetime.combine(local.date() + timedelta(days=_DAYS[day]), at)
    period = timedelta(days=1 if day is None else len(WEEKDAYS))
    ahead = 0 if day is None else (weekday_number(day) - local.weekday()) % len(WEEKDAYS)
    moment = datetime.combine(local.date() + timedelta(days=ahead), at)
    if past:
        return moment if moment <= local else moment - period
    return moment if moment > local else moment + period
