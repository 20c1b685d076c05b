"""Named limits and budgets: how they stand, and what sets and removes them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.convertors import Convertor, register_url_convertor

from mission_control.model.definitions.named_budget import Budget
from mission_control.operate.budgets import budget_json, standings
from mission_control.operate.limits import buckets
from mission_control.web.access.needs import needs
from mission_control.web.api.bodies import Definition, DryRun, Reason
from mission_control.web.parts import Whole
from mission_control.web.problems import RequestError
from mission_control.web.strict_bodies import StrictRoute

router = APIRouter(tags=["limits and budgets"], route_class=StrictRoute)
Section = Literal["limits", "budgets"]


class _Sections(Convertor[str]):
    regex = "limits|budgets"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("section", _Sections())


@router.get("/{section:section}", dependencies=[needs("read", of="all")])
def list_resources(section: Section, whole: Whole) -> dict[str, Any]:
    """List the limits, or the budgets, with the tasks that refer to each."""
    return {"items": [_shown(whole, section, name) for name in whole.resources[section].all()]}


@router.get("/{section:section}/{name:id}", dependencies=[needs("read", of="all")])
def show(section: Section, name: str, whole: Whole) -> dict[str, Any]:
    """Show a limit with the runs that hold its slots and wait, or a budget with what is spent."""
    return _shown(whole, section, name)


@router.put("/{section:section}/{name:id}", dependencies=[needs("admin", of="all")])
def put(
    section: Section,
    name: str,
    whole: Whole,
    definition: Definition,
    dry_run: DryRun = False,
    reason: Reason = None,
) -> dict[str, Any]:
    """Set a limit or budget, in the place of the one of that name. It holds at once."""
    if definition.get("name", name) != name:
        raise RequestError(422, "name_differs", f"the address has the name {name!r}", "name")
    changed = whole.resources[section].set({**definition, "name": name}, reason=reason, dry_run=dry_run)
    return {"dry_run": dry_run, "changed": changed}


@router.delete("/{section:section}/{name:id}", dependencies=[needs("admin", of="all")])
def delete(
    section: Section,
    name: str,
    whole: Whole,
    force: Annotated[bool, Query(description="Even if tasks refer to it: they run without it.")] = False,
    dry_run: DryRun = False,
    reason: Reason = None,
) -> dict[str, Any]:
    """Remove a limit or budget."""
    users = whole.resources[section].remove(name, force=force, reason=reason, dry_run=dry_run)
    return {"dry_run": dry_run, "removed": name, "tasks": users}


def _shown(whole: Whole, section: str, name: str) -> dict[str, Any]:
    ours, now = whole.resources[section], whole.clock()
    found, users = ours.get(name), ours.users(name)
    if isinstance(found, Budget):
        return budget_json(found, standings(whole.client, found, now), [task_id for task_id, _ in users])
    in_use: Iterable[Any] = buckets(whole.client, found, now)
    return {**found.to_dict(), "tasks": dict(users), "in_use": [one.to_json() for one in in_use]}
