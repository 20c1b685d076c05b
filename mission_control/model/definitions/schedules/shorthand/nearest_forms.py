"""The valid forms that are nearest to a text which is none."""

import re
from typing import Final

from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS, in_words

_LONGEST: Final = 80
_NUMBER: Final = re.compile(r"(?<![\d:.])[1-9]\d{0,3}(?!\d)")
_TIME: Final = re.compile(r"(?<![\d:.])(\d{1,2})(?:[:.h]([0-5]\d))?(?!\d)\s*(pm|p\.m)?")
_DAY: Final = re.compile(rf"\b({'|'.join(name[:3] for name in WEEKDAYS)})(?!th)")
_NOON: Final = 12
_LAST_HOUR: Final = 23


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
