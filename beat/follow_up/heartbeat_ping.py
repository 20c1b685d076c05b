"""The ping to a monitor elsewhere, which notices if the whole machine is silent."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from mission_control.configuration.settings import Secret
from mission_control.events import events
from mission_control.model.values.addresses import Network
from mission_control.notifications.delivery import without_secrets
from mission_control.outbound.http_call import Call, call

EVERY_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 10.0
_MOST_BYTES: Final = 1_000
_MOST_TEXT: Final = 5_000
_FIRST_REFUSAL: Final = 300


@dataclass
class HeartbeatPing:
    """Pings the monitor every minute: its URL if all is well, else that with `/fail`.

    `report` returns what is wrong, and the account as text. Everything is done in a thread, one at a time, so
    neither a monitor that hangs nor a large account delays beat. Redirects are not followed.
    """

    url: Secret
    allowed: Sequence[Network]
    report: Callable[[], tuple[list[str], str]]
    _next: float = field(default=0.0, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _problem: str | None = field(default="", init=False)  # neither failed nor arrived yet

    def __post_init__(self) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL that it calls

    def turn(self) -> None:
        """Begin a ping, if it is time to and none is under way."""
        now = time.monotonic()
        if now >= self._next and (self._thread is None or not self._thread.is_alive()):
            self._next = now + EVERY_SECONDS
            self._thread = threading.Thread(target=self._ping, name="heartbeat", daemon=True)
            self._thread.start()

    def soon(self) -> None:
        """Let the next turn ping: what is wrong has changed."""
        self._next = 0.0

    def _ping(self) -> None:
        problems, account, fault = self._reported()
        problem = self._send([*problems, fault] if fault else problems, account) or fault
        problem = None if problem is None else without_secrets(problem, self.url.reveal())
        if problem != self._problem:
            self._problem = problem
            if problem is None:
                events.heartbeat_arrives()
            else:
                events.heartbeat_failed(problem)

    def _reported(self) -> tuple[list[str], str, str | None]:
        try:
            return *self.report(), None
        except Exception as error:  # noqa: BLE001  # whatever it is, the monitor should know of it
            return [], "", f"no account: {type(error).__name__}: {error}"

    def _send(self, problems: Sequence[str], account: str) -> str | None:
        text = "\n".join(["FAILURE" if problems else "OK", *problems, account])[:_MOST_TEXT]
        ping = Call(
            url=failure_url(self.url.reveal()) if problems else self.url.reveal(),
            method="POST",
            headers={"Content-Type": "text/plain; charset=utf-8"},
            body=text,
            timeout_seconds=TIMEOUT_SECONDS,
            max_bytes=_MOST_BYTES,
            follow_redirects=False,
        )
        try:
            answer = call(ping, allowed=self.allowed)
        except httpx.TimeoutException:
            return f"the monitor did not answer within {TIMEOUT_SECONDS:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.status < _FIRST_REFUSAL else f"the monitor answered {answer.status}"


def failure_url(url: str) -> str:
    """Return the URL of a failure.

    >>> failure_url("https://monitor.example/uuid?create=1"), failure_url("https://monitor.example/uuid/")
    ('https://monitor.example/uuid/fail?create=1', 'https://monitor.example/uuid/fail')
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.removesuffix('/')}/fail"))
