"""What the text of an iCalendar file holds, as real programs write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings

from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule
from mission_control.model.problems.suggestions import quoted

if TYPE_CHECKING:  # several MiB that few schedules need
    from icalendar import Calendar, Event

ENDLESS: Final = "X-MISSION-CONTROL-ENDLESS"
"""The property of an event that never ends, for all that schedules ask: "until 9999-12-31" means that."""

LAST_YEAR: Final = 9998
"""The last year in which events are known."""

_FIRST: Final = datetime(1900, 1, 1)  # noqa: DTZ001  # before any occurrence that a schedule is asked about
_END: Final = datetime(LAST_YEAR + 1, 1, 1)  # noqa: DTZ001
_LONGEST: Final = timedelta(days=365_000)
# Events are expanded one by one: one every second would take minutes, and excludes nothing sensible.
_TOO_FREQUENT = frozenset({"SECONDLY", "MINUTELY"})
_EDGE = re.compile(r"^(?:BEGIN|END):VCALENDAR", re.IGNORECASE | re.MULTILINE)
_EARLIEST = datetime(1, 1, 1)  # noqa: DTZ001  # local
# Of a rule with week numbers: a century of one week.
_MOST_IN_WEEKS = 700
_SOME_DAY = date(2026, 1, 1)


def begins_in_range(event: Any) -> bool:  # noqa: ANN401  # icalendar is untyped here
    """Return whether an event begins no later than `LAST_YEAR`."""
    return bool(event["DTSTART"].dt.year <= LAST_YEAR)


def bound(event: Any) -> None:  # noqa: ANN401
    """Shorten an event that lasts a thousand years or up to `LAST_YEAR`; its `ENDLESS` says so."""
    begin = event["DTSTART"].dt
    length = _length(event, begin)
    if length > _LONGEST and _naive(begin) < _FIRST:
        length -= _FIRST - _naive(begin)
        begin = _FIRST.replace(tzinfo=begin.tzinfo) if isinstance(begin, datetime) else _FIRST.date()
    room = min(_LONGEST, _END - _naive(begin))
    if length > room:
        length = room
        event[ENDLESS] = "TRUE"
    elif begin == event["DTSTART"].dt:
        return
    for name in ("DTSTART", "DTEND", "DURATION"):
        event.pop(name, None)
    event.add("DTSTART", begin)
    event.add("DTEND", begin + length)


def _length(event: Any, begin: date) -> timedelta:  # noqa: ANN401
    if "DTEND" in event:
        return _naive(event["DTEND"].dt) - _naive(begin)
    return event["DURATION"].dt if "DURATION" in event else timedelta(0)


def _naive(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, time.min)


def events_between(calendar: Calendar, start: date, end: date) -> list[Event]:
    """Return the events from `start` up to `end`, each occurrence of a recurring one."""
    import recurring_ical_events

    return list(recurring_ical_events.of(calendar).between(start, end))


def parsed_calendar(path: str, text: str) -> Calendar:
    """Return the calendar with the events of all calendars in a file.

    Events that have no time, or begin after `LAST_YEAR`, are left out.

    Raises:
        ValueError: names the file and what is wrong with it, but quotes none of its lines: it may be any file
            that the path happened to name.
    """
    from icalendar import Calendar

    text = text.removeprefix("\ufeff")
    try:
        with catch_warnings(action="ignore"):  # about zones of programs, recognized by their city
            calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError):
        calendars = []
    if not calendars or 2 * len(calendars) != len(_EDGE.findall(text)):
        raise ValueError(
            f"{quoted(path)} is not an iCalendar file (RFC 5545), or not a whole one; export it again"
        )
    whole = calendars[0]
    parts = [part for one in calendars for part in one.subcomponents]
    parts = [part for part in parts if part.name != "VEVENT" or "DTSTART" in part]
    try:
        whole.subcomponents = [part for part in parts if part.name != "VEVENT" or begins_in_range(part)]
        _tell_apart(whole.walk("VEVENT"))
        for event in whole.walk("VEVENT"):
            _prepare(event)
        events_between(whole, _SOME_DAY, _SOME_DAY + timedelta(days=1))
    except Exception as error:  # the libraries raise anything at all for a malformed event
        fault = str(error) if type(error) is ValueError else f"cannot be understood ({type(error).__name__})"
        raise ValueError(f"an event in {quoted(path)} {fault}; correct or remove it") from error
    return whole


def _tell_apart(events: list[Any]) -> None:
    """Give each event an UID of its own; of several with one UID and version the library would keep one."""
    seen = set()
    for number, event in enumerate(one for one in events if "RECURRENCE-ID" not in one):
        version = (str(event.get("UID")), str(event.get("SEQUENCE", 0)))
        if version in seen:
            event["UID"] = f"{version[0]}#{number}"
        seen.add(version)


def _prepare(event: Any) -> None:  # noqa: ANN401  # icalendar's properties are of any type
    """Check the zones and rules of an event, and let a date in UNTIL mean all of that day.

    Raises:
        ValueError: says what is wrong with the event.
    """
    for name in ("DTSTART", "DTEND"):
        moment = event.get(name)
        zone = moment.params.get("TZID") if moment is not None else None
        if zone is not None and isinstance(moment.dt, datetime) and moment.dt.tzinfo is None:
            raise ValueError(
                f"is in the time zone {quoted(str(zone))}, which is neither known nor in the file"
            )
    bound(event)
    begin, rules = event["DTSTART"].dt, event.pop("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if _TOO_FREQUENT & {str(one).upper() for one in rule.get("FREQ", [])}:
            raise ValueError('happens every minute or second; use "between" to exclude hours')
        if any(
            int(one) < 1 for one in rule.get("INTERVAL", [])
        ):  # the library would step on the spot for ever
            raise ValueError("has a rule with an INTERVAL below 1")
        if any(until.year > LAST_YEAR for until in rule.get("UNTIL", [])):
            del rule["UNTIL"]
        if "UNTIL" in rule and isinstance(begin, datetime):
            rule["UNTIL"] = [_end_of_day(until, begin.tzinfo) for until in rule["UNTIL"]]
        if "BYWEEKNO" in rule:  # dateutil, with which the library expands rules, miscounts weeks
            event.add("RDATE", list(_in_weeks(rule, begin)))
        elif _happens(rule, begin):
            event.add("RRULE", rule)


def _end_of_day(until: date, zone: tzinfo | None) -> date:
    if isinstance(until, datetime):
        return until
    last = datetime.combine(until, time(23, 59, 59), zone)
    return last if zone is None else last.astimezone(UTC)


def _happens(rule: Any, begin: date) -> bool:  # noqa: ANN401
    """Whether a rule has any occurrence; the library would look for one, day by day, up to the year 9999."""
    try:
        parsed = parse_recurrence_rule(rule.to_ical().decode())
    except ValueError:  # what only the library understands
        return True
    return Recurrence(parsed, _local_begin(begin)).after(_EARLIEST) is not None


def _in_weeks(rule: Any, begin: date) -> Iterator[date]:  # noqa: ANN401
    """Yield the occurrences of a rule with week numbers, as many as anybody plans ahead."""
    parsed = parse_recurrence_rule(rule.to_ical().decode())
    recurrence = Recurrence(parsed, _local_begin(begin))
    found = recurrence.after(_EARLIEST)
    for _ in range(parsed.count or _MOST_IN_WEEKS):
        if found is None:
            return
        moment = found.replace(tzinfo=begin.tzinfo) if isinstance(begin, datetime) else found.date()
        if any(moment > until for until in rule.get("UNTIL", [])):
            return
        yield moment
        found = recurrence.after(found)


def _local_begin(begin: date) -> datetime:
    return begin.replace(tzinfo=None) if isinstance(begin, datetime) else datetime.combine(begin, time.min)
