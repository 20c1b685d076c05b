"""Real beat processes for tests, and what they put on the queues."""

from __future__ import annotations

import base64
import json
import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mission_control.processes.commands import beat_command
from mission_control.processes.heartbeats import beat_name
from mission_control.store import redis_keys
from tests.processes.forked import ForkedProgram
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    import redis

    from mission_control.installation.installation import Installation

READY_SECONDS = 120.0
"""How long a beat may take to start where many processes share few processors."""


class BeatProcess:
    """A beat from its construction to the end of the `with` statement; `environment` adds to the settings."""

    def __init__(self, installation: Installation, environment: Mapping[str, str] | None = None) -> None:
        self._log = Path(tempfile.mkstemp(prefix="mc-test-beat-", suffix=".log")[1])
        ours = {
            **os.environ,
            **installation.settings.environment(),
            **(environment if environment is not None else {}),
        }
        with self._log.open("ab") as output:
            self._process = ForkedProgram(beat_command().argv, ours, output)
        self.name = beat_name(self._process.pid)
        self._client = installation.client

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    @property
    def leads(self) -> bool:
        return bool(self._client.get(redis_keys.BEAT_LEADER) == self.name)

    @property
    def stands_by(self) -> bool:
        sign = self._client.get(redis_keys.process("beat", self.name))
        return sign is not None and json.loads(str(sign))["leading"] is False

    def wait_until_it_leads(self, timeout: float = READY_SECONDS) -> None:
        self._wait(lambda: self.leads, "this beat leads", timeout)

    def wait_until_it_stands_by(self, timeout: float = READY_SECONDS) -> None:
        self._wait(lambda: self.stands_by, "this beat stands by", timeout)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """End it in good order and return its exit code."""
        self.signal(signal.SIGTERM)
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exit_code is None:
            self.signal(signal.SIGCONT)
            self.kill()
        if error is not None:
            error.add_note(f"the log of beat {self.name}:\n{self.log[-6_000:]}")
        self._log.unlink()

    def _wait(self, predicate: Any, what: str, timeout: float) -> None:
        wait_until(lambda: self.exit_code is not None or predicate(), what, timeout=timeout)
        assert self.exit_code is None, f"beat ended with {self.exit_code}:\n{self.log}"


@contextmanager
def leading_beat(
    installation: Installation, environment: Mapping[str, str] | None = None
) -> Iterator[BeatProcess]:
    """A beat that leads."""
    with BeatProcess(installation, environment) as beat:
        beat.wait_until_it_leads()
        yield beat


def messages(client: redis.Redis, queue: str = "default") -> list[dict[str, Any]]:
    """Return the messages on a queue, the oldest first, without taking them."""
    texts: Any = client.lrange(queue, 0, -1)
    return [json.loads(text) for text in reversed(texts)]


def sent_ids(client: redis.Redis, queue: str = "default") -> list[str]:
    """Return the ids of the messages on a queue, the oldest first."""
    return [message["headers"]["id"] for message in messages(client, queue)]


def body_of(message: Mapping[str, Any]) -> Any:
    """Return what a message's body holds."""
    return json.loads(base64.b64decode(message["body"]))
