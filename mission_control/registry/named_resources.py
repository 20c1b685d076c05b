"""Where limits and budgets are kept: next to the tasks that refer to them."""

import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final, Generic, cast

from redis import Redis

from mission_control.errors import ResourceInUseError, StoreUnavailableError, UnknownResourceError
from mission_control.model.definitions.named_resource import Resource, parse_resource
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.model.values.identifiers import whole_name
from mission_control.registry.change_log import ChangeLog
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20

_MOST_NAMED: Final = 20


class NamedResources(ABC, Generic[Resource]):
    """The resources of one kind. Each change is one transaction, and leaves a record of changes.

    `tasks` returns the tasks that may refer to them.
    """

    kind: type[Resource]
    key: ClassVar[str]
    unknown: ClassVar[type[UnknownResourceError]]
    in_use: ClassVar[type[ResourceInUseError]]

    def __init__(
        self,
        client: Redis,
        changes: ChangeLog,
        tasks: Callable[[], Iterable[TaskDefinition]],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._changes = changes
        self._tasks = tasks
        self._clock = clock
        self._change = lua_script(client, __package__, "change_resource")

    def all(self) -> dict[str, Resource]:
        """Return all of them by their names, but for those that another program has damaged."""
        return read_resources(self._client, self.key, self.kind)

    def get(self, name: str) -> Resource:
        """Return the one of a name.

        Raises:
            UnknownResourceError: there is none.
        """
        known = self.all()
        if name not in known:
            raise self.unknown(f"no {self.kind.noun} is named {quoted(name)}{did_you_mean(name, known)}")
        return known[name]

    def name_of(self, text: str, *, changes: bool = False) -> str:
        """Return the name that a text stands for, as `whole_name` does.

        Raises:
            UnknownResourceError: several begin with it; names them.
        """
        return whole_name(text, self.all(), f"{self.kind.noun}s", self.unknown, changes=changes)

    def set(self, data: object, *, reason: str | None = None, dry_run: bool = False) -> bool:
        """Set one, in the place of the one of its name; False if it is so already. It holds at once.

        Raises:
            InvalidResourceError: lists every problem.
            ResourceInUseError: tasks refer to it in a way that the new one does not allow.
        """
        return bool(self.set_all([parse_resource(self.kind, data)], reason=reason, dry_run=dry_run))

    def set_all(
        self,
        resources: Iterable[Resource],
        *,
        edited: Iterable[TaskDefinition] = (),
        reason: str | None = None,
        dry_run: bool = False,
    ) -> list[str]:
        """Set some as `set` does, all or, if one cannot be, none; return the names of those that changed.

        `edited` are tasks that are about to be changed, as they will be.
        """
        new = list(resources)
        tasks = {task.id: task for task in (*self._tasks(), *edited)} if new else {}
        for one in new:
            if (problem := self._use_problem(one, tasks.values())) is not None:
                raise self.in_use(problem)
        return [one.name for one in new if self._write(one.name, one, reason, dry_run=dry_run)]

    def remove(
        self, name: str, *, force: bool = False, reason: str | None = None, dry_run: bool = False
    ) -> list[str]:
        """Remove one, and return the tasks that refer to it, which then run without it.

        Raises:
            UnknownResourceError: there is none of that name.
            ResourceInUseError: tasks refer to it, and `force` is not set.
        """
        self.get(name)
        users = [task_id for task_id, _ in self.users(name)]
        if users and not force:
            raise self.in_use(
                f"{self.kind.noun} {name} was not removed: {named(users)} refer to it; change them first"
            )
        self._write(name, None, reason, dry_run=dry_run)
        return users

    def users(self, name: str) -> list[tuple[str, int]]:
        """Return the tasks that refer to one, each with its weight."""
        return self.all_users().get(name, [])

    def all_users(self) -> dict[str, list[tuple[str, int]]]:
        """Return the same for each one that any task refers to."""
        found = defaultdict[str, list[tuple[str, int]]](list)
        for task in self._tasks():
            for name, weight in self._uses(task):
                found[name].append((task.id, weight))
        return dict(found)

    @abstractmethod
    def _uses(self, task: TaskDefinition) -> Iterable[tuple[str, int]]:
        """Return what a task refers to, each with its weight."""

    def _use_problem(self, _resource: Resource, _tasks: Iterable[TaskDefinition]) -> str | None:
        """Return why those of the tasks that refer to a resource do not allow it to be set."""
        return None

    def _waiting(self, _name: str) -> tuple[list[str], int]:
        """Return the keys of what waits for one, and how many of the first hold no more after a change."""
        return [], 0

    def _write(self, name: str, resource: Resource | None, reason: str | None, *, dry_run: bool) -> bool:
        written = "" if resource is None else resource.stored()
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            seen = cast("str | None", self._client.hget(self.key, name)) or ""
            if dry_run or seen == written:
                return seen != written
            waiting, booked = self._waiting(name)
            keys = [self.key, redis_keys.PARKED, redis_keys.EDITS, *waiting]
            args: list[str | int] = [name, seen, written, redis_keys.WAKE_CHANNEL, booked, redis_keys.run("")]
            args.append(json.dumps([self._changes.edit(self.kind.noun, _change(resource), name=name)]))
            if self._change(keys=keys, args=args):
                self._record(name, self.kind.read(seen), resource, reason)
                return True
        noun = self.kind.noun
        raise StoreUnavailableError(f"{noun} {name} was not changed: others keep changing it; try again")

    def _record(self, name: str, before: Resource | None, after: Resource | None, reason: str | None) -> None:
        noun = self.kind.noun
        forms = [{} if one is None else {noun: one.to_dict()} for one in (before, after)]
        change = f"{noun}_{_change(after)}"
        self._changes.record(f"{noun}:{name}", change, *forms, reason=reason, at=self._clock())


def _change(resource: object | None) -> str:
    return "removed" if resource is None else "set"


def read_resources(client: Redis, key: str, kind: type[Resource]) -> dict[str, Resource]:
    """Return the resources by their names; one that another program has damaged is left out."""
    stored = cast("dict[str, str]", client.hgetall(key))
    found = {name: kind.read(text) for name, text in sorted(stored.items())}
    return {name: one for name, one in found.items() if one is not None}


def named(task_ids: Sequence[str]) -> str:
    """Return the ids of tasks in words.

    >>> named(["tea"]), named(["cake", "tea"])
    ('task tea', 'tasks cake, tea')
    """
    more = f" and {len(task_ids) - _MOST_NAMED} more" if len(task_ids) > _MOST_NAMED else ""
    return f"task{'' if len(task_ids) == 1 else 's'} {', '.join(task_ids[:_MOST_NAMED])}{more}"
