"""Beats that are cheap to kill: forked from a process that has imported all it needs, they start at once.

Each is the scheduler of the real beat in a process of its own, without Celery's command line around it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from mission_control.installation.installation import Installation


class BeatNursery:
    """Starts and kills beats of an installation; best used in a `with` statement."""

    def __init__(self, installation: Installation) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.chaos_beat"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **installation.settings.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Start a beat and return its process id."""
        return int(self._ask("start"))

    def kill(self, pid: int) -> None:
        """Kill a beat, which must not have ended by itself, and wait for its end."""
        os.kill(pid, signal.SIGKILL)
        assert int(self._ask(f"wait {pid}")) == signal.SIGKILL, "beat ended by itself"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def _ask(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def be_a_beat() -> None:
    from beat.scheduler import MissionControlScheduler
    from mission_control.installation.installation import create_app

    scheduler = MissionControlScheduler(create_app("beat"))
    while True:
        scheduler.tick()


def import_everything() -> None:
    """Do what a beat does when it first builds a message, so that its children find all of it imported."""
    import beat.firing.assembly  # noqa: F401
    from beat.messages.run_messages import RunMessages
    from beat.scheduler import MissionControlScheduler
    from mission_control.installation.installation import create_app
    from mission_control.messaging.message_template import MessageKind
    from mission_control.model.definitions.schedules.interval import IntervalSchedule

    app = create_app("first")
    scheduler = MissionControlScheduler(app)
    kind = MessageKind("handlers.test_handler.run", "default", 0, None, None, expires=False)
    messages = RunMessages(app, scheduler._sender)
    every_hour = IntervalSchedule(type="interval", hours=1)
    now = datetime.now(UTC)
    messages.message(
        kind, every_hour, execution_id="a@b", task_id="a", scheduled_time=now, expires=None, now=now
    )
    scheduler.connection.release()


def nurse() -> None:
    """Obey the commands on standard input until its end."""
    import_everything()
    for line in sys.stdin:
        if line.startswith("wait"):
            print(os.waitstatus_to_exitcode(os.waitpid(int(line.split()[1]), 0)[1]) * -1, flush=True)  # noqa: T201
            continue
        pid = os.fork()
        if pid == 0:
            be_a_beat()
        print(pid, flush=True)  # noqa: T201


if __name__ == "__main__":
    nurse()
