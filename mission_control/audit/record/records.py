"""The two records of the audit stream: how an attempt or a run ended, and what changed in a task.

Field order is part of the format: the six fields of the original log first, then ours, then the chain's
(`writer`, `seq`, `prev`), which the log adds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from mission_control.audit.record.masking import (
    ERROR_LIMIT,
    NAME_LIMIT,
    OUTPUT_LIMIT,
    clean_name,
    clean_text,
    clean_value,
)
from mission_control.model.runs.lags import Stage
from mission_control.model.values.instants import format_instant

Status = Literal[
    "success",
    "failure",
    "retry",
    "timed_out",
    "worker_lost",
    "interrupted",
    "lost",
    "cancelled",
    "expired",
    "skipped",
    "missed",
    "rejected",
]
STATUSES: frozenset[str] = frozenset(get_args(Status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRecord:
    """One ending: of an attempt (`final` false) or, with it, of the whole run (`final` true).

    Every run has exactly one final record. `timestamp` is when it ended, `scheduled_time` when it was
    due. Without a handler having started there is no `started_at`, no `duration_ms` and no `lateness_ms`.
    `cause` belongs to `skipped` and `missed`: its class, and the run or layer at the root.
    `moved_to` is when an occurrence was due that was moved from its `scheduled_time`.
    `upstream` are the runs of other tasks that it came after, `late` the deadlines that it passed.
    `calls` is how many debounced requests it stands for. `spent` is what the run has spent so far by unit:
    dollars as `usd`, `tokens`. `delivery` belongs to `worker_lost` and `interrupted`: which claim of the
    run was cut off, the first is 1. `lags_ms` are how late the run began, by stage. `output` and `error`
    may be anything; `to_dict` masks and bounds them.
    """

    timestamp: datetime
    task_id: str
    status: Status
    duration_ms: int | None = None
    output: Any = None
    error: Any = None
    execution_id: str | None = None
    scheduled_time: datetime | None = None
    attempt: int | None = None
    final: bool = True
    trigger: str = "schedule"
    handler: str | None = None
    started_at: datetime | None = None
    worker: str | None = None
    reason: str | None = None
    cause: Mapping[str, str] | None = None
    revision: int | None = None
    delivery: int | None = None
    moved_to: datetime | None = None
    upstream: Sequence[str] | None = None
    spent: Mapping[str, float] | None = None
    calls: int | None = None
    late: Sequence[str] = ()
    lags_ms: Mapping[Stage, int] = field(default_factory=dict)

    @property
    def lateness_ms(self) -> int | None:
        """How long after its due time the handler started; negative if a clock was stepped back."""
        if self.started_at is None or self.scheduled_time is None:
            return None
        due = self.scheduled_time if self.moved_to is None else self.moved_to
        return round((self.started_at - due).total_seconds() * 1000)

    def to_dict(self) -> dict[str, Any]:
        """Return the record ready to append: masked, bounded, instants as text.

        Raises:
            ValueError: a datetime has no zone.
        """
        return {
            "timestamp": _milliseconds(self.timestamp),
            "task_id": _name(self.task_id),
            "status": self.status,
            "duration_ms": self.duration_ms,
            "output": clean_value(self.output, OUTPUT_LIMIT),
            "error": clean_value(self.error, ERROR_LIMIT),
            "execution_id": _name(self.execution_id),
            "scheduled_time": None if self.scheduled_time is None else format_instant(self.scheduled_time),
            "attempt": self.attempt,
            "final": self.final,
            "trigger": _name(self.trigger),
            "handler": _name(self.handler),
            "started_at": None if self.started_at is None else _milliseconds(self.started_at),
            "lateness_ms": self.lateness_ms,
            "worker": _name(self.worker),
            "reason": None if self.reason is None else clean_text(self.reason, NAME_LIMIT),
            **({} if self.cause is None else {"cause": _cause(self.cause)}),
            "revision": self.revision,
            **({} if self.delivery is None else {"delivery": self.delivery}),
            **({} if self.moved_to is None else {"moved_to": format_instant(self.moved_to)}),
            **({} if self.upstream is None else {"upstream": [clean_name(one) for one in self.upstream]}),
            **({} if not self.spent else {"spent": dict(self.spent)}),
            **({} if self.calls is None else {"calls": self.calls}),
            **({"late": [*self.late]} if self.late else {}),
            **({"lags_ms": dict(self.lags_ms)} if self.lags_ms else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """One change to one task: who did what, why, and what it altered.

    `change` is a past participle: `registered`, `updated`, `enabled`, `disabled`, `unregistered`.
    `diff` is what `difference` returned; `revision` is the one that the change led to.
    """

    timestamp: datetime
    task_id: str
    change: str
    actor: str
    reason: str | None = None
    revision: int | None = None
    diff: Mapping[str, Mapping[str, Any]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record ready to append.

        Raises:
            ValueError: the timestamp has no zone.
        """
        return {
            "timestamp": _milliseconds(self.timestamp),
            "task_id": _name(self.task_id),
            "change": _name(self.change),
            "actor": _name(self.actor),
            "reason": None if self.reason is None else clean_text(self.reason, NAME_LIMIT),
            "revision": self.revision,
            "diff": dict(self.diff) if self.diff is not None else {},
        }


def _milliseconds(moment: datetime) -> str:
    return format_instant(moment.replace(microsecond=moment.microsecond // 1000 * 1000))


def _cause(cause: Mapping[str, str]) -> dict[str, str]:
    return {name: clean_name(value) for name, value in cause.items()}


def _name(text: str | None) -> str | None:
    return None if text is None else clean_name(text)
