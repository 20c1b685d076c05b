"""What the README shows is typed as it stands, in a folder of its own: shell lines, programs, files."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mission_control.processes.heartbeats import live_processes
from mission_control.store.embedded.ports import free_port
from tests.house.documentation import blocks, spans
from tests.house.repository import ROOT
from tests.stage.servers import RedisServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

README = ROOT / "README.md"
PYTHON = blocks(README, "python")
LINES = [
    line.partition("  #")[0].strip()
    for text in blocks(README, "sh")
    for line in text.replace("\\\n", " ").splitlines()
]
# Lines that set up an environment, run the tests or need Docker, and the test that holds each.
HELD_ELSEWHERE = {
    "./mc demo": "tests/integration/cli/test_demo.py",
    "./mc test": "tests/house/test_mc.py",
    "docker compose up --build --scale worker=3": "tests/house/test_containers.py",
    "python3 -m venv .venv": "tests/house/test_mc.py",
    ".venv/bin/pip install -e '.[dev]'": "tests/house/test_locked_requirements.py",
    ".venv/bin/mission-control demo": "tests/integration/cli/test_demo.py",
    ".venv/bin/pytest": "tests/house/test_mc.py",
    "uv run mission-control demo": "tests/integration/cli/test_demo.py",
    "uv run --extra dev pytest": "tests/house/test_locked_requirements.py",
}
OURS = [line for line in LINES if line.startswith("./mc ") and line not in HELD_ELSEWHERE]
CELERYS = [line for line in LINES if "celery -A" in line]
# What `mc` does once it has set the checkout up.
MC = f'#!/bin/sh\nexec {sys.executable} -m mission_control "$@"\n'


@dataclass(frozen=True)
class Place:
    """A folder in which lines are typed."""

    folder: Path
    environment: dict[str, str]

    def work(self, line: str) -> str:
        """Type a line, which must succeed, and return what it prints; where it follows, its first line."""
        with self.typing(line) as process:
            if "--follow" in line:
                assert process.stdout is not None
                return process.stdout.readline()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (line, err)
        return out

    def send_as_shown(self) -> None:
        """Send a run with a plain Celery client, by the expression in the README."""
        (expression,) = (text for text in spans(README) if text.startswith("Celery(broker=URL)"))
        broker = self.work("./mc url --password").strip()
        program = f"from celery import Celery\nURL = {broker!r}\n{expression}\n"
        (self.folder / "client.py").write_text(program, "utf-8")
        self.work("python client.py")

    @contextmanager
    def typing(self, line: str) -> Iterator[subprocess.Popen[str]]:
        """Type a line, and end what it started at exit."""
        process = subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("mc", "tasks.json"):
        (tmp_path / name).write_text(MC if name == "mc" else blocks(README, "json")[0], "utf-8")
    (tmp_path / "mc").chmod(0o755)
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Place(tmp_path, {**inherited, "PATH": path, "PYTHONPATH": str(ROOT)})


def test_line_of_readme_is_typed_here_or_held_elsewhere() -> None:
    typed = {*OURS, *CELERYS, *HELD_ELSEWHERE}
    assert [line for line in LINES if line not in typed and not line.startswith("export ")] == []
    assert [test for test in HELD_ELSEWHERE.values() if not (ROOT / test).exists()] == []


def test_commands_and_programs_of_readme_do_what_it_says(place: Place) -> None:
    up, *commands = OURS
    assert up == "./mc up"
    commands.sort(key=lambda line: line.startswith("./mc tasks "))  # the files hold what the programs made
    of_files = [line for line in commands if line.startswith("./mc tasks ")]
    (place.folder / "shown.py").write_text(PYTHON[1], "utf-8")
    with place.typing(up) as process:
        said = process.stderr
        assert said is not None
        wait_until(lambda: "everything is up" in said.readline(), "everything is up", timeout=60)
        answers = [place.work(line) for line in commands if line not in of_files]
        printed = place.work("python shown.py")
        place.send_as_shown()
        wait_until(lambda: "Hello, Eve!" in place.work("./mc audit tail"), "the client's run ran", timeout=30)
        answers += [place.work(line) for line in of_files]

    outs = {
        line.removeprefix("./mc ").split(" -")[0]: out for line, out in zip(commands, answers, strict=True)
    }
    assert outs["handler new greet"].endswith("handlers/greet.py\n")
    assert outs["handler test handlers.greet.run"] == "Hello, Ada!\n"
    assert outs["task add"] == "tea\n"
    assert {line.split()[1] for line in outs["next tea"].splitlines()[1:]} == {"16:00:00"}
    assert outs["task run tea"] == "Hello, tea!\n"
    assert "16:00" in outs["task list"]
    assert outs["status"].splitlines()[0].split() == ["verdict", "OK"]
    assert "Hello, tea!" in outs["audit tail"]
    assert "16:00:00" in outs["resume tea"]
    assert "pause_after_failures" in outs["task update tea"]
    registered, next_run, result = printed.splitlines()
    assert (registered, next_run[-7:]) == ("True", ":00:00Z")
    assert result == "{'status': 'success', 'output': 'Hello, Ada!', 'error': None}"
    assert outs["tasks apply tasks.json"] == "~ daily_briefing_9am\n"
    exported = json.loads((place.folder / "tasks.json").read_text())["tasks"]
    assert [task["id"] for task in exported] == ["daily_briefing_9am", "tea"]


def test_first_program_of_readme_starts_all_that_it_needs(place: Place) -> None:
    (place.folder / "shown.py").write_text(PYTHON[0], "utf-8")
    assert place.work("python shown.py") == "Hello, world!\n"


def test_processes_of_readme_start_as_typed(place: Place) -> None:
    port = free_port()
    with RedisServer() as server, server.client() as client, ExitStack() as processes:
        settings = {"MISSION_CONTROL_REDIS_URL": server.url, "FLOWER_PORT": str(port)}
        there = Place(place.folder, {**place.environment, **settings, "FLOWER_ADDRESS": "127.0.0.1"})
        started = {line: processes.enter_context(there.typing(line)) for line in CELERYS}
        for line, process in started.items():
            wait_until(partial(is_up, line, client, port), f"{line} is up", timeout=60)
            assert process.poll() is None
        for process in started.values():
            os.killpg(process.pid, signal.SIGTERM)


def is_up(line: str, client: Redis, port: int) -> bool:
    """Return whether the process that a line starts does its work, on the queues that the line names."""
    if "flower" in line:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    alive = live_processes(client)
    if " beat" in line:
        return any(one.kind == "beat" and one.info["leading"] for one in alive)
    named = re.search(r"(?:QUEUES=| -Q )(\S+)", line)
    queues = {"default"} if named is None else set(named[1].split(","))
    return any(one.kind == "worker" and queues <= set(one.info["queues"]) for one in alive)
