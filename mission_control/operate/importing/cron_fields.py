"""The fields of crontabs that other programs read in their own way, as a cron expression."""

import re
from typing import Final

from mission_control.operate.importing.imported import UnmappableError

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def cron_expression(minute: str, hour: str, day: str, month: str, weekday: str, second: str = "0") -> str:
    """Return a cron expression for times that must match every field.

    >>> cron_expression("0", "*/2", "*", "*", "mon"), cron_expression("0", "3", "*", "*", "*", "30")
    ('0 */2 * * mon', '30 0 3 * * *')

    Raises:
        UnmappableError: both days are restricted: cron runs on either, the others only if both fit.
    """
    if not day.startswith("*") and not weekday.startswith("*"):
        raise UnmappableError(
            f"needs both the day of month {day} and the weekday {weekday}; a cron expression runs on either"
        )
    five = f"{minute} {hour} {day} {month} {weekday}"
    return five if second == "0" else f"{second} {five}"


def weekday_names(field: str, *, first: str) -> str:
    """Return a field of weekdays by their names; `first` is the day whose number is 0.

    >>> weekday_names("0-4,sunday", first="mon"), weekday_names("0,6", first="sun")
    ('mon-fri,sun', 'sun,sat')

    Raises:
        UnmappableError: it counts days from one that is not Sunday, as cron does.
    """
    if "/" in field and first != "sun":
        raise UnmappableError(f"counts the weekdays {field} from {first}")
    begin = _DAYS.index(first)

    def name(found: re.Match[str]) -> str:
        text = found[0].lower()
        return _DAYS[(begin + int(text)) % 7] if text.isdigit() else text[:3]

    return field if "/" in field else re.sub(r"[A-Za-z]+|[0-9]+", name, field)
