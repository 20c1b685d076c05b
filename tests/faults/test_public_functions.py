"""Every public function, when Redis is absent, locked, read-only, full or mute: one clear error, in time.

Nothing is half-written: what was refused has left nothing behind.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import mission_control
from mission_control import TaskScheduler, enqueue
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.errors import StoreUnavailableError
from mission_control.installation.installation import current_installation
from mission_control.store import redis_keys
from mission_control.store.embedded.server_start import free_port
from tests.stage.live_installation import YEARLY
from tests.stage.servers import RedisServer
from tests.stage.stored_keys import stored_keys
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND_SECONDS = 12
TASK = {"id": "new", "schedule": YEARLY, "handler": "handlers.hello.run"}


def kept_run() -> Run:
    installation = current_installation()
    return Run("kept@manual-1", RunEnding.of(installation), installation.redis_url)


async def awaited() -> None:
    await kept_run()


READS: dict[str, Callable[[], Any]] = {
    "get_task": lambda: mission_control.get_task("kept"),
    "list_tasks": mission_control.list_tasks,
    "Run.state": lambda: kept_run().state,
    "Run.wait": lambda: kept_run().wait(5),
    "await Run": lambda: asyncio.run(awaited()),
    "Run.cancel": lambda: kept_run().cancel(),
}
WRITES: dict[str, Callable[[], Any]] = {
    "register_task": lambda: mission_control.register_task(TASK),
    "update_task": lambda: mission_control.update_task("kept", {"description": "edited"}),
    "disable_task": lambda: mission_control.disable_task("kept"),
    "enqueue a task": lambda: enqueue("kept", idempotency_key="order-1"),
    "enqueue a handler": lambda: enqueue("handlers.hello.run", {"name": "Ada"}),
    "TaskScheduler.register_task": lambda: TaskScheduler().register_task(TASK),
    "TaskScheduler.execute_task": lambda: TaskScheduler().execute_task("kept"),
}
REMOVALS: dict[str, Callable[[], Any]] = {"unregister_task": lambda: mission_control.unregister_task("kept")}


@pytest.fixture
def point_at(bare_environment: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make an URL the one that the environment describes."""
    return lambda url: bare_environment.setenv("MISSION_CONTROL_REDIS_URL", url)


def trouble(act: Callable[[], Any]) -> str:
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        act()
    assert time.monotonic() - began < BOUND_SECONDS
    assert "secret" not in str(caught.value)
    return str(caught.value)


def whole(server: RedisServer) -> dict[str, bytes]:
    with server.client() as client:
        return stored_keys(client)


@contextmanager
def server_with_a_task(point_at: Callable[[str], None]) -> Iterator[RedisServer]:
    with RedisServer() as server:
        point_at(server.url)
        assert mission_control.register_task({**TASK, "id": "kept"})
        yield server


@pytest.mark.parametrize("name", ["Run.wait", "register_task", "enqueue a handler", "unregister_task"])
def test_public_function_without_a_server_reports_it_with_remedies(
    name: str, point_at: Callable[[str], None]
) -> None:
    point_at(f"redis://:secret@127.0.0.1:{free_port()}/0")
    message = trouble({**READS, **WRITES, **REMOVALS}[name])
    assert "cannot be reached" in message
    assert "MISSION_CONTROL_REDIS_URL" in message


def test_public_functions_with_a_wrong_password_report_it(point_at: Callable[[str], None]) -> None:
    with RedisServer(password="right") as server:
        point_at(server.url.replace("right", "secret"))
        for act in {**READS, **WRITES, **REMOVALS}.values():
            assert "refuses the user name or password" in trouble(act)


def test_writing_functions_on_a_read_only_server_report_it_and_write_nothing(
    point_at: Callable[[str], None],
) -> None:
    with server_with_a_task(point_at) as primary, ExitStack() as stack:
        with primary.client() as client:
            client.config_set("repl-diskless-sync-delay", "0")
        replica = stack.enter_context(RedisServer(extra=[f"replicaof 127.0.0.1 {primary.port}"]))
        with replica.client() as client:
            wait_until(lambda: client.exists("redbeat:kept"), "the replica has caught up")
        before = whole(primary)
        point_at(replica.url)
        for act in {**WRITES, **REMOVALS}.values():
            assert "is a read-only replica" in trouble(act)
        assert whole(primary) == before


def test_adding_functions_on_a_full_server_report_it_and_write_nothing(
    point_at: Callable[[str], None],
) -> None:
    with server_with_a_task(point_at) as server:
        with server.client() as client:
            client.config_set("maxmemory", "1")
        before = whole(server)
        for act in WRITES.values():
            assert "is full: raise its maxmemory" in trouble(act)
        assert whole(server) == before
        assert mission_control.unregister_task("kept")  # to make room is allowed


def test_task_with_a_waiting_run_is_removed_from_a_full_server(point_at: Callable[[str], None]) -> None:
    with server_with_a_task(point_at) as server, server.client() as client:
        run = mission_control.enqueue("kept").execution_id
        client.config_set("maxmemory", "1")
        assert mission_control.unregister_task("kept")
        assert client.hget(redis_keys.run(run), "state") == "cancelled"


def test_unresponsive_server_is_given_up_in_time(point_at: Callable[[str], None]) -> None:
    with server_with_a_task(point_at) as server:
        server.pause()
        try:
            assert "did not answer in time" in trouble(WRITES["enqueue a handler"])
        finally:
            server.resume()
