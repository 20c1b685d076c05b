"""The address of the monitor, which holds a token."""

from __future__ import annotations

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.errors import SettingsError


@pytest.mark.parametrize(
    "url",
    [
        "monitor.example/hunter2",
        "ftp://monitor.example/hunter2",
        "https:///hunter2",
        "https://monitor.example:port/hunter2",
        "https://monitor.example/hunter2 x",
        "https://monitor.example/hunter2#x",
        "https://monitor.example/h\u00fcnter2hunter2",
    ],
)
def test_heartbeat_url_that_cannot_be_called_is_refused_without_being_quoted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_HEARTBEAT_URL", url)
    with pytest.raises(SettingsError, match="MISSION_CONTROL_HEARTBEAT_URL: it is no web address") as failure:
        read_settings()
    assert "hunter2" not in str(failure.value)
    monkeypatch.setenv("MISSION_CONTROL_HEARTBEAT_URL", "https://monitor.example/hunter2")
    assert "hunter2" not in repr(read_settings())
