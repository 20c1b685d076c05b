"""Troubles of the environment that pass: no task is retired by them, and no occurrence is lost in silence."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.stream.reader import tail
from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from mission_control.model.runs.run_state import RunState
from tests.processes.beats import leading_beat
from tests.samples.spoilt import HANDLER
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mission_control.model.runs.run_record import RunRecord
    from tests.processes.beats import BeatProcess

CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20200101\r\nSUMMARY:long ago\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with RedisServer() as server:
        folder = tmp_path_factory.mktemp("passing")
        installation = Installation(read_settings(redis_url=server.url, data_dir=folder, notify=()))
        yield installation


@contextmanager
def beat_of(place: Installation, environment: Mapping[str, str] | None = None) -> Iterator[BeatProcess]:
    """A beat that ends in good order, so that the next one leads at once."""
    with leading_beat(place, environment) as process:
        yield process
        process.stop()


def register_every_second(place: Installation, task_id: str, calendar: Path) -> None:
    calendar.write_text(CALENDAR, newline="")
    schedule = {"type": "interval", "seconds": 1, "exclude": [{"ics": str(calendar)}]}
    # A machine under load may fire one late; none may be left out for it.
    task = {
        "id": task_id,
        "schedule": schedule,
        "handler": HANDLER,
        "misfire": {"policy": "all"},
        "overlap": "allow",
    }
    assert place.registry.register(task)


def runs(place: Installation, task_id: str, state: RunState) -> list[RunRecord]:
    return [run for run in place.ledger.runs_of(task_id, limit=1_000) if run.state is state]


def state(place: Installation, task_id: str) -> Any:
    shown = place.registry.get(task_id)
    assert shown is not None
    return shown["execution_history"]["state"]


def changes(place: Installation, task_id: str) -> list[str]:
    return [one["change"] for one in tail(place.settings.task_changes_log, 10, task_id=task_id)]


def fires_again(place: Installation, task_id: str) -> None:
    since = utc_now()
    wait_until(
        lambda: any(run.scheduled_time > since for run in runs(place, task_id, RunState.DISPATCHED)),
        f"{task_id} fires",
    )


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(100_000_000)


def cut(path: Path) -> None:
    path.write_text(CALENDAR[:90], newline="")


def test_calendar_that_fails_in_any_way_holds_with_its_last_content(
    place: Installation, tmp_path: Path
) -> None:
    calendar = tmp_path / "calendar.ics"
    register_every_second(place, "lasting", calendar)
    with beat_of(place) as beat:
        fires_again(place, "lasting")
        for spoil in (cut, grow, os.unlink, os.mkfifo, replace_by_directory):
            spoil(calendar)
            fires_again(place, "lasting")
            assert state(place, "lasting") == "enabled"
        assert beat.log.count("calendar_unreadable") == 1
    assert runs(place, "lasting", RunState.MISSED) == []
    place.registry.unregister("lasting")


def test_calendar_that_a_new_beat_cannot_read_makes_each_occurrence_missed_until_it_can(
    place: Installation, tmp_path: Path
) -> None:
    calendar = tmp_path / "calendar.ics"
    register_every_second(place, "waiting", calendar)
    calendar.rename(tmp_path / "elsewhere")
    with beat_of(place):
        wait_until(lambda: state(place, "waiting") == "quarantined", "the task is quarantined")
        wait_until(lambda: len(runs(place, "waiting", RunState.MISSED)) >= 2, "occurrences are missed")
        (tmp_path / "elsewhere").rename(calendar)
        fires_again(place, "waiting")
        wait_until(lambda: state(place, "waiting") == "enabled", "the quarantine ends")
        wait_until(
            lambda: changes(place, "waiting") == ["registered", "quarantined", "restored"], "it is recorded"
        )
    missed = runs(place, "waiting", RunState.MISSED)
    assert all(run.reason and run.reason.startswith("quarantined: ") for run in missed)
    assert all("cannot be read: No such file" in str(run.reason) for run in missed)
    times = sorted(run.scheduled_time for run in place.ledger.runs_of("waiting", limit=1_000))
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=1)}
    place.registry.unregister("waiting")


def test_task_whose_zone_data_was_missing_fires_again_without_a_restart(
    place: Installation, tmp_path: Path
) -> None:
    zones = tmp_path / "zoneinfo"
    schedule = {"type": "interval", "seconds": 1, "timezone": "Europe/Berlin"}
    assert place.registry.register(
        {"id": "zoned", "schedule": schedule, "handler": HANDLER, "overlap": "allow"}
    )
    # The tzdata package has the zone as well, so a damaged file stands for zone data that is not there.
    (zones / "Europe").mkdir(parents=True)
    (zones / "Europe/Berlin").write_bytes(b"no zone")
    with beat_of(place, {"PYTHONTZPATH": str(zones)}):
        wait_until(lambda: state(place, "zoned") == "quarantined", "the task is quarantined")
        (zones / "Europe/Berlin").unlink()
        fires_again(place, "zoned")
    assert state(place, "zoned") == "enabled"
