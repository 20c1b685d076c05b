"""What is known of one run or occurrence, gathered in one place: a value, without any way to Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mission_control.messaging.outage_history import PastOutage
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts
from mission_control.model.policies.pause import PauseLayer
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.budgets import Standing
from mission_control.operate.runs import Meeting
from mission_control.processes.heartbeats import ProcessInfo


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known of a run, or of the occurrence at `scheduled` of a task.

    `task` is the definition that decided, or will: for a past occurrence the one that held then; `edited` is
    when the next one was written, `disabled_by` who disabled it. `is_kept` is false where the run may be
    forgotten. `due` is when the schedule in Redis has the task next, in Unix seconds. `lead` is the beat that
    holds the lead, `refusal` why Redis takes no writes; `outages` are when it failed beat or workers between
    the time at which it was due and its start or end. By the journal a beat acted last before the
    occurrence was due at `acted_before`, and first after it at `acted_after`.
    """

    now: datetime
    task_id: str
    scheduled: datetime | None = None
    execution_id: str | None = None
    task: TaskDefinition | None = None
    edited: datetime | None = None
    disabled_by: str | None = None
    run: RunRecord | None = None
    is_kept: bool = True
    related: Mapping[str, RunRecord] = field(default_factory=dict)
    layers: tuple[PauseLayer, ...] = ()
    changed: tuple[ChangedOccurrence, ...] = ()
    quarantined: str | None = None
    facts: ConditionFacts = NO_FACTS
    meeting: Meeting | None = None
    budgets: tuple[Standing, ...] = ()
    limit_words: str | None = None
    open_joins: tuple[str, ...] = ()
    missing_handler_since: datetime | None = None
    parked_until: datetime | None = None
    last_frame: str | None = None
    due: float | None = None
    processes: tuple[ProcessInfo, ...] = ()
    running: tuple[RunRecord, ...] = ()
    lead: str | None = None
    refusal: str | None = None
    outages: tuple[PastOutage, ...] = ()
    acted_before: datetime | None = None
    acted_after: datetime | None = None

    @property
    def spread(self) -> timedelta:
        """How long after its nominal time an occurrence of the task is due."""
        return timedelta(0) if self.task is None else spread_of(self.task)

    @property
    def change(self) -> ChangedOccurrence | None:
        """The change of this occurrence by hand."""
        return next((one for one in self.changed if one.at == self.scheduled), None)

    @property
    def due_at(self) -> datetime | None:
        """When the occurrence is due: at its own time or where it was moved to, after its spread."""
        if self.scheduled is None:
            return None
        return (self.scheduled if self.change is None else self.change.due) + self.spread

    @property
    def is_ahead(self) -> bool:
        """Whether it is about what is yet to come."""
        return self.run is None and (self.due_at is None or self.due_at > self.now)

    @property
    def is_pending(self) -> bool:
        """Whether beat has yet to decide about the occurrence, as far as the schedule in Redis says."""
        if self.due is None or self.due_at is None:
            return self.edited is None
        return self.due <= self.due_at.timestamp()
