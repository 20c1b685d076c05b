"""Gathers the evidence about one run or occurrence from Redis, the stream of changes and the logs of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from redis import Redis

from mission_control.audit.stream.chain import KnownTime
from mission_control.dispatch.run_logs import RunLogs
from mission_control.dispatch.waiting_runs import waiting_since
from mission_control.errors import InvalidTaskError
from mission_control.ledger.run_reader import RunReader
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.messaging.outage_history import stored_outages
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.condition import NO_FACTS, ConditionFacts
from mission_control.model.policies.due_decision import selecting
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import parse_instant
from mission_control.operate.budgets import standings
from mission_control.operate.dependencies import open_joins
from mission_control.operate.journal import last_notes
from mission_control.operate.limits import waits_in_words
from mission_control.operate.runs import next_meeting
from mission_control.operate.tasks import task_revisions
from mission_control.operate.why.evidence import Evidence
from mission_control.processes.heartbeats import ANSWER_SECONDS, live_processes
from mission_control.registry.condition_facts import condition_facts
from mission_control.registry.named_resources import read_resources
from mission_control.registry.pauses import read_pauses
from mission_control.registry.registry import Registry
from mission_control.registry.stored_task import problem_in
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys
from mission_control.store.troubles import refusal_in

_NOTES_LOOKED_AT: Final = 10_000
_RUNNING_LOOKED_AT: Final = 1_000
_OVERDUE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Gathering:
    """Asks the parts of an installation; writes nothing."""

    client: Redis
    registry: Registry
    ledger: RunReader
    redbeat_keys: RedBeatKeys
    changes_log: Path
    run_logs: RunLogs
    clock: Callable[[], datetime]

    def of_run(self, run: RunRecord) -> Evidence:
        """Return what is known of a run."""
        task, now = next(iter(self.registry.some([run.task_id])), None), self.clock()
        others = filter(None, [run.waits_for, (run.cause or {}).get("run")])
        parked: Any = self.client.zscore(redis_keys.PARKED, run.execution_id)
        return Evidence(
            now=now,
            task_id=run.task_id,
            scheduled=run.scheduled_time,
            execution_id=run.execution_id,
            run=run,
            related={one.execution_id: one for one in self.ledger.get_all(others)},
            limit_words=self._limit_words(run, now),
            missing_handler_since=waiting_since(self.client, run),
            parked_until=None if parked is None else datetime.fromtimestamp(parked, UTC),
            last_frame=self._last_frame(run),
            **({} if task is None else self._of_task(self._version(task, run.due_at))),
            **self._service(run.due_at, _delayed_until(run) or now),
        )

    def of_occurrence(self, task: TaskDefinition, scheduled: datetime | None) -> Evidence:
        """Return what is known of an occurrence without a run, or of a task if there is no occurrence."""
        now = self.clock()
        at = now if scheduled is None else min(scheduled, now)
        held, known = task if at == now else self._version(task, at), KnownTime.read(self.client)
        used = {one.name for one in held.budgets}
        return Evidence(
            now=now,
            task_id=task.id,
            scheduled=scheduled,
            execution_id=None if scheduled is None else occurrence_execution_id(task.id, scheduled),
            edited=None if at == now else self._edited(task.id, at),
            disabled_by=None if held.enabled else self._disabled_by(task.id, at),
            is_kept=at == now or known is None or at.timestamp() > known.of_task(task.id),
            meeting=next_meeting(self.ledger, held, now) if at == now else None,
            budgets=tuple(
                one
                for name, budget in read_resources(self.client, redis_keys.BUDGETS, Budget).items()
                if name in used
                for one in standings(self.client, budget, now)
            ),
            open_joins=tuple(self._joins(held)),
            facts=self._facts(held, now),
            **self._of_task(held),
            **self._service(at, at + _OVERDUE),
        )

    def _facts(self, task: TaskDefinition, now: datetime) -> ConditionFacts:
        condition = task.condition
        if condition is None or condition.is_foreseeable or condition.handler is not None:
            return NO_FACTS
        return condition_facts(self.client, task.id, condition, task.after, now)

    def _of_task(self, task: TaskDefinition) -> dict[str, Any]:
        pauses, entry = read_pauses(self.client), self.redbeat_keys.entry(task.id)
        note: Any = self.client.hget(redis_keys.BEAT_QUARANTINE, entry)
        return {
            "task": task,
            "layers": tuple(selecting(pauses.layers, task)),
            "changed": tuple(pauses.changed_of(task.id, also_over=True)),
            "quarantined": None if note is None else problem_in(note),
            "due": self.client.zscore(self.redbeat_keys.schedule, entry),
        }

    def _service(self, moment: datetime, until: datetime) -> dict[str, Any]:
        notes = last_notes(self.client, _NOTES_LOOKED_AT)
        acted = [parse_instant(one["at"]) for one in notes if one.get("event") == "fired"]
        active = self.ledger.active(limit=_RUNNING_LOOKED_AT)
        return {
            "processes": tuple(live_processes(self.client, within_seconds=ANSWER_SECONDS)),
            "running": tuple(run for run in active if run.state is RunState.RUNNING),
            "lead": self.client.get(redis_keys.BEAT_LEADER),
            "refusal": refusal_in(self.client.info()),
            "outages": tuple(stored_outages(self.client, moment, until)),
            "acted_before": max((at for at in acted if at < moment), default=None),
            "acted_after": min((at for at in acted if at >= moment), default=None),
        }

    def _revisions(self, task_id: str) -> list[tuple[datetime, dict[str, Any]]]:
        """Return the definitions a task has had, the newest first, each with when it was written."""
        found = self.registry.revisions(task_id)
        return [(parse_instant(one["metadata"]["last_modified"]), one) for one in found]

    def _version(self, task: TaskDefinition, moment: datetime) -> TaskDefinition:
        """Return the definition that held at a moment, or else the oldest that is kept."""
        found = self._revisions(task.id)
        held = next((one for at, one in found if at <= moment), found[-1][1] if found else None)
        try:
            return task if held is None else self.registry.check.parse_stored(held)
        except InvalidTaskError:  # the rules for definitions have changed since
            return task

    def _edited(self, task_id: str, moment: datetime) -> datetime | None:
        """Return when a task was changed first after a moment."""
        return min((at for at, _ in self._revisions(task_id)[:-1] if at > moment), default=None)

    def _disabled_by(self, task_id: str, moment: datetime) -> str | None:
        for one in task_revisions(self.registry, self.changes_log, task_id):
            is_switch = (one.changes or {}).get("enabled", {}).get("to") is False
            if is_switch and parse_instant(one.modified) <= moment:
                why = "" if one.reason is None else f": {one.reason}"
                return f"by {one.by} at {one.modified}{why}"
        return None

    def _joins(self, task: TaskDefinition) -> Iterator[str]:
        for one in open_joins(self.ledger, UpstreamRuns(self.client), task) if task.after else ():
            waits = ", ".join(f"{name} ({state})" for name, state in one.waits_for.items())
            yield f"its run with the root {one.root} waits for {waits}"

    def _limit_words(self, run: RunRecord, now: datetime) -> str | None:
        if run.limited_by is None:
            return None
        limits = read_resources(self.client, redis_keys.LIMITS, NamedLimit)
        return waits_in_words(self.client, run, limits.get(run.limited_by), now)

    def _last_frame(self, run: RunRecord) -> str | None:
        lines = self.run_logs.lines(run.execution_id) if run.error is not None else []
        frames = [one.text.strip() for one in lines if one.stream == "traceback"]
        return next((one for one in reversed(frames) if one.startswith("File ")), None)


def _delayed_until(run: RunRecord) -> datetime | None:
    """Return until when an outage may have kept a run from a good end; None if up to now."""
    return run.started_at if run.state in {RunState.SUCCESS, RunState.RUNNING} else run.finished_at
