"""Reading what briefings report: runs from the ledger, tasks from the registry."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from mission_control.errors import InvalidTaskError
from mission_control.ledger.ledger import Ledger
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.registry.registry import Registry

_MOST_LISTED: Final = 6
_MOST_COUNTED: Final = 2_000


@dataclass
class Unreadable:
    """What could not be read; the briefing lists it."""

    problems: list[str] = field(default_factory=list)

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Note that `what` could not be read, instead of failing the whole briefing."""
        try:
            yield
        except InvalidTaskError as error:
            self.problems.append(f"{what}: {'; '.join(map(str, error.problems))}")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.problems.append(f"{what}: {reason}")


def finished_runs(ledger: Ledger, since: datetime) -> list[RunRecord]:
    """Return every run that ended after `since`, earliest first, however many there are."""
    found: dict[str, RunRecord] = {}
    start, grew = since, True
    while grew:
        page = {run.execution_id: run for run in ledger.finished_since(start)}
        grew = not page.keys() <= found.keys()
        found |= page
        start = max((run.finished_at for run in page.values() if run.finished_at is not None), default=start)
    return [run for run in found.values() if run.finished_at is not None and run.finished_at > since]


def enabled_tasks(registry: Registry, unreadable: Unreadable) -> list[TaskDefinition]:
    """Return the enabled tasks; one that is quarantined or no longer valid is noted as unreadable."""
    tasks: list[TaskDefinition] = []
    with unreadable.noted("the tasks"):
        for stored in registry.tasks(enabled_only=True):
            with unreadable.noted(f"the task {stored['id']}"):
                _check_is_fired(stored)
                tasks.append(registry.check.parse(stored))
    return tasks


def _check_is_fired(stored: Mapping[str, Any]) -> None:
    problem = stored["execution_history"]["problem"]
    if problem is not None:
        raise ValueError(f"quarantined: {problem}")


@dataclass(frozen=True)
class DueTask:
    """A task with its first `times` in a period, and their `count`; `is_more` if there are even more."""

    task: TaskDefinition
    times: tuple[datetime, ...]
    count: int
    is_more: bool

    @property
    def is_frequent(self) -> bool:
        """Whether a briefing shows the rule instead of the times: they are many, or only estimates."""
        return self.count > _MOST_LISTED or self.is_estimate

    @property
    def is_estimate(self) -> bool:
        """Whether the times depend on how long runs will take."""
        return self.task.schedule.is_fixed_delay


def due_between(tasks: Iterable[TaskDefinition], start: datetime, end: datetime) -> list[DueTask]:
    """Return the enabled tasks with an occurrence after `start` up to and including `end`, soonest first."""
    candidates = (_due(task, start, end) for task in tasks if task.enabled)
    return sorted(
        (due for due in candidates if due.count), key=lambda due: (due.is_frequent, due.times[0], due.task.id)
    )


def _due(task: TaskDefinition, start: datetime, end: datetime) -> DueTask:
    times = list(islice(task.schedule.occurrences(start, end), _MOST_COUNTED + 1))
    count = min(len(times), _MOST_COUNTED)
    return DueTask(task, tuple(times[:_MOST_LISTED]), count, is_more=len(times) > count)
