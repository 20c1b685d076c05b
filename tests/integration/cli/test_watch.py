"""`--watch`: an answer is shown again, until Ctrl-C or until its reader has gone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.house.repository import ROOT
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


def started(installation: Installation, stdout: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    assert environment["MISSION_CONTROL_REDIS_URL"] == installation.redis_url
    words = [sys.executable, "-m", "mission_control", "task", "list", "--watch"]
    return subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
    )


def test_watched_list_is_redrawn_in_a_terminal_until_ctrl_c(installation: Installation) -> None:
    mc("task", "add", "--id", "tea", "--handler", "handlers.hello.run", "--daily", "09:00")
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    seen = bytearray()

    def shows(text: bytes) -> bool:
        try:
            seen.extend(os.read(ours, 65_536))
        except BlockingIOError:
            return False
        return text in seen

    with started(installation, theirs) as process:
        wait_until(lambda: shows(b"tea"), "the list is shown")
        mc("task", "add", "--id", "coffee", "--handler", "handlers.hello.run", "--daily", "09:00")
        wait_until(lambda: shows(b"coffee"), "the list is shown again")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
    os.close(theirs)


def test_watched_list_ends_as_soon_as_its_reader_has_gone(installation: Installation) -> None:
    mc("task", "add", "--id", "tea", "--handler", "handlers.hello.run", "--cron", "0 0 1 1 *")
    with started(installation, subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().split()[:1] == [b"task"]
        process.stdout.close()
        assert process.wait(60) == 0
        assert b"Traceback" not in process.stderr.read()


def test_watching_is_for_people(installation: Installation) -> None:
    assert installation is not None
    answer = mc("status", "--watch", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert mc("run", "show", "gone", "--watch").code == 3
