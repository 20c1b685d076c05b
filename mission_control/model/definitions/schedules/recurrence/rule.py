"""The text of an RFC 5545 recurrence rule, checked and split into its parts."""

import re
from collections.abc import Mapping  # dataclass
from dataclasses import dataclass
from datetime import datetime

from mission_control.model.problems.suggestions import did_you_mean, quoted

LONGEST_RULE = 512
LARGEST_COUNT = 10_000
LARGEST_INTERVAL = 100_000_000
FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
SUB_DAILY = frozenset(FREQUENCIES[4:])
# The parts that list numbers: least and greatest, and whether they may count from the end.
_NUMBERS = {
    "BYSECOND": (0, 59, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
}
_SCALARS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY")
# A plus sign, and zeros in front of a digit.
_LEADING = re.compile(r"(?<![0-9])[+0]+(?=[0-9])")
_DAY = re.compile(r"(MO|TU|WE|TH|FR|SA|SU)")
_NTH_DAY = re.compile(r"(-?[1-9][0-9]?)?" + _DAY.pattern)
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_EXAMPLE = 'for example "FREQ=WEEKLY;BYDAY=MO,FR"'


@dataclass(frozen=True)
class RecurrenceRule:
    """A rule's parts; `by` are those that begin with BY, with numbers in their shortest form."""

    frequency: str
    interval: int
    count: int | None
    until: str | None
    week_start: str
    by: Mapping[str, str]

    def listed(self, part: str) -> list[str]:
        """Return the values of a BY part, none if it is not there."""
        return self.by[part].split(",") if part in self.by else []


def parse_recurrence_rule(text: str) -> RecurrenceRule:
    """Return the parts of a rule, with or without "RRULE:" in front.

    Whether the rule has any occurrences is not checked here.

    Raises:
        ValueError: the rule is too long or malformed, or a part or value of it is unknown.

    >>> parse_recurrence_rule("FREQ=WEEKLY;BYDAY=MO,FR").listed("BYDAY")
    ['MO', 'FR']
    """
    if len(text) > LONGEST_RULE:
        raise ValueError(
            f"{quoted(text)} has {len(text):,} characters; a rule has at most {LONGEST_RULE}, {_EXAMPLE}"
        )
    parts = _parts(text.strip().upper().removeprefix("RRULE:"))
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(
            f"{quoted(text)} names no frequency{did_you_mean(parts.get('FREQ', ''), FREQUENCIES)}; write "
            f"FREQ={', '.join(FREQUENCIES)}, {_EXAMPLE}"
        )
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("a rule ends by COUNT or by UNTIL, not by both; remove one of them")
    rule = RecurrenceRule(
        frequency=parts["FREQ"],
        interval=_number("INTERVAL", parts["INTERVAL"], LARGEST_INTERVAL) if "INTERVAL" in parts else 1,
        count=_number("COUNT", parts["COUNT"], LARGEST_COUNT) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        week_start=_checked("WKST", parts.get("WKST", "MO"), _DAY, "SU"),
        by={key: _LEADING.sub("", value) for key, value in parts.items() if key.startswith("BY")},
    )
    _check_lists(rule)
    return rule


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for item in text.rstrip(";").split(";"):
        key, equals, value = item.partition("=")
        if not equals or not value:
            raise ValueError(f"{quoted(item)} is not a part of a rule; write NAME=VALUE parts, {_EXAMPLE}")
        if key not in _NUMBERS and key not in _SCALARS:
            raise ValueError(
                f"{quoted(key)} is not a part of a rule{did_you_mean(key, (*_SCALARS, *_NUMBERS))}; list "
                'dates to leave out in "exclude", and write the beginning as "dtstart"'
            )
        if key in parts:
            raise ValueError(f"the rule has {key} twice; write it once")
        parts[key] = value
    return parts


def _number(part: str, value: str, largest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", value) or not 1 <= int(value) <= largest:
        raise ValueError(f"{part}={quoted(value)} is not a number from 1 to {largest:,}")
    return int(value)


def _checked(part: str, value: str, pattern: re.Pattern[str], example: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{part}={quoted(value)} is not right; write it like {part}={example}")
    return value


def _until(value: str) -> str:
    _checked("UNTIL", value, _UNTIL, "20261231T235959Z")
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"UNTIL={value} is not a moment that exists: {error}") from error
    return value


def _check_lists(rule: RecurrenceRule) -> None:
    for part, (least, greatest, from_end) in _NUMBERS.items():
        for value in rule.listed(part):
            number = int(value) if re.fullmatch(r"-?[0-9]{1,3}", value) else None
            if number is None or not least <= (abs(number) if from_end else number) <= greatest:
                also = f", or -{greatest} to -{least} from the end" if from_end else ""
                raise ValueError(f"{part}={quoted(value)} is not a number from {least} to {greatest}{also}")
    for value in rule.listed("BYDAY"):
        _checked(
            "BYDAY", value, _NTH_DAY, "MO,FR or, in FREQ=MONTHLY, 1MO (first Monday) or -1FR (last Friday)"
        )
        if len(value) > 2 and rule.frequency not in {"MONTHLY", "YEARLY"}:  # noqa: PLR2004  # MO
            raise ValueError(
                f"BYDAY={value} counts within a month or year; use it with FREQ=MONTHLY or YEARLY"
            )
    if "BYSETPOS" in rule.by and rule.frequency in SUB_DAILY:
        raise ValueError(
            "BYSETPOS is not supported within a day; name the hours, minutes and seconds instead"
        )
