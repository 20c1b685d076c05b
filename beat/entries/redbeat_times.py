"""When RedBeat entries are due next, by their schedules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedule as interval
from redbeat.schedules import rrule

from beat.entries.due_entries import DuePlainEntry


def next_due_after(due: DuePlainEntry, now: datetime) -> float | None:
    """Return the first due instant after now, counted from the occurrence that is due, without drift."""
    schedule = due.entry.schedule
    moment = datetime.fromtimestamp(due.due, UTC)
    following = next_after(schedule, moment, now)
    if following is None:
        return None
    if following <= moment:
        raise ValueError(f"{schedule!r} does not move on; use a longer interval")
    if following > now:
        return following.timestamp()
    if isinstance(schedule, interval) and not schedule.relative:
        every: timedelta = schedule.run_every
        return (moment + ((now - moment) // every + 1) * every).timestamp()
    following = next_after(schedule, now, now)
    return None if following is None else following.timestamp()


def next_after(schedule: Any, moment: datetime, now: datetime) -> datetime | None:  # noqa: ANN401
    """Return the first occurrence after `moment`; Celery's schedules only tell how far it is from now."""
    if isinstance(schedule, rrule):
        from beat.entries.rrule_entries import next_of_rrule  # much to load where there are no rrules

        return next_of_rrule(schedule, moment)
    schedule.nowfun = lambda: now
    remaining = schedule.remaining_estimate(moment)
    return None if remaining is None else now + remaining
