"""Cron expressions."""

import re
from copy import copy
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from cronsim.cronsim import SYMBOLIC_DAYS, SYMBOLIC_MONTHS

from mission_control.model.definitions.schedules.clock.wall_clock import REAL_TIME, Dst
from mission_control.model.definitions.schedules.schedule_base import WallClockSchedule
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.fields import checked_by
from mission_control.model.values.quantities import counted

# The longest sensible expression lists every minute; longer ones never reach the parser.
LONGEST_EXPRESSION = 256
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# As cronsim names the fields in its errors, with what each may hold.
_FIELDS = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": '1-31 as far as its months have that day, "L" for the last, "LW" for the last workday',
    "month": "1-12 or JAN-DEC",
    "day-of-week": (
        '0-7 or SUN-SAT (0 and 7 are Sunday), "5L" for the last Friday or "MON#2" for the second Monday'
    ),
}
_WITH_SECONDS = 6
# A range of one value has one value, whatever its step; cronsim takes 12-12/3 for 12/3.
_STEP = re.compile(r"\b(\w+)-(\w+)/0*[1-9][0-9]*\b")
_SOME_MOMENT = datetime(2000, 1, 1)  # noqa: DTZ001  # local time


class CronSchedule(WallClockSchedule):
    """A cron expression as Vixie's and Debian's cron read it, in local time.

    Five fields (minute, hour, day of month, month, day of week), or six with the second in front; lists,
    ranges, steps, names, `L`, `LW`, `#`; or `@hourly @daily @midnight @weekly @monthly @yearly @annually`.
    If both days are restricted, either of them is enough; if one begins with `*`, both must fit.

    As in Debian's cron, an expression whose minute or hour begins with `*` runs in real time through clock
    changes: whenever the clock shows a fitting time. `dst` applies to the others. Beyond Debian's cron,
    `5/15` is `5-59/15`, for any field.

    >>> CronSchedule(expression="0 9 * * 1-5").describe()
    'at 09:00 on Monday through Friday (UTC)'
    """

    type: Literal["cron"] = "cron"
    expression: Annotated[str, checked_by(lambda text: check_expression(text))]  # noqa: PLW0108  # defined below

    def _local_after(self, local: datetime) -> datetime | None:
        search = copy(_parsed(self._fields))
        search.dt = local.replace(microsecond=0)
        found: datetime | None = next(search, None)  # cronsim looks fifty years far
        return found

    @cached_property
    def _rules(self) -> Dst:
        *_, minute, hour, _, _, _ = self._fields.split()
        return REAL_TIME if minute.startswith("*") or hour.startswith("*") else self.dst

    @cached_property
    def _fields(self) -> str:
        return _plain(self.expression)

    def _words(self) -> str:
        words: str = CronSim(self._fields, _SOME_MOMENT).explain()
        return f"{words[0].lower()}{words[1:]} ({self.timezone})"


@lru_cache(64)
def _parsed(fields: str) -> CronSim:
    """Return a search to copy: to parse takes cronsim about as long as to find an occurrence."""
    return CronSim(fields, _SOME_MOMENT)


def check_expression(expression: str) -> None:
    """Accept a cron expression.

    Raises:
        ValueError: it is too long or malformed, or its months have no such day.

    >>> check_expression("*/15 9-17 * * MON-FRI")
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise ValueError(
            f"{quoted(expression)} has {len(expression):,} characters; a cron expression has at most "
            f'{LONGEST_EXPRESSION}, for example "0 9 * * 1-5"'
        )
    fields = _plain(expression).split()
    if len(fields) not in {_WITH_SECONDS - 1, _WITH_SECONDS}:
        found = counted(len(fields), "field")
        raise ValueError(
            f"{quoted(expression)} has {found}; a cron expression has five (minute, hour, day "
            'of month, month, day of week), or six with the second in front, for example "0 9 * * 1-5"'
        )
    try:
        CronSim(_plain(expression), _SOME_MOMENT)
    except CronSimError as error:
        raise ValueError(_fault(expression, fields, str(error))) from error


def _plain(expression: str) -> str:
    """Return the fields of an expression; those that it stands for, if it is a nickname."""
    text = _STEP.sub(lambda found: found[1] if _value(found[1]) == _value(found[2]) else found[0], expression)
    text = text.strip()
    if not text.startswith("@"):
        return text
    if text.lower() not in _ALIASES:
        raise ValueError(f"{quoted(text)} is not one of {', '.join(_ALIASES)}{did_you_mean(text, _ALIASES)}")
    return _ALIASES[text.lower()]


def _value(text: str) -> str:
    """Return a number without zeros in front, also for the name of a month or day."""
    for names, least in ((SYMBOLIC_MONTHS, 1), (SYMBOLIC_DAYS, 0)):
        if text.upper() in names:
            return str(names.index(text.upper()) + least)
    return text.lstrip("0") or "0"


def _fault(expression: str, fields: list[str], fault: str) -> str:
    """Return which field is wrong and what it may hold, for what cronsim says about it."""
    name = fault.removeprefix("Bad ")
    if name not in _FIELDS:
        return f"{quoted(expression)} is not a cron expression: {fault}"
    field = fields[list(_FIELDS).index(name) - len(_FIELDS) + len(fields)]
    return (
        f"{quoted(expression)} is not a cron expression: the {name.replace('-', ' ')} is {quoted(field)}, "
        f"and may hold {_FIELDS[name]}; also lists (1,2), ranges (1-5), steps (*/2) and *"
    )
