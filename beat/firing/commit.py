"""Committing requests: the fire script, and what its verdicts mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgpack
from redis import Redis

from beat.firing.fire_request import CATCH_UP_PER_SECOND, FireRequest
from beat.turn.lead import NotLeadingError
from mission_control.ledger.run_reader import parts_of_runs
from mission_control.model.runs.record_identity import record_identity
from mission_control.model.runs.run_state import ACTIVE_STATES, RunState, joined
from mission_control.model.values.instants import format_instant
from mission_control.registry.redbeat_layout import redbeat_meta
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys
from mission_control.store.sent_script import send_script

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
    redis_keys.KNOWN_SINCE,
    redis_keys.FIRST_ACTIVE_RUNS,
    redis_keys.PAUSES,
    redis_keys.NOTICES,
    redis_keys.INCIDENTS,
    redis_keys.UPSTREAM_RUNS,
    redis_keys.BUDGETS,
    redis_keys.DEADLINES,
)


_KEYS_OF_TASK: Final = (
    redis_keys.task_runs,
    redis_keys.other_active_of_task,
    redis_keys.waiting_of_task,
    redis_keys.history,
)


@dataclass(frozen=True)
class Verdicts:
    """What became of the requests of a batch.

    Runs that the ledger has already are neither `fired` nor `recorded`.
    `unsound` cannot be committed, because a key has the wrong type. The rest was moved or changed meanwhile,
    a normal answer: beat looks at it again if it is still due. `fired` are the runs that were started,
    `recorded` those that were entered as missed or skipped. `is_stale`: the pauses have changed, and nothing
    was committed.
    """

    committed: list[FireRequest]
    unsound: list[FireRequest]
    fired: list[str]
    recorded: list[str]
    is_stale: bool = False


class Commit:
    """Runs the fire script. `token` is the beat that must lead, "" if none need."""

    def __init__(
        self,
        client: Redis,
        *,
        token: str,
        retention: timedelta,
        max_runs: int,
        redbeat_keys: RedBeatKeys = redis_keys.DEFAULT_REDBEAT_KEYS,
    ) -> None:
        self._keys = (redbeat_keys.schedule, *_KEYS)
        self._client = client
        parts = parts_of_runs("overlap", "trimming", "budgets")
        self._fire = lua_script(client, __package__, "fire", **parts)
        self._token = token
        self._retention = retention
        self._max_runs = max_runs

    def load(self) -> None:
        """Give Redis the script beforehand, which the first firing would else have to wait for."""
        self._client.script_load(self._fire.script)

    def begin(
        self, requests: Sequence[FireRequest], now: datetime, *, pauses: str = ""
    ) -> Callable[[], Verdicts]:
        """Send requests to be committed in one step, and return what waits for the verdicts.

        It must be called once, and raises `NotLeadingError` if nothing was committed. `pauses` is the version
        of the pauses by which they were decided; `beat.firing.batches` says how many are not too many.
        """
        header = _batch_header(
            token=self._token,
            now=now,
            retention=self._retention,
            max_runs=self._max_runs,
            meta=redbeat_meta(now),
            pauses=pauses,
        )
        answer = send_script(self._fire, self._keys, [header, *(request.packed for request in requests)])
        return lambda: _verdicts(requests, *answer())


def _batch_header(
    *, token: str, now: datetime, retention: timedelta, max_runs: int, meta: str, pauses: str
) -> bytes:
    """Return the script's first argument."""
    ttl = int(retention.total_seconds())
    header = [
        *(token, now.timestamp(), format_instant(now), meta, ttl, CATCH_UP_PER_SECOND, RunState.SKIPPED),
        *(pauses, redis_keys.run(""), joined(ACTIVE_STATES), record_identity("", 0, is_final=True)),
        *(key("\0").split("\0")[1] for key in _KEYS_OF_TASK),
        *(max_runs, redis_keys.effects(""), redis_keys.cost("\0").split("\0")[1], RunState.SUCCESS),
    ]
    return bytes(msgpack.packb(header))


def _verdicts(requests: Sequence[FireRequest], verdicts: str, *notes: str) -> Verdicts:
    if verdicts == "!":
        raise NotLeadingError
    if verdicts == "?":
        return Verdicts([], [], [], [], is_stale=True)
    judged = list(zip(verdicts, requests, strict=True))
    committed = [request for verdict, request in judged if verdict == "1"]
    not_started = dict(zip(notes[1::2], notes[::2], strict=True))
    skipped = [one for one, what in not_started.items() if what == RunState.SKIPPED]
    return Verdicts(
        committed=committed,
        unsound=[request for verdict, request in judged if verdict == "2"],
        fired=[one for each in committed for one in each.execution_ids if one not in not_started],
        recorded=[
            *(one for each in committed for one in each.unfired_ids if one not in not_started),
            *skipped,
        ],
    )
