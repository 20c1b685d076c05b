"""RedBeat entries under stock RedBeat and under this beat, with one clock: the same fires.

`make chaos` runs it with more entries: SIDE_BY_SIDE_ENTRIES says how many.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import time_machine
from celery import Celery
from celery.schedules import crontab, schedule
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry
from redbeat.schedules import rrule

from beat.scheduler import MissionControlScheduler
from mission_control.installation.installation import create_app
from tests.processes.beats import sent_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mission_control.installation.installation import Installation

BEGIN: Final = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
HANDLER: Final = "handlers.test_handler.run"
ENTRIES: Final = int(os.environ.get("SIDE_BY_SIDE_ENTRIES", "80"))

Fires = defaultdict[str, list[datetime]]


class _Stock(RedBeatScheduler):
    """A stock beat that notes what it would send."""

    def __init__(self, app: Celery, fires: Fires) -> None:
        self._fires = fires
        super().__init__(app, lazy=True)
        self.lock_key = None

    def apply_async(self, entry: Any, **_: Any) -> None:
        self._fires[entry.name].append(datetime.now(UTC))
        self.reserve(entry)  # as Celery's method does before it sends


class _Ours(MissionControlScheduler):
    """One of our beats that notes what it sends."""

    def __init__(self, app: Celery, installation: Installation, fires: Fires) -> None:
        self._fires = fires
        super().__init__(app, installation=installation, deliver=print, lazy=True)

    def apply_async(self, entry: Any, **kwargs: Any) -> Any:
        self._fires[entry.name].append(datetime.now(UTC))
        return super().apply_async(entry, **kwargs)


class SideBySide:
    """A stock beat and one of ours, each with its own Redis, driven by one clock."""

    def __init__(self, installation: Installation, travel: time_machine.Traveller) -> None:
        self._travel = travel
        from fakeredis import FakeRedis

        self._installation = installation
        self.stock_app = Celery("stock", broker="memory://", set_as_current=False)
        self.stock_app.conf.update(redbeat_redis_url="redis://", redbeat_redis_options={"retry_period": None})
        self.stock_app.redbeat_redis = FakeRedis(decode_responses=True)
        self.our_app = create_app("beat", lambda: installation)
        self.stock_fires, self.our_fires = Fires(list), Fires(list)
        self._stock: Any = _Stock(self.stock_app, self.stock_fires)
        self._ours: Any = _Ours(self.our_app, installation, self.our_fires)

    def in_both(self, change: Callable[[Celery], object]) -> None:
        for app in (self.stock_app, self.our_app):
            change(app)

    def to(self, end: datetime) -> None:
        """Let both beats work up to `end`, at every instant at which one of them wants to."""
        now = datetime.now(UTC)
        while now < end:
            stock_again = now + timedelta(seconds=max(self._stock.tick(), 0.001))
            self._ours.fire_due(now)
            soonest: Any = self._installation.client.zrange("redbeat::schedule", 0, 0, withscores=True)
            ours_again = datetime.fromtimestamp(soonest[0][1], UTC) if soonest else end
            now = min(end, max(min(stock_again, ours_again), now + timedelta(milliseconds=1)))
            self._travel.move_to(now, tick=False)


@pytest.fixture
def side_by_side(installation: Installation) -> Iterator[SideBySide]:
    with time_machine.travel(BEGIN, tick=False) as travel:
        yield SideBySide(installation, travel)


def random_schedule(chance: random.Random, now: datetime) -> Any:
    every = chance.choice([240, 300.5, 480, 900, 1_200.25])
    step = chance.choice([10, 12, 15, 20])
    begin = now - timedelta(seconds=chance.randrange(10_000))
    kinds: list[Callable[[], Any]] = [
        lambda: schedule(every),
        lambda: schedule(every, relative=True),
        lambda: crontab(minute=f"*/{step}"),
        lambda: crontab(minute=chance.randrange(60), hour=chance.choice(["9", "10", "*", "*/2"])),
        lambda: crontab(minute="5,25,45", day_of_week=chance.choice(["mon", "tue", "mon-fri"])),
        lambda: rrule("SECONDLY", dtstart=begin, interval=int(every)),
        lambda: rrule("MINUTELY", dtstart=begin, interval=step),
        lambda: rrule("MINUTELY", dtstart=now + timedelta(minutes=step), count=chance.randint(1, 3)),
        lambda: rrule("HOURLY", byminute=[step, 2 * step], bysecond=chance.randrange(60)),
        lambda: rrule("DAILY", byhour=10, byminute=step, byweekday=[0, 1]),
        lambda: rrule("MINUTELY", dtstart=begin, interval=5, until=now + timedelta(minutes=step)),
    ]
    return chance.choice(kinds)()


def save(name: str, their_schedule: Any, app: Celery) -> None:
    RedBeatSchedulerEntry(name, HANDLER, their_schedule, app=app).save()


def meddle(name: str, how: str, app: Celery) -> None:
    """Do to an entry what a program that uses RedBeat may."""
    try:
        entry = RedBeatSchedulerEntry.from_key(f"redbeat:{name}", app=app)
    except KeyError:
        return
    match how:
        case "save":
            entry.save()
        case "toggle":
            entry.enabled = not entry.enabled
            entry.save()
        case "reschedule":
            entry.reschedule()
        case "delete":
            entry.delete()


def test_random_entries_fire_as_under_stock_redbeat(
    side_by_side: SideBySide, installation: Installation
) -> None:
    chance = random.Random(9)
    names = [f"entry-{at}" for at in range(ENTRIES)]
    now = BEGIN
    for name in names:
        now += timedelta(microseconds=chance.randrange(250_000))
        side_by_side.to(now)
        their_schedule = random_schedule(chance, now)
        side_by_side.in_both(lambda app: save(name, their_schedule, app))  # noqa: B023  # called at once
    while now < BEGIN + HOUR:
        now += timedelta(seconds=chance.uniform(60, 240))
        side_by_side.to(now)
        for name in chance.sample(names, 6):
            how = chance.choice(["save", "save", "save", "reschedule", "toggle", "delete"])
            side_by_side.in_both(lambda app: meddle(name, how, app))  # noqa: B023
    ours, stock = side_by_side.our_fires, side_by_side.stock_fires
    assert {name: ours[name] for name in names} == {name: stock[name] for name in names}
    ids = sent_ids(installation.client)
    assert len(ids) == len(set(ids)) == sum(len(fires) for fires in ours.values()) > 2.5 * ENTRIES
