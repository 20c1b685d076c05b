"""Another user prepares the data directory: nothing of it is joined, followed or written."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import tempfile
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import pytest

from mission_control.errors import UnsafePathError
from mission_control.store.embedded.embedded_server import join_embedded_server
from tests.stage.command_line import run_program
from tests.stage.other_user import TROUBLE, do_as_other_user, give_away

if TYPE_CHECKING:
    from collections.abc import Iterator

ADD = ("task", "add", "--id", "t", "--handler", "handlers.hello.run", "--schedule")
LEAP_DAYS = '{"type": "cron", "expression": "0 0 29 2 *"}'
PLANT = """
    mkdir -p data/redis data/logs
    printf '{"port": %d, "password": "12345678901234567890123456789012"}' > data/redis/server.json
    : > data/redis/server.lock
    ln -s ../../target data/logs/task_changes.jsonl
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="mc-test-"))
    folder.chmod(0o1777)
    yield folder
    rmtree(folder)


@pytest.fixture
def planted(place: Path) -> Iterator[socket.socket]:
    """A socket that the planted state file takes for the managed server, whose lock is held."""
    (place / "target").touch()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        do_as_other_user(PLANT % listener.getsockname()[1], folder=place)
        with (place / "data" / "redis" / "server.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield listener


def test_planted_server_is_not_joined_and_planted_link_not_followed(
    place: Path, planted: socket.socket
) -> None:
    refused = run_program(*ADD, LEAP_DAYS, "--params", '{"token": "hunter2"}', folder=place)
    assert refused.code == 4
    assert f"{place}/data {TROUBLE}" in refused.err
    with pytest.raises(BlockingIOError):
        planted.accept()
    assert (place / "target").read_text() == ""


def test_planted_folder_in_a_data_directory_of_ours_is_refused(place: Path, planted: socket.socket) -> None:
    (place / "ours").mkdir(mode=0o700)
    (place / "data" / "redis").rename(place / "ours" / "redis")
    with pytest.raises(UnsafePathError, match=f"{place}/ours/redis {TROUBLE}"):
        join_embedded_server(place / "ours")
    with pytest.raises(BlockingIOError):
        planted.accept()


@pytest.mark.parametrize("name", ["server.json", "server.lock", "start.lock", "users.lock", "server.log"])
def test_file_of_another_user_next_to_the_servers_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / name).touch()
    give_away(tmp_path / "redis" / name)
    with pytest.raises(UnsafePathError, match=f"redis/{name} {TROUBLE}"):
        join_embedded_server(tmp_path)


def test_umask_zero_opens_nothing_to_other_users(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        assert run_program(*ADD, LEAP_DAYS, folder=tmp_path).code == 0
    finally:
        os.umask(umask)
    made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert {path.name for path in made} >= {"redis", "server.json", "server.log", "task_changes.jsonl"}
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
