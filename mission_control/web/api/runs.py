"""Runs: found, shown, explained, cancelled and repeated; and run now."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from mission_control.audit.record.masking import masked_value
from mission_control.audit.stream.reader import tail
from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_control import RunControl, existing_run
from mission_control.dispatch.run_logs import RunLogs
from mission_control.dispatch.run_options import RunOptions
from mission_control.model.filters.query import Query as RunFilter
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.operate.assembly import asking, eta_of
from mission_control.operate.runs import run_json, selected_runs
from mission_control.operate.tasks import existing_task
from mission_control.web.access.needs import Calling, needs, tasks_of
from mission_control.web.api.bodies import (
    DryRun,
    Limit,
    Moment,
    PageQuery,
    Text,
    Why,
    Wish,
    decoded,
    links,
    page,
)
from mission_control.web.idempotency import IdempotentRoute
from mission_control.web.parts import Whole

router = APIRouter(tags=["runs"], route_class=IdempotentRoute)
_ATTEMPTS = 100
_WITH_RUNS = ("show", "attempts", "logs", "why_run", "cancel", "retry")
_LINKS = links("execution_id", "execution_id", *(f"runs.{one}" for one in _WITH_RUNS))
_PLACE = (int, int, str)
_ACTIVE, _ENDED, _NAMED = range(3)
_SECOND = 1_000_000


@router.get("/runs", dependencies=[needs("read", of="some")])
def list_runs(
    whole: Whole,
    caller: Calling,
    wanted: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    """List runs: those that are not over, longest first, then those that ended, latest first.

    Pages are stable: a run that ends between two pages may be on both, and none is left out.
    """
    given, mark = wanted.filter("run", whole), decoded(wanted.cursor, _PLACE)
    place = partial(_place, _named(given.query, "task"), _named(given.query, "run"))
    by = datetime.fromtimestamp(-mark[1] / _SECOND, UTC) if mark is not None and mark[0] == _ENDED else None

    def is_wanted(run: RunRecord) -> bool:
        is_after = mark is None or place(run) > (*mark[:2], _descending(mark[2], mark[0]))
        return is_after and (not caller.is_limited or bool(tasks_of(whole, caller, [run.task_id])))

    how: dict[str, Any] = {"with_ended": True, "limit": wanted.limit + 1, "only": is_wanted, "ended_by": by}
    found = selected_runs(whole.ledger, whole.registry, given, **how)
    return page(found, wanted.limit, run_json, lambda run: [*place(run)[:2], run.execution_id])


def _named(query: RunFilter, field: str) -> list[str]:
    """Return the tasks or runs that a filter names, in the order in which they are looked at."""
    exact = [term.names for term in query.about(field) if term.is_exact]
    return list(dict.fromkeys(exact[-1])) if exact else []


def _place(tasks: list[str], runs: list[str], run: RunRecord) -> tuple[int, int, list[int]]:
    """Return what sorts runs as they are listed: by the index that serves the filter."""
    name = run.execution_id
    if runs:
        return _NAMED, runs.index(name), _descending(name, _NAMED)
    if tasks:
        kind = _NAMED + tasks.index(run.task_id)
        return kind, -round(run.scheduled_time.timestamp() * _SECOND), _descending(name, kind)
    if run.finished_at is None:
        return _ACTIVE, round(run.dispatched_at.timestamp() * _SECOND), _descending(name, _ACTIVE)
    return _ENDED, -round(run.finished_at.timestamp() * _SECOND), _descending(name, _ENDED)


def _descending(text: str, kind: int) -> list[int]:
    """Return what sorts as Redis sorts texts backwards; active runs are sorted forwards."""
    return [*map(ord, text)] if kind == _ACTIVE else [*(-ord(one) for one in text), 1]


@router.get("/runs/{execution_id:id}", dependencies=[needs("read")])
def show(execution_id: str, whole: Whole) -> dict[str, Any]:
    """Show a run, with its params, secrets masked; one that waits with when it is expected to start."""
    run = existing_run(whole.ledger, execution_id)
    marked = frozenset(run.secret_params if run.secret_params is not None else ())
    found = eta_of(whole).of_runs([run], whole.clock())
    etas = {name: None if one is None else one.to_json() for name, one in found.items()}
    return {
        **run_json(run),
        "params": masked_value(run.params, marked=marked),
        **({"eta": etas[run.execution_id]} if run.execution_id in etas else {}),
    }


@router.get("/runs/{execution_id:id}/attempts", dependencies=[needs("read")])
def attempts(execution_id: str, whole: Whole) -> dict[str, Any]:
    """List the records of a run's attempts in the audit stream of this machine, the oldest first."""
    run = existing_run(whole.ledger, execution_id)
    return {"items": tail(whole.settings.task_execution_log, _ATTEMPTS, execution_id=run.execution_id)}


@router.get("/runs/{execution_id:id}/logs", dependencies=[needs("read")])
def logs(execution_id: str, whole: Whole, limit: Limit = 500) -> dict[str, Any]:
    """List the last lines that a run's handler has printed and logged, and its tracebacks."""
    run = existing_run(whole.ledger, execution_id)
    lines = RunLogs(whole.client, whole.run_logs).lines(run.execution_id)[-limit:]
    return {"items": [{**vars(one), "at": format_instant(one.at)} for one in lines]}


@router.get("/runs/{execution_id:id}/why", dependencies=[needs("read")])
def why_run(execution_id: str, whole: Whole) -> dict[str, Any]:
    """Explain why a run ran, did not run, or waits."""
    return asking(whole).why(existing_run(whole.ledger, execution_id).execution_id).to_json()


@router.get("/tasks/{task_id:id}/why", dependencies=[needs("read")])
def why_task(
    task_id: str,
    whole: Whole,
    at: Annotated[Moment | None, Query(description="The occurrence of this time.")] = None,
    which: Literal["now", "last_missed", "next"] = "now",
) -> dict[str, Any]:
    """Explain why a task, or one of its occurrences, ran, did not run, or waits, and when it will run."""
    return asking(whole).why(existing_task(whole.registry, task_id).id, at, which).to_json()


@router.post("/runs/{execution_id:id}/cancel", dependencies=[needs("run")])
def cancel(execution_id: str, whole: Whole, wish: Why) -> dict[str, Any]:
    """Cancel a waiting run, or ask a running one to stop; `reply` is cancelled, asked or finished."""
    run = existing_run(whole.ledger, execution_id)
    reason = f"cancelled by {whole.who}" if wish.reason is None else wish.reason
    reply = RunControl.of(whole).cancel(run.execution_id, reason=reason)
    return {"execution_id": run.execution_id, "reply": str(reply)}


@router.post("/runs/{execution_id:id}/retry", dependencies=[needs("run")])
def retry(execution_id: str, whole: Whole) -> dict[str, Any]:
    """Repeat a finished run as a new one, or start a waiting one now; answer the id of that run."""
    return {"execution_id": RunControl.of(whole).run_now(execution_id)}


class RunNow(Wish):
    """How a task is run; moments, delays and the rest in words or as `enqueue` takes them."""

    params: dict[str, Any] | None = None
    at: Text | None = None
    delay: float | Text | None = None
    expires: float | Text | None = None
    queue: Text | None = None
    priority: int | None = Field(default=None, ge=0, le=9)
    overlap: Literal["queue", "allow"] | None = None


@router.post(
    "/tasks/{task_id:id}/run",
    status_code=201,
    responses={200: {"description": "what would run"}, 201: _LINKS},
    dependencies=[needs("run")],
)
def run_now(
    task_id: str, whole: Whole, response: Response, wish: RunNow, dry_run: DryRun = False
) -> dict[str, Any]:
    """Run a task once, now or later, outside its schedule."""
    dispatch, task = Dispatch.of(whole), existing_task(whole.registry, task_id)
    given = wish.model_dump(exclude_none=True)
    params = given.pop("params", None)
    if dry_run:
        response.status_code = 200
        run = dispatch.prepare(task.id, params, RunOptions(**given))
        marked = frozenset(run.secret_params if run.secret_params is not None else ())
        return {"dry_run": True, **run_json(run), "params": masked_value(run.params, marked=marked)}
    started = dispatch.enqueue(task.id, params, RunOptions(**given))
    return {"execution_id": started.execution_id, "created": started.created}
