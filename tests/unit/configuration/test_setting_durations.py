from __future__ import annotations

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.errors import SettingsError

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.5", 0.5), ("2", 2), ("20ms", 0.02), ("1.5 s", 1.5), ("5m", 300), ("1h", 3_600)]
)
def test_least_interval_is_in_seconds_or_names_its_unit(
    text: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_LEAST_INTERVAL", text)
    settings = read_settings()
    assert settings.least_interval == pytest.approx(seconds)
    assert settings.environment()["MISSION_CONTROL_LEAST_INTERVAL"] == str(settings.least_interval)


def test_setting_in_seconds_may_name_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_STOP_GRACE_SECONDS", "1m30s")
    monkeypatch.setenv("MISSION_CONTROL_VISIBILITY_SECONDS", "5m")
    settings = read_settings()
    assert (settings.stop_grace_seconds, settings.visibility_seconds) == (90, 300)
    monkeypatch.setenv("MISSION_CONTROL_LEADER_SECONDS", "1.5s")
    with pytest.raises(SettingsError, match="MISSION_CONTROL_LEADER_SECONDS"):
        read_settings()


@pytest.mark.parametrize("text", ["0", "-1", "nan", "soon", "2d", "1.2.3s", "0.1ms"])
def test_least_interval_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_LEAST_INTERVAL", text)
    with pytest.raises(SettingsError, match=r"MISSION_CONTROL_LEAST_INTERVAL: .*"):
        read_settings()
