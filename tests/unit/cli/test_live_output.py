from __future__ import annotations

import errno
import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mission_control.cli.live.service_output import LogLine, LogPipes, LogReader
from mission_control.cli.terminal.wording import in_how_long
from mission_control.cli.up.screen import Screen
from mission_control.model.values.quantities import duration
from tests.stage.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PREFIX = "[2026-03-01 12:00:00,001: INFO/MainProcess] "


def shown(*lines: str) -> list[str]:
    reader = LogReader()
    return [line.text for raw in lines if (line := reader.read(raw)) is not None]


def test_log_lines_repeated_by_the_audit_stream_are_hidden() -> None:
    lines = (f"{PREFIX}Task handlers.hello.run[a@1] retry: Retry in 1s",)
    assert shown(*lines, f"{PREFIX}fired") == ["fired"]


def test_printed_lines_are_shown_wherever_they_come() -> None:
    hidden = f"{PREFIX}Task handlers.hello.run[a@1] received"
    lines = (
        "at import",
        " ---------- looks like a banner",
        "goes on",
        hidden,
        "at run",
        f"{PREFIX}fired",
        "later",
    )
    assert shown(*lines) == [
        "at import",
        " ---------- looks like a banner",
        "goes on",
        "at run",
        "fired",
        "later",
    ]


def test_traceback_line_has_the_level_of_its_log_line() -> None:
    reader = LogReader()
    reader.read("[2026-03-01 12:00:00,001: ERROR/MainProcess] it broke")
    line = reader.read("Traceback (most recent call last):")
    assert line is not None
    assert line.is_trouble


def test_printed_line_is_shown_whole_with_its_indentation(capsys: pytest.CaptureFixture[str]) -> None:
    Screen("UTC", lambda: NOON).log("worker", LogLine("", "INFO", f"    File {'x' * 1_000}\x1b[31m"))
    assert f"worker       File {'x' * 1_000}\\x1b[31m\n" in capsys.readouterr().err


class FullDisk(io.StringIO):
    """A log file on a full disk."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", text)


def test_full_disk_under_the_log_loses_a_line_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", FullDisk())
    Screen("UTC", lambda: NOON).say("lost")


def test_last_lines_of_a_named_service_include_hidden_ones() -> None:
    seen: list[tuple[str, str]] = []
    pipes = LogPipes(lambda name, line: seen.append((name, line.text)))
    with pipes.open("beat") as output:
        output.write(f"no module named beat\n{PREFIX}bye\n".encode())
    wait_until(lambda: len(seen) == 2, "the logged line is shown")
    assert seen == [("beat", "no module named beat"), ("beat", "bye")]
    assert "no module named beat" in pipes.last_lines_of_named("beat ended with exit code 1")
    assert pipes.last_lines_of_named("worker ended with exit code 1") == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (3_600, "1 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_duration_in_words_has_at_most_two_units(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_present_moment_in_words_is_now() -> None:
    assert in_how_long(NOON + timedelta(milliseconds=100), NOON) == "now"
    assert in_how_long(NOON + timedelta(milliseconds=900), NOON) == "in 0.9 s"
