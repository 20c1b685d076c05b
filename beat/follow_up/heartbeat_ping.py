"""The heartbeat: a ping to a monitor elsewhere, which notices if the whole machine is silent; its text."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
from redis import Redis

from mission_control.configuration.settings import Secret
from mission_control.events import events
from mission_control.model.values.addresses import Network
from mission_control.model.values.quantities import counted
from mission_control.notifications.alarms import open_alarms
from mission_control.notifications.delivery import without_secrets
from mission_control.operate.account.recent import recent_balance
from mission_control.operate.overdue import OVERDUE_AFTER, overdue
from mission_control.outbound.http_call import Call, call
from mission_control.processes.heartbeats import live_processes
from mission_control.registry.pauses import read_pauses
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

EVERY_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 10.0
_MOST_BYTES: Final = 1_000
_MOST_TEXT: Final = 5_000
_FIRST_REFUSAL: Final = 300
TASKS_AT_ONCE: Final = 500
"""Of how many tasks a report has the account; of more tasks the next ones have theirs in the next report."""

_FIRST_SPAN: Final = timedelta(minutes=10)  # another beat may have stopped in the midst of a minute
_LONGEST_SPAN: Final = timedelta(days=1)
_NAMED: Final = 5
_MOST_REMEMBERED: Final = 1_000


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


@dataclass
class HeartbeatReport:
    """Takes the account of all tasks in turn, and remembers what it found unexplained until it has a run."""

    client: Redis
    registry: Callable[[], Registry]
    keys: RedBeatKeys
    clock: Callable[[], datetime]
    _slice: int = field(default=0, init=False)
    _accounted_until: dict[int, datetime] = field(default_factory=dict, init=False)
    _unexplained: dict[str, datetime] = field(default_factory=dict, init=False)

    def __call__(self) -> tuple[list[str], str]:
        """Return what is wrong, nothing if all is well, and the account.

        Raises:
            RedisError: Redis cannot be asked.
        """
        now, registry = self.clock(), self.registry()
        account = self._account(registry, now)
        late = overdue(self.client, registry, self.keys, now)
        problems = [f"{name}: {alarm.text}" for name, alarm in open_alarms(self.client).items()]
        if not any(one.kind == "worker" for one in live_processes(self.client)):
            problems.append("no worker is alive")
        if quarantined := self.client.hlen(redis_keys.BEAT_QUARANTINE):
            problems.append(f"quarantined: {quarantined}")
        if late:
            problems.append(f"overdue: {_named(late)}")
        if self._unexplained:
            problems.append(f"unexplained: {_named(list(self._unexplained))}")
        return problems, account

    def _account(self, registry: Registry, now: datetime) -> str:
        ids = registry.ids()
        slices = max(1, -(-len(ids) // TASKS_AT_ONCE))
        at = self._slice = (self._slice + 1) % slices
        some = ids[at * TASKS_AT_ONCE : (at + 1) * TASKS_AT_ONCE]
        until = now.replace(microsecond=0) - OVERDUE_AFTER
        since = max(self._accounted_until.get(at, until - _FIRST_SPAN), until - _LONGEST_SPAN)
        moved = [one.execution_id for one in read_pauses(self.client).changed]
        account = recent_balance(self.client, registry.some(some), since, until, put_off=moved)
        self._accounted_until[at] = until
        self._remember(account.unexplained, now)
        of = "" if slices == 1 else f" ({counted(len(some), 'task')} of {len(ids):,})"
        return f"{account.words()}{of}"

    def _remember(self, found: Sequence[str], now: datetime) -> None:
        self._unexplained |= dict.fromkeys(found[: _MOST_REMEMBERED - len(self._unexplained)], now)
        with self.client.pipeline(transaction=False) as pipe:
            for one in self._unexplained:
                pipe.exists(redis_keys.run(one))
            explained = pipe.execute()
        self._unexplained = {
            one: since
            for (one, since), has_run in zip(self._unexplained.items(), explained, strict=True)
            if not has_run and now - since < _LONGEST_SPAN
        }


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
