"""At regular intervals of real time."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mission_control.model.definitions.schedules.clock.calendar_words import in_words
from mission_control.model.definitions.schedules.clock.wall_clock import Occurrence, earliest
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.values.fields import Moment, PlainNumber, plain_number
from mission_control.model.values.instants import parse_moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_SHORTEST = timedelta(milliseconds=1)
_LONGEST = timedelta(days=100 * 366)
Count = Annotated[PlainNumber, Field(ge=0, le=10_000_000_000)]


class IntervalSchedule(ScheduleBase):
    """Every so many weeks, days, hours, minutes and seconds, added up; exact to the microsecond.

    The occurrences are a fixed grid through `anchor` (an instant, or a local time in `timezone`; default
    1970-01-01T00:00Z), reaching both ways, so neither restarts nor clock changes shift it. A day is 24
    hours and a week seven of them: what should happen at a time of day is a daily or weekly schedule.

    With `measure_from` "finish" there is no grid: the next run is due one period after the previous one
    ended. Ask `next_after` about that end. `anchor` then has no meaning and is refused.
    """

    type: Literal["interval"] = "interval"
    weeks: Count | None = None
    days: Count | None = None
    hours: Count | None = None
    minutes: Count | None = None
    seconds: Count | None = None
    anchor: Moment | None = None
    measure_from: Literal["schedule", "finish"] = "schedule"

    @property
    def is_fixed_delay(self) -> bool:
        """Whether the period is measured from the end of the previous run."""
        return self.measure_from == "finish"

    @cached_property
    def period(self) -> timedelta:
        """The exact stretch of time between occurrences.

        >>> IntervalSchedule(minutes=1, seconds=0.1).period
        datetime.timedelta(seconds=60, microseconds=100000)
        """
        try:
            return timedelta(**dict(self._counts()))
        except OverflowError:
            return timedelta.max

    def _following(self, moment: datetime) -> Occurrence | None:
        if self.is_fixed_delay:
            return self._local(moment + self.period)
        steps = (moment - self._anchor) // self.period + 1
        return self._local(self._anchor + steps * self.period)

    def _moment_before(self, instant: datetime) -> datetime:
        return instant - self.period if self.is_fixed_delay else super()._moment_before(instant)

    def _words(self) -> str:
        given = [(unit, plain_number(value)) for unit, value in self._counts() if value]
        if len(given) == 1 and given[0][1] == 1:
            text = f"every {given[0][0].removesuffix('s')}"
        else:
            text = "every " + in_words([_counted(count, unit) for unit, count in given])
        if self.is_fixed_delay:
            return f"{text} after the end of the previous run"
        return f"{text}, counted from {self.anchor.replace('T', ' ')}" if self.anchor is not None else text

    def _counts(self) -> list[tuple[str, float]]:
        counts = [(unit, getattr(self, unit)) for unit in _UNITS]
        return [(unit, count) for unit, count in counts if count is not None]

    @cached_property
    def _anchor(self) -> datetime:
        return _EPOCH if self.anchor is None else earliest(parse_moment(self.anchor), self.zone)

    @model_validator(mode="after")
    def _has_a_period(self) -> Self:
        if not self._counts():
            raise ValueError(
                f'an interval needs one or more of {in_words(_UNITS)}, for example "minutes": 30'
            )
        if not any(count for _, count in self._counts()):
            zeros = in_words([f"{unit}: 0" for unit, _ in self._counts()])
            raise ValueError(
                f'an interval of zero ({zeros}) has no next time; write for example "minutes": 30'
            )
        if not _SHORTEST <= self.period <= _LONGEST:
            raise ValueError(
                "an interval must be between a millisecond and a hundred years; write a longer or shorter one"
            )
        if self.is_fixed_delay and self.anchor is not None:
            raise ValueError('"anchor" has no meaning with "measure_from": "finish"; remove one of them')
        return self


def _counted(count: float, unit: str) -> str:
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}"
