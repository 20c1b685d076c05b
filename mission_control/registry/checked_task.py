"""A checked task that takes little memory: it shares all that it has in common with others like it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import orjson

from mission_control.files.disk_map import DiskMap
from mission_control.model.definitions.task import TaskDefinition, with_own_fields
from mission_control.registry.stored_task import stored_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.model.composition.joining import Join
    from mission_control.model.definitions.schedules import ScheduleBase
    from mission_control.model.definitions.task_parts import Dependency


_MOST_EXAMPLES: Final = 1_000


class Example(NamedTuple):
    """A task that others are like, and its stored form."""

    task: TaskDefinition
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckedTask:
    """A task that is as another, but for its id and `own`, its own fields as JSON; None for the other itself.

    What is usual is not among them: the id as the name, no params, and no secrets.
    """

    id: str
    like: Example
    own: str | None = None

    @classmethod
    def of(cls, task: TaskDefinition) -> Self:
        """Return that of a definition."""
        return cls(task.id, Example(task, stored_form(task)))

    @classmethod
    def alike(cls, like: Example, own: Mapping[str, Any]) -> Self:
        """Return one with these own fields."""
        usual = _usual(own["id"])
        kept = {name: one for name, one in own.items() if usual.get(name) != one}
        return cls(own["id"], like, orjson.dumps(kept).decode())

    @property
    def form(self) -> dict[str, Any]:
        """Its stored form."""
        form = self.like.form
        return form if self.own is None else {**form, **_usual(self.id), **orjson.loads(self.own)}

    @property
    def definition(self) -> TaskDefinition:
        """It as a definition."""
        return self.like.task if self.own is None else with_own_fields(self.like.task, self.form)

    @property
    def schedule(self) -> ScheduleBase:
        """When it is due."""
        return self.like.task.schedule

    @property
    def enabled(self) -> bool:
        """Whether it fires."""
        return self.like.task.enabled

    @property
    def handler(self) -> str:
        """The path of its handler."""
        return self.like.task.handler

    @property
    def queue(self) -> str:
        """The queue of its runs."""
        return self.like.task.queue

    @property
    def after(self) -> tuple[Dependency, ...]:
        """The tasks that it comes after; those like it come after others, too."""
        return self.definition.after if self.like.task.after else ()

    @property
    def join(self) -> Join:
        """How it joins them."""
        return self.like.task.join


class CheckedTasks(DiskMap[CheckedTask]):
    """Checked tasks by their ids; those that others are like must be among them. The label is their file."""

    def __init__(self) -> None:
        super().__init__()
        self._example = lru_cache(_MOST_EXAMPLES)(lambda task_id: self[task_id].like)

    def packed(self, value: CheckedTask) -> bytes:
        """Return what is held of a task: of one like another, the id of that."""
        return pickle.dumps(value.like if value.own is None else [value.like.task.id, value.own])

    def unpacked(self, key: str, packed: bytes) -> CheckedTask:
        """Return the task of which this is held."""
        match pickle.loads(packed):  # noqa: S301  # only this process can write its file
            case Example() as example:
                return CheckedTask(key, example)
            case [like, own]:
                return CheckedTask(key, self._example(like), own)
        raise ValueError(key)


def _usual(task_id: str) -> dict[str, Any]:
    return {"id": task_id, "name": task_id, "params": {}, "secret": []}
