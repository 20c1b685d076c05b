"""Counts and spans of time in words."""

from datetime import timedelta
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_TENTHS_BELOW: Final = timedelta(seconds=10)


def counted(number: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(span: timedelta) -> str:
    """Return a span of time in its two largest units.

    >>> duration(timedelta(days=2, hours=3, minutes=4))
    '2 d 3 h'
    >>> duration(timedelta(seconds=1.24)), duration(timedelta(milliseconds=7))
    ('1.2 s', '7 ms')
    """
    span = abs(span)
    if span < timedelta(seconds=1):
        return f"{span / timedelta(milliseconds=1):.0f} ms"
    if span < _TENTHS_BELOW:
        return f"{span.total_seconds():.1f}".removesuffix(".0") + " s"
    rest = round(span.total_seconds())
    parts: list[str] = []
    for name, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def span_ms(milliseconds: float | None) -> str:
    """Return a span of time in words, with its sign if it is negative; nothing for None.

    >>> span_ms(15), span_ms(2_400), span_ms(None)
    ('15 ms', '2.4 s', '')
    """
    if milliseconds is None:
        return ""
    sign = "-" if milliseconds < 0 else ""
    return sign + duration(timedelta(milliseconds=milliseconds))
