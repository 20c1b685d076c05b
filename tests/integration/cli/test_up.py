from __future__ import annotations

import json
import signal
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from mission_control.store.embedded.locks import recorded_pid
from tests.processes.rude_workers import lives
from tests.stage.command_line import run_program, start_program
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

pytestmark = pytest.mark.starts_early(50)

TASKS = {
    "tasks": [
        {
            "id": "greet",
            "schedule": {"type": "interval", "seconds": 1},
            "handler": "handlers.hello.run",
            "params": {"name": "Ada"},
        }
    ]
}

SLEEPER = {
    "tasks": [
        {"id": "sleeper", "schedule": {"type": "interval", "seconds": 1}, "handler": "handlers.sleeper.run"}
    ]
}


class Up:
    """A running `mission-control up`, with what it has said so far."""

    def __init__(self, folder: Path, *, page: bool = False) -> None:
        self.folder = folder
        words = [] if page else ["--no-web"]
        port = {"MISSION_CONTROL_WEB_PORT": "0"}
        self.process = start_program("up", "--concurrency", "2", *words, folder=folder, environment=port)
        self.out, self.err = (_Said(stream) for stream in (self.process.stdout, self.process.stderr))

    def wait_until_up(self) -> None:
        wait_until(
            lambda: "everything is up" in self.err.text or self._is_dead(), "everything is up", timeout=60
        )
        assert not self._is_dead(), self.err.text

    def children(self, word: str = "") -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in found if word in words_of(one)]

    def server(self) -> psutil.Process:
        return psutil.Process(recorded_pid(self.folder / "data" / "redis"))

    def stop(self, number: signal.Signals) -> float:
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        return time.monotonic() - began

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
        for said in (self.out, self.err):
            said.close()

    def _is_dead(self) -> bool:
        return self.process.poll() is not None


class _Said:
    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream, self._lines = stream, list[str]()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def close(self) -> None:
        self._thread.join(timeout=10)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.append(line)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if lives(one)]


def with_tasks(folder: Path, tasks: dict[str, Any]) -> Path:
    file = folder / "data" / "tasks" / "scheduled_tasks.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(tasks))
    return folder


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(with_tasks(tmp_path, TASKS))
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `up` that several tests use, because it goes on whatever they do."""
    running = Up(with_tasks(tmp_path_factory.mktemp("lasting"), TASKS))
    try:
        running.wait_until_up()
        yield running
    finally:
        running.close()


def test_up_runs_the_task_file_and_leaves_no_process(up: Up) -> None:
    up.wait_until_up()
    wait_until(lambda: up.out.text.count("Hello, Ada!") >= 2, "two runs are shown", timeout=20)
    assert "1 created" in up.err.text
    started = [*up.children(), up.server()]
    assert len(started) >= 4  # the server, beat, the worker and its pool

    took = up.stop(signal.SIGINT)

    assert up.process.returncode == 0, up.err.text
    assert took < 25  # the grace of 30 s is for handlers only
    assert alive(started) == []
    assert "Traceback" not in up.err.text


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


def test_handler_that_is_broken_is_reported_and_runs_once_it_is_repaired(lasting: Up) -> None:
    (lasting.folder / "handlers").mkdir()
    file = lasting.folder / "handlers" / "typo.py"
    file.write_text("# Words\ndef run(context)\n    return 1\n")
    wait_until(
        lambda: ", 1 broken: typo.py line 2: expected ':'" in lasting.err.text, "it is reported", timeout=60
    )
    file.write_text(
        'def run(context):\n    return {"status": "success", "output": "repaired", "error": None}\n'
    )
    wait_until(lambda: "handlers: 7 ready" in lasting.err.text, "it is loaded")
    run_program("enqueue", "handlers.typo.run", folder=lasting.folder)
    wait_until(lambda: "repaired" in lasting.out.text, "it has run", timeout=20)


def test_service_that_dies_is_reported_and_restarted(lasting: Up) -> None:
    (beat,) = lasting.children("beat.app")
    beat.kill()
    wait_until(lambda: "beat ended by itself with signal SIGKILL" in lasting.err.text, "its end is reported")
    wait_until(lambda: lasting.children("beat.app"), "another beat is there", timeout=20)
    seen = lasting.out.text.count("success")
    wait_until(lambda: lasting.out.text.count("success") > seen + 1, "tasks run again", timeout=40)


def test_server_that_dies_is_restarted_and_tasks_go_on(lasting: Up) -> None:
    lasting.server().kill()
    wait_until(
        lambda: "the managed server had ended; it runs again" in lasting.err.text, "its end is reported"
    )
    seen = lasting.out.text.count("success")
    wait_until(lambda: lasting.out.text.count("success") > seen + 1, "tasks run again", timeout=60)


def words_of(process: psutil.Process) -> str:
    """Return the command line of a process; none if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


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


def test_up_with_a_bad_task_file_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "data" / "tasks" / "scheduled_tasks.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"tasks": [{"id": "a"}]}')
    answer = run_program("up", folder=tmp_path)
    assert answer.code == 2
    assert "tasks[0] (a).schedule" in answer.err
