"""What says which `up` works on a data directory, and ends what a killed one has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from mission_control.processes import up_lock
from mission_control.processes.up_lock import UpLock
from tests.house.repository import ROOT
from tests.processes.rude_workers import lives

if TYPE_CHECKING:
    from pathlib import Path

KILLED = """
import os, pathlib, signal, subprocess, sys
from mission_control.processes.up_lock import UpLock
lock = UpLock(pathlib.Path(sys.argv[1]))
assert lock.take(None, 1.0)
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
service = subprocess.Popen(["sleep", "600"], start_new_session=True, pass_fds=(lock.services,), **quiet)
lock.note_service(service.pid)
print(service.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def left_by_a_killed_up(data: Path) -> psutil.Process:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(data)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return psutil.Process(int(done.stdout))


@pytest.mark.parametrize("by", ["down", "the next up"])
def test_service_that_hangs_after_its_up_was_killed_is_killed(
    data: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    service = left_by_a_killed_up(data)
    monkeypatch.setattr(up_lock, "_GONE_WITHIN_SECONDS", 0.1)
    lock = UpLock(data)
    assert lock.running() is None
    assert lock.killed() is not None
    if by == "down":
        assert lock.end_left_behind() == [service.pid]
        lock.clear()
        assert lock.killed() is None
    else:
        assert lock.take(None, 1.0)
        found = lock.running()
        assert found is not None
        assert found.pid == os.getpid()
    assert not lives(service)


def test_process_with_the_number_of_a_service_that_has_ended_is_left_alone(data: Path) -> None:
    service = left_by_a_killed_up(data)
    service.kill()
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (data / "services.lock").write_text(f"{stranger.pid}\n")
        assert UpLock(data).end_left_behind() == []
        assert stranger.poll() is None
        stranger.kill()
