"""The tools of holders: what each answers about, or does with, the holder's own tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from redis import Redis

from mission_control.audit.record.masking import masked_definition
from mission_control.dispatch.enqueue import Dispatch
from mission_control.errors import InvalidTaskError, Problem
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.grant import TOOLS, Grant
from mission_control.model.policies.grants import Change, as_given, reaching_out
from mission_control.model.policies.pause import PauseKind, layer_name, pausing_layers
from mission_control.model.values.identifiers import task_of_run
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.operate.account.recent import MOST_OF_A_TASK, recent_balance
from mission_control.operate.grants.changes import GrantedChanges
from mission_control.operate.next_times import bare_schedule, due_json
from mission_control.operate.occurrences_to_come import OccurrencesToCome
from mission_control.operate.pausing import Pausing, layer_json
from mission_control.operate.runs import run_json
from mission_control.operate.why.asking import Asking
from mission_control.registry.pauses import read_pauses

MOST_SHOWN: Final = 100
_DAY: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=31)
_READS: Final = frozenset({*TOOLS} - {"apply", "pause", "run"})  # these leave records of what they change


@dataclass(frozen=True)
class GrantedWork:
    """Answers and acts for holders; each method is a tool, takes its arguments, and answers a JSON object.

    All raise `UnknownTaskError` for a task that is not the holder's, and `GrantRefusedError`.
    """

    changes: GrantedChanges
    client: Redis
    ledger: Ledger
    asking: Asking
    dispatch: Callable[[], Dispatch]
    pausing: Callable[[Grant], Pausing]
    default_timezone: str

    def do(self, grant: Grant, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check that a tool is granted, and use it."""
        if tool not in grant.tools:
            self.changes.check(grant, Change(tool, str(arguments.get("task_id", "*"))))
        found: dict[str, Any] = getattr(self, f"{tool}_")(grant, **arguments)
        if tool in _READS:
            self.changes.uses.note(grant.owner, "used", "*", tool)
        return found

    def list_(self, grant: Grant) -> dict[str, Any]:
        """Return the holder's tasks in short."""
        ends = self.changes.grants.tasks_of(grant)
        shown = [self._shown(one.id, ends.get(one.id)) for one in self.changes.own_tasks(grant)]
        waiting = {one.task_id: one.reason for one in self.changes.approvals.of(grant.name)}
        return {"tasks": shown, "max_tasks": grant.max_tasks, "waiting_for_approval": waiting}

    def show_(self, grant: Grant, task_id: str) -> dict[str, Any]:
        """Return a task in full, as it may be given again to renew it."""
        self.changes.own_task(grant, task_id)
        ends = self.changes.grants.tasks_of(grant).get(task_id)
        found = masked_definition(self.changes.registry.get(task_id) or {})
        return {"task": as_given(found, ends), **self._shown(task_id, ends)}

    def why_(self, grant: Grant, name: str) -> dict[str, Any]:
        """Return why a task or run ran, did not run, or waits."""
        self.changes.own_task(grant, task_of_run(name) if "@" in name else name)
        return self.asking.why(name).to_json()

    def next_(
        self, grant: Grant, task_id: str | None = None, schedule: object = None, count: int = 5
    ) -> dict[str, Any]:
        """Return the next due times of a task, or of a schedule that no task has yet."""
        count = min(count, MOST_SHOWN)
        if task_id is None:
            if reasons := list(reaching_out({"schedule": schedule})):
                self.changes.refuse(grant, "*", *reasons)
            parsed = bare_schedule(schedule, default_timezone=self.default_timezone)
            times = islice(parsed.occurrences(self.changes.clock()), count)
            return {"schedule": parsed.describe(), "times": [format_instant(one) for one in times]}
        task, occurrences = self.changes.own_task(grant, task_id), self.asking.occurrences
        view = OccurrencesToCome(task, *occurrences.look(task_id), self.changes.clock())
        pauses = view.pauses.in_force(view.now)
        found = [
            due_json(one, task.schedule, pauses, task.condition) for one in islice(view.to_come(), count)
        ]
        return {
            "schedule": task.schedule.describe() if task.schedule.has_occurrences else None,
            "times": found,
        }

    def history_(self, grant: Grant, task_id: str, count: int = 20) -> dict[str, Any]:
        """Return the runs of a task, latest first."""
        self.changes.own_task(grant, task_id)
        runs = self.ledger.runs_of(task_id, limit=min(count, MOST_SHOWN))
        return {"runs": [run_json(one) for one in runs]}

    def account_(self, grant: Grant, since: str | None = None, until: str | None = None) -> dict[str, Any]:
        """Return what became of the occurrences of the holder's tasks in a time, since their last changes."""
        now = self.changes.clock()
        longest = min(timedelta(seconds=MOST_OF_A_TASK * grant.min_interval), _LONGEST)
        end = now if until is None else min(_instant("until", until), now)
        start = end - min(_DAY, longest) if since is None else _instant("since", since)
        if not timedelta(0) < end - start <= longest:
            most = f"{longest.total_seconds() / 3_600:.0f} hours at most"
            problem = Problem("since", f"ask about a time that has begun, {most}")
            raise InvalidTaskError([problem], subject="account")
        found = recent_balance(self.client, self.changes.own_tasks(grant), start, end)
        return {
            "account": found.words(),
            "states": dict(found.causes),
            "unexplained": list(found.unexplained),
        }

    def plan_(self, grant: Grant, tasks: Sequence[object] = (), remove: Sequence[str] = ()) -> dict[str, Any]:
        """Return what `apply` would do with tasks, and a digest for it."""
        return self.changes.plan(grant, tasks, remove).to_json()

    def apply_(
        self, grant: Grant, digest: str, tasks: Sequence[object] = (), remove: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Do what was planned."""
        return {"tasks": self.changes.apply(grant, tasks, remove, digest)}

    def pause_(
        self,
        grant: Grant,
        task_id: str,
        paused: bool = True,
        until: str | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Pause a task, or end the pause that the holder has set; what others have paused stays so."""
        task, work = self.changes.own_task(grant, task_id), self.pausing(grant)
        self.changes.check(grant, Change("pause", task_id, before=task))
        name = layer_name(PauseKind.TASK, task_id)
        in_force = {one.name: one for one in work.pauses.read().in_force(work.clock())}
        if name in in_force and in_force[name].who != grant.owner:
            self.changes.refuse(
                grant, task_id, f"task {task_id} was paused by another; its pause stays as it is"
            )
        if not paused:
            ended = work.pauses.end([name], reason=reason, forget=False)
            return {"resumed": [layer_json(one) for one in ended]}
        end = None if until is None else _instant("until", until)
        return work.pause([(PauseKind.TASK, task_id)], until=end, reason=reason).to_json()

    def run_(
        self,
        grant: Grant,
        task_id: str,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Run a task once, now."""
        task = self.changes.own_task(grant, task_id)
        self.changes.check(grant, Change("run", task_id, before=task, params=params))
        for layer in pausing_layers(read_pauses(self.client).in_force(self.changes.clock()), task):
            if layer.who != grant.owner:
                self.changes.refuse(grant, task_id, f"task {task_id} was paused by another ({layer.name})")
        key = None if idempotency_key is None else f"{grant.owner}:{idempotency_key}"
        run = self.dispatch().enqueue(task_id, params, idempotency_key=key)
        self.changes.record(grant, task_id, "run_requested", run.execution_id)
        return {"execution_id": run.execution_id, "created": run.created}

    def _shown(self, task_id: str, ends: datetime | None) -> dict[str, Any]:
        found = self.changes.registry.get(task_id) or {}
        history = found.get("execution_history", {})
        return {
            "task_id": task_id,
            "name": found.get("name"),
            "state": history.get("state"),
            "next_run": history.get("next_run"),
            "last_run": history.get("last_run"),
            "expires_at": None if ends is None else format_instant(ends),
        }


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InvalidTaskError([Problem(name, str(error))], subject="arguments") from error
