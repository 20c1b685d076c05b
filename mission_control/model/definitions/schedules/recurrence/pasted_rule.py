"""A recurrence rule as calendars write it whole: DTSTART, RRULE and EXDATE, a line each."""

import re
from collections.abc import Iterator
from typing import Any

from mission_control.model.problems.suggestions import quoted

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(DTSTART|RRULE|EXDATE)((?:;[A-Z-]+=[^:;]+)*):(.+)", re.IGNORECASE)
_ZONE = re.compile(r";TZID=\"?([^;\"]+)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.IGNORECASE)
_LONGEST = 20_000


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
