"""What `down` does where an `up` does not simply stop; a small program stands for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mission_control.processes.up_lock import UpLock
from tests.house.repository import ROOT
from tests.stage.command_line import mc, start_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUBBORN = """
import os, pathlib, signal, sys, time
from mission_control.processes.up_lock import UpLock
asked = []
def ask(*_):
    asked.append(1)
    os.write(1, b"asked\\n")  # a handler must not print while the program prints
signal.signal(signal.SIGTERM, ask)
lock = UpLock(pathlib.Path(sys.argv[1]))
assert lock.take(None, float(sys.argv[2]))
os.write(1, b"up\\n")
while len(asked) < int(sys.argv[3]):
    time.sleep(0.01)
lock.leave()
"""


@contextmanager
def stubborn_up(data: Path, *, stops_within: float, asked: int) -> Iterator[subprocess.Popen[str]]:
    """Run an `up` that stops once it has been asked so often."""
    command = [sys.executable, "-c", STUBBORN, str(data), str(stops_within), str(asked)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("bare_environment")
def test_up_that_does_not_stop_in_its_time_is_killed_by_down(tmp_path: Path) -> None:
    with stubborn_up(tmp_path / "data", stops_within=0.2, asked=1_000) as process:
        answer = mc("down")
        assert process.wait() == -signal.SIGKILL
    assert answer.code == 0
    assert "it has not stopped within 0.2 s and is killed" in answer.err
    assert mc("down").code == 3


def test_ctrl_c_of_down_asks_the_up_again(tmp_path: Path) -> None:
    with (
        stubborn_up(tmp_path / "data", stops_within=60, asked=2) as process,
        start_program("down", folder=tmp_path) as down,
    ):
        assert down.stderr is not None
        assert "Ctrl-C interrupts them" in down.stderr.readline()
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"  # two signals at once may be taken for one
        down.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        _, err = down.communicate(timeout=60)
    assert (down.returncode, err) == (0, "stopped; no run was interrupted\n")


def test_up_of_another_host_is_not_stopped(tmp_path: Path, bare_environment: pytest.MonkeyPatch) -> None:
    with bare_environment.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        assert UpLock(tmp_path / "data").take(None, 1.0)
    found = UpLock(tmp_path / "data").running()
    assert found is not None
    assert found.pid == os.getpid()
    answer = mc("down")
    assert answer.code == 4
    assert "`up` runs on another host, elsewhere" in answer.err
