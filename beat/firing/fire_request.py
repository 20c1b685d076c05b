"""Decisions about due entries, packed as arguments of the fire script.

This file has more than 250 lines because all that the script is given is packed in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgpack

from beat.entries.due_entries import DuePlainEntry, DueTask
from beat.messages.run_messages import RunMessages
from mission_control.messaging.collected_messages import QueuedMessage
from mission_control.messaging.message_template import MessageKind
from mission_control.model.policies.deadlines import first_deadline
from mission_control.model.policies.due_decision import written_back
from mission_control.model.policies.misfire import ON_TIME_WITHIN, Action, Decision, Fire, Miss, Skip
from mission_control.model.policies.notices import unfired_notices
from mission_control.model.policies.overlap import Verdict, plan_of
from mission_control.model.runs.new_run import Origin, expires_at, occurrence_spec
from mission_control.model.runs.run_record import json_text
from mission_control.model.runs.run_state import HARD_LIMIT_GRACE, RunState
from mission_control.model.values.handler_paths import handler_path_problem
from mission_control.model.values.instants import format_instant
from mission_control.signing.keyring import Keyring
from mission_control.signing.run_specs import signed_spec
from mission_control.store import redis_keys

CATCH_UP_PER_SECOND: Final = 100
"""How many runs that come late, after a downtime, are started a second, over all tasks."""


class Delivery(StrEnum):
    """Where a message goes when its occurrence is committed; see `fire.lua`."""

    QUEUE = "queue"
    OUTBOX = "outbox"  # the broker is another server
    IN_PROCESS = "in_process"  # this program runs it itself
    NONE = "none"  # the occurrence is missed or skipped
    ENTRY = "entry"  # a RedBeat entry's, to its queue
    ENTRY_OUTBOX = "entry_outbox"  # a RedBeat entry's, to no one queue of this server


@dataclass(frozen=True, slots=True)
class FireRequest:
    """One due entry, ready to be committed.

    `packed` is the script's argument; `execution_ids` are the runs that it fires, `unfired_ids` those that
    it enters as missed or skipped, `run_count` is how many it enters in all. The entry's successor is due at
    `next_due`.
    """

    key: str
    due: float
    packed: bytes
    execution_ids: tuple[str, ...]
    run_count: int = 1
    unfired_ids: tuple[str, ...] = ()
    next_due: float | None = None

    def is_timely(self, now: float) -> bool:
        """Whether what was decided ahead, for an occurrence on time, still holds."""
        is_newest = self.next_due is None or now < self.next_due
        return is_newest and now - self.due <= ON_TIME_WITHIN.total_seconds()


@dataclass(frozen=True)
class FireRequests:
    """Turns decisions into requests."""

    messages: RunMessages
    delivery: Delivery
    keyring: Keyring

    @property
    def uses_outbox(self) -> bool:
        """Whether the broker is another server, so that messages are not made here."""
        return self.delivery is Delivery.OUTBOX

    @property
    def is_traced(self) -> bool:
        """Whether a tool looks at each message as it is made."""
        return self.messages.is_traced

    def of_task(self, entry: DueTask, decision: Decision, now: datetime) -> FireRequest:
        """Return the request for one of our tasks."""
        runs = [self._run(entry, action, now) for action in decision.actions]
        changes = [text for one in decision.applied for text in written_back(one, now)]
        packed = _packed(
            entry,
            str(entry.revision),
            decision.next_due,
            runs=runs,
            due_if_skipped=_due_if_skipped(entry, now),
            task_id=_task_id_if_fired(entry, runs),
            changes=changes,
        )
        return _request(entry, packed, runs, decision.next_due)

    def of_overtaken(
        self, entry: DueTask, actions: Sequence[Action], now: datetime, *, revision: str
    ) -> FireRequest:
        """Return the request for runs of a task as it was, which leaves the schedule alone.

        `revision` is that of its entry now, "" if the task is gone.
        """
        return _apart(entry, revision, [self._run(entry, action, now) for action in actions])

    def of_downstream(self, entry: DueTask, action: Action, origin: Origin, now: datetime) -> FireRequest:
        """Return the request for a run of a task that comes after others; it leaves the schedule alone."""
        return _apart(entry, str(entry.revision), [self._run(entry, action, now, origin)])

    def of_plain_entry(
        self,
        entry: DuePlainEntry,
        execution_id: str,
        token: str,
        message: QueuedMessage,
        next_due: datetime | None,
        meta: str,
    ) -> FireRequest:
        """Return the request that fires an entry that RedBeat or another tool wrote."""
        delivery = Delivery.ENTRY if message.queue_key else Delivery.ENTRY_OUTBOX
        # By its mark and the token a worker knows the message from one that another program sent.
        is_ours = handler_path_problem(entry.entry.task) is None
        mark = redis_keys.fired_entry(execution_id) if is_ours else ""
        run = ["", mark, "", execution_id, 0, token, "", message.queue_key, message.payload, "", delivery, ""]
        packed = _packed(entry, "", _unix(next_due), meta=meta, runs=[run])
        return FireRequest(entry.key, entry.due, packed, (execution_id,))

    def of_waiting_entry(self, entry: DuePlainEntry, next_due: datetime | None) -> FireRequest:
        """Return the request that moves such an entry, which is not due, to when it is, or takes it off."""
        packed = _packed(entry, "", _unix(next_due), meta="keep", runs=[])
        return FireRequest(entry.key, entry.due, packed, (), run_count=0)

    def _run(self, entry: DueTask, action: Action, now: datetime, origin: Origin | None = None) -> list[Any]:
        task, moment = entry.task, action.scheduled_time
        is_fired = isinstance(action, Fire)
        unfired = RunState.SKIPPED if isinstance(action, Skip) else RunState.MISSED
        moved_to = action.moved_to if isinstance(action, Fire) else None
        spec = occurrence_spec(
            task,
            entry.task_id,
            moment,
            params=json_text(entry.params),
            revision=entry.revision,
            now=now,
            moved_to=moved_to,
        )
        if not isinstance(action, Miss) and action.seen is not None:
            spec["condition_seen"] = action.seen
        if origin is not None:
            spec = origin.applied(spec)
        execution_id = spec["execution_id"]
        expires = expires_at(task, moment if moved_to is None else moved_to, now)
        message = self._message(entry, execution_id, moment, expires, now) if is_fired else ("", "")
        return [
            RunState.DISPATCHED if is_fired else unfired,
            redis_keys.run(execution_id),
            redis_keys.task_runs(entry.task_id),
            execution_id,
            moment.timestamp(),
            signed_spec(spec, self.keyring),
            "" if isinstance(action, Fire) else action.reason,
            *message,
            self._stagger(entry, action),
            self.delivery if is_fired else Delivery.NONE,
            self._overlap(entry, action, origin),
            *self._rarely_given(entry, action),
        ]

    def _message(
        self, entry: DueTask, execution_id: str, moment: datetime, expires: datetime | None, now: datetime
    ) -> tuple[str, str]:
        if self.delivery is not Delivery.QUEUE:
            return "", ""
        task = entry.task
        soft = task.timeout_seconds
        hard = None if soft is None else soft + HARD_LIMIT_GRACE.total_seconds()
        kind = MessageKind(task.handler, task.queue, task.priority, soft, hard, expires is not None)
        return self.messages.message(
            kind,
            task.schedule,
            execution_id=execution_id,
            task_id=entry.task_id,
            scheduled_time=moment,
            expires=expires,
            now=now,
        )

    def _overlap(self, entry: DueTask, action: Action, origin: Origin | None) -> list[Any] | str:
        """Return what the script needs to decide about an earlier run, "" if none matters; or the cause."""
        if not isinstance(action, Fire):
            return json_text(action.cause.to_dict())
        task = entry.task
        if (origin and origin.backfill) or (action.is_catch_up and task.misfire.policy == "all"):
            return ""
        plan = plan_of(task.overlap, task.queue_limit)
        if plan.blocked in {Verdict.SKIP, Verdict.START}:
            return plan.blocked
        until = format_instant(action.due + timedelta(seconds=task.misfire.grace_seconds))
        return [plan.blocked, plan.full, plan.limit, until, task.overlap]

    @staticmethod
    def _rarely_given(entry: DueTask, action: Action) -> list[Any]:
        """Return what the script needs of a task with notices, budgets or deadlines; nothing for most."""
        task = entry.task
        notices: list[Any] = [*unfired_notices(task, entry.task_id, action)]
        if not isinstance(action, Fire) or not (task.budgets or task.deadline):
            return notices
        deadline = None if task.deadline is None else task.deadline.of_run(task.schedule.timezone)
        first, budgets = first_deadline(deadline, action.due), [one.of_run() for one in task.budgets]
        return [*(notices or [False]), budgets or False, first]

    def _stagger(self, entry: DueTask, action: Action) -> float | str:
        if self.delivery is Delivery.IN_PROCESS or not isinstance(action, Fire) or not action.is_catch_up:
            return ""
        return entry.task.misfire.stagger_seconds


def _task_id_if_fired(entry: DueTask, runs: list[list[Any]]) -> str:
    return entry.task_id if any(run[10] is not Delivery.NONE for run in runs) else ""


def _request(
    entry: DueTask, packed: bytes, runs: list[list[Any]], next_due: float | None = None
) -> FireRequest:
    fired = tuple(run[3] for run in runs if run[10] is not Delivery.NONE)
    unfired = tuple(run[3] for run in runs if run[10] is Delivery.NONE)
    return FireRequest(entry.key, entry.due, packed, fired, len(runs), unfired, next_due)


def _apart(entry: DueTask, revision: str, runs: list[list[Any]]) -> FireRequest:
    """Return a request that leaves the schedule as it is."""
    whole = [entry.key, "", revision, "", "", runs, "", _task_id_if_fired(entry, runs)]
    return _request(entry, bytes(msgpack.packb(whole)), runs)


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _packed(
    entry: DueTask | DuePlainEntry,
    revision: str,
    next_due: float | None,
    *,
    runs: list[list[Any]],
    meta: str = "",
    due_if_skipped: float | None = None,
    task_id: str = "",
    changes: Sequence[str] = (),
) -> bytes:
    instants = ["" if one is None else repr(one) for one in (next_due, due_if_skipped)]
    whole = [entry.key, entry.due, revision, instants[0], meta, runs, instants[1], task_id]
    return bytes(msgpack.packb([*whole, changes] if changes else whole))


def _due_if_skipped(entry: DueTask, now: datetime) -> float | None:
    """Return when a task with a fixed delay is due again if no run of this occurrence ends."""
    schedule = entry.task.schedule
    return _unix(schedule.next_after(now)) if schedule.is_fixed_delay else None
