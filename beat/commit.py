"""Committing requests: the fire script, and what its verdicts mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from beat.fire_request import FireRequest, batch_header
from beat.lua import script
from mission_control import redis_keys
from mission_control.registry.redbeat_layout import redbeat_meta

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from redis import Redis

BATCH: Final = 500
"""Entries a script call: it blocks Redis for some 20 ms."""

_KEYS: Final = (
    redis_keys.REDBEAT_SCHEDULE,
    redis_keys.BEAT_LEADER,
    redis_keys.ACTIVE_RUNS,
    redis_keys.FINISHED_RUNS,
    redis_keys.PARKED,
    redis_keys.PARKED_PAYLOADS,
    redis_keys.OWED_AUDIT,
    redis_keys.BEAT_JOURNAL,
    redis_keys.OUTBOX,
)


class NotLeadingError(Exception):
    """Another beat leads; nothing was committed."""


@dataclass(frozen=True)
class Verdicts:
    """What became of the requests of a batch.

    `overtaken` were moved or changed by somebody else in the meantime: a normal answer, they are looked
    at again if they are still due. `unsound` cannot be committed, because a key has the wrong type.
    """

    committed: list[FireRequest]
    overtaken: list[FireRequest]
    unsound: list[FireRequest]


class Commit:
    """Runs the fire script. `token` is the beat that must lead, "" if none need."""

    def __init__(self, client: Redis, *, token: str, retention: timedelta) -> None:
        self._fire = script(client, "fire")
        self._token = token
        self._retention = retention

    def __call__(self, requests: Sequence[FireRequest], now: datetime) -> Verdicts:
        """Commit up to `BATCH` requests in one step.

        Raises:
            NotLeadingError: nothing was committed.
        """
        meta = redbeat_meta(now)
        header = batch_header(token=self._token, now=now, retention=self._retention, meta=meta)
        answer: Any = self._fire(keys=_KEYS, args=[header, *(request.packed for request in requests)])
        if answer == "!":
            raise NotLeadingError
        verdicts = Verdicts([], [], [])
        lists = {"1": verdicts.committed, "0": verdicts.overtaken, "2": verdicts.unsound}
        for verdict, request in zip(answer, requests, strict=True):
            lists[verdict].append(request)
        return verdicts
