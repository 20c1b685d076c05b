"""A plan to show: fields before and after with secrets masked, due times, and what a day costs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from mission_control.audit.record.difference import difference
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.operate.plan.effects import Demand, Effect, demands_of, effects_of
from mission_control.operate.plan.task_plan import Kind, Plan, changed_tasks, field_changes
from mission_control.registry.named_resources import NamedResources
from mission_control.registry.registry import Registry

Fields = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ShownChange:
    """What becomes of a task, or of a limit or budget, to show."""

    name: str
    kind: Kind
    fields: Fields
    former_id: str | None = None
    effect: Effect | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        found: dict[str, Any] = {"id": self.name, "change": self.kind, "fields": self.fields}
        if self.former_id is not None:
            found["former_id"] = self.former_id
        if self.effect is not None:
            due = (self.effect.due_before, self.effect.due_after)
            before, after = (None if one is None else format_instant(from_unix(one)) for one in due)
            found |= {"next_due": {"from": before, "to": after}, "fires_now": self.effect.fires_now}
        return found


@dataclass(frozen=True)
class ShownPlan:
    """All that a plan changes, and what follows from it; unchanged tasks are counted only."""

    tasks: list[ShownChange]
    resources: list[ShownChange]
    before: Demand
    after: Demand

    def to_json(self, plan: Plan) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "tasks": [one.to_json() for one in self.tasks],
            "resources": [one.to_json() for one in self.resources],
            "unchanged": plan.by_kind()["unchanged"],
            "left": dict(plan.left),
            "similar": dict(plan.similar),
            "a_day": {"before": asdict(self.before), "after": asdict(self.after)},
        }


def shown_plan(
    registry: Registry,
    client: Redis,
    resources: Mapping[str, NamedResources[Any]],
    plan: Plan,
    now: datetime,
) -> ShownPlan:
    """Return a plan to show.

    Raises:
        ResourceInUseError: a task that the plan does not change does not go with a limit of it.
    """
    effects = effects_of(registry, plan, now)
    return ShownPlan(
        [*shown_tasks(plan, effects)],
        shown_resources(resources, plan),
        *demands_of(registry, client, plan, now),
    )


def shown_tasks(plan: Plan, effects: Mapping[str, Effect] | None = None) -> Iterator[ShownChange]:
    """Yield the tasks that a plan changes, with their fields before and after."""
    known = {} if effects is None else effects
    for one in plan.tasks.values():
        if one.kind != "unchanged":
            former = None if one.former_id is None else plan.tasks[one.former_id].seen
            fields = field_changes(one, former)
            yield ShownChange(one.task_id, one.kind, fields, one.former_id, known.get(one.task_id))


def shown_resources(resources: Mapping[str, NamedResources[Any]], plan: Plan) -> list[ShownChange]:
    """Return the limits and budgets that a plan changes, with their fields before and after.

    Raises:
        ResourceInUseError: a task that the plan does not change does not go with one.
    """
    found = []
    for section, given in plan.resources.items():
        tasks = (one.definition for one in changed_tasks(plan))
        ours = resources[section]
        known = ours.all() if given else {}
        for name in ours.set_all(given.values(), edited=tasks, dry_run=True):
            before = known[name].to_dict() if name in known else None
            kind: Kind = "created" if before is None else "updated"
            fields = {} if before is None else difference(before, given[name].to_dict())
            found.append(ShownChange(f"{ours.kind.noun} {name}", kind, fields))
    return found
