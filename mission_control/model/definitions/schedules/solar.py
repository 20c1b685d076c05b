"""At events of the sun: dawn, sunrise, noon, sunset, dusk."""

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from mission_control.model.definitions.schedules.clock.wall_clock import Occurrence
from mission_control.model.definitions.schedules.schedule_base import ScheduleBase
from mission_control.model.problems.messages import unknown_choice
from mission_control.model.values.fields import PlainNumber, checked_by

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_HALF_SECOND = timedelta(milliseconds=500)
# Near the poles an event may not happen for most of a year, but then it does.
_DAYS_SEARCHED = 400
# The true sun is up to 17 minutes ahead of or behind the mean sun.
_MARGIN = timedelta(hours=1)


class _Event(NamedTuple):
    """How `ephem` finds an event: as Celery's solar schedule asks it.

    `horizon` is the sun's altitude in degrees (and minutes); `middle` says that its middle counts, not its
    upper edge. `begin` is a time of the mean solar day before the event, and after the previous one.
    """

    method: str
    horizon: str
    middle: bool
    begin: timedelta


_MIDNIGHT, _MORNING, _NOON = timedelta(0) - _MARGIN, timedelta(hours=6), timedelta(hours=12) - _MARGIN
_EVENTS = {
    "dawn_astronomical": _Event("next_rising", "-18", True, _MIDNIGHT),
    "dawn_nautical": _Event("next_rising", "-12", True, _MIDNIGHT),
    "dawn_civil": _Event("next_rising", "-6", True, _MIDNIGHT),
    "sunrise": _Event("next_rising", "-0:34", False, _MIDNIGHT),
    "solar_noon": _Event("next_transit", "0", False, _MORNING),
    "sunset": _Event("next_setting", "-0:34", False, _NOON),
    "dusk_civil": _Event("next_setting", "-6", True, _NOON),
    "dusk_nautical": _Event("next_setting", "-12", True, _NOON),
    "dusk_astronomical": _Event("next_setting", "-18", True, _NOON),
}


class SolarSchedule(ScheduleBase):
    """At one of the nine solar events that Celery knows, at a place on earth, to the second.

    `latitude` (north is positive) and `longitude` (east is positive) are degrees. Where the event does not
    happen on a day, as in polar summer and winter, that day has no occurrence.

    >>> SolarSchedule(event="sunset", latitude=52.52, longitude=13.41).describe()
    'every day at sunset at 52.52° N, 13.41° E'
    """

    type: Literal["solar"] = "solar"
    event: Annotated[str, checked_by(lambda text: _check_event(text))]  # noqa: PLW0108  # defined below
    latitude: Annotated[PlainNumber, Field(ge=-90, le=90)]
    longitude: Annotated[PlainNumber, Field(ge=-180, le=180)]

    def _following(self, moment: datetime) -> Occurrence | None:
        day = self._day_of(moment)
        for number in range(day - 1, day + _DAYS_SEARCHED):
            instant = _event_on(number, self.event, self.latitude, self.longitude)
            if instant is not None and instant > moment:
                return self._local(instant)
        return None

    def _day_of(self, moment: datetime) -> int:
        return (moment - _begin_of(0, self.event, self.longitude)) // _DAY

    def _words(self) -> str:
        north = f"{abs(self.latitude):g}° {'N' if self.latitude >= 0 else 'S'}"
        east = f"{abs(self.longitude):g}° {'E' if self.longitude >= 0 else 'W'}"
        return f"every day at {_named(self.event)} at {north}, {east}"


def _begin_of(day: int, event: str, longitude: float) -> datetime:
    """Return where the search for a day's event begins, by the mean sun over the place."""
    return _EPOCH + day * _DAY + timedelta(days=-longitude / 360) + _EVENTS[event].begin


@lru_cache(_DAYS_SEARCHED)  # each search looks at days that the one before it has looked at
def _event_on(day: int, name: str, latitude: float, longitude: float) -> datetime | None:
    """Return when the event happens on a day; the answer does not depend on the moment asked about.

    (A search that began at the moment asked about would find the same event some microseconds apart.)
    """
    event, begin = _EVENTS[name], _begin_of(day, name, longitude)
    import ephem  # half a MiB, for the few schedules that follow the sun

    observer = ephem.Observer()
    observer.lat, observer.lon = math.radians(latitude), math.radians(longitude)
    observer.elevation, observer.pressure, observer.horizon = 0, 0, event.horizon
    options = {"use_center": True} if event.middle else {}
    try:
        found = getattr(observer, event.method)(ephem.Sun(), start=ephem.Date(begin), **options)
    except ephem.CircumpolarError:
        return None
    instant = found.datetime().replace(tzinfo=UTC)
    if instant >= begin + _DAY:
        return None
    rounded: datetime = (instant + _HALF_SECOND).replace(microsecond=0)
    return rounded


def _check_event(event: str) -> None:
    if event not in _EVENTS:
        raise ValueError(unknown_choice(event, list(_EVENTS)))


def _named(event: str) -> str:
    """Return an event's name in words: `dawn_civil` is "civil dawn"."""
    first, _, second = event.partition("_")
    return f"{second} {first}" if first in {"dawn", "dusk"} else event.replace("_", " ")
