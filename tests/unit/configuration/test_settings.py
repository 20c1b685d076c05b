"""The settings: read from the environment, handed on to child processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mission_control.configuration.settings import Secret, read_settings, working_folder
from mission_control.errors import SettingsError
from mission_control.messaging.celery_config import celery_settings


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    """Forget the settings in the environment of the tests."""


def test_wrong_settings_are_all_named_with_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_TIMEZONE", "Berlin")
    monkeypatch.setenv("MISSION_CONTROL_RETENTION_DAYS", "eighty")

    with pytest.raises(SettingsError) as failure:
        read_settings()

    message = str(failure.value)
    assert "MISSION_CONTROL_TIMEZONE" in message
    assert 'did you mean "Europe/Berlin"' in message
    assert "MISSION_CONTROL_RETENTION_DAYS" in message
    assert "'eighty'" in message


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("MISSION_CONTROL_TIMEZON", 'did you mean "TIMEZONE"?'),
        ("MISSION_CONTROL_SIGNING_KEYS", 'did you mean "SIGNING_KEY"?'),
        ("MISSION_CONTROL_WEB_PORTS", 'did you mean "WEB_PORT"?'),
        ("MISSION_CONTROL_SUPERVISOR_PIDX", "no such setting (correct or unset it)"),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_name(
    name: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(SettingsError) as failure:
        read_settings()

    assert f"{name}: there is no such setting" in str(failure.value)
    assert remedy in str(failure.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MISSION_CONTROL_SERVICE_HOST", "10.0.0.7"),
        ("MISSION_CONTROL_SERVICE_PORT", "8800"),
        ("MISSION_CONTROL_SERVICE_PORT_HTTP", "8800"),
        ("MISSION_CONTROL_PORT", "tcp://10.0.0.7:8800"),
        ("MISSION_CONTROL_PORT_8800_TCP", "tcp://10.0.0.7:8800"),
        ("MISSION_CONTROL_PORT_8800_TCP_ADDR", "10.0.0.7"),
        ("MISSION_CONTROL_REDIS_PORT_6379_TCP_PROTO", "tcp"),
        ("MISSION_CONTROL_WEB_PORT", "tcp://10.0.0.8:80"),
        ("MISSION_CONTROL_NOTIFY_SERVICE_HOST", "10.0.0.9"),
    ],
)
def test_service_link_of_kubernetes_is_no_setting(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_settings()
    monkeypatch.setenv(name, text)

    assert read_settings() == before


def test_paths_are_resolved_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MISSION_CONTROL_DATA_DIR", "~/mc")
    monkeypatch.setenv("MISSION_CONTROL_HANDLERS", f"~/handlers{os.pathsep}more")
    monkeypatch.delenv("MISSION_CONTROL_TASKS_FILE", raising=False)
    first = read_settings()

    monkeypatch.chdir(tmp_path)

    assert read_settings() == first
    assert first.data_dir == tmp_path / "home" / "mc"
    folder = working_folder()
    assert folder is not None
    assert first.handlers == (tmp_path / "home" / "handlers", folder / "more")
    assert read_settings(tasks_file="a.json").tasks_file == folder / "a.json"


def test_home_of_an_unknown_user_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_DATA_DIR", "~no-such-user/mc")

    with pytest.raises(SettingsError, match=r"MISSION_CONTROL_DATA_DIR: .*~no-such-user/mc"):
        read_settings()


@pytest.mark.parametrize("prefix", ["mc:", "mc:tasks:", "m", "mc", "*", "my prefix:"])
def test_key_prefix_of_other_keys_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="MISSION_CONTROL_REDBEAT_KEY_PREFIX"):
        read_settings(redbeat_key_prefix=prefix)


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_REDIS_URL", "")
    monkeypatch.setenv("MISSION_CONTROL_TASKS_FILE", "")

    settings = read_settings()

    assert settings.redis_url is None
    assert settings.tasks_file is None


def test_child_process_gets_the_settings_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(
        queues=("default", "reports"),
        handlers=(Path("a"), Path("b")),
        retention_days=7,
        outbound_allow=("10.0.0.0/8", "fd00::1"),
        notify=(("ops", Secret("json://localhost/x")),),
        heartbeat_url=Secret("https://monitor.example/uuid"),
    )
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OTHER", "json://localhost/other")
    monkeypatch.setenv("MISSION_CONTROL_TASKS_FILE", "somewhere.json")

    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert read_settings() == settings


def test_channel_name_is_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", "json://localhost/x")

    assert read_settings().notify == (("ops", Secret("json://localhost/x")),)


def test_secret_is_shown_nowhere() -> None:
    settings = read_settings(notify=(("ops", Secret("json://hunter2@localhost")),))

    assert "hunter2" not in f"{settings} {settings!r} {settings.notify}"
    with pytest.raises(SettingsError) as failure:
        read_settings(notify=["hunter2"])
    assert "hunter2" not in str(failure.value)


def test_override_that_is_no_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="no such setting: retention_day"):
        read_settings(retention_day=1)


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("False", False), ("0", False), ("on", True)])
def test_switch_accepts_the_usual_words(text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_ALLOW_EVICTION", text)

    assert read_settings().allow_eviction is value


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("visibility_seconds", "4", "Expected `int` >= 5"),
        ("retention_days", "3651", "Expected `int` <= 3650"),
        ("queues", "[1", "Expecting"),
        ("queues", "mail,unacked_index", "'unacked_index' is a key of Celery or Mission Control"),
        ("queues", "mc:beat:outbox", "'mc:beat:outbox' is a key of Celery or Mission Control"),
        ("outbound_allow", "fe80::1%eth0", "an address of one interface"),
        ("allow_eviction", "perhaps", "Expected `bool`"),
        ("outbound_allow", "10.0.0.0/8, nas", "'nas' is neither an address nor a block of them"),
        ("outbound_allow", "10.0.0.1/8", "host bits set.*write for example 10.1.2.3 or"),
    ],
)
def test_wrong_value_is_reported_with_its_reason(name: str, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as failure:
        read_settings(**{name: text})
    assert f"MISSION_CONTROL_{name.upper()}" in str(failure.value)
    assert text in str(failure.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:hunter2#x@localhost", "percent-encoded ('@' as %40"),
        ("redis://:hunter2@localhost:six/0", "the port is not a number from 1 to 65535"),
        (":hunter2@localhost:6379", "the scheme is missing; write redis://"),
        ("reddis://:hunter2@localhost", "Celery has no broker 'reddis'; did you mean \"redis\"?"),
        ("sentinel://:hunter2@localhost", "end it with '?master_name=mymaster'"),
        ("rediss://:hunter2@localhost?ssl_cert_reqs=maybe", "an option after '?' cannot be used ('maybe')"),
        ("amqp://guest:hunter2@localhost:six//", "its host or port cannot be read"),
        ("amqp://localhost;redis://:hunter2@localhost/queues", "the database after the host is not a number"),
        ("os.path://:hunter2@localhost", "Celery has no broker 'os.path'"),
        ("sqs://:hunter2@localhost", "the client of this broker is not installed"),
    ],
)
def test_broker_url_that_cannot_be_used_is_refused_before_use_without_its_password(
    url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_BROKER_URL", url)

    with pytest.raises(SettingsError) as failure:
        read_settings()

    assert "MISSION_CONTROL_BROKER_URL: " in str(failure.value)
    assert words in str(failure.value)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "for_kombu", "master"),
    [
        (" valkey://localhost/1 ", "redis://localhost/1", None),
        ("unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2", None),
        ("amqp://guest@localhost//", "amqp://guest@localhost//", None),
        ("sentinel://a;b?master_name=queues", "sentinel://a:26379/0;sentinel://b:26379/0", "queues"),
    ],
)
def test_broker_url_may_be_spelled_as_that_of_redis(url: str, for_kombu: str, master: str | None) -> None:
    configured = celery_settings(read_settings(broker_url=url), "redis://localhost/0")

    assert configured["broker_url"] == for_kombu
    assert configured["broker_transport_options"].get("master_name") == master


def test_variable_of_blanks_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_CONTROL_BROKER_URL", "  ")

    assert read_settings().broker_url is None
