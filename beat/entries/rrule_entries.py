"""When an entry with RedBeat's `rrule` is due next, however long ago the rule began.

RedBeat counts every occurrence from `dtstart`: of a rule for each second that began three weeks ago that
takes a minute, at each firing, and every other task waits.
"""

import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from mission_control.model.definitions.schedules.recurrence.recurrence import Recurrence
from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule

LONGEST_SEARCH_SECONDS: Final = 0.5

_LOOK_AT_THE_CLOCK_EVERY: Final = 256


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
