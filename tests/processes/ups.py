"""A real `mission-control up`, and what it says."""

from __future__ import annotations

import json
import signal
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import psutil

from mission_control.store.embedded.locks import recorded_pid
from tests.processes.rude_workers import lives
from tests.stage.command_line import start_program
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

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


def words_of(process: psutil.Process) -> str:
    """Return the command line of a process; none if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
