"""What holds tasks back, or lets them run: switched off, paused, single occurrences skipped or moved."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from mission_control.model.policies.pause import PauseKind
from mission_control.model.values.fields import Line
from mission_control.operate.assembly import occurrences_of, pausing, resuming
from mission_control.operate.next_times import changed_json
from mission_control.operate.pausing import Selector, layer_json
from mission_control.operate.tasks import unknown_task
from mission_control.web.access.needs import needs
from mission_control.web.api.bodies import DryRun, Moment, Why, Wish
from mission_control.web.idempotency import IdempotentRoute
from mission_control.web.parts import Whole

router = APIRouter(tags=["switching"], route_class=IdempotentRoute)


class Pause(Why):
    """Until when, and whether running handlers are stopped."""

    until: Moment | None = None
    stop_running: bool = False


class Resume(Why):
    """Whether what was skipped runs after all, as far as the misfire policy says."""

    catch_up: bool = False


class Selected(Wish):
    """Some tasks: those with that owner, tag, queue or handler, one task, or all."""

    kind: Literal["all", "task", "owner", "tag", "queue", "handler"]
    value: Annotated[str, Field(max_length=300)] = ""


Selectors = Annotated[list[Selected], Field(min_length=1, max_length=100)]


class PauseMany(Pause):
    """Which tasks."""

    selectors: Selectors


class ResumeMany(Resume):
    """Which pauses, selected as they were set."""

    selectors: Selectors


@router.get("/pauses", dependencies=[needs("read", of="all")])
def list_pauses(whole: Whole) -> dict[str, Any]:
    """List the pauses that are in force."""
    return {"items": [layer_json(one) for one in whole.pauses.read().in_force(whole.clock())]}


@router.post("/pauses", dependencies=[needs("pause", of="all")])
def pause_many(whole: Whole, wish: PauseMany, dry_run: DryRun = False) -> dict[str, Any]:
    """Pause the tasks that any of the selectors selects."""
    return _pause(whole, _pairs(wish.selectors), wish, dry_run)


@router.post("/pauses/resume", dependencies=[needs("pause", of="all")])
def resume_many(whole: Whole, wish: ResumeMany, dry_run: DryRun = False) -> dict[str, Any]:
    """End pauses, selected as they were set."""
    return _resume(whole, _pairs(wish.selectors), wish, dry_run)


@router.post("/tasks/{task_id:id}/pause", dependencies=[needs("pause")])
def pause(task_id: str, whole: Whole, wish: Pause, dry_run: DryRun = False) -> dict[str, Any]:
    """Pause a task: each occurrence that falls due is skipped, until it is resumed."""
    return _pause(whole, [(PauseKind.TASK, task_id)], wish, dry_run)


@router.post("/tasks/{task_id:id}/resume", dependencies=[needs("pause")])
def resume(task_id: str, whole: Whole, wish: Resume, dry_run: DryRun = False) -> dict[str, Any]:
    """End the pause of a task, or close its circuit breaker; also of one that has been removed meanwhile."""
    return _resume(whole, [(PauseKind.TASK, task_id)], wish, dry_run)


def _pairs(selectors: list[Selected]) -> list[Selector]:
    return [(PauseKind(one.kind), one.value if one.kind != "all" else "") for one in selectors]


def _pause(whole: Whole, selectors: list[Selector], wish: Pause, dry_run: bool) -> dict[str, Any]:
    how: dict[str, Any] = {"until": wish.until, "reason": wish.reason, "stop_running": wish.stop_running}
    return pausing(whole).pause(selectors, **how, dry_run=dry_run).to_json()


def _resume(whole: Whole, selectors: list[Selector], wish: Resume, dry_run: bool) -> dict[str, Any]:
    how: dict[str, Any] = {"reason": wish.reason, "catch_up": wish.catch_up}
    return resuming(whole).resume(selectors, **how, dry_run=dry_run).to_json()


@router.post("/tasks/{task_id:id}/enable", dependencies=[needs("edit")])
def enable(task_id: str, whole: Whole, wish: Why) -> dict[str, Any]:
    """Let a task fire again, from its next scheduled time."""
    if not whole.registry.enable(task_id, reason=wish.reason):
        raise unknown_task(whole.registry, task_id)
    return {"task_id": task_id, "enabled": True}


@router.post("/tasks/{task_id:id}/disable", dependencies=[needs("edit")])
def disable(task_id: str, whole: Whole, wish: Why) -> dict[str, Any]:
    """Stop a task from firing; its waiting runs are cancelled."""
    if not whole.registry.disable(task_id, reason=wish.reason):
        raise unknown_task(whole.registry, task_id)
    return {"task_id": task_id, "enabled": False}


class OneOccurrence(Wish):
    """The occurrence of a time; by default the next one."""

    at: Moment | None = None
    reason: Line | None = None


class Move(OneOccurrence):
    """When it runs instead."""

    to: Moment


@router.post("/tasks/{task_id:id}/skip", dependencies=[needs("pause")])
def skip(task_id: str, whole: Whole, wish: OneOccurrence, dry_run: DryRun = False) -> dict[str, Any]:
    """Skip one occurrence."""
    done = occurrences_of(whole).skip(task_id, wish.at, reason=wish.reason, dry_run=dry_run)
    return changed_json(done, is_void=False)


@router.post("/tasks/{task_id:id}/unskip", dependencies=[needs("pause")])
def unskip(task_id: str, whole: Whole, wish: OneOccurrence, dry_run: DryRun = False) -> dict[str, Any]:
    """Let an occurrence that was skipped or moved run at its own time."""
    done = occurrences_of(whole).unskip(task_id, wish.at, reason=wish.reason, dry_run=dry_run)
    return changed_json(done, is_void=False)


@router.post("/tasks/{task_id:id}/move", dependencies=[needs("pause")])
def move(task_id: str, whole: Whole, wish: Move, dry_run: DryRun = False) -> dict[str, Any]:
    """Run one occurrence at another time."""
    done = occurrences_of(whole).move(task_id, wish.at, wish.to, reason=wish.reason, dry_run=dry_run)
    return changed_json(done, is_void=False)
