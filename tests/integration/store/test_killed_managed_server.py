"""The managed server is killed while a program uses it: its next call brings it back, or says why not."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control.configuration.settings import read_settings
from mission_control.errors import StoreUnavailableError
from mission_control.installation.installation import Installation
from mission_control.store.connection import store_errors
from mission_control.store.embedded.embedded_server import join_embedded_server
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(read_settings(redis_url="", data_dir=tmp_path))
    made.client.set("kept", "yes")
    yield made
    join_embedded_server(tmp_path).leave()


def kill_server(ours: Installation) -> None:
    pid = join_embedded_server(ours.settings.data_dir).pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid), "the server is dead")


def test_next_call_starts_the_killed_server_again(ours: Installation) -> None:
    assert ours.client.waitaof(1, 0, 5_000)[0] == 1
    kill_server(ours)

    with store_errors(ours.redis_url):
        assert ours.client.get("kept") == "yes"
        assert ours.ledger.get("no-such-run") is None


def test_call_that_was_cut_off_says_that_the_next_one_starts_the_server(ours: Installation) -> None:
    def wait_for_an_item() -> None:
        with store_errors(ours.redis_url):
            ours.client.blpop(["nothing"], timeout=3)

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(wait_for_an_item)
        wait_until(lambda: ours.client.info()["blocked_clients"], "the call waits")
        kill_server(ours)
        with pytest.raises(StoreUnavailableError, match=r"has ended \(.*\): the next call starts it again"):
            waiting.result(timeout=60)
    assert ours.client.ping()


def test_server_that_cannot_be_started_again_is_reported_with_its_log(ours: Installation) -> None:
    log = next((ours.settings.data_dir / "redis" / "appendonlydir").glob("*.incr.aof"))
    whole = log.read_bytes()
    kill_server(ours)
    log.write_bytes(b"*3\r\nrubbish" + whole)

    with (
        pytest.raises(StoreUnavailableError, match=r"(?s)cannot be started again: .*Bad file format"),
        store_errors(ours.redis_url),
    ):
        ours.client.ping()

    log.write_bytes(whole)
    assert ours.client.ping()
