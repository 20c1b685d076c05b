"""Gathering what briefings tell: runs from the ledger, tasks from the registry; whatever cannot be read."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mission_control.errors import InvalidTaskError
from mission_control.files.calendar_file import read_calendar
from mission_control.model.definitions.task import parse_task
from mission_control.model.runs.run_state import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mission_control.installation.installation import Installation
    from mission_control.ledger.ledger import Ledger
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.runs.run_record import RunRecord


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
