"""Tasks: their definitions, read and changed."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from mission_control.audit.record.masking import masked_definition
from mission_control.errors import GrantRefusedError, RevisionDiffersError
from mission_control.installation.installation import Installation
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.fields import Line
from mission_control.operate.plan.carrying_out import carry_out
from mission_control.operate.plan.planning import plan_of_revision
from mission_control.operate.plan.shown_plan import shown_plan
from mission_control.operate.plan.task_plan import Plan, TaskChange, TaskChanges, change_of, changed_tasks
from mission_control.operate.selected_tasks import selected_tasks
from mission_control.operate.tasks import existing_task, task_json, unknown_task
from mission_control.registry.changes import merge_updates
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.registry import Registry
from mission_control.web.access.caller import Caller
from mission_control.web.access.needs import Calling, needs, recorded
from mission_control.web.api.bodies import (
    Definition,
    DryRun,
    How,
    PageQuery,
    Reason,
    Wish,
    decoded,
    links,
    page,
)
from mission_control.web.idempotency import IdempotentRoute
from mission_control.web.parts import Tasks, Whole
from mission_control.web.problems import RequestError

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=IdempotentRoute)
_WITH_TASKS = ("tasks.show", "tasks.put", "tasks.patch", "tasks.delete", "tasks.revisions", "tasks.rollback")
_SWITCHES = ("pause", "resume", "enable", "disable", "skip", "unskip", "move")
_LINKS = links(
    "task_id",
    "id",
    *_WITH_TASKS,
    "runs.run_now",
    "runs.why_task",
    "schedules.next_of_task",
    *(f"switching.{one}" for one in _SWITCHES),
)


@router.get("", dependencies=[needs("read", of="some")])
def list_tasks(
    whole: Whole,
    caller: Calling,
    wanted: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    """List tasks by their ids; `next` is the cursor of the next page, or null."""
    (after,) = decoded(wanted.cursor, [str]) or ("",)
    pauses = whole.pauses.read().in_force(whole.clock())
    found = selected_tasks(whole.registry, wanted.filter("task", whole), pauses, enabled_only=False)

    def theirs() -> Iterator[dict[str, Any]]:
        for shown, _ in found:
            if shown["id"] > after and caller.has(shown.get("owner", ""), shown.get("tags", ())):
                yield shown

    return page(theirs(), wanted.limit, masked_definition, lambda one: [one["id"]])


@router.post(
    "",
    status_code=201,
    responses={200: {"description": "the plan"}, 201: _LINKS},
    dependencies=[needs("edit", of="some")],
)
def create(
    request: Request,
    response: Response,
    whole: Whole,
    definition: Definition,
    dry_run: DryRun = False,
    reason: Reason = None,
) -> dict[str, Any]:
    """Register a task."""
    registry = whole.registry
    task = registry.check.parse_new(definition)
    _require_theirs(request, task)
    if registry.definition(task.id) is not None or task.id in registry.ids():
        raise RequestError(
            409, "task_exists", f"a task has the id {task.id!r}; change it with PUT or PATCH", "id"
        )
    if dry_run:
        response.status_code = 200
        return _shown(whole, _plan_of(registry, task))
    if not registry.add(task, reason=reason):
        raise RequestError(409, "task_exists", f"another has registered {task.id!r} meanwhile", "id")
    return _answer(registry, task.id, response)


@router.get("/{task_id:id}", dependencies=[needs("read")])
def show(task_id: str, registry: Tasks, response: Response) -> dict[str, Any]:
    """Show a task with its execution history, secrets masked; its `ETag` is its revision."""
    return _answer(registry, task_id, response)


@router.put("/{task_id:id}", responses={201: {"description": "it was created"}}, dependencies=[needs("edit")])
def put(
    task_id: str,
    request: Request,
    response: Response,
    whole: Whole,
    definition: Definition,
    how: How,
) -> dict[str, Any]:
    """Put a definition in the place of a task's, or register it; fields left out get their defaults."""
    registry = whole.registry
    task = registry.check.parse_new({**definition, "id": definition.get("id", task_id)})
    if task.id != task_id:
        raise RequestError(422, "id_differs", f"the address is that of task {task_id!r}", "id")
    _require_theirs(request, task)
    if how.dry_run:
        return _shown(whole, _plan_of(registry, task))
    if registry.apply(task, reason=how.reason, revision=how.revision) == "created":
        response.status_code = 201
    return _answer(registry, task_id, response)


@router.patch("/{task_id:id}", dependencies=[needs("edit")])
def patch(
    task_id: str,
    request: Request,
    response: Response,
    whole: Whole,
    caller: Calling,
    updates: Definition,
    how: How,
) -> dict[str, Any]:
    """Change some fields. `retry_policy`, `misfire` and `notify` are merged; others are replaced."""
    registry = whole.registry
    if how.dry_run or caller.is_limited:
        task = registry.check.parse_new(merge_updates(existing_task(registry, task_id).to_dict(), updates))
        _require_theirs(request, task)
        if how.dry_run:
            return _shown(whole, _plan_of(registry, task))
    if not registry.update(task_id, updates, reason=how.reason, revision=how.revision):
        raise unknown_task(registry, task_id)
    return _answer(registry, task_id, response)


@router.delete("/{task_id:id}", dependencies=[needs("edit")])
def delete(
    task_id: str,
    whole: Whole,
    how: How,
    force: Annotated[bool, Query(description="Even if other tasks come after it.")] = False,
) -> dict[str, Any]:
    """Remove a task and its history; its waiting runs are cancelled."""
    registry = whole.registry
    (seen,) = registry.planned.stored([task_id])
    wanted = how.revision
    if seen is not None and wanted not in {None, seen.definition["metadata"]["revision"]}:
        raise RevisionDiffersError(f"task {task_id!r} has another revision; read it again")
    if how.dry_run:
        if seen is None:
            raise unknown_task(registry, task_id)
        return _shown(whole, Plan("", TaskChanges({}, [TaskChange(task_id, "removed", seen)])))
    if not registry.unregister(task_id, reason=how.reason, force=force):
        raise unknown_task(registry, task_id)
    return {"removed": task_id}


@router.get("/{task_id:id}/revisions", dependencies=[needs("read")])
def revisions(task_id: str, registry: Tasks) -> dict[str, Any]:
    """List the definitions that a task has had, the latest first, secrets masked."""
    existing_task(registry, task_id)
    return {"items": [masked_definition(one) for one in registry.revisions(task_id)]}


class Rollback(Wish):
    """To which revision; by default the one before."""

    to: int | None = None
    reason: Line | None = None


@router.post("/{task_id:id}/rollback", dependencies=[needs("edit")])
def rollback(
    task_id: str, request: Request, response: Response, whole: Whole, wish: Rollback, dry_run: DryRun = False
) -> dict[str, Any]:
    """Give a task the definition of a former revision, as a new revision."""
    plan = plan_of_revision(whole.registry, task_id, wish.to)
    for one in changed_tasks(plan):
        _require_theirs(request, one.definition)
    if dry_run:
        return _shown(whole, plan)
    if whole.settings.signing_key:
        way = f"mission-control task rollback {task_id} --out plan.json, then task apply plan.json"
        raise GrantRefusedError(f"former revisions are not signed; look at the plan first: {way}")
    carry_out(whole.registry, whole.resources, plan, must_be_as_seen=True)
    return _answer(whole.registry, task_id, response)


def _plan_of(registry: Registry, task: TaskDefinition) -> Plan:
    (seen,), checked = registry.planned.stored([task.id]), CheckedTask.of(task)
    return Plan("", TaskChanges({task.id: checked}, [change_of(checked, seen, None, None)]))


def _shown(whole: Installation, plan: Plan) -> dict[str, Any]:
    shown = shown_plan(whole.registry, whole.client, whole.resources, plan, whole.clock())
    return {"dry_run": True, **shown.to_json(plan)}


def _answer(registry: Registry, task_id: str, response: Response) -> dict[str, Any]:
    found: Mapping[str, Any] = task_json(registry, task_id)
    response.headers["ETag"] = f'"{found.get("metadata", {}).get("revision", 0)}"'
    return masked_definition(found)


def _require_theirs(request: Request, task: TaskDefinition) -> None:
    caller: Caller = request.state.caller
    with recorded(request, task.id):
        caller.require(task)
