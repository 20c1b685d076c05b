"""What the clock changes of the coming year do to a schedule, in words."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from mission_control.model.definitions.schedules import Schedule
from mission_control.model.values.quantities import duration

_DAY: Final = timedelta(days=1)
_YEAR: Final = 366
_SHOWN: Final = 5


def clock_changes(zone: ZoneInfo, now: datetime) -> list[tuple[datetime, timedelta]]:
    """Return when clocks change within a year, to the minute, and by how much they then go forward."""
    found = list[tuple[datetime, timedelta]]()
    for day in range(_YEAR):
        low, high = now + day * _DAY, now + (day + 1) * _DAY
        gained = _offset(high, zone) - _offset(low, zone)
        if gained:
            before = _offset(low, zone)
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
            found.append((high.replace(second=0, microsecond=0), gained))
    return found


def clock_change_words(schedule: Schedule, now: datetime) -> list[str]:
    """Say for each clock change of the coming year when the schedule is due around it.

    Nothing is said of a zone without clock changes, or of a schedule that is due many times a day.
    """
    zone, words = schedule.zone, list[str]()
    for moment, gained in clock_changes(zone, now):
        around = list(islice(schedule.occurrences(moment - _DAY / 2, moment + _DAY / 2), _SHOWN + 1))
        if len(around) > _SHOWN:
            continue
        local = moment.astimezone(zone)
        way = "forward" if gained > timedelta(0) else "back"
        times = ", ".join(f"{one.astimezone(zone):%H:%M:%S (UTC%z)}" for one in around) or "not due"
        words.append(f"On {local:%Y-%m-%d} clocks go {way} by {duration(gained)}; around it: {times}.")
    return words


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    return timedelta(0) if found is None else found
