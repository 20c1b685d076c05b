"""The common part of all schedules: zone, limits, exclusions, and the search for occurrences."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from mission_control.model.definitions.schedules.clock.calendar_words import in_words
from mission_control.model.definitions.schedules.clock.wall_clock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    TICK,
    Dst,
    Limit,
    Occurrence,
    earliest,
    first_instant,
    following,
    last_instant,
    to_local,
)
from mission_control.model.definitions.schedules.exclusions.exclusion import Exclusion, Span
from mission_control.model.values.fields import FrozenModel, PlainNumber, ZoneName
from mission_control.model.values.zones import zone

MOST_EXCLUSIONS = 200
LONGEST_SPREAD_SECONDS = 7 * 86_400
# A schedule counts as wholly excluded after this many excluded occurrences, or excluded spans, in a row:
# more than five years of days.
_MOST_PASSED_OVER = 2_000
# How far back the search for an earlier occurrence looks first.
_FIRST_STRIDE = timedelta(milliseconds=10)

_SOME_MOMENT, _EARLY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC)


class ScheduleBase(FrozenModel, ABC):
    """The rule that yields occurrences: a pure function of the moment asked about.

    `timezone` is the zone of its local times; the default is the validation context's `default_timezone`,
    or else UTC. `start` and `end` limit it, both inclusive: an instant, a local time, or a date, which for
    `end` means all of that day. `exclude` removes occurrences by their local time, before any spread.
    `dst` says what happens at clock changes. `spread_seconds` does not move occurrences: see
    `spread_offset`.

    A schedule never changes; validate changed data to make another one.
    """

    timezone: ZoneName = "UTC"
    start: Limit | None = None
    end: Limit | None = None
    exclude: tuple[Exclusion, ...] = Field(default=(), strict=False, max_length=MOST_EXCLUSIONS)
    spread_seconds: PlainNumber = Field(default=0, ge=0, le=LONGEST_SPREAD_SECONDS)
    dst: Dst = Dst.model_construct()

    _last_gap: timedelta = PrivateAttr(default=_FIRST_STRIDE)
    _last_answer: tuple[datetime | None, datetime | None] = PrivateAttr(default=(None, None))

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence strictly after `moment`, in UTC, without spread; None if none is left.

        The search gives up, with None, after two thousand excluded occurrences in a row.

        Raises:
            ValueError: `moment` has no time zone.
        """
        # Tasks with equal schedules share one object, and beat asks all of them about the same moment.
        asked, answer = self._last_answer
        if asked != moment or moment.tzinfo is None:
            try:
                answer = self._first_allowed(_in_utc(moment))
            except OverflowError:  # the calendar ends with the year 9999
                answer = None
            self._last_answer = (moment, answer)
        return answer

    def previous_before(self, moment: datetime) -> datetime | None:
        """Return the last occurrence strictly before `moment`, in UTC, without spread; None if there is none.

        The search gives up, with None, after two thousand excluded occurrences in a row.

        Raises:
            ValueError: `moment` has no time zone.
        """
        try:
            return self._search_before(_in_utc(moment))
        except OverflowError:  # the calendar begins with the year 1
            return None

    def happens(self) -> bool:
        """Return whether there is any occurrence at all, in the past or the future."""
        return any(self.next_after(moment) is not None for moment in (_SOME_MOMENT, _EARLY_MOMENT))

    def occurrences(self, start: datetime, end: datetime | None = None) -> Iterator[datetime]:
        """Yield the occurrences after `start` up to and including `end`, if given, in order, in UTC.

        Raises:
            ValueError: `start` or `end` has no time zone.
        """
        last = None if end is None else _in_utc(end)
        due = self.next_after(start)
        while due is not None and (last is None or due <= last):
            yield due
            due = self.next_after(due)

    def describe(self) -> str:
        """Return the schedule in plain words, such as "every day at 09:00 (Europe/Berlin)"."""
        excluded = in_words([one.describe() for one in self.exclude])
        parts = [
            self._words(),
            f"except {excluded}" if excluded else "",
            f"from {self.start.replace('T', ' ')}" if self.start is not None else "",
            f"until {self.end.replace('T', ' ')}" if self.end is not None else "",
            f"spread over {self.spread_seconds:g} seconds" if self.spread_seconds else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def is_fixed_delay(self) -> bool:
        """Whether the next occurrence is measured from the end of the previous run."""
        return False

    @property
    def has_occurrences(self) -> bool:
        """Whether the task is ever due by itself."""
        return True

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which local times are meant."""
        return zone(self.timezone)

    @abstractmethod
    def _following(self, moment: datetime) -> Occurrence | None:
        """Return the first occurrence strictly after `moment`, regardless of limits and exclusions."""

    @abstractmethod
    def _words(self) -> str:
        """Return the rule in plain words, without limits and exclusions."""

    def _moment_before(self, instant: datetime) -> datetime:
        """Return a moment from which a search finds an occurrence at `instant`, and none before it."""
        return instant - TICK

    def _first_allowed(self, moment: datetime) -> datetime | None:
        if moment < self._first:
            moment = self._moment_before(self._first)
        for _ in range(_MOST_PASSED_OVER):
            found = self._following(moment)
            if found is None or found.instant > self._last:
                return None
            span = self._excluded(found.local)
            if span is None:
                return found.instant
            moment = max(found.instant, self._moment_before(earliest(span.end, self.zone)))
        return None

    def _search_before(self, moment: datetime) -> datetime | None:
        """Search back in strides that grow until they meet an occurrence, then halve the time from there."""
        stride = self._last_gap
        while (found := self.next_after(moment - stride)) is None or found >= moment:
            stride *= 4
        high = moment
        while (later := self.next_after(found)) is not None and later < moment:
            middle = later + (high - later) / 2
            beyond = self.next_after(middle)
            if beyond is not None and beyond < moment:
                found = beyond
            else:
                found, high = later, middle
        self._last_gap = max(moment - found + TICK, _FIRST_STRIDE)
        return found

    def _excluded(self, local: datetime) -> Span | None:
        """Return the first excluded span around `local`, or None."""
        spans = (one.span(local, self.zone) for one in self.exclude)
        return next((span for span in spans if span is not None), None)

    def _local(self, instant: datetime) -> Occurrence:
        """Return the occurrence at an instant, with the local time that the wall clock shows then."""
        return Occurrence(instant, to_local(instant, self.zone))

    @cached_property
    def _first(self) -> datetime:
        return first_instant(self.start, self.zone) if self.start is not None else FIRST_INSTANT

    @cached_property
    def _last(self) -> datetime:
        return last_instant(self.end, self.zone) if self.end is not None else LAST_INSTANT

    @model_validator(mode="before")
    @classmethod
    def _with_default_zone(cls, data: Any, info: ValidationInfo) -> Any:  # noqa: ANN401  # any input
        default = (info.context or {}).get("default_timezone", "UTC")
        if default == "UTC" or not isinstance(data, Mapping) or "timezone" in data:
            return data
        return {**data, "timezone": default}

    @model_serializer(mode="wrap")
    def _as_given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the type, then the given fields of that type, then the given common ones, and the zone."""
        data: dict[str, Any] = dump(self)
        common = ScheduleBase.model_fields
        given = [key for key in data if key in self.model_fields_set or key == "timezone"]
        return {"type": data["type"]} | {key: data[key] for key in sorted(given, key=common.__contains__)}


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; ask about an instant")
    return moment.astimezone(UTC)


class WallClockSchedule(ScheduleBase):
    """A rule about what the wall clock shows; `dst` decides about the days on which clocks change.

    Each type of schedule finds the next local time, as if clocks never changed.
    """

    def _following(self, moment: datetime) -> Occurrence | None:
        return following(moment, self.zone, self._rules, self._local_after)

    @property
    def _rules(self) -> Dst:
        return self.dst

    @abstractmethod
    def _local_after(self, local: datetime) -> datetime | None:
        """Return the first local time of the rule strictly after `local`."""
