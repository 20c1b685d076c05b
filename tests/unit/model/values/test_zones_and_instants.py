from __future__ import annotations

import zoneinfo
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from mission_control.model.values.instants import format_instant, parse_instant, parse_moment
from mission_control.model.values.zones import zone

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
        ("PARIS", "Europe/Paris"),
        ("US Eastern", "US/Eastern"),
        ("Pacific Standard Time", "America/Los_Angeles"),
        ("Pacific Daylight Time", "America/Los_Angeles"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("PST", "America/Los_Angeles"),
        ("JST", "Asia/Tokyo"),
        ("Z", "UTC"),
        ("Kyev", "Europe/Kyiv"),
    ],
)
def test_misspelt_zone_error_suggests_the_intended_one(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'is not a time zone; did you mean "{meant}"'):
        zone(name)


@pytest.mark.parametrize(
    "name",
    [
        "GMT+2",
        "UTC+2",
        "UTC-05:00",
        "+02:00",
        "Etc/GMT+25",
        "CST",
        "CEST",
        "IST",
        "Roman Time",
        "localtime",
        "Factory",
        "A",
        "local",
    ],
)
def test_zone_name_that_could_mean_several_is_refused_without_a_suggestion(name: str) -> None:
    with pytest.raises(ValueError, match='write an IANA name, for example "Europe/Berlin"'):
        zone(name)


@pytest.mark.parametrize("name", ["right/Europe/Berlin", "posix/Europe/Berlin", "posixrules", "Factory"])
def test_name_that_only_the_system_has_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(files("tzdata.zoneinfo").joinpath("UTC").read_bytes())
    zoneinfo.reset_tzpath([tmp_path])
    try:
        assert zoneinfo.ZoneInfo.no_cache(name).key == name
        with pytest.raises(ValueError, match="is not a time zone"):
            zone(name)
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    "name", ["", "../etc/passwd", "/etc/localtime", "localtime", "x" * 100_000, "Europe/", "a\0b"]
)
def test_invalid_zone_is_refused_with_a_short_message(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone") as refused:
        zone(name)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-16T09:00:00Z",
        "2025-10-16T09:00:00.250Z",
        "2025-10-16T09:00:00.000001Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_instant_is_written_as_it_was_read(text: str) -> None:
    assert format_instant(parse_instant(text)) == text


@pytest.mark.parametrize(
    "text", ["2025-10-16T09:00", "2025-10-16", "20251016T090000Z", "2025-02-30T00:00Z", "x" * 9999]
)
def test_invalid_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a moment|no offset"):
        parse_instant(text)


def test_moment_without_offset_stays_local() -> None:
    assert parse_moment("2025-10-16 09:00").tzinfo is None
    with pytest.raises(ValueError, match="no time zone"):
        format_instant(datetime(2025, 10, 16))  # noqa: DTZ001
