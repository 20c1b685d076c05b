"""The text of an RFC 5545 recurrence rule, checked and split into its parts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(DTSTART|RRULE|EXDATE)((?:;[A-Z-]+=[^:;]+)*):(.+)", re.IGNORECASE)
_ZONE = re.compile(r";TZID=\"?([^;\"]+)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.IGNORECASE)
_LONGEST = 20_000


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


def is_pasted(rule: object) -> bool:
    """Return whether a rule is more than its RRULE part."""
    return isinstance(rule, str) and ("\n" in rule.strip() or bool(re.match(r"\s*(DTSTART|EXDATE)", rule)))


def unpacked(text: str) -> dict[str, Any]:
    r"""Return the fields of the schedule that a pasted rule stands for.

    Raises:
        ValueError: a line is something else, stands twice, or is in another time zone.

    >>> unpacked("DTSTART;TZID=Asia/Tokyo:20260105T090000\nRRULE:FREQ=DAILY")
    {'dtstart': '2026-01-05T09:00:00', 'rule': 'FREQ=DAILY', 'timezone': 'Asia/Tokyo'}
    """
    fields: dict[str, Any] = {}
    zones = set()
    for name, zone, value in _lines(text):
        moments = [] if name == "RRULE" else [_moment(one) for one in value.split(",")]
        if name == "EXDATE":
            fields.setdefault("exdate", []).extend(one for one in moments if "T" in one)
            fields.setdefault("exclude", []).extend(one for one in moments if "T" not in one)
        elif {"RRULE": "rule", "DTSTART": "dtstart"}[name] in fields:
            raise ValueError(f"{name} stands twice in the rule; write it once")
        else:
            begin = [one if "T" in one else f"{one}T00:00:00" for one in moments]
            fields |= {"rule": value} if name == "RRULE" else {"dtstart": begin[0]}
        zones |= {zone} if zone else {"UTC"} if name == "DTSTART" and value.upper().endswith("Z") else set()
    if "rule" not in fields or len(zones) > 1:
        fault = f"is in several time zones ({', '.join(sorted(zones))})" if len(zones) > 1 else "has no RRULE"
        raise ValueError(f'the rule {fault}; write "DTSTART…", "RRULE:…" and "EXDATE…", a line each')
    if zones:
        fields["timezone"] = zones.pop()
    return {key: value for key, value in fields.items() if value}


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the zone (or "") and the value of each line."""
    for line in _FOLD.sub("", text[:_LONGEST]).splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None and line.strip():
            raise ValueError(f"{quoted(line)} is not a line of a rule; write DTSTART, RRULE and EXDATE only")
        if match is not None:
            zone = _ZONE.search(match[2])
            yield match[1].upper(), zone[1] if zone is not None else "", match[3]


def _moment(text: str) -> str:
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{quoted(text)} is not a moment; write it like 20260105T090000 or 20260105T080000Z")
    year, month, day, hour, minute, second, utc = match.groups()
    date = f"{year}-{month}-{day}"
    return date if hour is None else f"{date}T{hour}:{minute}:{second}{utc.upper()}"
