"""The settings: read from the environment, handed on to child processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mission_control.configuration.settings import Secret, read_settings
from mission_control.errors import SettingsError


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    """Forget the settings of whoever runs the tests."""


def test_every_wrong_setting_is_named_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_TIMEZONE", "Berlin")
    monkeypatch.setenv("MISSION_CONTROL_WEB_PORT", "eighty")

    with pytest.raises(SettingsError) as failure:
        read_settings()

    message = str(failure.value)
    assert "MISSION_CONTROL_TIMEZONE" in message
    assert 'did you mean "Europe/Berlin"' in message
    assert "MISSION_CONTROL_WEB_PORT" in message
    assert "'eighty'" in message


@pytest.mark.parametrize("prefix", ["mc:", "mc:tasks:", "*", "my prefix:"])
def test_a_prefix_that_would_hit_other_keys_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="MISSION_CONTROL_REDBEAT_KEY_PREFIX"):
        read_settings(redbeat_key_prefix=prefix)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_REDIS_URL", "")
    monkeypatch.setenv("MISSION_CONTROL_TASKS_FILE", "")

    settings = read_settings()

    assert settings.redis_url is None
    assert settings.tasks_file is None


def test_a_child_process_gets_the_same_settings_whatever_its_parent_was_started_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read_settings(
        queues=("default", "reports"),
        handlers=(Path("a"), Path("b")),
        web_token=Secret("secret"),
        notify=(("ops", Secret("json://localhost/x")),),
    )
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OTHER", "json://localhost/other")
    monkeypatch.setenv("MISSION_CONTROL_TASKS_FILE", "somewhere.json")

    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert read_settings() == settings


def test_a_channel_has_its_name_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", "json://localhost/x")

    assert read_settings().notify == (("ops", Secret("json://localhost/x")),)


def test_a_secret_shows_itself_nowhere() -> None:
    settings = read_settings(web_token="hunter2", notify=(("ops", Secret("json://hunter2@localhost")),))

    assert "hunter2" not in f"{settings} {settings!r} {settings.web_token}"
    with pytest.raises(SettingsError) as failure:
        read_settings(signing_key=["hunter2"])
    assert "hunter2" not in str(failure.value)


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="no such setting: web_prot"):
        read_settings(web_prot=1)


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("False", False), ("0", False), ("on", True)])
def test_a_switch_is_set_by_the_usual_words(
    text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_ALLOW_EVICTION", text)

    assert read_settings().allow_eviction is value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("visibility_seconds", "4", "Expected `int` >= 5"),
        ("web_port", "65536", "Expected `int` <= 65535"),
        ("queues", "[1", "Expecting"),
        ("allow_eviction", "perhaps", "Expected `bool`"),
    ],
)
def test_a_wrong_value_is_told_with_its_reason(name: str, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as failure:
        read_settings(**{name: text})
    assert f"MISSION_CONTROL_{name.upper()}" in str(failure.value)
    assert text in str(failure.value)
