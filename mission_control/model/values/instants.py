"""Instants as text: ISO 8601, in UTC, with a trailing Z."""

import re
from datetime import UTC, datetime, timedelta

from mission_control.model.problems.suggestions import quoted

_ISO = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"[Tt ](?P<time>\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)"
    r"(?P<offset>[Zz]|[+-]\d{2}:?\d{2})?"
)
_OFFSET = len("+00:00")


def format_instant(moment: datetime) -> str:
    """Return an aware `moment` in UTC; a fraction of a second only where there is one.

    Raises:
        ValueError: `moment` has no zone.

    >>> format_instant(datetime(2025, 10, 16, 9, tzinfo=UTC))
    '2025-10-16T09:00:00Z'
    >>> format_instant(datetime(2025, 10, 16, 9, 0, 0, 250_000, tzinfo=UTC))
    '2025-10-16T09:00:00.250Z'
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; an instant needs one")
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    if in_utc.microsecond % 1000:
        return in_utc.isoformat(timespec="microseconds")[:-_OFFSET] + "Z"
    return in_utc.isoformat(timespec="milliseconds" if in_utc.microsecond else "seconds")[:-_OFFSET] + "Z"


def parse_instant(text: str) -> datetime:
    """Return the instant that `text` names, in UTC.

    Raises:
        ValueError: `text` is not ISO 8601, names a date that does not exist, or has no offset.

    >>> parse_instant("2025-10-16T11:00+02:00")
    datetime.datetime(2025, 10, 16, 9, 0, tzinfo=datetime.timezone.utc)
    """
    moment = parse_moment(text)
    if moment.tzinfo is None:
        raise ValueError(f'{quoted(text)} has no offset from UTC; add "Z" or one like "+02:00"')
    return moment


def parse_moment(text: str) -> datetime:
    """Return an instant in UTC if `text` has an offset, else a naive local time.

    Raises:
        ValueError: `text` is not ISO 8601 or names a date or time that does not exist.

    >>> parse_moment("2025-10-16T09:00")
    datetime.datetime(2025, 10, 16, 9, 0)
    """
    match = _ISO.fullmatch(text) if len(text) <= 40 else None  # noqa: PLR2004
    if match is None:
        raise ValueError(
            f'{quoted(text)} is not a moment; write "YYYY-MM-DDTHH:MM:SSZ", '
            'for example "2026-03-01T09:00:00Z", or without the "Z" for local time'
        )
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
        return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{quoted(text)} is not a moment that exists: {error}") from error


def from_unix(seconds: float) -> datetime:
    """Return the instant of a due time in Unix seconds, exact to the microsecond."""
    whole, fraction = divmod(round(seconds * 1_000_000), 1_000_000)
    return datetime.fromtimestamp(whole, UTC) + timedelta(microseconds=fraction)
