"""A real beat follows rules and calendars as they are pasted and exported, up to the ends of the calendar."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
from tests.processes.beats import leading_beat
from tests.samples.spoilt import HANDLER
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

ZONE = "/mozilla.org/20070129_1/Etc/UTC"


def basic(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


def a_calendar(start: datetime, end: datetime) -> str:
    times = [f"{name};TZID={ZONE}:{basic(one)[:-1]}" for name, one in (("DTSTART", start), ("DTEND", end))]
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", *times, "END:VEVENT", "END:VCALENDAR", ""]
    )


def schedules(begin: datetime, busy: Path) -> dict[str, dict[str, Any]]:
    return {
        "pasted": {
            "type": "rrule",
            "rule": f"DTSTART:{basic(begin)}\nRRULE:FREQ=SECONDLY;COUNT=4\n"
            f"EXDATE:{basic(begin + timedelta(seconds=1))}",
        },
        "busy": {"type": "interval", "seconds": 1, "exclude": [{"ics": str(busy)}]},
        "endless": {"type": "interval", "seconds": 1, "end": "9999-12-31", "timezone": "America/New_York"},
    }


def test_pasted_rule_exported_calendar_and_last_day_are_followed(tmp_path: Path) -> None:
    now, hour = utc_now().replace(microsecond=0), timedelta(hours=1)
    busy = tmp_path / "busy.ics"
    busy.write_text(a_calendar(now - 24 * hour, now - 23 * hour) + a_calendar(now - hour, now + hour))
    with RedisServer() as server:
        place = Installation(read_settings(redis_url=server.url, data_dir=tmp_path, notify=()))
        with leading_beat(place):
            begin = utc_now().replace(microsecond=0) + timedelta(seconds=6)
            for task_id, schedule in schedules(begin, busy).items():
                assert place.registry.register(
                    {"id": task_id, "schedule": schedule, "handler": HANDLER, "overlap": "allow"}
                )
            wait_until(lambda: len(place.ledger.runs_of("pasted")) == 3, "the rule has its three runs")
            shown = place.registry.get("pasted")
        assert shown is not None
        assert shown["execution_history"]["next_run"] is None
        occurrences = sorted(run.scheduled_time - begin for run in place.ledger.runs_of("pasted"))
        assert occurrences == [timedelta(seconds=number) for number in (0, 2, 3)]
        assert len(place.ledger.runs_of("endless")) >= 3
        assert place.ledger.runs_of("busy") == []
