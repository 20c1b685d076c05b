from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mission_control.cli.live.log_line import LogReader
from mission_control.cli.live.log_pipe import LogPipes
from mission_control.cli.live.restart_policy import GiveUp, RestartIn, decide_restart
from mission_control.cli.terminal.wording import duration, in_how_long
from tests.stage.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PREFIX = "[2026-03-01 12:00:00,001: INFO/MainProcess] "


def shown(*lines: str) -> list[str]:
    reader = LogReader()
    return [line.text for raw in lines if (line := reader.read(raw)) is not None]


def test_the_banner_before_the_first_logged_line_is_not_shown() -> None:
    assert shown(" -------------- celery@host", "- *** --- * ---", f"{PREFIX}ready.") == ["ready."]


def test_what_the_audit_stream_says_better_is_not_shown_nor_what_belongs_to_it() -> None:
    lines = (f"{PREFIX}Task handlers.hello.run[a@1] retry: Retry in 1s", "Traceback (most recent call last):")
    assert shown(*lines, f"{PREFIX}fired") == ["fired"]


def test_a_traceback_keeps_the_level_of_its_line() -> None:
    reader = LogReader()
    reader.read("[2026-03-01 12:00:00,001: ERROR/MainProcess] it broke")
    line = reader.read("Traceback (most recent call last):")
    assert line is not None
    assert line.is_trouble


def test_the_last_lines_of_a_service_that_a_message_names_are_kept_hidden_ones_too() -> None:
    seen: list[tuple[str, str]] = []
    pipes = LogPipes(lambda name, line: seen.append((name, line.text)))
    with pipes.open("beat") as output:
        output.write(f"no module named beat\n{PREFIX}bye\n".encode())
    wait_until(lambda: seen, "the logged line is shown")
    assert seen == [("beat", "bye")]
    assert "no module named beat" in pipes.last_lines_of_named("beat ended with exit code 1")
    assert pipes.last_lines_of_named("worker ended with exit code 1") == ""


@pytest.mark.parametrize(("count", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0)])
def test_each_end_within_a_minute_doubles_the_delay(count: int, seconds: float) -> None:
    assert decide_restart([NOON] * count, NOON) == RestartIn(timedelta(seconds=seconds))


def test_a_service_that_does_not_stay_up_is_given_up() -> None:
    assert decide_restart([NOON] * 6, NOON) == GiveUp()


def test_ends_that_are_long_ago_are_forgiven() -> None:
    ends = [NOON - timedelta(minutes=2)] * 20
    assert decide_restart([*ends, NOON], NOON) == RestartIn(timedelta(seconds=0.5))


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
def test_durations_are_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_the_present_is_now() -> None:
    assert in_how_long(NOON + timedelta(milliseconds=100), NOON) == "now"
    assert in_how_long(NOON + timedelta(milliseconds=900), NOON) == "in 0.9 s"
