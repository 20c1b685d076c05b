"""Which beats and workers are alive: a short-lived key each, renewed while the process does its work."""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from redis import Redis

from mission_control.configuration.settings import Settings
from mission_control.model.values.zones import zone_data
from mission_control.signing.keyring import key_id
from mission_control.store import redis_keys

RENEW_EVERY_SECONDS: Final = 1.0
LIFE_SECONDS: Final = 10
ANSWER_SECONDS: Final = 4.0
"""A process without a heartbeat for so long is reported as one that does not answer."""

_REMEMBERED: Final = 86_400
"""How long the name of a process that ended in disorder is remembered, in seconds: clocks may differ."""

_COMMON: Final = (
    "visibility_seconds",
    "leader_seconds",
    "retention_days",
    "retention_runs",
    "allow_plain_producers",
)

Common = Mapping[str, Any]
"""By the names of settings; the keys by their ids, and the release of the time zone data."""


@dataclass(frozen=True)
class ProcessInfo:
    """A live process: `kind` is `beat` or `worker`.

    Its `info` has its clock at its last heartbeat, in Unix seconds, which was `age` seconds ago.
    """

    kind: str
    name: str
    info: dict[str, Any]
    age: float = field(default=0.0, compare=False)


def beat_name(pid: int) -> str:
    """Return the name under which the beat with that process id on this machine leads and is seen."""
    return f"{socket.gethostname()}:{pid}"


def end_lead_of_dead_beat(client: Redis, pid: int) -> None:
    """Take the lead from a beat on this machine that is known to be dead, so that none waits for it."""
    name = beat_name(pid)
    if client.get(redis_keys.BEAT_LEADER) == name:  # no other process has, or takes, that name
        client.delete(redis_keys.BEAT_LEADER, redis_keys.process("beat", name))
        client.zrem(redis_keys.PROCESS_NAMES, f"beat:{name}")


class Heartbeat:
    """One process's heartbeat, written at most once in `RENEW_EVERY_SECONDS`."""

    def __init__(self, client: Redis, kind: str, name: str) -> None:
        self._client = client
        self._name = f"{kind}:{name}"
        self._renew_at = 0.0
        self._info: dict[str, Any] = {}

    def beat(self, **info: Any) -> None:  # noqa: ANN401  # any JSON values
        """Renew the heartbeat; changed `info` is written at once."""
        now = time.monotonic()
        if now < self._renew_at and info == self._info:
            return
        clock = time.time()
        with self._client.pipeline() as pipe:
            pipe.set(
                f"{redis_keys.PROCESSES}{self._name}", json.dumps({**info, "clock": clock}), ex=LIFE_SECONDS
            )
            pipe.zadd(redis_keys.PROCESS_NAMES, {self._name: clock})
            if not self._renew_at:
                pipe.zremrangebyscore(redis_keys.PROCESS_NAMES, "-inf", clock - _REMEMBERED)
            pipe.execute()
        self._renew_at, self._info = now + RENEW_EVERY_SECONDS, info

    def end(self) -> None:
        """Remove the heartbeat, at an orderly end."""
        self._renew_at = 0.0
        self._client.delete(f"{redis_keys.PROCESSES}{self._name}")
        self._client.zrem(redis_keys.PROCESS_NAMES, self._name)


def live_processes(client: Redis, *, within_seconds: float = LIFE_SECONDS) -> list[ProcessInfo]:
    """Return the processes with a heartbeat within the last `within_seconds`, sorted."""
    names = sorted(cast("list[str]", client.zrange(redis_keys.PROCESS_NAMES, 0, -1)))
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.get(f"{redis_keys.PROCESSES}{name}")
            pipe.pttl(f"{redis_keys.PROCESSES}{name}")
        found = pipe.execute()
    least_left = (LIFE_SECONDS - within_seconds) * 1_000
    answers = zip(names, found[::2], found[1::2], strict=True)
    return [
        _process(name, text, LIFE_SECONDS - left / 1_000)
        for name, text, left in answers
        if text is not None and left >= least_left
    ]


def slots_for(client: Redis, queue: str) -> int:
    """Return how many runs of a queue the live workers can run at once."""
    workers = [one.info for one in live_processes(client) if one.kind == "worker"]
    return sum(int(info.get("concurrency") or 0) for info in workers if queue in info.get("queues", []))


def _process(name: str, text: str, age: float) -> ProcessInfo:
    kind, _, name = name.partition(":")
    return ProcessInfo(kind, name, json.loads(text), age)


def common_settings(settings: Settings) -> Common:
    """Return what a process announces; nothing of it is secret."""
    keys = ",".join(sorted(map(key_id, settings.signing_key.keys)))
    own = {name: getattr(settings, name) for name in _COMMON}
    return {**own, "signing_key": keys, "zone_data": zone_data().release}


def disagreements(announced: Mapping[str, Common]) -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    """Yield each setting of which processes have several values, with the names of those that have each.

    >>> list(disagreements({"a": {"retention_days": 30}, "b": {"retention_days": 7}, "c": {}}))
    [('retention_days', {'30': ['a'], '7': ['b']})]
    """
    for name in dict.fromkeys(name for one in announced.values() for name in one):
        values: dict[str, list[str]] = {}
        for process, one in announced.items():
            if one.get(name) is not None:  # an older process does not say
                values.setdefault(str(one[name]), []).append(process)
        if len(values) > 1:
            yield name, values
