from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control.processes.up_lock import UpLock
from tests.processes.ups import SLEEPER, alive, with_tasks
from tests.stage.command_line import Answer, run_program, start_program
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.starts_early

UP = ("up", "-d", "--concurrency", "1", "--no-web")
SLEEPING_HANDLER = """
import pathlib, time
def run(context):
    pathlib.Path("begun").touch()
    print("begun")
    time.sleep(600)
"""


class Background:
    """A folder in which `up -d` and `down` are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: list[psutil.Process] = []

    def type(self, *words: str) -> Answer:
        return run_program(*words, folder=self.folder)

    def up(self) -> Answer:
        answer = self.type(*UP)
        self.note_processes()
        return answer

    def note_processes(self) -> None:
        up = self.running()
        self._seen += [] if up is None else [up, *up.children(recursive=True)]

    def running(self) -> psutil.Process | None:
        found = UpLock(self.folder / "data").running()
        return None if found is None else psutil.Process(found.pid)

    def left(self) -> list[psutil.Process]:
        return alive(self._seen)

    def close(self) -> None:
        for one in self.left():
            one.kill()


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    made = Background(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_one_of_two_detached_ups_returns_when_all_is_up_and_down_says_what_it_cut(
    background: Background,
) -> None:
    with_tasks(background.folder, SLEEPER)
    (background.folder / "handlers").mkdir()
    (background.folder / "handlers" / "sleeper.py").write_text(SLEEPING_HANDLER)
    log = background.folder / "data" / "logs" / "up.log"

    both = [
        start_program(*UP, folder=background.folder, environment={"MISSION_CONTROL_STOP_GRACE_SECONDS": "0"})
        for _ in range(2)
    ]
    said = [one.communicate(timeout=90)[1] for one in both]
    background.note_processes()

    assert sorted(one.returncode for one in both) == [0, 4], said
    answer = next(err for one, err in zip(both, said, strict=True) if one.returncode == 0)
    assert [line.rstrip() for line in answer.splitlines()[-2:]] == [
        "log   data/logs/up.log",
        "stop  mission-control down",
    ]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    status = background.type("status", "--json")
    up = background.running()
    assert up is not None
    assert status.json["up"] == {"pid": up.pid, "host": socket.gethostname(), "log": str(log)}
    assert "in the background, log in data/logs/up.log" in background.type("status").out
    refused = background.type("up")
    assert (refused.code, refused.out) == (4, "")
    assert f"already (process {up.pid} on " in refused.err
    wait_until((background.folder / "begun").exists, "the handler runs", timeout=20)

    stopped = background.type("down")

    assert stopped.code == 0, stopped.err
    (line,) = stopped.out.splitlines()
    assert "interrupted sleeper" in line
    assert "1 run interrupted, to run again after the next `up`: sleeper@" in stopped.err
    assert background.left() == []
    assert line in log.read_text()
    assert stopped.err.count("stopp") == 2
    nothing = background.type("down")
    assert (nothing.code, nothing.err) == (3, "error: nothing is up in data\n")


def test_down_clears_up_what_a_killed_detached_up_has_left(background: Background) -> None:
    assert background.up().code == 0
    killed = background.running()
    assert killed is not None
    killed.kill()
    cleared = background.type("down")
    assert (cleared.code, cleared.out) == (0, "")
    assert f"`up` (process {killed.pid}) was killed" in cleared.err
    wait_until(lambda: background.left() == [], "the server ends as well")
    assert background.type("down").code == 3


def test_detached_up_with_a_bad_task_file_says_so_and_leaves_nothing(background: Background) -> None:
    with_tasks(background.folder, {"tasks": [{"id": "a"}]})
    answer = background.up()
    assert answer.code == 2
    assert "tasks[0] (a).schedule" in answer.err
    assert background.running() is None
    assert background.type("down").code == 3


def test_detached_up_where_others_may_write_is_refused(background: Background) -> None:
    (background.folder / "data").mkdir()
    (background.folder / "data").chmod(0o777)
    answer = background.up()
    assert answer.code == 4
    assert "data" in answer.err
    assert list((background.folder / "data").iterdir()) == []
