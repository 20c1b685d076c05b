"""What holders change: planned, decided, made or put before a person, and recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from redis import Redis

from mission_control.audit.record.difference import difference
from mission_control.errors import GrantRefusedError, InvalidTaskError, Problem, UnknownTaskError
from mission_control.model.definitions.grant import Grant
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.grants import (
    Allow,
    Ask,
    Change,
    Refuse,
    Usage,
    as_given,
    bounded,
    decide_grant,
    reaching_out,
)
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.dollars import BILLIONTHS
from mission_control.model.values.identifiers import LONGEST_TASK_ID
from mission_control.operate.grants.steps import KEPT, Outcome, Plan, Step, compared
from mission_control.operate.plan.effects import measured
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.grant_uses import GrantUses
from mission_control.registry.grants import Approval, Approvals, Grants, asked_at
from mission_control.registry.registry import Registry
from mission_control.registry.task_store import AT_ONCE


@dataclass(frozen=True)
class GrantedChanges:
    """Makes the changes of holders. `writing` returns the registry as a holder changes it at a moment."""

    client: Redis
    registry: Registry
    grants: Grants
    approvals: Approvals
    uses: GrantUses
    writing: Callable[..., Registry]
    clock: Callable[[], datetime]

    def own_task(self, grant: Grant, task_id: str) -> TaskDefinition:
        """Return a task of the holder.

        Raises:
            UnknownTaskError: it has none of that id. Others are as if they were not there.
        """
        found = self.registry.some([task_id])
        if found and found[0].owner == grant.owner:
            return found[0]
        why = f"no task of this grant has the id {quoted(task_id)}; see the tool list"
        self.uses.note(grant.owner, "refused", task_id[:LONGEST_TASK_ID], why)
        raise UnknownTaskError(why)

    def own_tasks(self, grant: Grant) -> list[TaskDefinition]:
        """Return the tasks of the holder, sorted by id."""
        return [one for one, _ in self._own(grant)]

    def _own(self, grant: Grant) -> list[tuple[TaskDefinition, datetime]]:
        ends = self.grants.tasks_of(grant)
        found = self.registry.some(sorted(ends))
        return [(one, ends[one.id]) for one in found if one.owner == grant.owner]

    def check(self, grant: Grant, change: Change) -> None:
        """Raise GrantRefusedError, and record that, if the holder may not do what changes no task."""
        decision = decide_grant(grant, change, self._usage(grant), self.clock())
        if isinstance(decision, Refuse):
            self.refuse(grant, change.task_id, *decision.reasons)

    def record(self, grant: Grant, task_id: str, what: str, reason: str | None = None) -> None:
        """Record what the holder did."""
        now = self.clock()
        self.writing(grant, now).changes.record(task_id, what, {}, {}, reason=reason, at=now)

    def plan(
        self, grant: Grant, definitions: Sequence[object], remove: Sequence[str] = (), *, tool: str = "plan"
    ) -> Plan:
        """Return what would be done, and decided, with each definition and each task to be removed.

        Raises:
            InvalidTaskError: lists every problem of every definition.
            UnknownTaskError: there is no task of the holder to be removed.
            GrantRefusedError: `tool` is not granted.
        """
        if tool not in grant.tools:
            self.refuse(grant, "*", f"{tool} is not granted")
        gone = [self.own_task(grant, one) for one in dict.fromkeys(remove)]
        tasks = self._parsed(grant, definitions)
        steps = [*self._steps(grant, tasks, gone, self.clock())]
        what = [[one.task_id, one.base, one.task and one.task.to_dict()] for one in steps]
        text = json.dumps([grant.owner, what], sort_keys=True)
        return Plan(steps, hashlib.sha256(text.encode()).hexdigest()[:32])

    def apply(
        self, grant: Grant, definitions: Sequence[object], remove: Sequence[str], digest: str
    ) -> dict[str, Outcome]:
        """Do what was planned under a digest; return what became of each task.

        Guarantees: if one of the changes is refused, none is made. What needs an approval waits for it.

        Raises:
            GrantRefusedError: a change is refused, or something has changed since the plan.
        """
        plan = self.plan(grant, definitions, remove, tool="apply")
        refused = [(one, one.decision) for one in plan.steps if isinstance(one.decision, Refuse)]
        if refused:
            reasons = [f"{one.task_id}: {why}" for one, found in refused for why in found.reasons]
            self.refuse(grant, refused[0][0].task_id, *reasons)
        if plan.digest != digest:
            self.refuse(grant, "*", "the digest is not that of this plan as it is now; plan again")
        return {one.task_id: self._do(grant, one) for one in plan.steps}

    def allow(self, one: Approval, *, who: str, dry_run: bool = False) -> None:
        """Make a change that waits for an approval, as its holder. Of two who answer, one does.

        Raises:
            GrantRefusedError: the task has changed since it was asked for; or what else is refused by now.
        """
        grant = self.grants.get(one.holder)
        (step,) = self.plan(grant, [one.definition], tool="apply").steps
        if isinstance(step.decision, Refuse):
            raise GrantRefusedError("; ".join(step.decision.reasons))
        if step.base != one.base:
            what = f"task {one.task_id} has changed since that was asked for"
            raise GrantRefusedError(
                f"{what}; deny it with `mission-control approvals deny {one.approval_id}`"
            )
        if dry_run:
            return
        if self._write(grant, step, approved=one.text, reason=f"allowed by {who}") == "changed meanwhile":
            raise GrantRefusedError(f"task {one.task_id} was changed meanwhile; look at it, and try again")

    def deny(self, one: Approval, *, who: str, reason: str | None) -> None:
        """Drop a change that waits for an approval."""
        self.approvals.take(one)
        why = "" if reason is None else f": {reason}"
        self.record(self.grants.get(one.holder), one.task_id, "denied", f"denied by {who}{why}")

    def _parsed(self, grant: Grant, definitions: Sequence[object]) -> list[TaskDefinition]:
        if len(definitions) > AT_ONCE:
            raise InvalidTaskError([Problem("tasks", f"give {AT_ONCE} at most at a time")], subject="tasks")
        tasks: list[TaskDefinition] = []
        problems: list[Problem] = []
        for at, one in enumerate(definitions):
            if isinstance(one, Mapping) and (reasons := tuple(reaching_out(one))):
                self.refuse(grant, "*", *(f"tasks[{at}].{why}" for why in reasons))
            try:
                tasks.append(self.registry.check.parse_new(one, is_alone=False))  # type: ignore[arg-type]
            except InvalidTaskError as error:
                problems += [problem.under(f"tasks[{at}]") for problem in error.problems]
        ids = [task.id for task in tasks]
        problems += [Problem("tasks", f"{one!r} is given twice") for one in {*ids} if ids.count(one) > 1]
        if problems:
            raise InvalidTaskError(problems, subject="tasks")
        known = {*ids, *(one.id for one in self.own_tasks(grant))}
        others = {one.task for task in tasks for one in task.after} - known
        if others:
            self.refuse(grant, "*", f"after: no task of this grant has the id {quoted(min(others))}")
        dependencies, given = self.registry.check.dependencies, {task.id: task for task in tasks}
        if broken := dependencies.problems(given):
            raise InvalidTaskError([one for found in broken.values() for one in found], subject="tasks")
        return [given[one] for one in dependencies.upstream_first(given)]

    def _steps(
        self, grant: Grant, tasks: Sequence[TaskDefinition], gone: Sequence[TaskDefinition], now: datetime
    ) -> Iterator[Step]:
        usage, ends = self._usage(grant), self.grants.tasks_of(grant)
        for one in gone:
            yield Step(
                one.id,
                None,
                one.metadata.revision,
                {},
                decide_grant(grant, _change(one.id, None, one), usage, now),
            )
        left = {name: one for name, one in usage.tasks.items() if name not in {task.id for task in gone}}
        before = {one.id: one for one in self.registry.some([task.id for task in tasks])}
        usage = replace(usage, tasks=left, named={task.id for task in tasks})
        asked: set[str] = set()
        for task in tasks:
            known = before.get(task.id)
            decision = decide_grant(grant, _change(task.id, task, known), usage, now)
            if isinstance(decision, Allow) and (
                first := [one.task for one in task.after if one.task in asked]
            ):
                decision = Ask(f"it comes after {first[0]}, which needs an approval")
            if isinstance(decision, Ask):
                asked.add(task.id)
            usage = replace(usage, tasks={**usage.tasks, task.id: task})
            is_own = known is not None and known.owner == grant.owner
            old = compared(known, ends.get(task.id)) if known is not None and is_own else {}
            base = None if known is None else known.metadata.revision
            yield Step(task.id, task, base, difference(old, compared(task, None)) if is_own else {}, decision)

    def _usage(self, grant: Grant) -> Usage:
        now, own = self.clock(), self._own(grant)
        live = {one.id: one for one, end in own if end > now}
        spent = measured(self.client, [one.id for one, _ in own]) if "usd" in grant.thresholds else {}
        costs = {name: float(one["usd"]) / BILLIONTHS for name, one in spent.items() if "usd" in one}
        return Usage(live, {one.id for one, _ in own} - live.keys(), costs=costs)

    def _do(self, grant: Grant, step: Step) -> Outcome:
        if step.task is None:
            self.writing(grant, self.clock()).unregister(step.task_id)
            return "removed"
        if isinstance(step.decision, Ask):
            given = as_given(step.task.to_dict(), None)
            kept = {name: one for name, one in given.items() if name not in KEPT}
            asked = Approval(
                grant.name, step.task_id, kept, step.base, step.decision.reason, asked_at(self.clock())
            )
            self.approvals.ask(asked, grant.max_tasks)
            self.record(grant, step.task_id, "approval_asked", f"{asked.approval_id}: {step.decision.reason}")
            return "waits for an approval"
        try:
            return self._write(grant, step)
        except GrantRefusedError as error:  # another process of the holder was sooner
            self.refuse(grant, step.task_id, str(error))

    def _write(self, grant: Grant, step: Step, *, approved: str = "", reason: str | None = None) -> Outcome:
        if step.task is None:
            raise TypeError("a removal is not written")
        now = self.clock()
        final = self.registry.check.parse_new(bounded(grant, step.task, now))
        writing = self.writing(grant, now, approved=approved).planned
        (seen,) = writing.stored([step.task_id])
        base = None if seen is None else seen.definition["metadata"]["revision"]
        if base != step.base or writing.write([(CheckedTask.of(final), seen)], reason):
            return "changed meanwhile"
        return "created" if step.base is None else "updated" if step.fields else "renewed"

    def refuse(self, grant: Grant, task_id: str, *reasons: str) -> NoReturn:
        """Raise GrantRefusedError, and leave a record, of those with the same reasons one a minute."""
        self.uses.note(grant.owner, "refused", task_id, "; ".join(reasons))
        raise GrantRefusedError("; ".join(reasons))


def _change(task_id: str, task: TaskDefinition | None, before: TaskDefinition | None) -> Change:
    return Change("apply", task_id, task, before)
