"""Gathering what briefings tell: runs from the ledger, tasks from the registry; whatever cannot be read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.calendars import read_calendar
from mission_control.definitions.task import TaskDefinition, parse_task
from mission_control.definitions.zones import zone
from mission_control.errors import InvalidTaskError
from mission_control.ledger import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from mission_control.installation import Installation
    from mission_control.ledger import Ledger, RunRecord

_DAY: Final = timedelta(days=1)
_RUNS_LOOKED_BACK_AT: Final = 50


@dataclass(frozen=True)
class Occasion:
    """The run that a briefing is written in; its scheduled time is the briefing's "now"."""

    task_id: str
    execution_id: str
    now: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, context: Mapping[str, Any], *, timezone: str) -> Occasion:
        """Read the occasion from a handler's context."""
        now = context["scheduled_time"].astimezone(UTC)
        return cls(context["task_id"], context["execution_id"], now, zone(timezone))


@dataclass
class Unreadable:
    """What could not be read, for the briefing to say so."""

    problems: list[str] = field(default_factory=list)

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Note that `what` could not be read, instead of letting the briefing fail for it."""
        try:
            yield
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.problems.append(f"{what}: {reason}")


def last_briefing(ledger: Ledger, occasion: Occasion) -> RunRecord | None:
    """Return the last successful run of the briefing's own task before this one."""
    runs = ledger.runs_of(occasion.task_id, limit=_RUNS_LOOKED_BACK_AT)
    done = [
        run for run in runs if run.state is RunState.SUCCESS and run.execution_id != occasion.execution_id
    ]
    return max(done, key=lambda run: run.scheduled_time, default=None)


def since_last_briefing(last: RunRecord | None, context: Mapping[str, Any], now: datetime) -> datetime:
    """Return from when on a briefing tells: what ended while the last one was being written counts as new.

    Without an earlier briefing, or with one of a later time (a backfill), the last 24 hours are told.
    """
    began = last.started_at if last is not None else None
    since = began if began is not None else context.get("last_success_time")
    return since if since is not None and since < now else now - _DAY


def finished_runs(ledger: Ledger, since: datetime) -> list[RunRecord]:
    """Return every run that ended after `since`, the earliest first, however many there are."""
    found: dict[str, RunRecord] = {}
    start, grew = since, True
    while grew:
        page = {run.execution_id: run for run in ledger.finished_since(start)}
        grew = not page.keys() <= found.keys()
        found |= page
        start = max((run.finished_at for run in page.values() if run.finished_at is not None), default=start)
    return [run for run in found.values() if run.finished_at is not None and run.finished_at > since]


def waiting_for_retry(ledger: Ledger) -> list[RunRecord]:
    """Return the runs that failed and are to be tried again."""
    return [run for run in ledger.active() if run.state is RunState.RETRYING]


def enabled_tasks(installation: Installation, unreadable: Unreadable) -> list[TaskDefinition]:
    """Return the tasks that are enabled; one that does not stand up to checking any more is noted."""
    tasks: list[TaskDefinition] = []
    with unreadable.noted("the tasks"):
        for stored in installation.registry.tasks(enabled_only=True):
            with unreadable.noted(f"the task {stored['id']}"):
                tasks.append(_parsed(stored, installation))
    return tasks


def _parsed(stored: dict[str, Any], installation: Installation) -> TaskDefinition:
    try:
        return parse_task(stored, default_timezone=installation.settings.timezone, read_text=read_calendar)
    except InvalidTaskError as error:
        raise ValueError("; ".join(map(str, error.problems))) from error
