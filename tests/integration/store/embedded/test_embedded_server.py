from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil

from mission_control.store.embedded.embedded_server import join_embedded_server
from mission_control.store.embedded.server_start import is_free
from tests.integration.store.embedded.embedded_users import (
    ROOT,
    USER,
    UserProcess,
    client_of,
    is_running,
    joined,
    port_of,
)
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_data_and_url_outlive_the_server(data_dir: Path) -> None:
    with joined(data_dir) as first, client_of(first.url) as client:
        client.set("kept", "yes")
    first_pid = first.pid
    assert not psutil.pid_exists(first_pid)
    with joined(data_dir) as second, client_of(second.url) as client:
        assert client.get("kept") == "yes"
        assert second.url == first.url
        assert second.pid != first_pid


def test_joining_again_in_the_same_process_returns_the_same_server(data_dir: Path) -> None:
    with joined(data_dir) as server:
        assert join_embedded_server(data_dir) is server
        assert join_embedded_server(data_dir / "." / ".." / "data") is server


def test_threads_joining_at_once_get_the_same_server(data_dir: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        servers = set(threads.map(join_embedded_server, [data_dir] * 8))
    assert len(servers) == 1
    servers.pop().leave()


def test_leaving_twice_is_harmless(data_dir: Path) -> None:
    server = join_embedded_server(data_dir)
    server.leave()
    server.leave()
    assert not psutil.pid_exists(server.pid)


def test_killed_server_returns_with_every_write_on_the_disk(data_dir: Path) -> None:
    with joined(data_dir) as server, client_of(server.url) as client:
        first_pid = server.pid
        for number in range(500):
            client.set(f"key:{number}", number)
        assert client.waitaof(1, 0, 5_000)[0] == 1
        os.kill(first_pid, signal.SIGKILL)
        assert join_embedded_server(data_dir) is server
        assert server.pid != first_pid
        assert client.dbsize() == 500


def test_killed_server_is_started_again_by_the_next_to_join(data_dir: Path) -> None:
    with joined(data_dir) as server, UserProcess(data_dir) as other:
        os.kill(server.pid, signal.SIGKILL)
        url, pid = server.url, server.pid
        wait_until(lambda: not is_running(pid), "the server is dead")
        assert other.joined()["url"] == url
        with client_of(url) as client:
            assert client.ping()
        other.end()
        assert join_embedded_server(data_dir).pid == server.pid


def test_server_revived_on_another_port_is_ended_by_its_last_user(data_dir: Path) -> None:
    server = join_embedded_server(data_dir)
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: is_free(port_of(server.url)), "the dead server's port is free")
    with socket.create_server(("127.0.0.1", port_of(server.url))), UserProcess(data_dir) as other:
        found = other.joined()
        assert found["url"] != server.url
        other.end()
        assert is_running(found["pid"])
        server.leave()
    assert not is_running(found["pid"])
    assert "ready to exit, bye bye" in (server.directory / "server.log").read_text()


def test_server_of_killed_users_ends_with_its_data_kept(data_dir: Path) -> None:
    with UserProcess(data_dir) as starter, UserProcess(data_dir, "other") as other:
        found = starter.joined()
        assert other.joined()["pid"] == found["pid"]
        with client_of(found["url"]) as client:
            client.set("kept", "yes")
        starter.kill()
        assert is_running(found["pid"])
        other.kill()
    wait_until(lambda: not is_running(found["pid"]), "the server has ended")
    with joined(data_dir) as server, client_of(server.url) as client:
        assert client.get("kept") == "yes"


def test_leaving_joiner_leaves_the_server_running(data_dir: Path) -> None:
    with joined(data_dir) as server, UserProcess(data_dir) as joiner:
        assert joiner.joined()["pid"] == server.pid
        joiner.end()
        assert is_running(server.pid)
    assert not is_running(server.pid)


def test_server_outlives_the_process_that_started_it_until_its_last_user(data_dir: Path) -> None:
    with UserProcess(data_dir) as starter, joined(data_dir) as server:
        assert starter.joined()["pid"] == server.pid
        starter.end()
        with client_of(server.url) as client:
            assert client.ping()
    assert not is_running(server.pid)


def test_server_whose_parent_is_killed_ends_and_returns_with_its_users(data_dir: Path) -> None:
    with joined(data_dir) as server, client_of(server.url) as client:
        client.set("kept", "yes")
        before = psutil.Process(server.pid)
        os.kill(before.ppid(), signal.SIGKILL)
        wait_until(lambda: not is_running(before.pid), "the server has ended")
        assert join_embedded_server(data_dir).pid != before.pid
        assert client.get("kept") == "yes"


def test_processes_joining_at_once_share_one_server(data_dir: Path) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(UserProcess(data_dir, f"user{n}")) for n in range(5)]
        answers = [user.joined() for user in users]
        assert len({answer["pid"] for answer in answers}) == 1
        for user in users:
            user.end()
    assert not is_running(answers[0]["pid"])


COMING_AND_GOING = """
import sys, redis
from pathlib import Path
from mission_control.store.embedded.embedded_server import join_embedded_server
from mission_control.store.embedded.locks import recorded_pid
from mission_control.store.embedded.server_start import is_free
for _ in range(12):
    server = join_embedded_server(Path(sys.argv[1]))
    with redis.Redis.from_url(server.url) as client:
        client.incr("visits")
    server.leave()
"""


def test_users_coming_and_going_never_meet_a_dying_server(data_dir: Path) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(UserProcess(data_dir, f"user{n}", COMING_AND_GOING)) for n in range(4)]
        for user in users:
            user.end()
    with joined(data_dir) as server, client_of(server.url) as client:
        assert client.get("visits") == "48"


def in_a_process(script: str, data_dir: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", USER + script, str(data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_ending_forked_child_leaves_its_parents_server_running(data_dir: Path) -> None:
    script = """
import os, redis
if os.fork() == 0:
    server.leave()
    sys.exit(0)
status = os.wait()[1]
with redis.Redis.from_url(server.url) as client:
    print(json.dumps([status, client.ping()]))
"""
    assert in_a_process(script, data_dir) == [0, True]


def test_joining_forked_child_uses_its_parents_server(data_dir: Path) -> None:
    script = """
import os, redis
if os.fork() == 0:
    before = server.pid
    sys.exit(0 if join_embedded_server(Path(sys.argv[1])).pid == before else 1)
status = os.wait()[1]
with redis.Redis.from_url(server.url) as client:
    print(json.dumps([status, client.ping()]))
"""
    assert in_a_process(script, data_dir) == [0, True]


def test_server_has_its_own_process_group_out_of_reach_of_ctrl_c(data_dir: Path) -> None:
    with joined(data_dir) as server:
        assert os.getpgid(server.pid) not in {os.getpgid(0), os.getpgid(os.getppid())}
        assert os.getsid(server.pid) != os.getsid(0)
