"""One action on many tasks or runs. What is expected is said: another number changes nothing."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import MissionControlError
from mission_control.model.values.fields import Line
from mission_control.operate.runs import selected_runs
from mission_control.operate.selected_tasks import selected_tasks
from mission_control.operate.tasks import unknown_task
from mission_control.registry.registry import Registry
from mission_control.web.access.needs import needs
from mission_control.web.api.bodies import DryRun, Selection, Wish
from mission_control.web.idempotency import IdempotentRoute
from mission_control.web.parts import Whole
from mission_control.web.problems import RequestError, code_of

router = APIRouter(prefix="/bulk", tags=["bulk"], route_class=IdempotentRoute)
_MOST = 10_000
Ids = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=_MOST)]


class _Many(Wish):
    """How many are expected, and why it is done. Give either ids or a selection."""

    expect_count: int = Field(ge=0, le=_MOST)
    ids: Ids | None = None
    reason: Line | None = None


class ManyTasks(_Many):
    """What is done with which tasks."""

    action: Literal["enable", "disable", "run", "remove"]
    selection: Selection | None = None


class ManyRuns(_Many):
    """What is done with which runs; only those that are not over are selected to be cancelled."""

    action: Literal["cancel", "retry"]
    selection: Selection | None = None


@router.post("/tasks", dependencies=[needs("edit", of="all"), needs("run", of="all")])
def tasks(whole: Whole, wish: ManyTasks, dry_run: DryRun = False) -> dict[str, Any]:
    """Enable, disable, run or remove many tasks; the answer says what became of each."""
    registry, ids = whole.registry, wish.ids
    if wish.selection is not None:
        pauses = whole.pauses.read().in_force(whole.clock())
        found = selected_tasks(registry, wish.selection.filter("task", whole), pauses, enabled_only=False)
        ids = _both(ids, (shown["id"] for shown, _ in found))
    return _each(wish, ids, _of_tasks(whole, wish), dry_run)


def _of_tasks(whole: Whole, wish: ManyTasks) -> Callable[[str], Any]:
    registry: Registry = whole.registry
    if wish.action == "run":
        dispatch = Dispatch.of(whole)
        return lambda name: dispatch.enqueue(name).execution_id
    verb = {"enable": registry.enable, "disable": registry.disable, "remove": registry.unregister}[
        wish.action
    ]

    def done(name: str) -> None:
        if not verb(name, reason=wish.reason):
            raise unknown_task(registry, name)

    return done


@router.post("/runs", dependencies=[needs("run", of="all")])
def runs(whole: Whole, wish: ManyRuns, dry_run: DryRun = False) -> dict[str, Any]:
    """Cancel or repeat many runs; the answer says what became of each."""
    control, ids, is_retry = RunControl.of(whole), wish.ids, wish.action == "retry"
    if wish.selection is not None:
        given = wish.selection.filter("run", whole)
        found = selected_runs(whole.ledger, whole.registry, given, with_ended=is_retry)
        ids = _both(ids, (run.execution_id for run in found))
    reason = f"cancelled by {whole.who}" if wish.reason is None else wish.reason
    act = control.run_now if is_retry else lambda name: str(control.cancel(name, reason=reason))
    return _each(wish, ids, act, dry_run)


def _both(ids: list[str] | None, selected: Iterable[str]) -> list[str]:
    if ids is not None:
        raise RequestError(422, "ids_and_selection", "give either ids or a selection", "selection")
    return list(islice(selected, _MOST + 1))


def _each(wish: _Many, ids: list[str] | None, act: Callable[[str], Any], dry_run: bool) -> dict[str, Any]:
    names = list(dict.fromkeys(ids or ()))
    if len(names) != wish.expect_count:
        there = f"more than {_MOST}" if len(names) > _MOST else str(len(names))
        said = f"{wish.expect_count} were expected, and there are {there}; nothing was done"
        raise RequestError(409, "count_differs", said, "expect_count")
    if dry_run:
        return {"dry_run": True, "items": [{"id": one} for one in names]}
    return {"dry_run": False, "items": [_done(one, act) for one in names]}


def _done(name: str, act: Callable[[str], Any]) -> dict[str, Any]:
    try:
        answer = act(name)
    except MissionControlError as error:
        return {"id": name, "done": False, "code": code_of(error), "problem": str(error)}
    return {"id": name, "done": True, **({} if answer is None else {"answer": answer})}
