from __future__ import annotations

import shutil
import socket
import time
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import redis

from mission_control.errors import StoreUnavailableError
from mission_control.store.connection import connect, store_errors
from mission_control.store.embedded.server_start import free_port
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND_SECONDS = 5.0


def write(client: redis.Redis) -> None:
    client.set("key", "confidential")


def write_in_a_pipeline(client: redis.Redis) -> None:
    with client.pipeline() as pipeline:
        pipeline.get("key")
        pipeline.set("key", "confidential")
        pipeline.execute()


def write_in_a_script(client: redis.Redis) -> None:
    client.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, "key", "confidential")


WAYS_TO_WRITE = pytest.mark.parametrize("way", [write, write_in_a_pipeline, write_in_a_script])


def trouble(url: str, act: Callable[[redis.Redis], None] = write, *, read_seconds: float = 4.0) -> str:
    """Return the message that acting gives, having seen that it comes in time and tells no secret."""
    began = time.monotonic()
    with (
        connect(url, read_seconds=read_seconds) as client,
        pytest.raises(StoreUnavailableError) as caught,
        store_errors(url),
    ):
        act(client)
    assert time.monotonic() - began < BOUND_SECONDS
    message = str(caught.value)
    assert "confidential" not in message
    assert "secret" not in message
    return message


def test_absent_server_is_reported_with_remedies() -> None:
    message = trouble(f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert message.startswith("Redis at redis://***@127.0.0.1:")
    assert "Connection refused" in message
    assert (
        "start the server, correct MISSION_CONTROL_REDIS_URL, or unset it to use the embedded server"
        in message
    )


def test_absent_socket_is_reported_with_remedies() -> None:
    message = trouble("redis+socket:///nowhere/redis.sock?virtual_host=1")
    assert "cannot be reached" in message
    assert "/nowhere/redis.sock" in message


def test_unknown_host_has_its_own_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "its host name is unknown" in trouble("redis://redis.invalid:6379/0")


def test_hanging_server_is_given_up_in_time() -> None:
    with RedisServer() as server:
        server.pause()
        assert "did not answer in time" in trouble(server.url, read_seconds=0.3)


def test_hanging_server_is_given_up_within_the_default_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "did not answer in time" in trouble(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")


@contextmanager
def hanging_up() -> Iterator[tuple[int, list[bytes]]]:
    """Accept connections, read what comes, and hang up without an answer."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection = listener.accept()[0]
                with connection:
                    requests.append(connection.recv(4_096))
                if requests[-1] == b"stop":
                    return

        thread = Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield port, requests
        finally:
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"stop")
            thread.join(timeout=5)


def test_command_that_may_have_arrived_is_not_sent_again() -> None:
    with hanging_up() as (port, requests):
        assert "cannot be reached (Connection closed by server" in trouble(f"redis://127.0.0.1:{port}/0")
        assert len(requests) == 1


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (":secret@", "refuses the user name or password"),
        ("unknown:secret@", "refuses the user name or password"),
        ("", "wants a password"),
    ],
)
def test_wrong_or_missing_password_is_reported(login: str, words: str) -> None:
    with RedisServer(password="right") as server:
        message = trouble(f"redis://{login}127.0.0.1:{server.port}/0")
        assert words in message
        assert "correct MISSION_CONTROL_REDIS_URL (redis://" in message


def test_answer_under_the_code_err_has_its_remedy() -> None:
    answers = {
        "SELECT 99": "raise its setting databases",
        "AUTH secret": "has no password, and is given one: correct MISSION_CONTROL_REDIS_URL",
        "AUTH": "does not know user names",
        "HELLO 9": "does not speak the protocol RESP3",
    }
    with RedisServer() as server:
        assert "has no database of that number" in trouble(server.url.replace("/0", "/99"))
        for command, words in answers.items():
            assert words in trouble(server.url, partial(send, command))


def send(command: str, client: redis.Redis) -> None:
    client.execute_command(*command.split())  # type: ignore[no-untyped-call]


@WAYS_TO_WRITE
def test_read_only_replica_is_reported(way: Callable[[redis.Redis], None]) -> None:
    with RedisServer() as primary, RedisServer(extra=[f"replicaof 127.0.0.1 {primary.port}"]) as replica:
        assert "is a read-only replica" in trouble(replica.url, way)


@WAYS_TO_WRITE
def test_full_server_is_reported_and_unchanged(way: Callable[[redis.Redis], None]) -> None:
    with RedisServer(maxmemory="1") as server, server.client() as client:
        assert "is full: raise its maxmemory" in trouble(server.url, way)
        assert client.dbsize() == 0


@WAYS_TO_WRITE
def test_server_that_cannot_save_is_reported(way: Callable[[redis.Redis], None]) -> None:
    with RedisServer(extra=["save 3600 1"]) as server, server.client() as client:
        shutil.rmtree(server.directory)
        client.bgsave()
        wait_until(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err",
            "the server has noticed that it cannot save",
        )
        assert "cannot save to its disk" in trouble(server.url, way)


@WAYS_TO_WRITE
def test_user_without_permission_is_reported(way: Callable[[redis.Redis], None]) -> None:
    with RedisServer() as server, server.client() as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-set")
        message = trouble(server.url.replace("//", "//reader:secret@"), way)
        assert "does not permit this user the command set: grant it with ACL SETUSER" in message
        assert "`mission-control redis-acl --role worker` prints" in message


@pytest.mark.parametrize("mode", ["cluster-enabled no", "cluster-enabled yes"])
def test_too_many_clients_are_reported(mode: str) -> None:
    with RedisServer(extra=["maxclients 1", mode]) as server, server.client() as only:
        wait_until(lambda: len(only.client_list()) == 1, "the test holds the only connection")
        assert "raise its maxclients" in trouble(server.url)


def test_connection_survives_a_server_restart() -> None:
    with RedisServer(appendonly=True) as server, connect(server.url) as client:
        client.set("kept", "yes")
        server.restart()
        assert client.get("kept") == "yes"


def test_client_waits_for_a_restarting_server() -> None:
    with RedisServer(appendonly=True) as server, connect(server.url) as client:
        client.set("kept", "yes")
        server.stop()
        restart = Thread(target=server.restart)
        restart.start()
        assert client.get("kept") == "yes"
        restart.join(timeout=10)


def test_callers_mistake_is_not_reported_as_store_trouble() -> None:
    with RedisServer() as server, connect(server.url) as client:
        client.set("text", "abc")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"), store_errors(server.url):
            client.lpush("text", "item")


def test_time_bounds_are_enforced_by_the_client() -> None:
    with connect("redis://127.0.0.1:1/0") as client:
        options = client.connection_pool.connection_kwargs
        assert options["socket_connect_timeout"] == 2.0
        assert options["socket_timeout"] == 4.0
