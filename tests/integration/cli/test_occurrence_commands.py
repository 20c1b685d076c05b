"""`task skip`, `task unskip` and `task move`, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import mc

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("tea")

YEARLY = '{"type": "cron", "expression": "0 9 1 1 *", "timezone": "Europe/Berlin"}'
FIRST, SECOND = "2097-01-01T08:00:00Z", "2098-01-01T08:00:00Z"


@pytest.fixture
def tea(installation: Installation, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Europe/Berlin")
    assert not installation.registry.ids()
    answer = mc("task", "add", "--id", "tea", "--schedule", YEARLY, "--handler", "handlers.hello.run")
    assert answer.code == 0, answer.err


def test_changed_occurrences_are_shown_wherever_their_task_is() -> None:
    assert mc("task", "skip", "tea", "--at", "2097-01-01T09:00", "--reason", "no\x1b[2J water").code == 0
    moved = mc("task", "move", "tea", "--at", SECOND, "--to", "2098-01-02T10:30", "--reason", "cake")
    assert moved.code == 0, moved.err
    assert moved.err.startswith("tea@20980101T080000Z: moved to 2098-01-02 10:30:00 Europe/Berlin by ")
    shown = mc("next", "tea", "--from", "2096-12-01T00:00").out
    for text in (shown, mc("task", "show", "tea").out, mc("status").out):
        assert "skipped by hand by" in text
        assert "water" in text
        assert "cake" in text
        assert "\x1b" not in text
    assert "2098-01-02 10:30:00" in shown
    assert "2098-01-01 09:00:00 moved to" in shown
    first, second, third = mc("next", "tea", "--from", "2096-12-01T00:00", "-n", "3", "--json").json
    assert first["scheduled_time"] == FIRST
    assert first["skipped"].startswith("skipped by hand by ")
    assert (second["scheduled_time"], second["moved_to"]) == (SECOND, "2098-01-02T09:30:00Z")
    assert third.keys() == {"scheduled_time", "local"}
    changed = mc("status", "--json").json["changed_occurrences"]
    assert [one["execution_id"] for one in changed] == ["tea@20970101T080000Z", "tea@20980101T080000Z"]
    assert [(one["skipped"], one["moved_to"], one["void"]) for one in changed] == [
        (True, None, False),
        (False, "2098-01-02T09:30:00Z", False),
    ]

    assert mc("task", "unskip", "tea", "--next").err == "tea@20970101T080000Z: runs at its own time\n"
    assert "skipped" not in mc("next", "tea", "--from", "2096-12-01T00:00").out


def test_edit_reports_a_change_without_its_occurrence(caplog: pytest.LogCaptureFixture) -> None:
    mc("task", "skip", "tea", "--at", FIRST)
    mc("task", "update", "tea", "--schedule", YEARLY.replace("0 9", "0 10"))
    assert "event=occurrence_change_void task_id=tea execution_id=tea@20970101T080000Z" in caplog.text
    for args in (("task", "show", "tea"), ("status",)):
        assert "its schedule no longer has this occurrence" in mc(*args).out
    assert mc("status", "--json").json["changed_occurrences"][0]["void"] is True


@pytest.mark.parametrize(
    ("args", "code", "reported"),
    [
        (["skip", "tea"], 2, "give either --at or --next"),
        (["unskip", "tea", "--next", "--at", FIRST], 2, "give either --at or --next"),
        (["move", "tea", "--next"], 2, "Missing option '--to'"),
        (["skip", "tae", "--next"], 3, 'did you mean "tea"?'),
        (
            ["skip", "tea", "--at", "2097-01-01T08:00"],
            3,
            "to come: 2096-01-01 09:00:00 Europe/Berlin and 2097-01-01 09:00:00 Europe/Berlin",
        ),
        (["skip", "tea", "--at", "2020-01-01T08:00:00Z"], 3, "was due already; the nearest to come: "),
        (["skip", "tea", "--at", "soon"], 2, "is not a moment"),
        (["unskip", "tea", "--next"], 3, "no occurrence of 'tea' is skipped or moved; none is"),
        (["move", "tea", "--at", FIRST, "--to", "2020-01-01T08:00:00Z"], 2, "is not in the future"),
        (["move", "tea", "--at", FIRST, "--to", "2096-10-28T02:30"], 2, "exists twice; write"),
    ],
)
def test_bad_input_changes_nothing(args: list[str], code: int, reported: str) -> None:
    answer = mc("task", *args)
    assert answer.code == code
    assert reported in answer.err
    assert mc("status", "--json").json["changed_occurrences"] == []


def test_dry_run_says_what_would_be_and_changes_nothing() -> None:
    assert mc("task", "skip", "tea", "--next", "--dry-run").err.endswith("(dry run)\n")
    assert mc("status", "--json").json["changed_occurrences"] == []
