from __future__ import annotations

from pathlib import Path

import pytest
import rich_click as click

from mission_control.cli.terminal.failures import CommandError, ExitCode, exit_code_of, report_failures
from mission_control.errors import (
    AuditWriteError,
    EmbeddedServerError,
    HandlerError,
    InvalidTaskError,
    Problem,
    RunTimeoutError,
    SettingsError,
    StoreUnavailableError,
    TaskFileError,
    UnknownTaskError,
)
from tests.stage.command_line import mc

PROBLEMS = [Problem("schedule.time", "'25:00' is no time"), Problem("id", "is missing")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownTaskError("x"), 3),
        (InvalidTaskError(PROBLEMS), 2),
        (TaskFileError("x"), 2),
        (SettingsError("x"), 2),
        (StoreUnavailableError("x"), 5),
        (EmbeddedServerError("x"), 5),
        (RunTimeoutError("x"), 6),
        (HandlerError("x"), 1),
        (CommandError("x", ExitCode.REFUSED), 4),
        (click.UsageError("x"), 2),
        (AuditWriteError(Path("audit.jsonl"), OSError("x")), 7),
        (ZeroDivisionError("x"), 1),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else str(one),
)
def test_error_of_each_kind_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def test_bad_definition_reports_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise InvalidTaskError(PROBLEMS, subject="task 'a'")

    assert report_failures(fail) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: task 'a': 2 problems\n  schedule.time: '25:00' is no time\n  id: is missing\n"


def test_instants_in_an_error_are_shown_in_the_users_zone_but_not_those_that_it_quotes(
    capsys: pytest.CaptureFixture[str], bare_environment: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise UnknownTaskError("'2026-07-01T08:00:00Z' is none; the nearest to come: 2026-07-01T09:00:00Z")

    bare_environment.setenv("TZ", "Europe/Berlin")
    assert report_failures(fail) == ExitCode.NOT_FOUND
    said = "error: '2026-07-01T08:00:00Z' is none; the nearest to come: 2026-07-01 11:00:00 Europe/Berlin\n"
    assert capsys.readouterr().err == said


def test_unexpected_error_is_reported_in_one_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    assert report_failures(fail) == ExitCode.FAILED
    assert capsys.readouterr().err.startswith("error: unexpected ZeroDivisionError: division by zero; ")


def test_text_quoted_by_an_error_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise UnknownTaskError("no task \x1b[2J[bold]")

    report_failures(fail)
    assert capsys.readouterr().err == "error: no task \\x1b[2J[bold]\n"


def test_debug_option_shows_the_traceback(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZONE", "Mars/Olympus")
    plain, debug = mc("status"), mc("--debug", "status")
    assert (plain.code, debug.code) == (2, 2)
    assert "MISSION_CONTROL_TIMEZONE" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err
