from __future__ import annotations

import os
import signal
import socket
import stat
from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from mission_control.errors import EmbeddedServerError
from mission_control.store.embedded import server_start
from mission_control.store.embedded.embedded_server import join_embedded_server
from mission_control.store.embedded.server_start import free_port, log_tail, spawn_server
from tests.integration.store.embedded.embedded_users import (
    UserProcess,
    client_of,
    is_running,
    joined,
    port_of,
    state_file,
)
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.store.embedded.server_state import ServerState


def test_files_are_readable_by_their_owner_only(data_dir: Path) -> None:
    with joined(data_dir) as server, client_of(server.url) as client:
        client.set("a", "b")
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
        files = [path for path in server.directory.rglob("*") if path.is_file()]
        assert "server.json" in {path.name for path in files}
        assert {path: stat.S_IMODE(path.stat().st_mode) for path in files} == dict.fromkeys(files, 0o600)


def test_folder_readable_by_others_is_closed_to_them(data_dir: Path) -> None:
    (data_dir / "redis").mkdir(parents=True, mode=0o755)
    with joined(data_dir) as server:
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_password_is_required_and_absent_from_process_list_and_log(data_dir: Path) -> None:
    with joined(data_dir) as server:
        password = server.url.partition("://:")[2].partition("@")[0]
        assert len(password) >= 32
        assert password not in " ".join(psutil.Process(server.pid).cmdline())
        assert password not in (server.directory / "server.log").read_text()
        with (
            client_of(server.url.replace(f":{password}@", "")) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_server_listens_on_loopback_only_and_evicts_nothing(data_dir: Path) -> None:
    with joined(data_dir) as server, client_of(server.url) as client:
        assert {c.laddr.ip for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"} == {
            "127.0.0.1"
        }
        wanted = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        assert client.config_get(*wanted) == wanted


def test_taken_port_is_replaced(data_dir: Path) -> None:
    with joined(data_dir) as first, client_of(first.url) as client:
        client.set("kept", "yes")
    port = port_of(first.url)
    with (
        socket.create_server(("127.0.0.1", port)),
        joined(data_dir) as second,
        client_of(second.url) as client,
    ):
        assert f":{port}/" not in second.url
        assert client.get("kept") == "yes"


def test_port_taken_only_during_the_start_is_replaced(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taker = socket.create_server(("127.0.0.1", 0))
    port = taker.getsockname()[1]
    ports = iter([port])

    def spawned(binary: Path, directory: Path, state: ServerState, lock: int) -> None:
        spawn_server(binary, directory, state, lock)
        if taker.fileno() >= 0:
            wait_until(lambda: f"port {port} " in log_tail(directory), "the server meets the taken port")
            taker.close()

    monkeypatch.setattr(server_start, "free_port", lambda: next(ports, None) or free_port())
    monkeypatch.setattr(server_start, "spawn_server", spawned)
    with joined(data_dir) as server:
        assert taker.fileno() < 0
        assert port_of(server.url) != port


@pytest.mark.parametrize("content", ["", "{", '{"port": 0}', "\x00\xff" * 100])
def test_damaged_state_file_changes_the_password_and_loses_no_data(data_dir: Path, content: str) -> None:
    with joined(data_dir) as first, client_of(first.url) as client:
        client.set("kept", "yes")
    state_file(data_dir).write_text(content)
    with joined(data_dir) as second, client_of(second.url) as client:
        assert client.get("kept") == "yes"


def test_server_without_state_file_and_users_is_replaced_without_losing_data(data_dir: Path) -> None:
    with UserProcess(data_dir) as starter:
        found = starter.joined()
        with client_of(found["url"]) as client:
            client.set("kept", "yes")
        starter.kill()
    state_file(data_dir).write_text("{")
    with joined(data_dir) as server, client_of(server.url) as client:
        assert server.pid != found["pid"]
        assert not is_running(found["pid"])
        assert client.get("kept") == "yes"


def test_server_in_use_is_not_replaced_when_its_state_file_is_damaged(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_start, "ANSWER_WITHIN_SECONDS", 0.3)
    with UserProcess(data_dir) as user:
        found = user.joined()
        state = state_file(data_dir).read_text()
        state_file(data_dir).write_text("{")
        with pytest.raises(EmbeddedServerError, match=r"server\.json there is lost or damaged"):
            join_embedded_server(data_dir)
        assert is_running(found["pid"])
        state_file(data_dir).write_text(state)
        user.end()


def test_lost_state_file_is_written_again_by_a_user(data_dir: Path) -> None:
    with joined(data_dir) as server:
        before = state_file(data_dir).read_text()
        state_file(data_dir).unlink()
        assert join_embedded_server(data_dir) is server
        assert state_file(data_dir).read_text() == before


def test_hanging_server_is_reported_and_no_second_one_starts(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_start, "ANSWER_WITHIN_SECONDS", 0.3)
    with joined(data_dir) as server:
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(
            EmbeddedServerError, match=r"(?s)cannot be entered.*end of its log:\n.*Ready to accept"
        ):
            join_embedded_server(data_dir)
        os.kill(server.pid, signal.SIGCONT)


def test_damaged_append_only_file_is_reported_with_the_servers_log(data_dir: Path) -> None:
    with joined(data_dir) as server, client_of(server.url) as client:
        client.set("kept", "yes")
    log = next((server.directory / "appendonlydir").glob("*.incr.aof"))
    whole = log.read_bytes()
    log.write_bytes(b"*3\r\nrubbish" + whole)
    with pytest.raises(EmbeddedServerError, match="Bad file format reading the append only file"):
        join_embedded_server(data_dir)
    log.write_bytes(whole)
    with joined(data_dir) as server, client_of(server.url) as client:
        assert client.get("kept") == "yes"


def test_data_dir_that_is_a_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match=r"cannot use .*file/redis.*MISSION_CONTROL_DATA_DIR"):
        join_embedded_server(tmp_path / "file")


def test_server_whose_folder_was_removed_ends_with_its_owner(data_dir: Path) -> None:
    server = join_embedded_server(data_dir)
    server.directory.rename(data_dir / "elsewhere")
    server.leave()
    wait_until(lambda: not is_running(server.pid), "the server has ended")
