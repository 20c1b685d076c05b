"""A recurrence rule in plain words."""

from datetime import datetime

from mission_control.model.definitions.schedules.clock.calendar_words import MONTHS, in_words, ordinal
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS as WEEKDAY_NAMES
from mission_control.model.definitions.schedules.recurrence.rule import SUB_DAILY, WEEKDAYS, RecurrenceRule

_UNITS = {
    "YEARLY": "year",
    "MONTHLY": "month",
    "WEEKLY": "week",
    "DAILY": "day",
    "HOURLY": "hour",
    "MINUTELY": "minute",
    "SECONDLY": "second",
}
_NAMED = {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR", "BYMINUTE", "BYSECOND"}


def recurrence_in_words(rule: RecurrenceRule, begin: datetime) -> str:
    """Return what a rule that begins at `begin` means; rare parts are named as they are written.

    >>> from datetime import datetime
    >>> from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule
    >>> recurrence_in_words(parse_recurrence_rule("FREQ=WEEKLY;BYDAY=MO,FR"), datetime(2026, 1, 1, 9))
    'every week on Monday and Friday at 09:00'
    """
    unit = _UNITS[rule.frequency]
    words = [f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"]
    words += _days(rule, begin)
    words += _times(rule, begin)
    rare = [f"{part}={value}" for part, value in rule.by.items() if part not in _NAMED]
    words += [f"with {in_words(rare)}"] if rare else []
    if rule.interval > 1 or rule.count is not None:
        words.append(f"from {begin.date().isoformat()} on")
    if rule.count is not None:
        words.append(f"{rule.count} times in all" if rule.count > 1 else "once in all")
    if rule.until is not None:
        words.append(f"until {rule.until[:4]}-{rule.until[4:6]}-{rule.until[6:]}")
    return " ".join(words)


def _days(rule: RecurrenceRule, begin: datetime) -> list[str]:
    words = []
    if rule.listed("BYDAY"):
        words.append(f"on {in_words([_weekday(value) for value in rule.listed('BYDAY')])}")
    if rule.listed("BYMONTHDAY"):
        words.append(
            f"on the {in_words([_nth(int(value)) for value in rule.listed('BYMONTHDAY')])} of the month"
        )
    if rule.listed("BYMONTH"):
        words.append(
            f"in {in_words([MONTHS[int(value) - 1].capitalize() for value in rule.listed('BYMONTH')])}"
        )
    if rule.by.keys() & {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}:
        return words
    if rule.frequency == "WEEKLY":
        return [f"on {WEEKDAY_NAMES[begin.weekday()].capitalize()}", *words]
    if rule.frequency == "MONTHLY":
        return [f"on the {ordinal(begin.day)} of the month", *words]
    if rule.frequency == "YEARLY" and not words:
        return [f"on {MONTHS[begin.month - 1].capitalize()} {begin.day}"]
    return [f"on the {ordinal(begin.day)}", *words] if rule.frequency == "YEARLY" else words


def _times(rule: RecurrenceRule, begin: datetime) -> list[str]:
    hours, minutes, seconds = (rule.listed(part) for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if rule.frequency in SUB_DAILY:
        named = (("hour", hours), ("minute", minutes), ("second", seconds))
        return [f"at {unit} {in_words(values)}" for unit, values in named if values]
    times = [
        f"{int(hour):02}:{int(minute):02}" + (f":{int(second):02}" if int(second) else "")
        for hour in hours or [str(begin.hour)]
        for minute in minutes or [str(begin.minute)]
        for second in seconds or [str(begin.second)]
    ]
    return [f"at {in_words(times)}"]


def _weekday(value: str) -> str:
    name = WEEKDAY_NAMES[WEEKDAYS.index(value[-2:])].capitalize()
    return f"the {_nth(int(value[:-2]))} {name}" if value[:-2] else name


def _nth(number: int) -> str:
    if number >= 0:
        return ordinal(number)
    return "last" if number == -1 else f"{ordinal(-number)} last"
