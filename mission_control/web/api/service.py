"""The installation: what is wrong, its processes and queues, its account and its permanent record."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from mission_control.audit.stream.reader import tail
from mission_control.operate.account.gathering import counted, with_ledger
from mission_control.operate.audit_verification import verify_streams
from mission_control.operate.situation import Situation, redis_place, situation
from mission_control.processes.heartbeats import live_processes
from mission_control.web.access.needs import needs
from mission_control.web.api.bodies import Limit, Moment, Text
from mission_control.web.parts import Whole
from mission_control.web.problems import RequestError
from mission_control.web.strict_bodies import StrictRoute

router = APIRouter(tags=["installation"], route_class=StrictRoute, dependencies=[needs("read", of="all")])
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=366)


@router.get("/status")
def status(whole: Whole) -> dict[str, Any]:
    """Say what keeps work from being done and the remedy, what runs, and what is due next."""
    is_configured = bool((whole.settings.redis_url or "").strip())
    return _situation(whole).to_json(redis_place(whole.redis_url, is_configured=is_configured))


@router.get("/workers")
def workers(whole: Whole) -> dict[str, Any]:
    """List the beats and workers that are alive."""
    found = sorted(live_processes(whole.client), key=lambda one: (one.kind, one.name))
    return {"items": [{"kind": one.kind, "name": one.name, "age": one.age, **one.info} for one in found]}


@router.get("/queues")
def queues(whole: Whole) -> dict[str, Any]:
    """List the queues in which messages wait."""
    return {"items": _situation(whole).to_json({})["queues"]}


def _situation(whole: Whole) -> Situation:
    parts = (whole.client, whole.registry, whole.ledger, whole.celery)
    return situation(*parts, now=whole.clock(), redbeat_keys=whole.redbeat_keys)


@router.get("/account")
def account(
    whole: Whole,
    since: Annotated[Moment | None, Query(alias="from", description="By default a day ago.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="By default now.")] = None,
) -> dict[str, Any]:
    """Account for a time: expected = done + explained, and what is unaccounted."""
    now = whole.clock()
    end = now if until is None else min(until, now)
    start = end - _DAY if since is None else since
    if not timedelta() < end - start <= _LONGEST:
        raise RequestError(
            422, "invalid_span", "ask about a time that has begun, of 366 days at most", "from"
        )
    span = start.replace(microsecond=0), end.replace(microsecond=0)
    streams = whole.settings.task_execution_log, whole.settings.task_changes_log
    found, reckoning = counted(*streams, span, now, is_whole=False)
    return with_ledger(found, reckoning, whole.client).to_dict()


@router.get("/audit")
def records(
    whole: Whole,
    stream: Literal["runs", "changes"] = "runs",
    task_id: Text | None = None,
    execution_id: Text | None = None,
    status: Text | None = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List the last records of an audit stream on this machine, the oldest first."""
    settings = whole.settings
    path = settings.task_execution_log if stream == "runs" else settings.task_changes_log
    found = tail(path, limit, task_id=task_id, execution_id=execution_id, status=status)
    return {"items": found}


@router.get("/audit/verify")
def verify(whole: Whole) -> dict[str, Any]:
    """Verify that no record was changed, removed, added or is missing."""
    settings = whole.settings
    files = settings.task_execution_log, settings.task_changes_log, settings.run_logs
    found = verify_streams(*files, whole.client)
    streams = {name: one.to_dict() for name, one in found.items()}
    return {"sound": all(one.is_sound for one in found.values()), "streams": streams}
