from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from mission_control.store.embedded.locks import is_taken
from tests.processes.ups import SLEEPER, TASKS, Up, alive, with_tasks
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.starts_early(40)


@pytest.mark.parametrize("sign", ["starting beat", "event=leading", "beat watches", " ready.", "is up"])
def test_up_that_is_stopped_as_it_starts_ends_in_good_order(tmp_path: Path, sign: str) -> None:
    up = Up(with_tasks(tmp_path, TASKS))
    try:
        wait_until(lambda: sign in up.err.text, f"it says {sign!r}", timeout=60)
        started = [*up.children(), up.server()]
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(timeout=60)
    finally:
        up.close()
    assert (up.process.returncode, "Traceback" in up.err.text) == (0, False), up.err.text
    assert "stopped" in up.err.text
    assert alive(started) == []


@pytest.mark.parametrize("number", range(int(os.environ.get("UP_STOPS", "2"))))
def test_up_that_is_stopped_in_any_moment_of_its_start_ends(tmp_path: Path, number: int) -> None:
    chance = random.Random(f"{os.environ.get('CHAOS_SEED', '')}{number}")
    up = Up(with_tasks(tmp_path, TASKS))
    try:
        time.sleep(chance.uniform(0.1, 4.0))
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(timeout=60)
    finally:
        up.close()
    assert up.process.returncode in {0, -signal.SIGTERM}, (
        up.err.text
    )  # it may have come before Python heard any
    assert "Traceback" not in up.err.text
    if (lock := tmp_path / "data" / "services.lock").exists():
        assert not is_taken(lock)  # by beat or the worker


def interrupt(up: Up) -> None:
    """Press Ctrl-C, a moment after the last time."""
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 0.6, "this one is another one")
    up.process.send_signal(signal.SIGINT)


def test_second_ctrl_c_interrupts_running_handlers(tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    source = (
        "import pathlib, time\ndef run(context):\n    pathlib.Path('begun').touch()\n    time.sleep(600)\n"
    )
    (tmp_path / "handlers" / "sleeper.py").write_text(source)
    up = Up(with_tasks(tmp_path, SLEEPER))
    try:
        up.wait_until_up()
        wait_until((tmp_path / "begun").exists, "the handler runs", timeout=20)
        interrupt(up)
        wait_until(lambda: "stopping" in up.err.text, "it is stopping")
        interrupt(up)
        up.process.wait(timeout=60)
    finally:
        up.close()
    assert up.process.returncode == 0
    assert "interrupted" in up.out.text


def test_third_ctrl_c_kills_everything(up: Up) -> None:
    up.wait_until_up()
    worker = next(one for one in up.children("workers.app"))
    started = [*up.children(), up.server()]
    worker.suspend()  # a worker that would not stop by itself
    interrupt(up)
    wait_until(lambda: "stopping" in up.err.text, "it is stopping")
    interrupt(up)
    interrupt(up)
    up.process.wait(timeout=60)
    assert alive(started) == []  # nor the server
