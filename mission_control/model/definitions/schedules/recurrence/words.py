"""A recurrence rule in plain words."""

from datetime import datetime

from mission_control.model.definitions.schedules.clock.calendar_words import MONTHS, in_words, ordinal
from mission_control.model.definitions.schedules.clock.calendar_words import WEEKDAYS as WEEKDAY_NAMES
from mission_control.model.definitions.schedules.recurrence.rule import SUB_DAILY, WEEKDAYS, RecurrenceRule
from mission_control.model.definitions.schedules.recurrence.rule_days import RuleDays
from mission_control.model.definitions.schedules.recurrence.rule_times import RuleTimes

_UNITS = {"YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day"}
_UNITS |= {"HOURLY": "hour", "MINUTELY": "minute", "SECONDLY": "second"}
_DAYS = ("BYDAY", "BYMONTHDAY", "BYMONTH")
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_MOST_TIMES = 10


def recurrence_in_words(rule: RecurrenceRule, begin: datetime) -> str:
    """Return what a rule that begins at `begin` means; rare parts are named as they are written.

    >>> from datetime import datetime
    >>> from mission_control.model.definitions.schedules.recurrence.rule import parse_recurrence_rule
    >>> recurrence_in_words(parse_recurrence_rule("FREQ=WEEKLY;BYDAY=MO,FR"), datetime(2026, 1, 1, 9))
    'every week on Monday and Friday at 09:00'
    """
    unit = _UNITS[rule.frequency]
    days, times = RuleDays(rule, begin.date()).wanted, RuleTimes(rule, begin).usual
    lists_times = rule.frequency not in SUB_DAILY and len(times) <= _MOST_TIMES
    named = _DAYS + _TIMES if lists_times else _DAYS
    words = [f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"]
    words += [_days(part, days[part]) for part in _DAYS if part in days]
    words += [f"at {in_words([_time(second) for second in times])}"] if lists_times else []
    words += [f"with {part}={value}" for part, value in rule.by.items() if part not in named]
    if not lists_times or rule.interval > 1 or rule.count is not None:
        words.append(f"from {begin.date() if lists_times else begin} on")
    if rule.count is not None:
        words.append(f"{rule.count} times in all" if rule.count > 1 else "once in all")
    if rule.until is not None:
        until = datetime.fromisoformat(rule.until)
        words.append(f"until {until if 'T' in rule.until else until.date()}")
    return " ".join(words)


def _days(part: str, values: list[str]) -> str:
    if part == "BYMONTH":
        return f"in {in_words([MONTHS[int(value) - 1].capitalize() for value in values])}"
    if part == "BYMONTHDAY":
        return f"on the {in_words([_nth(int(value)) for value in values])} of the month"
    names = [(value[:-2], WEEKDAY_NAMES[WEEKDAYS.index(value[-2:])].capitalize()) for value in values]
    return f"on {in_words([f'the {_nth(int(nth))} {name}' if nth else name for nth, name in names])}"


def _time(second: int) -> str:
    text = f"{second // 3_600:02}:{second // 60 % 60:02}"
    return f"{text}:{second % 60:02}" if second % 60 else text


def _nth(number: int) -> str:
    if number >= 0:
        return ordinal(number)
    return "last" if number == -1 else f"{ordinal(-number)} last"
