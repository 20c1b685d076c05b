"""The only module in which wall-clock time becomes an instant.

A schedule yields local times; this module returns their instants, even on days on which clocks change. A
local time inside a gap (clocks go forward over it) does not exist, one inside a fold (clocks go back over
it) exists twice; `Dst` decides about both. The rules follow PEP 495.

Local times are naive datetimes, instants are aware ones in UTC. Clocks change at whole seconds, by at
most a day, and not twice within a day.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from mission_control.model.definitions.schedules.clock.calendar_words import is_date, parse_date
from mission_control.model.values.fields import FrozenModel, checked_by
from mission_control.model.values.instants import parse_moment

TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
# The largest shift known is a whole day: Pacific/Apia left out 30 December 2011.
_LONGEST_SHIFT = timedelta(hours=25)
# A schedule may have skipped times only ("the second Sunday of March at 02:30"): the search then ends.
_MOST_SHIFTS = 1_000

FIRST_INSTANT, LAST_INSTANT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Dst(FrozenModel):
    """What happens to a local time that does not exist or exists twice.

    `gap`: "next" runs once, just after the gap; "skip" leaves it out. `fold`: "first" and "second" run
    once, "both" runs twice. The defaults are Debian cron's.
    """

    gap: Literal["next", "skip"] = "next"
    fold: Literal["first", "second", "both"] = "first"


REAL_TIME = Dst.model_construct(gap="skip", fold="both")
"""Every instant at which the wall clock shows a local time: how sub-daily schedules run."""


class Occurrence(NamedTuple):
    """A due instant, and the local time that the schedule has for it."""

    instant: datetime
    local: datetime


class LocalSearch(Protocol):
    """The next local time of a schedule."""

    def __call__(self, local: datetime, /) -> datetime | None:
        """Return it, strictly after `local`, or None."""


def to_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the wall clock in `zone` shows at `moment`.

    >>> from zoneinfo import ZoneInfo
    >>> to_local(datetime(2026, 7, 1, 7, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    datetime.datetime(2026, 7, 1, 9, 0)
    """
    return moment.astimezone(zone).replace(tzinfo=None)


def instants_of(local: datetime, zone: ZoneInfo, dst: Dst) -> tuple[datetime, ...]:
    """Return the instants, in order, that `dst` makes of a local time: none, one or two.

    >>> from zoneinfo import ZoneInfo
    >>> [str(one) for one in instants_of(datetime(2026, 3, 8, 2, 30), ZoneInfo("America/New_York"), Dst())]
    ['2026-03-08 07:00:00+00:00']
    """
    before, after = _offsets(local, zone)
    if before == after:
        return (_at_offset(local, before),)
    if before < after:
        return (_shift_around(local, zone).change,) if dst.gap == "next" else ()
    first, second = _at_offset(local, before), _at_offset(local, after)
    return {"first": (first,), "second": (second,), "both": (first, second)}[dst.fold]


def earliest(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the wall clock shows `local` or has jumped past it.

    What has a time zone already is returned as it is; what lies beyond the calendar is its first or last
    instant.
    """
    return _at_most_once(local, zone, Dst(fold="first"))


def latest(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the last instant at which the wall clock shows `local`, or the one at which it jumps past it.

    What has a time zone already, or lies beyond the calendar: as `earliest`.
    """
    return _at_most_once(local, zone, Dst(fold="second"))


def only_instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a local time; what has a time zone already is returned as it is.

    Raises:
        ValueError: the local time does not exist, or exists twice; names the choices.
    """
    if moment.tzinfo is not None:
        return moment
    found = instants_of(moment, zone, REAL_TIME)
    if len(found) == 1:
        return found[0]
    choices = " or ".join(one.astimezone(zone).isoformat() for one in found)
    fault = f"exists twice; write {choices}" if found else "does not exist: clocks go forward over it"
    raise ValueError(f"{moment.isoformat()} {fault} ({zone.key})")


def _at_most_once(local: datetime, zone: ZoneInfo, dst: Dst) -> datetime:
    if local.tzinfo is not None:
        return local
    try:
        return instants_of(local, zone, dst)[0]
    except OverflowError:
        return FIRST_INSTANT if local.year == 1 else LAST_INSTANT


def following(moment: datetime, zone: ZoneInfo, dst: Dst, local_after: LocalSearch) -> Occurrence | None:
    """Return the first occurrence strictly after `moment`, or None if there is none."""
    found = _first_after(moment, zone, dst, local_after)
    fold = _fold_in(moment, moment + _LONGEST_SHIFT, zone)
    if fold is None or dst.fold == "first":
        return found
    # Before the clock goes back: local times that it has passed already come once more.
    again = local_after(fold.start - TICK)
    if again is None or again >= fold.end:
        return found
    repeated = Occurrence(latest(again, zone), again)
    return repeated if found is None else min(found, repeated)


def _first_after(moment: datetime, zone: ZoneInfo, dst: Dst, local_after: LocalSearch) -> Occurrence | None:
    """Return the first occurrence after `moment` whose local time is later, too.

    The instants of successive local times never run backwards, so the first that is later is it.
    """
    local = local_after(to_local(moment, zone))
    for _ in range(_MOST_SHIFTS):
        if local is None:
            return None
        instants = [instant for instant in instants_of(local, zone, dst) if instant > moment]
        if instants:
            return Occurrence(instants[0], local)
        # Skipped, or past: that happens only within a shift, and to all of its rest.
        local = local_after(_shift_around(local, zone).end - TICK)
    return None


class _Shift(NamedTuple):
    """The local times that a clock change skips or shows twice: `start` inclusive, `end` exclusive."""

    start: datetime
    end: datetime
    change: datetime


def _fold_in(lower: datetime, upper: datetime, zone: ZoneInfo) -> _Shift | None:
    """Return the fold whose clock change lies in (lower, upper]."""
    before, after = _offset_at(lower, zone), _offset_at(upper, zone)
    if before <= after:
        return None
    change = _first_change(lower, upper, zone)
    wall = change.replace(tzinfo=None)
    return _Shift(wall + after, wall + before, change)


def _shift_around(local: datetime, zone: ZoneInfo) -> _Shift:
    """Return the gap or fold in which `local` lies."""
    offsets = _offsets(local, zone)
    least, most = min(offsets), max(offsets)
    change = _first_change(_at_offset(local, most), _at_offset(local, least), zone)
    wall = change.replace(tzinfo=None)
    return _Shift(wall + least, wall + most, change)


def _first_change(lower: datetime, upper: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in (lower, upper] from which on `zone` has another offset than at `lower`."""
    lower = lower.replace(microsecond=0)
    before = _offset_at(lower, zone)
    seconds = range(-((lower - upper) // _SECOND))
    return lower + _SECOND * bisect_left(
        seconds, True, key=lambda second: _offset_at(lower + second * _SECOND, zone) != before
    )


def _offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _offsets(local: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """Return the offsets by which `local` is read before and after a clock change; mostly the same."""
    aware = local.replace(tzinfo=zone, fold=0)
    return aware.utcoffset() or timedelta(0), aware.replace(fold=1).utcoffset() or timedelta(0)


def _at_offset(local: datetime, offset: timedelta) -> datetime:
    return (local - offset).replace(tzinfo=UTC)


Limit = Annotated[str, checked_by(lambda text: parse_date(text) if is_date(text) else parse_moment(text))]
"""A date, a local time or an instant: the text is kept as it was written."""


def first_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the first instant that is not before the limit.

    >>> from zoneinfo import ZoneInfo
    >>> str(first_instant("2026-01-01", ZoneInfo("Europe/Berlin")))
    '2025-12-31 23:00:00+00:00'
    """
    return earliest(_moment(text, time.min), zone)


def last_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the last instant that is not past the limit; a date ends with its day.

    >>> from zoneinfo import ZoneInfo
    >>> str(last_instant("2026-12-31T18:00", ZoneInfo("Europe/Berlin")))
    '2026-12-31 17:00:00+00:00'
    """
    return latest(_moment(text, time.max), zone)


def _moment(text: str, of_a_date: time) -> datetime:
    return datetime.combine(parse_date(text), of_a_date) if is_date(text) else parse_moment(text)
