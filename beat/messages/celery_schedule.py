"""A task's schedule as Celery has it, for tools that look at what beat sends and know Celery's only."""

from typing import Any, Final

from celery import Celery
from celery.schedules import BaseSchedule, crontab, schedule

from mission_control.model.definitions.schedules import Schedule
from mission_control.model.definitions.schedules.clock.calendar_words import parse_time, weekday_number
from mission_control.model.definitions.schedules.cron import CronSchedule
from mission_control.model.definitions.schedules.dated_schedule import DailySchedule, WeeklySchedule
from mission_control.model.definitions.schedules.interval import IntervalSchedule

_CRON_FIELDS: Final = 5


def celery_schedule(ours: Schedule, app: Celery) -> BaseSchedule:
    """Return Celery's schedule for the same occurrences, or a bare `BaseSchedule` where Celery has none.

    It is for showing: nothing is computed with it. A schedule with limits, exclusions or a spread has no
    equal in Celery, and a monitor that took it for a plain one would miss runs that were never promised.
    """
    is_plain = not (ours.start or ours.end or ours.exclude or ours.spread_seconds)
    found = _spell(ours) if is_plain else None
    if found is None:
        return BaseSchedule(app=app)
    found.app, found.tz = app, ours.zone
    return found


def _spell(ours: Schedule) -> Any:  # noqa: ANN401  # Celery's schedules are untyped
    match ours:
        case IntervalSchedule(is_fixed_delay=False):
            return schedule(ours.period)
        case CronSchedule():
            return _crontab(ours.expression.split())
        case DailySchedule():
            return _at_times(ours, "*")
        case WeeklySchedule():
            # Celery counts from Sunday, as cron does.
            days = sorted({(weekday_number(name) + 1) % 7 for name in ours.days})
            return _at_times(ours, ",".join(map(str, days)))
    return None


def _crontab(fields: list[str]) -> Any:  # noqa: ANN401
    if len(fields) != _CRON_FIELDS:
        return None
    minute, hour, day_of_month, month, day_of_week = fields
    if not (day_of_month.startswith("*") or day_of_week.startswith("*")):
        return None  # cron takes a day that fits either, Celery one that fits both
    try:
        return crontab(minute, hour, day_of_week, day_of_month, month)
    except ValueError:  # `L`, `LW` and `#` are not Celery's
        return None


def _at_times(ours: DailySchedule | WeeklySchedule, day_of_week: str) -> Any:  # noqa: ANN401
    times = [parse_time(text) for text in (ours.times if ours.times is not None else (ours.time or "",))]
    minutes, seconds = {one.minute for one in times}, {one.second for one in times}
    if len(minutes) > 1 or seconds != {0}:
        return None
    hours = ",".join(str(hour) for hour in sorted({one.hour for one in times}))
    return crontab(minute=str(minutes.pop()), hour=hours, day_of_week=day_of_week)
