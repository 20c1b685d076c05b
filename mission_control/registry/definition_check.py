"""Checking definitions with the time zone, calendars and handlers of one installation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from redis import Redis

from mission_control.errors import InvalidTaskError, Problem
from mission_control.files.calendar_file import read_no_calendar
from mission_control.handler_catalog.catalog import HandlerCatalog
from mission_control.model.definitions.due_times import interval_problem, over_problem
from mission_control.model.definitions.named_budget import Budget, budget_problems
from mission_control.model.definitions.named_limit import NamedLimit, use_problems
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.registry.dependency_check import DependencyCheck
from mission_control.registry.named_resources import read_resources
from mission_control.registry.task_store import TaskStore
from mission_control.store import redis_keys


@dataclass(frozen=True)
class DefinitionCheck:
    """Parses a caller's definition into a `TaskDefinition`, or lists all its problems."""

    client: Redis
    catalog: HandlerCatalog
    store: TaskStore
    dependencies: DependencyCheck
    default_timezone: str
    shortest_interval: timedelta
    read_text: Callable[[Path], str]
    clock: Callable[[], datetime]

    def parse_new(
        self,
        definition: Mapping[str, Any],
        *,
        may_be_over: bool = False,
        resources: Mapping[str, Mapping[str, Any]] | None = None,
        is_alone: bool = True,
    ) -> TaskDefinition:
        """Return a definition to register; its handler exists, and its schedule is neither over nor too fast.

        Its limits and budgets exist, or are among `resources` (section, name), which are about to be set.
        Unless it is one of several, and not alone, the tasks that it comes after exist.

        A schedule may be over if the task has it already, or was created before it was over: files of tasks
        keep finished one-offs.

        Raises:
            InvalidTaskError: lists every problem.
        """
        # A file is applied again and again: in it, "tomorrow" would mean another day each time.
        now = self.clock()
        task = self._parse(definition, self.read_text, self.handler_problem, now if is_alone else None)
        uses = [(one.name, one.weight) for one in task.limits]
        given = {} if resources is None else resources
        problems = self.limit_problems(uses, task.params, given.get("limits", {}))
        problems += [*self._budget_problems(task, given.get("budgets", {})), *_condition_problems(task)]
        if problems:
            raise InvalidTaskError(problems, subject=f"task {task.id!r}")
        if task.enabled and (problem := interval_problem(task, self.shortest_interval, now)) is not None:
            raise InvalidTaskError([problem], subject=f"task {task.id!r}")
        problem = None if may_be_over else over_problem(task, now)
        if problem is not None:
            stored = self.store.load([task.id])[0]
            if stored is None or stored.definition["schedule"] != task.to_dict()["schedule"]:
                raise InvalidTaskError([problem], subject=f"task {task.id!r}")
        if is_alone and (broken := self.dependencies.problems({task.id: task})):
            raise InvalidTaskError(broken[task.id], subject=f"task {task.id!r}")
        return task

    def parse(self, definition: Mapping[str, Any]) -> TaskDefinition:
        """Return a stored definition; its handler need not exist.

        Raises:
            InvalidTaskError: lists every problem.
        """
        return self._parse(definition, self.read_text)

    def parse_stored(self, definition: Mapping[str, Any]) -> TaskDefinition:
        """Return a stored definition; calendars that cannot be read now exclude nothing from it.

        Raises:
            InvalidTaskError: lists every problem.
        """
        try:
            return self.parse(definition)
        except InvalidTaskError:
            return self._parse(definition, read_no_calendar)

    def handler_problem(self, path: str) -> str | None:
        """Return why `path` names no handler, neither in a directory here nor on any live worker."""
        problem = self.catalog.problem(path)
        return None if problem is None or self.client.hexists(redis_keys.HANDLERS, path) else problem

    def limit_problems(
        self,
        uses: Sequence[Sequence[Any]],
        params: Mapping[str, Any],
        also: Mapping[str, NamedLimit] = MappingProxyType({}),
        *,
        may_be_gone: bool = False,
    ) -> list[Problem]:
        """Return what is wrong with the limits of a task or run, each a name and a weight.

        `also` are limits that are about to be set. A task runs without a limit that was removed.
        """
        if not uses:
            return []
        known = {**read_resources(self.client, redis_keys.LIMITS, NamedLimit), **also}
        used = [one for one in uses if one[0] in known] if may_be_gone else uses
        return list(use_problems(used, known, params))

    def _budget_problems(self, task: TaskDefinition, also: Mapping[str, Budget]) -> list[Problem]:
        if not task.budgets:
            return []
        known = {**read_resources(self.client, redis_keys.BUDGETS, Budget), **also}
        return list(budget_problems(task.budgets, known))

    def _parse(
        self,
        definition: Mapping[str, Any],
        read_text: Callable[[Path], str],
        handler_problem: Callable[[str], str | None] | None = None,
        now: datetime | None = None,
    ) -> TaskDefinition:
        return parse_task(
            definition,
            default_timezone=self.default_timezone,
            now=now,
            read_text=read_text,
            handler_problem=handler_problem,
        )


def _condition_problems(task: TaskDefinition) -> list[Problem]:
    if task.condition is None or not task.condition.upstream_changed or task.after:
        return []
    what = '"upstream_changed" needs tasks before this one; name them in the field after'
    return [Problem("condition", what)]
