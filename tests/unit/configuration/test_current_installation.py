"""The settings are read again when anything that they come from has changed, and only then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mission_control.errors import SettingsError
from mission_control.installation import installation as installations
from mission_control.installation.installation import current_installation

if TYPE_CHECKING:
    from pathlib import Path


def test_installation_is_found_again_without_reading_the_settings(
    bare_environment: pytest.MonkeyPatch,
) -> None:
    first = current_installation()

    def read() -> None:
        raise AssertionError("the settings were read again")

    bare_environment.setattr(installations, "read_settings", read)
    assert current_installation() is first


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MISSION_CONTROL_TIMEZONE", "Asia/Tokyo"),
        ("MISSION_CONTROL_NOTIFY_OPS", "json://localhost"),
        ("MISSION_CONTROL_SIGNING_KEY", "k" * 64),
    ],
)
def test_variable_that_changes_is_seen_at_once(
    bare_environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    first = current_installation()
    bare_environment.setenv(name, value)
    second = current_installation()
    assert second.settings != first.settings
    bare_environment.delenv(name)
    assert current_installation() is first


def test_home_that_changes_is_seen_at_once(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare_environment.setenv("MISSION_CONTROL_DATA_DIR", "~/data")
    for name in ("one", "two"):
        bare_environment.setenv("HOME", str(tmp_path / name))
        assert current_installation().settings.data_dir == tmp_path / name / "data"


def test_key_file_that_changes_is_seen_at_once(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a" * 64)
    file.chmod(0o600)
    bare_environment.setenv("MISSION_CONTROL_SIGNING_KEY", f"file:{file}")
    first = current_installation().settings.signing_key
    file.write_text("b" * 64 + "\n")
    assert current_installation().settings.signing_key.keys == (b"b" * 64,)
    (tmp_path / "new").write_text("a" * 64)
    (tmp_path / "new").chmod(0o600)
    (tmp_path / "new").replace(file)
    assert current_installation().settings.signing_key.keys == first.keys
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="can be read or written by others"):
        current_installation()


def test_unknown_variable_is_reported_each_time(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_TIMEZON", "UTC")
    for _ in range(2):
        with pytest.raises(SettingsError, match="MISSION_CONTROL_TIMEZON"):
            current_installation()
    assert "MISSION_CONTROL_TIMEZON" in os.environ
