"""What the fire script is given: decisions about due entries, packed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgpack

from beat.decision import Fire
from beat.message_template import MessageKind
from mission_control import redis_keys
from mission_control.definitions.identifiers import occurrence_execution_id
from mission_control.definitions.instants import format_instant
from mission_control.ledger import RunState, Trigger
from mission_control.messaging.message import HARD_LIMIT_GRACE

if TYPE_CHECKING:
    from beat.decision import Decision, Miss
    from beat.due_entries import DuePlainEntry, DueTask
    from beat.message_template import MessageTemplates, QueuedMessage
    from beat.pacing import Pacer
    from mission_control.definitions.retry_policy import RetryPolicy
    from mission_control.definitions.task import TaskDefinition

PLAIN_KIND: Final = 0


class Delivery(StrEnum):
    """Where the messages of fired runs go."""

    QUEUE = "queue"
    OUTBOX = "outbox"  # the broker is another server
    IN_PROCESS = "in process"  # whoever fires runs them itself


@dataclass(frozen=True, slots=True)
class FireRequest:
    """One due entry, ready to be committed.

    `packed` is the script's argument; `kinds` are the shared rows it refers to. `execution_ids` are the
    runs that it fires.
    """

    key: str
    due: float
    packed: bytes
    kinds: tuple[int, ...]
    execution_ids: tuple[str, ...]


class SharedRows:
    """The fields that the runs of many tasks share, so that they are sent once a batch."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self.rows: list[tuple[str, ...]] = []

    def number(self, row: tuple[str, ...]) -> int:
        """Return the number, from 1 on, of a row of fields and values."""
        number = self._numbers.get(row)
        if number is None:
            self.rows.append(row)
            number = self._numbers[row] = len(self.rows)
        return number


class FireRequests:
    """Turns decisions into requests."""

    def __init__(
        self, templates: MessageTemplates, rows: SharedRows, pacer: Pacer, delivery: Delivery
    ) -> None:
        self._templates = templates
        self._rows = rows
        self._pacer = pacer
        self._delivery = delivery

    def of_task(self, entry: DueTask, decision: Decision, now: datetime) -> FireRequest:
        """Return the request for one of our tasks."""
        runs = [self._run(entry.task, action, now) for action in decision.actions]
        fired = (
            run[3] for run, action in zip(runs, decision.actions, strict=True) if isinstance(action, Fire)
        )
        return FireRequest(
            key=entry.key,
            due=entry.due,
            packed=_packed(entry, str(entry.task.metadata.revision), decision.next_due, "", runs),
            kinds=tuple(run[0] for run in runs),
            execution_ids=tuple(fired),
        )

    def of_plain_entry(
        self,
        entry: DuePlainEntry,
        execution_id: str,
        message: QueuedMessage,
        next_due: float | None,
        meta: str,
    ) -> FireRequest:
        """Return the request for an entry that RedBeat or another tool wrote."""
        run = [PLAIN_KIND, "", "", execution_id, 0, [], message.queue_key, message.payload, ""]
        packed = _packed(entry, "", next_due, meta, [run])
        return FireRequest(entry.key, entry.due, packed, (PLAIN_KIND,), (execution_id,))

    def _run(self, task: TaskDefinition, action: Fire | Miss, now: datetime) -> list[Any]:
        moment = action.scheduled_time
        execution_id = occurrence_execution_id(task.id, moment)
        is_fired = isinstance(action, Fire)
        state = RunState.DISPATCHED if is_fired else RunState.MISSED
        expires = _expires(task, moment, now)
        fields = [
            *("execution_id", execution_id),
            *("task_id", task.id),
            *("scheduled_time", format_instant(moment)),
            *("params", json.dumps(task.params, ensure_ascii=False, separators=(",", ":"))),
            *("revision", str(task.metadata.revision)),
            *(() if expires is None else ("expires_at", format_instant(expires))),
            *(() if isinstance(action, Fire) else ("reason", action.reason)),
        ]
        queue_key, payload = self._message(task, execution_id, moment, expires) if is_fired else ("", "")
        release_at = self._release_at(task, action, now)
        return [
            self._rows.number(_shared_row(task, state)),
            redis_keys.run(execution_id),
            redis_keys.task_runs(task.id),
            execution_id,
            moment.timestamp(),
            fields,
            queue_key,
            payload,
            release_at,
        ]

    def _message(
        self, task: TaskDefinition, execution_id: str, moment: datetime, expires: datetime | None
    ) -> tuple[str, str]:
        if self._delivery is not Delivery.QUEUE:
            return "", self._delivery
        soft = task.timeout_seconds
        hard = None if soft is None else soft + HARD_LIMIT_GRACE.total_seconds()
        kind = MessageKind(task.handler, task.queue, task.priority, soft, hard, expires is not None)
        message = self._templates.of(kind).fill(
            execution_id=execution_id, task_id=task.id, scheduled_time=moment, expires=expires
        )
        return message.queue_key, message.payload

    def _release_at(self, task: TaskDefinition, action: Fire | Miss, now: datetime) -> float | str:
        if not isinstance(action, Fire) or not action.is_catch_up or self._delivery is Delivery.IN_PROCESS:
            return ""
        release = self._pacer.slot(now.timestamp(), task.id, task.misfire.stagger_seconds)
        return release if release > now.timestamp() else ""


def batch_header(rows: SharedRows, *, token: str, now: datetime, retention: timedelta, meta: str) -> bytes:
    """Return the script's first argument."""
    header = [token, now.timestamp(), format_instant(now), meta, int(retention.total_seconds()), rows.rows]
    return bytes(msgpack.packb(header))


def _packed(
    entry: DueTask | DuePlainEntry, revision: str, next_due: float | None, meta: str, runs: list[list[Any]]
) -> bytes:
    next_instant = "" if next_due is None else repr(next_due)
    return bytes(msgpack.packb([entry.key, repr(entry.due), revision, next_instant, meta, runs]))


def _expires(task: TaskDefinition, moment: datetime, now: datetime) -> datetime | None:
    if task.expires_seconds is None:
        return None
    return max(now, moment) + timedelta(seconds=task.expires_seconds)


def _shared_row(task: TaskDefinition, state: RunState) -> tuple[str, ...]:
    """Return the fields of a run's hash that do not depend on the occurrence, as `RunRecord` has them."""
    row = {
        "handler": task.handler,
        "trigger": Trigger.SCHEDULE,
        "state": state,
        "retry_policy": _policy_json(task.retry_policy),
        "queue": task.queue,
        "priority": str(task.priority),
        "is_fixed_delay": _json(getattr(task.schedule, "is_fixed_delay", False)),
        "attempt": "0",
    }
    if task.timeout_seconds is not None:
        row["timeout_seconds"] = str(task.timeout_seconds)
    return tuple(chain.from_iterable(row.items()))


@lru_cache(maxsize=256)
def _policy_json(policy: RetryPolicy) -> str:
    return _json(policy.model_dump(mode="json"))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
