"""Beat driven through a year by a clock of the test's: exactly what the schedules say, on a real server.

`make chaos` runs it with more tasks: YEAR_TASKS says how many.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from beat.scheduler import MissionControlScheduler
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation, create_app
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import from_unix
from mission_control.store import redis_keys
from tests.stage.audit_stream import records_of
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord

pytestmark = pytest.mark.starts_early(60)

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
HANDLER = "handlers.test_handler.run"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
TASKS = int(os.environ.get("YEAR_TASKS", "30"))
"""Each kind of schedule in each zone."""


class Travel:
    """An installation whose time is `now`, and a beat of it that puts nothing on a queue."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.now = NEW_YEAR
        settings = read_settings(redis_url=server.url, data_dir=folder, notify=())
        self.installation = Installation(settings, clock=lambda: self.now)
        self.fired: defaultdict[str, list[datetime]] = defaultdict(list)
        self._beat = MissionControlScheduler(
            create_app("beat", lambda: self.installation),
            installation=self.installation,
            deliver=self._note,
            lazy=True,
        )

    def register(self, **task: Any) -> None:
        # Nothing runs here, so every run would be in the way of the next.
        assert self.installation.registry.register({"handler": HANDLER, "overlap": "allow", **task})

    def to(self, end: datetime) -> None:
        """Go from due instant to due instant up to `end`, firing at each."""
        client = self.installation.client
        while True:
            soonest: Any = client.zrange(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, 0, 0, withscores=True)
            if not soonest or (due := from_unix(soonest[0][1])) > end:
                break
            self.now = max(self.now, due)
            self._beat.fire_due(self.now)
        self.now = end

    def wake_up_at(self, moment: datetime) -> None:
        """Let time pass without a beat, and have it fire then."""
        self.now = moment
        self._beat.fire_due(moment)

    def missed(self, task_id: str) -> dict[datetime, str | None]:
        runs = self.installation.ledger.runs_of(task_id, limit=10_000)
        return {run.scheduled_time: run.reason for run in runs[::-1] if run.state is RunState.MISSED}

    def _note(self, run: RunRecord) -> None:
        self.fired[run.task_id].append(run.scheduled_time)


@pytest.fixture
def travel(tmp_path: Path) -> Iterator[Travel]:
    with RedisServer() as server:
        yield Travel(server, tmp_path)


def mixed_schedule(at: int) -> dict[str, Any]:
    """Return one of many schedules; those of a kind share their instants within a zone."""
    zone = {"timezone": ZONES[at % len(ZONES)]}
    hour, half = at % 24, f"{at % 24:02}:30"
    kinds: list[dict[str, Any]] = [
        {"type": "daily", "time": f"{hour:02}:00"},
        {"type": "daily", "times": ["02:30", half], "exclude": ["saturday", "sunday"]},
        {"type": "weekly", "days": ["mon", "thu"], "time": half},
        {"type": "monthly", "days": [1, 15, "last"], "time": "00:30"},
        {"type": "interval", "hours": 31},
        {"type": "cron", "expression": f"30 {hour}/8 * * *"},
        {"type": "cron", "expression": "0 2 * * 0"},
        {
            "type": "rrule",
            "rule": "FREQ=WEEKLY;BYDAY=TU;BYHOUR=1;BYMINUTE=30",
            "dtstart": "2026-01-01T01:30:00",
        },
        {"type": "daily", "time": "02:30", "dst": {"gap": "skip", "fold": "both"}},
        {"type": "once", "at": f"2026-07-{at % 28 + 1:02}T12:00:00"},
    ]
    return {**kinds[at % len(kinds)], **zone}


def test_beat_with_many_tasks_over_a_year_fires_exactly_their_occurrences(travel: Travel) -> None:
    for at in range(TASKS):
        travel.register(id=f"task-{at}", schedule=mixed_schedule(at))

    travel.to(NEW_YEAR + YEAR)

    tasks = travel.installation.registry.definitions()
    assert len(tasks) == TASKS
    for task in tasks:
        expected = list(task.schedule.occurrences(NEW_YEAR, NEW_YEAR + YEAR))
        assert travel.fired[task.id] == expected, task.schedule.describe()
    assert sum(len(times) for times in travel.fired.values()) > 75 * TASKS


@pytest.mark.parametrize("zone", ZONES[:2])
@pytest.mark.parametrize("month", [3, 10, 11])
def test_weekend_with_a_clock_change_fires_each_occurrence_once(
    travel: Travel, zone: str, month: int
) -> None:
    begin = datetime(2026, month, 1, tzinfo=UTC)
    travel.now = begin
    for name, expression in {"nightly": "30 1,2 * * *", "often": "*/30 * * * *"}.items():
        travel.register(id=name, schedule={"type": "cron", "expression": expression, "timezone": zone})
    travel.to(begin + timedelta(days=10))
    for task in travel.installation.registry.definitions():
        expected = list(task.schedule.occurrences(begin, begin + timedelta(days=10)))
        assert travel.fired[task.id] == expected
    assert len(travel.fired["often"]) == 480


def test_month_of_downtime_accounts_for_every_occurrence(travel: Travel) -> None:
    daily = {"type": "daily", "time": "09:00"}
    policies: dict[str, dict[str, Any]] = {
        "latest": {"policy": "latest"},
        "all": {"policy": "all", "grace_seconds": 40 * 86_400},
        "some": {"policy": "all", "max_catch_up": 5, "grace_seconds": 40 * 86_400},
        "none": {"policy": "all", "max_catch_up": 0, "grace_seconds": 40 * 86_400},
        "skip": {"policy": "skip"},
        "stale": {"policy": "latest", "grace_seconds": 60},
    }
    for name, misfire in policies.items():
        travel.register(id=name, schedule=daily, misfire=misfire)

    travel.wake_up_at(NEW_YEAR + timedelta(days=31))

    fired = {name: len(travel.fired[name]) for name in policies}
    assert fired == {"latest": 1, "all": 31, "some": 5, "none": 0, "skip": 0, "stale": 0}
    every = [NEW_YEAR + timedelta(days=day, hours=9) for day in range(31)]
    for name in policies:
        missed = travel.missed(name)
        assert sorted([*missed, *travel.fired[name]]) == every
        assert all(missed.values()), "each has its reason"
        audited = [one for one in records_of(travel.installation, name) if one["status"] == "missed"]
        assert [one["execution_id"] for one in audited] == [
            occurrence_execution_id(name, at) for at in missed
        ]
        assert [one["reason"] for one in audited] == list(missed.values())
        assert all(one["final"] for one in audited)
    travel.to(travel.now + timedelta(days=1))
    assert all(travel.fired[name][-1] == every[-1] + timedelta(days=1) for name in policies)


def test_clock_stepped_back_fires_nothing_twice(travel: Travel) -> None:
    travel.register(id="hourly", schedule={"type": "interval", "hours": 1})
    travel.to(NEW_YEAR + timedelta(hours=5))
    travel.now = NEW_YEAR
    travel.to(NEW_YEAR + timedelta(hours=8))
    assert travel.fired["hourly"] == [NEW_YEAR + timedelta(hours=hour) for hour in range(1, 9)]


def test_clock_stepped_forward_misfires_like_a_downtime(travel: Travel) -> None:
    travel.register(id="hourly", schedule={"type": "interval", "hours": 1})
    travel.wake_up_at(NEW_YEAR + timedelta(hours=3))
    assert travel.fired["hourly"] == [NEW_YEAR + timedelta(hours=3)]
    assert list(travel.missed("hourly")) == [NEW_YEAR + timedelta(hours=1), NEW_YEAR + timedelta(hours=2)]
