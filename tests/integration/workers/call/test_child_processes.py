from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from tests.stage.waiting import wait_until
from workers.call.child_processes import kill_with_children

PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
print(flush=True)
time.sleep(600)
"""


def test_killed_process_takes_those_that_it_has_started_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) == 2
        kill_with_children(parent.pid)
        assert parent.wait(timeout=60) < 0
    wait_until(lambda: not any(one.is_running() for one in children), "its children are gone")


def test_process_that_is_gone_is_no_trouble() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(timeout=60)
    kill_with_children(gone.pid)


STOPPED_AT_ONCE = """
import os, signal
from billiard.common import reset_signals
from workers.call.child_processes import allow_own_children
reset_signals(full=True)  # as in a child of a Celery pool
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
allow_own_children()
if (child := os.fork()) == 0:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_forked_process_that_is_stopped_while_it_begins_ends() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED_AT_ONCE], capture_output=True, text=True, check=True)
    assert int(done.stdout) == -signal.SIGTERM
