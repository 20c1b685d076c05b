"""`TaskScheduler` keeps its beat and its worker up; a closed terminal stops `up` in good order."""

from __future__ import annotations

import os
import pty
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control import TaskScheduler, enqueue
from mission_control.store.embedded.locks import recorded_pid
from tests.house.repository import ROOT
from tests.processes.forked import forked_services
from tests.processes.rude_workers import lives
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.installation.installation import Installation

KILLS_ITS_GROUP = """
import os, pathlib, signal

def run(context):
    mark = pathlib.Path(context["params"]["mark"])
    if not mark.exists():
        mark.touch()
        os.killpg(0, signal.SIGKILL)
    return {"status": "success", "output": "survived", "error": None}
"""


@pytest.fixture
def scheduler(installation: Installation) -> Iterator[TaskScheduler]:
    (folder,) = installation.settings.handlers
    folder.mkdir()
    (folder / "killing.py").write_text(KILLS_ITS_GROUP)
    with forked_services(), TaskScheduler() as running:
        yield running


def test_killed_beat_and_worker_of_a_scheduler_return(
    scheduler: TaskScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    before = scheduler.status()
    assert {name: (one["running"], one["restarts"]) for name, one in before.items()} == {
        "beat": (True, 0),
        "worker": (True, 0),
    }
    for one in before.values():
        os.kill(one["pid"], signal.SIGKILL)

    wait_until(lambda: all(one["restarts"] == 1 for one in scheduler.status().values()), "both ends are seen")
    scheduler.start()

    after = scheduler.status()
    assert all(one["running"] and one["last_end"] == "signal SIGKILL" for one in after.values())
    assert [one["pid"] for one in after.values()] != [one["pid"] for one in before.values()]
    assert enqueue("handlers.hello.run").wait(60)["status"] == "success"
    assert "worker ended by itself with signal SIGKILL" in caplog.text


def test_worker_killed_by_its_handler_returns(scheduler: TaskScheduler, tmp_path: Path) -> None:
    enqueue("handlers.killing.run", {"mark": str(tmp_path / "mark")})
    wait_until(lambda: scheduler.status()["worker"]["restarts"] == 1, "its end is seen", timeout=20)
    assert enqueue("handlers.hello.run").wait(60)["status"] == "success"
    assert scheduler.status()["beat"]["restarts"] == 0


def test_forked_child_leaves_its_parents_processes_alone(scheduler: TaskScheduler) -> None:
    child = os.fork()
    if child == 0:
        is_empty = scheduler.status() == {}
        scheduler.stop()
        os._exit(0 if is_empty else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert all(one["running"] for one in scheduler.status().values())


def test_closed_terminal_stops_up_in_good_order(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        own = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
        os.execve(
            sys.executable,
            [sys.executable, "-m", "mission_control", "up", "--no-web"],
            {**own, "PYTHONPATH": str(ROOT)},
        )
    os.set_blocking(terminal, False)
    said = bytearray()

    def is_up() -> bool:
        with suppress(BlockingIOError):
            said.extend(os.read(terminal, 65_536))
        return b"everything is up" in said

    wait_until(is_up, "everything is up", timeout=60)
    up = psutil.Process(pid)
    processes = [*up.children(recursive=True), psutil.Process(recorded_pid(tmp_path / "data" / "redis"))]
    assert len(processes) >= 3

    os.close(terminal)

    assert os.waitpid(pid, 0)[1] == 0
    assert [one for one in processes if lives(one)] == []
