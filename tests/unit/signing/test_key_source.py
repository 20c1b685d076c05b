"""The setting of the signing keys: each mistake is one sentence that names the remedy and no key."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.settings import read_settings
from mission_control.errors import SettingsError
from mission_control.signing.key_source import file_problem

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = "k" * 32, "o" * 64
OWNER = 1_000


@pytest.fixture(autouse=True)
def _bare(bare_environment: pytest.MonkeyPatch) -> None:
    """Forget the settings in the environment of the tests."""


def key_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "signing_key"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return f"file:{path}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("short", "key 1 has 5 characters, and at least 32 are needed; make one with `openssl rand -hex 32`"),
        (f"{KEY},tiny", "key 2 has 4 characters"),
        (f"{KEY},{KEY}", "both keys are the same"),
        (f"{KEY},{OTHER},{'x' * 32}", "there are 3 keys"),
        (" , ", "there is no key in it; make one with"),
        ("file:keys", "'keys' is not an absolute path; write for example file:/run/secrets/signing_key"),
        ("file:/no/such/key", "/no/such/key cannot be read: No such file or directory"),
        ("file:/dev/zero", "/dev/zero is not a regular file"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_with_a_remedy(text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(signing_key=text)

    assert f"MISSION_CONTROL_SIGNING_KEY: {reason}" in str(refused.value)
    assert KEY not in str(refused.value)


def test_file_that_is_longer_than_keys_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="has more than 4,096 characters; name a file with the keys alone"
    ):
        read_settings(signing_key=key_file(tmp_path, "k" * 5_000))


def test_pipe_in_the_place_of_a_key_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(SettingsError, match="is not a regular file"):
        read_settings(signing_key=f"file:{tmp_path / 'pipe'}")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602])
def test_key_file_that_others_may_read_or_write_is_refused(mode: int, tmp_path: Path) -> None:
    source = key_file(tmp_path, KEY, mode)

    with pytest.raises(SettingsError, match=rf"by others \(mode {mode:04o}\); protect it: chmod 600 /"):
        read_settings(signing_key=source)


@pytest.mark.parametrize(
    ("owner", "mode", "problem"),
    [
        (OWNER, 0o600, None),
        (OWNER, 0o400, None),
        (0, 0o440, None),
        (0, 0o444, "can be read or written by others"),
        (0, 0o460, "can be read or written by others"),
        (OWNER, 0o640, "can be read or written by others"),
        (OWNER + 1, 0o600, "belongs to another user (id 1001); make it your own: chown 1000"),
    ],
)
def test_owner_and_mode_of_a_key_file_decide(owner: int, mode: int, problem: str | None) -> None:
    found = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))

    said = file_problem(found, OWNER)

    assert said is problem is None or (said is not None and problem is not None and problem in said)


def test_file_with_two_keys_is_read_and_handed_on_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = key_file(tmp_path, f"{OTHER}\n{KEY}\n")
    settings = read_settings(signing_key=source)

    assert settings.signing_key.keys == (OTHER.encode(), KEY.encode())
    assert KEY not in repr(settings)
    for name, text in settings.environment().items():
        monkeypatch.setenv(name, text)
    assert read_settings() == settings
