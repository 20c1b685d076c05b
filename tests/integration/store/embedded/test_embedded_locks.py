"""Locks say which processes use the managed server; children that are just forked have copies."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mission_control.store.embedded.locks import USERS_LOCK, enter_users, has_users
from tests.integration.store.embedded.embedded_users import is_running, joined
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_threads_starting_processes_do_not_disturb_joining_and_leaving(tmp_path: Path) -> None:
    places = [tmp_path / f"place{number}" for number in range(3)]
    done = threading.Event()

    def start_processes() -> None:
        while not done.is_set():
            # With a function to call Python forks, and the child has copies of all locks until it is another.
            subprocess.run(["true"], check=True, preexec_fn=os.getpgrp)

    def come_and_go(place: Path) -> list[int]:
        pids = []
        for _ in range(5):
            with joined(place) as server:
                pids.append(server.pid)
        return pids

    with ThreadPoolExecutor(5) as threads:
        starters = [threads.submit(start_processes) for _ in range(2)]
        try:
            pids = [pid for found in threads.map(come_and_go, places) for pid in found]
        finally:
            done.set()
        for starter in starters:
            starter.result()
    assert len(pids) == 15
    # A child that was just forked counts as a user of a server until it is another program.
    wait_until(lambda: not any(is_running(pid) for pid in pids), "every server has ended")


def test_lock_copied_into_a_forking_child_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    flock = fcntl.flock
    owner = os.open(tmp_path / USERS_LOCK, os.O_RDWR | os.O_CREAT)
    flock(owner, fcntl.LOCK_EX)

    def counted(descriptor: int, how: int) -> None:
        tries.append(how)
        flock(descriptor, how)

    monkeypatch.setattr("mission_control.store.embedded.locks.fcntl.flock", counted)
    with ThreadPoolExecutor(1) as thread:
        entering = thread.submit(enter_users, tmp_path)
        wait_until(lambda: len(tries) > 1, "it tries again")
        os.close(owner)
        os.close(entering.result(timeout=60))
    assert not has_users(tmp_path)
