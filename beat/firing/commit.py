"""Committing requests: the fire script, and what its verdicts mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from beat.firing.fire_request import FireRequest, batch_header
from beat.turn.lead import NotLeadingError
from mission_control.registry.redbeat_layout import redbeat_meta
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

_KEYS: Final = (
    redis_keys.BEAT_LEADER,
    redis_keys.ACTIVE_RUNS,
    redis_keys.FINISHED_RUNS,
    redis_keys.PARKED,
    redis_keys.PARKED_PAYLOADS,
    redis_keys.PENDING_RECORDS,
    redis_keys.BEAT_JOURNAL,
    redis_keys.OUTBOX,
    redis_keys.BEAT_QUARANTINE,
    redis_keys.CATCH_UP_PACE,
    redis_keys.PAUSES_VERSION,
)


@dataclass(frozen=True)
class Verdicts:
    """What became of the requests of a batch.

    `unsound` cannot be committed, because a key has the wrong type. The rest was moved or changed meanwhile,
    a normal answer: beat looks at it again if it is still due. `is_stale`: the pauses have changed, and
    nothing was committed.
    """

    committed: list[FireRequest]
    unsound: list[FireRequest]
    is_stale: bool = False


class Commit:
    """Runs the fire script. `token` is the beat that must lead, "" if none need."""

    def __init__(
        self,
        client: Redis,
        *,
        token: str,
        retention: timedelta,
        redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS,
    ) -> None:
        self._keys = (redbeat_keys.schedule, *_KEYS)
        self._client = client
        self._fire = lua_script(client, __package__, "fire")
        self._token = token
        self._retention = retention

    def load(self) -> None:
        """Give Redis the script beforehand, which the first firing would else have to wait for."""
        self._client.script_load(self._fire.script)

    def __call__(self, requests: Sequence[FireRequest], now: datetime, *, pauses: str = "") -> Verdicts:
        """Commit requests in one step; `beat.firing.batches` says how many are not too many.

        `pauses` is the version of the pauses by which they were decided.

        Raises:
            NotLeadingError: nothing was committed.
        """
        meta = redbeat_meta(now)
        header = batch_header(token=self._token, now=now, retention=self._retention, meta=meta, pauses=pauses)
        answer: Any = self._fire(keys=self._keys, args=[header, *(request.packed for request in requests)])
        if answer == "!":
            raise NotLeadingError
        if answer == "?":
            return Verdicts([], [], is_stale=True)
        judged = list(zip(answer, requests, strict=True))
        return Verdicts(
            committed=[request for verdict, request in judged if verdict == "1"],
            unsound=[request for verdict, request in judged if verdict == "2"],
        )
