from __future__ import annotations

import re
from pathlib import Path

import pytest

import mission_control.cli
from mission_control.cli.terminal.wording import own_zone


@pytest.mark.parametrize(
    ("setting", "tz", "zone"),
    [
        (None, None, "UTC"),
        (None, "Europe/Berlin", "Europe/Berlin"),
        (None, ":Asia/Tokyo", "Asia/Tokyo"),
        (None, "CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        (None, "/etc/localtime", "UTC"),
        ("Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"),
        ("UTC", "Europe/Berlin", "UTC"),
    ],
)
def test_own_zone_is_the_setting_else_tz_else_utc(
    setting: str | None, tz: str | None, zone: str, bare_environment: pytest.MonkeyPatch
) -> None:
    for name, value in (("MISSION_CONTROL_TIMEZONE", setting), ("TZ", tz)):
        if value is not None:
            bare_environment.setenv(name, value)
    assert own_zone().key == zone


def test_no_command_shows_times_in_another_zone_than_the_users() -> None:
    folder = Path(mission_control.cli.__file__).parent
    texts = {path: path.read_text("utf-8") for path in folder.rglob("*.py") if path.name != "own_zone.py"}
    pattern = re.compile(r"settings\.timezone|local_time\([^()]*, (UTC|[a-z_.]*schedule\.zone)\)")
    assert {
        str(path.relative_to(folder)): pattern.findall(text)
        for path, text in texts.items()
        if pattern.search(text)
    } == {}
