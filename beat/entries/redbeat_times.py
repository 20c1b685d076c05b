"""Whether a RedBeat entry is due, asked of its own schedule, as RedBeat asks it.

The instant on the schedule is only a hint when to ask: RedBeat rounds what it stores, and counts it from a
moment that has passed meanwhile.

Of a recurrence rule RedBeat counts every occurrence from `dtstart`: of a rule for each second that began
three weeks ago that takes a minute, at each firing, and every other task waits.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from celery.schedules import schedule as interval
from redbeat.schedulers import RedBeatSchedulerEntry
from redbeat.schedules import rrule

from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule

_CLOCKS_AGREE_WITHIN: Final = timedelta(minutes=1)
LONGEST_SEARCH_SECONDS: Final = 0.5

_LOOK_AT_THE_CLOCK_EVERY: Final = 256


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """The occurrence that fires now, if one does, and when to ask again; None if there is no further one.

    `last_run_at` is what the schedule counts from afterwards.
    """

    occurrence: datetime | None
    ask_again: datetime | None
    last_run_at: datetime


def decide_entry(entry: RedBeatSchedulerEntry, hint: datetime, now: datetime) -> EntryDecision:
    """Decide whether an entry fires now; however many occurrences were missed, one does.

    An entry that never ran is due, at `hint`. One with an interval keeps to its grid, however late it fires;
    RedBeat's drifts.

    Raises:
        ValueError: the schedule does not move on, so that the entry would fire without end, or its last run
            lies in the future.
    """
    schedule, last = entry.schedule, entry.last_run_at
    if last is not None and last > now + _CLOCKS_AGREE_WITHIN:
        raise ValueError(f"its last run, {last}, lies in the future")
    is_due, following = _asked(entry, now)
    if not is_due:
        return EntryDecision(None, following, now)
    occurrence = hint if last is None else _next_after(schedule, last, now) or now
    counted_from = now
    if isinstance(schedule, interval) and not schedule.relative and schedule.run_every > timedelta(0):
        counted_from = occurrence + (now - occurrence) // schedule.run_every * schedule.run_every
        following = counted_from + schedule.run_every
    else:
        following = _next_after(schedule, now, now)
    if following is not None and following <= now:
        raise ValueError(f"{schedule!r} does not move on; use a longer interval")
    return EntryDecision(occurrence, following, counted_from)


def _asked(entry: RedBeatSchedulerEntry, now: datetime) -> tuple[bool, datetime | None]:
    """Return whether the entry is due, and when it is if it is not."""
    if isinstance(entry.schedule, rrule):  # RedBeat's answer takes a minute for a rule of long ago
        begin = entry.schedule.dtstart - timedelta(seconds=1)
        following = _next_after(
            entry.schedule, begin if entry.last_run_at is None else entry.last_run_at, now
        )
        return following is not None and following <= now, following
    entry.schedule.nowfun = lambda: now
    is_due, left = entry.is_due()
    return is_due, now + timedelta(seconds=left)


def _next_after(schedule: Any, moment: datetime, now: datetime) -> datetime | None:  # noqa: ANN401
    """Return the first occurrence after `moment`; Celery's schedules only tell how far it is from now."""
    if isinstance(schedule, rrule):
        return next_of_rrule(schedule, moment)
    schedule.nowfun = lambda: now
    remaining: timedelta = schedule.remaining_estimate(moment)
    return now + remaining


def next_of_rrule(schedule: Any, moment: datetime) -> datetime | None:  # noqa: ANN401  # RedBeat's is untyped
    """Return the first occurrence after `moment`, as RedBeat counts: by the wall clock of `dtstart`'s zone.

    Raises:
        ValueError: the rule never happens, or it is one that has to be counted from its beginning
            (BYEASTER, BYWEEKNO, COUNT) and that takes too long.
    """
    begin: datetime = schedule.dtstart
    recurrence = _recurrence(_text(schedule.rrule), begin.replace(microsecond=0, tzinfo=None))
    if recurrence is None:
        return _counted(schedule.rrule, moment)
    local = moment.astimezone(begin.tzinfo).replace(tzinfo=None)
    found = recurrence.after(local)
    # Where a clock is set back, an hour has two beginnings, and the rule is about the first of them.
    while found is not None and found.replace(tzinfo=begin.tzinfo) <= moment:
        found = recurrence.after(found)
    due = None if found is None else found.replace(tzinfo=begin.tzinfo)
    return None if due is None or (schedule.until is not None and due > schedule.until) else due


@lru_cache(maxsize=256)
def _recurrence(text: str, begin: datetime) -> Recurrence | None:
    """Return what searches near the moment asked about; None for a rule that has to be counted."""
    try:
        rule = parse_recurrence_rule(text)
    except ValueError:
        return None
    if rule.count is not None or "BYWEEKNO" in rule.by:  # dateutil, and so RedBeat, counts weeks its own way
        return None
    recurrence = Recurrence(rule, begin)
    if recurrence.after(begin - timedelta(seconds=1)) is None:
        raise ValueError(f"{text} never happens")
    return recurrence


def _text(rule: Any) -> str:  # noqa: ANN401  # dateutil's, whose `str` is RFC 5545
    parts = str(rule).partition("RRULE:")[2].split(";")
    return ";".join(part for part in parts if not part.startswith("UNTIL="))


def _counted(rule: Any, moment: datetime) -> datetime | None:  # noqa: ANN401
    latest = time.monotonic() + LONGEST_SEARCH_SECONDS
    for number, found in enumerate(rule):
        if found > moment:
            due: datetime = found
            return due
        if number % _LOOK_AT_THE_CLOCK_EVERY == 0 and time.monotonic() > latest:
            raise ValueError(f"{_text(rule)} takes too long to follow; let it begin later")
    return None
