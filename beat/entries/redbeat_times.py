"""Whether a RedBeat entry is due, asked of its own schedule, as RedBeat asks it.

The instant on the schedule is only a hint when to ask: RedBeat rounds what it stores, and counts it from a
moment that has passed meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from celery.schedules import schedule as interval
from redbeat.schedulers import RedBeatSchedulerEntry
from redbeat.schedules import rrule

_CLOCKS_AGREE_WITHIN: Final = timedelta(minutes=1)


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
        from beat.entries.rrule_entries import next_of_rrule  # much to load where there are no rrules

        return next_of_rrule(schedule, moment)
    schedule.nowfun = lambda: now
    remaining: timedelta = schedule.remaining_estimate(moment)
    return now + remaining
