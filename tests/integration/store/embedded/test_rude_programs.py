"""Programs that close their descriptors, block signals, fork and end: one data directory, one server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mission_control.store.embedded.locks import recorded_pid
from tests.integration.store.embedded.embedded_users import ROOT, USER, client_of, is_running, joined
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_program_without_standard_descriptors_starts_one_server(data_dir: Path) -> None:
    script = """
import os
os.makedirs(sys.argv[2])
for number in range(3):
    os.close(number)
server = join_embedded_server(Path(sys.argv[2]))
first = server.pid
child = os.fork()
if child == 0:
    again = join_embedded_server(Path(sys.argv[2]))
    open(sys.argv[2] + "/answer", "w").write(json.dumps([first, again.pid]))
    time.sleep(600)
os.waitpid(child, 0)
"""
    place = data_dir / "closed"
    with subprocess.Popen(
        [sys.executable, "-c", f"import time\n{USER}{script}", str(data_dir / "open"), str(place)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as program:
        wait_until(lambda: (place / "answer").exists() and (place / "answer").read_text(), "it has joined")
        first, again = json.loads((place / "answer").read_text())
        with joined(place) as server:
            assert first == again == server.pid
            assert is_running(first)
        os.killpg(program.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(first), "the server has ended with the program")


PARENT = """
import os, signal, time
from mission_control.configuration.settings import read_settings
from mission_control.installation.installation import Installation
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
ours = Installation(read_settings(redis_url="", data_dir=sys.argv[1]))
ours.client.set("kept", "yes")
parent = os.getpid()
if os.fork() == 0:
    os.setsid()
    if sys.argv[2] == "daemon":
        os.closerange(0, 1000)
    while os.getppid() == parent:
        time.sleep(0.01)
    ours.client.set("used", "yes")  # as its parent, the last other user, has just ended
    open(sys.argv[1] + "/done", "w").close()
    os._exit(0)
"""


@pytest.mark.parametrize("kind", ["preloading", "daemon"])
def test_server_of_an_ended_parent_serves_its_forked_child_and_ends_with_it(
    data_dir: Path, kind: str
) -> None:
    done = data_dir / "done"
    subprocess.run(
        [sys.executable, "-c", f"{USER}{PARENT}", str(data_dir), kind],
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_until(done.exists, "the child has used the server")
    pid = recorded_pid(data_dir / "redis")
    wait_until(lambda: not is_running(pid), "the server has ended with the child")
    with joined(data_dir) as server, client_of(server.url) as client:
        assert (client.get("kept"), client.get("used")) == ("yes", "yes")
