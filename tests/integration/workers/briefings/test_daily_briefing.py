"""The daily briefing of a real ledger and registry, on a throw-away server.

This file has more than 250 lines because a briefing is one page, and the test compares the whole page.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.samples.lived_runs import NOW, context, ran, register, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mission_control.installation.installation import Installation


@pytest.fixture
def briefing(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.daily_briefing.run")


def a_day(installation: Installation) -> None:
    """Fill ledger and registry with a day's life."""
    register(installation, "backup", {"type": "daily", "times": ["02:00", "14:00"]}, name="Backup")
    register(installation, "ping", {"type": "interval", "minutes": 15})
    register(installation, "brief", {"type": "daily", "time": "09:00"}, name="Daily Briefing")
    register(installation, "asleep", {"type": "daily", "time": "10:00"}, enabled=False)
    ran(installation, "backup", NOW - timedelta(hours=40))
    ran(
        installation,
        "backup",
        NOW - timedelta(hours=19),
        RunState.FAILURE,
        error="OSError: no space left\nmore",
    )
    ran(installation, "backup", NOW - timedelta(hours=7), RunState.FAILURE, error="OSError: no space left")
    ran(installation, "ping", NOW - timedelta(hours=5), attempts=3, seconds=70)
    ran(installation, "ping", NOW - timedelta(hours=4), RunState.TIMED_OUT, error="ran too long")
    ran(installation, "ping", NOW - timedelta(hours=3))
    ran(installation, "report", NOW - timedelta(hours=2), RunState.MISSED, reason="no beat was running")
    ran(installation, "ping", NOW - timedelta(hours=1), RunState.SKIPPED, reason="overlap")
    ran(installation, "mail", NOW - timedelta(minutes=30), RunState.RETRYING, error="no route",
        retry_at=NOW + timedelta(minutes=5))  # fmt: skip


def test_briefing_reports_the_day_with_bad_news_first(installation: Installation, briefing: Any) -> None:
    a_day(installation)
    result = briefing(context())
    assert result["output"]["summary"] == "3 runs failed, 1 missed, 1 skipped; 2 tasks due today"
    assert result["output"]["path"] == str(
        installation.settings.data_dir.resolve() / "briefings" / "2025-10-16-brief.md"
    )
    assert text_of(result) == EXPECTED_BRIEFING


EXPECTED_BRIEFING = """\
# Daily briefing: Thursday, 16 October 2025

**3 runs failed, 1 missed, 1 skipped; 2 tasks due today**

From Wed 15 Oct 09:00 to Thu 16 Oct 09:00; all times are Europe/Berlin.

## Failed

- **Backup** (`backup`): 2 of 2 runs failed, last Thu 16 Oct 02:00:03
  - 2 times: `OSError: no space left`
  - has not succeeded since
- `ping`: 1 of 3 runs failed, last Thu 16 Oct 05:00:03
  - 1 time: `ran too long`
  - has succeeded since, Thu 16 Oct 06:00:03

## Missed

- `report`: 1 missed, Thu 16 Oct 07:00: `no beat was running`

## Skipped

- `ping`: 1 skipped, Thu 16 Oct 08:00: `overlap`

## Waiting for a retry

- `mail`: attempt 1 failed, next attempt Thu 16 Oct 09:05: `no route`

## Ran

| Task | Runs | Succeeded | Retries | Longest |
| --- | ---: | ---: | ---: | ---: |
| **Backup** (`backup`) | 2 | 0 | 0 | 2 s |
| `ping` | 3 | 2 | 2 | 1 min 10 s |

## Due today

- 14:00: **Backup** (`backup`)
- every 15 minutes (59 times): `ping`

---

Written by the run `brief@1`.
"""


def test_uneventful_day_gives_a_short_briefing(briefing: Any) -> None:
    result = briefing(context())
    assert result["output"]["summary"] == "Nothing ran; nothing more due today"
    assert "## " not in text_of(result)


def test_day_without_failures_says_that_all_runs_succeeded(installation: Installation, briefing: Any) -> None:
    for hours in (3, 2, 1):
        ran(installation, "ping", NOW - timedelta(hours=hours))
    assert briefing(context())["output"]["summary"] == "All 3 runs succeeded; nothing more due today"


def test_briefing_starts_at_the_last_one_and_omits_itself(installation: Installation, briefing: Any) -> None:
    ran(installation, "ping", NOW - timedelta(hours=60))
    ran(installation, "brief", NOW - timedelta(hours=48))
    ran(installation, "ping", NOW - timedelta(hours=40))
    text = text_of(briefing(context(last_success_time=NOW - timedelta(hours=47))))
    assert "From Tue 14 Oct 09:00:01 to" in text
    assert "| `ping` | 1 | 1 |" in text
    assert "| `brief` |" not in text


def test_run_that_ended_during_the_last_briefing_is_reported(
    installation: Installation, briefing: Any
) -> None:
    ran(installation, "brief", NOW - timedelta(hours=24), seconds=30)
    ran(installation, "ping", NOW - timedelta(hours=24), seconds=5)
    assert "| `ping` | 1 |" in text_of(briefing(context()))


def test_briefing_without_earlier_run_starts_at_the_last_success(
    installation: Installation, briefing: Any
) -> None:
    ran(installation, "ping", NOW - timedelta(hours=2))
    ran(installation, "ping", NOW - timedelta(hours=5))
    assert "| `ping` | 1 |" in text_of(briefing(context(last_success_time=NOW - timedelta(hours=3))))


def test_retry_overwrites_its_own_file_and_another_run_gets_a_new_one(
    installation: Installation, briefing: Any
) -> None:
    first = briefing(context("brief@1"))["output"]["path"]
    second = briefing(context("brief@2"))["output"]["path"]
    ran(installation, "ping", NOW - timedelta(hours=1))
    again = briefing(context("brief@1"))
    assert [Path(path).name for path in (first, second)] == ["2025-10-16-brief.md", "2025-10-16-brief-2.md"]
    assert again["output"]["path"] == first
    assert "`ping`" in Path(first).read_text()
    assert "`brief@2`" in Path(second).read_text()
    assert Path(first).stat().st_mode & 0o777 == 0o600


def test_configured_notes_and_calendar_are_reported(briefing: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    write_note(
        notes / "idea.md", "---\ntags: x\n---\n# A good *idea*\n\nDo it soon.\n", NOW - timedelta(hours=2)
    )
    write_note(notes / "work" / "plan.md", "Only text <b>here</b>", NOW - timedelta(hours=1))
    write_note(notes / "old.md", "# Old", NOW - timedelta(days=3))
    write_note(notes / ".trash" / "gone.md", "# Gone", NOW - timedelta(hours=1))
    calendar = tmp_path / "mine.ics"
    calendar.write_text(CALENDAR)
    text = text_of(briefing(context(params={"notes_dir": str(notes), "calendar": str(calendar)})))
    assert (
        text.partition("## Calendar")[2].partition("---")[0]
        == """

- All day: Holiday
- 08:00-08:15: Stand-up, Room \\<3\\>
- 20:30: Lights out
- From 23:00: Night train

## Notes

- **plan** (`work/plan.md`, Thu 16 Oct 08:00): Only text \\<b\\>here\\</b\\>
- **A good \\*idea\\*** (`idea.md`, Thu 16 Oct 07:00): Do it soon.

"""
    )


def write_note(path: Path, text: str, changed_at: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (changed_at.timestamp(), changed_at.timestamp()))


CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20251016
DTEND;VALUE=DATE:20251017
SUMMARY:Holiday
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:20251001T060000Z
DTEND:20251001T061500Z
RRULE:FREQ=DAILY
SUMMARY:Stand-up
LOCATION:Room <3>
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART:20251016T203000
SUMMARY:Lights out
END:VEVENT
BEGIN:VEVENT
UID:4
DTSTART:20251016T210000Z
DTEND:20251017T050000Z
SUMMARY:Night train
END:VEVENT
BEGIN:VEVENT
UID:5
DTSTART:20251016T100000Z
SUMMARY:Called off
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:6
DTSTART;VALUE=DATE:20251015
DTEND;VALUE=DATE:20251016
SUMMARY:Yesterday
END:VEVENT
END:VCALENDAR
"""


def test_unreadable_sources_are_listed_and_the_briefing_is_written(briefing: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ics"
    bad.write_text("no calendar")
    params = {"notes_dir": str(tmp_path / "nowhere"), "calendar": str(bad)}
    text = text_of(briefing(context(params=params)))
    listed = text.partition("## Could not read")[2]
    assert f"- the calendar {bad}: " in listed
    assert "is not an iCalendar file" in listed
    assert f"- the notes in {tmp_path}/nowhere: No such file or directory" in listed
    assert "## Calendar" not in text


def test_invalid_task_is_listed_and_the_others_are_reported(
    installation: Installation, briefing: Any
) -> None:
    register(installation, "noon", {"type": "daily", "time": "12:00"})
    register(installation, "one", {"type": "daily", "time": "12:00"})
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("one")
    stored = str(installation.client.hget(entry, "task"))
    installation.client.hset(entry, "task", stored.replace("12:00", "noon"))
    result = briefing(context())
    assert result["output"]["summary"] == "Nothing ran; 1 task due today; not everything could be read"
    assert "- the task one: schedule.time" in text_of(result).partition("## Could not read")[2]


def test_malformed_event_omits_the_calendar_and_keeps_the_briefing(briefing: Any, tmp_path: Path) -> None:
    odd = tmp_path / "odd.ics"
    odd.write_text(CALENDAR.replace("DTSTART:20251016T203000", "DTSTART:yesterday"))
    assert (
        "the calendar"
        in text_of(briefing(context(params={"calendar": str(odd)}))).partition("## Could not")[2]
    )


def test_fixed_delay_task_is_shown_by_its_rule(installation: Installation, briefing: Any) -> None:
    register(installation, "slow", {"type": "interval", "hours": 6, "measure_from": "finish"})
    text = text_of(briefing(context()))
    assert "- every 6 hours after the end of the previous run (at most 2 times): `slow`" in text


def test_foreign_text_does_not_act_as_markdown(installation: Installation, briefing: Any) -> None:
    register(installation, "evil", {"type": "daily", "time": "23:00"}, name="<script>|[x](y)")
    ran(installation, "evil", NOW - timedelta(hours=1), RunState.FAILURE,
        error="`</script>` \x1b[2J token=abc123def\nsecond line")  # fmt: skip
    text = text_of(briefing(context()))
    assert "**\\<script\\>\\|\\[x\\](y)** (`evil`)" in text
    assert "`'</script>' \\x1b[2J token=***`" in text


def test_own_time_zone_decides_the_day(briefing: Any) -> None:
    result = briefing(
        context(params={"timezone": "Pacific/Auckland"}, now=datetime(2025, 10, 16, 20, tzinfo=UTC))
    )
    assert Path(result["output"]["path"]).name == "2025-10-17-brief.md"


@pytest.mark.parametrize(
    ("params", "problem"),
    [({"timezone": "Europe/Berln"}, "Europe/Berlin"), ({"note_dir": "x"}, 'did you mean "notes_dir"?')],
)
def test_invalid_params_fail_with_the_problem(briefing: Any, params: dict[str, Any], problem: str) -> None:
    result = briefing(context(params=params))
    assert result["status"] == "failure"
    assert problem in result["error"]
