"""Schedules as people write them, and their full forms.

    every 5m · every 1h30m · every hour
    daily 09:00 · daily 09:00,17:00 · every day at 09:00
    weekly mon,fri 16:00 · weekly mon-fri 09:00 · every Monday and Friday at 16:00
    monthly 1,last 09:00 · monthly first mon 09:00
    once tomorrow 09:00 · once 2026-12-24 18:00
    0 9 * * 1-5 · @daily

A time zone may follow, as in "daily 09:00 Europe/Berlin" or "every day at 09:00 (Europe/Berlin)".
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from mission_control.model.definitions.schedules.clock.calendar_words import (
    WEEKDAYS,
    clock_text,
    parse_time,
    weekday_number,
)
from mission_control.model.definitions.schedules.cron import check_expression
from mission_control.model.definitions.schedules.shorthand.moments import nearest_schedules, spoken_moment
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.durations import duration_parts
from mission_control.model.values.fields import plain_number
from mission_control.model.values.instants import format_instant, parse_moment
from mission_control.model.values.zones import zone

LONGEST: Final = 300
_ZONE: Final = re.compile(r"(.*?)(?: \(([^()]+)\)| ([A-Za-z_]+/[A-Za-z][\w/+-]*|UTC))")
_CRON: Final = re.compile(r"@.*|[0-9*]\S* [0-9*]\S*(?: \S+){3,4}|(?:.* )?\*(?:[ /].*)?")
_ONE: Final[dict[str, dict[str, float]]] = {
    "hour": {"hours": 1},
    "minute": {"minutes": 1},
    "second": {"seconds": 1},
}
_WEEKS: Final = frozenset({"first", "second", "third", "fourth", "last"})


def full_schedule(text: str, *, now: datetime | None = None, default_timezone: str = "UTC") -> dict[str, Any]:
    """Return the full form of a schedule, with a time zone if the text names one.

    `now` is what "tomorrow" and "in 5m" are counted from; without it a date must be written out.

    Raises:
        ValueError: the text is no schedule, or may be read in two ways; the message has the nearest forms.

    >>> full_schedule("weekly mon,fri 16:00")
    {'type': 'weekly', 'days': ['mon', 'fri'], 'time': '16:00'}
    """
    if len(text) > LONGEST:
        raise ValueError(f"{quoted(text)} is no schedule: it has more than {LONGEST} characters; write JSON")
    words = " ".join(text.split())
    named = _ZONE.fullmatch(words)
    rule, zone_name = (words, None) if named is None else (named[1], named[2] or named[3])
    here = default_timezone if zone_name is None else zone_name
    zone(here)
    if rule.casefold().startswith("once "):
        schedule: dict[str, Any] = {"type": "once", "at": _at(rule[len("once ") :], now, here)}
    elif _CRON.fullmatch(rule):
        check_expression(rule)
        schedule = {"type": "cron", "expression": rule}
    else:
        schedule = _recurring(rule)
    return schedule if zone_name is None else {**schedule, "timezone": zone_name}


def _at(text: str, now: datetime | None, timezone: str) -> str:
    text = text.removeprefix("at ")
    moment = parse_moment(text) if now is None else spoken_moment(text, now, zone(timezone))
    return moment.isoformat(timespec="auto") if moment.tzinfo is None else format_instant(moment)


def _recurring(rule: str) -> dict[str, Any]:
    joined = re.sub(r" and |, ?| ,", ",", rule.casefold())
    head, *rest = [word for word in joined.split(" ") if word not in {"at", "on"}] or [""]
    if head == "every" and len(rest) > 1 and not rest[0][:1].isdecimal():
        head, rest = ("daily", rest[1:]) if rest[0] == "day" else ("weekly", rest)
    try:
        return _FORMS[head, len(rest)](*rest) if (head, len(rest)) in _FORMS else _interval(head, rest)
    except ValueError as error:
        why = str(error).partition("; ")[0]
        raise ValueError(
            f"{quoted(rule)} is no schedule{why and f': {why}'}; write {nearest_schedules(rule)}"
        ) from error


def _interval(head: str, period: list[str]) -> dict[str, Any]:
    if head != "every" or not period:
        raise ValueError(_NEEDS.get(head, ""))
    parts = _ONE.get(period[0]) if len(period) == 1 else None
    parts = duration_parts(" ".join(period)) if parts is None else parts
    if not any(parts.values()):
        raise ValueError("an interval of zero has no next time")
    return {"type": "interval", **{unit: plain_number(count) for unit, count in parts.items()}}


def _daily(times: str) -> dict[str, Any]:
    return {"type": "daily", **_times(times)}


def _weekly(days: str, times: str) -> dict[str, Any]:
    names = [name for part in days.split(",") for name in _days(part)]
    return {"type": "weekly", "days": names, **_times(times)}


def _monthly(days: str, times: str) -> dict[str, Any]:
    numbers = [int(one) if one.isdecimal() else one for one in days.split(",")]
    return {"type": "monthly", "days": numbers, **_times(times)}


def _monthly_weekday(week: str, day: str, times: str) -> dict[str, Any]:
    weekday_number(day)
    if week not in _WEEKS:
        raise ValueError(f"{quoted(week)} is none of {', '.join(sorted(_WEEKS))}")
    return {"type": "monthly", "week": week, "weekday": day, **_times(times)}


def _days(part: str) -> list[str]:
    first, dash, last = part.partition("-")
    begin = weekday_number(first)
    if not dash:
        return [first]
    count = (weekday_number(last) - begin) % len(WEEKDAYS) + 1
    return [WEEKDAYS[(begin + number) % len(WEEKDAYS)][:3] for number in range(count)]


def _times(text: str) -> dict[str, Any]:
    times = [clock_text(one) for one in text.split(",")]
    for one in times:
        parse_time(one)
    return {"time": times[0]} if len(times) == 1 else {"times": times}


_FORMS: Final[dict[tuple[str, int], Callable[..., dict[str, Any]]]] = {
    ("daily", 1): _daily,
    ("weekly", 2): _weekly,
    ("monthly", 2): _monthly,
    ("monthly", 3): _monthly_weekday,
}
_NEEDS: Final = {
    "every": "it needs a duration",
    "daily": "it needs a time of day",
    **dict.fromkeys(("weekly", "monthly"), "it needs days, and a time of day"),
    "once": "it needs a moment",
}
