"""Checking and reading many definitions: what they have in common is checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import orjson

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.due_times import over_problem
from mission_control.model.definitions.named_limit import NamedLimit, use_problems
from mission_control.model.definitions.task import OWN_FIELDS, TaskDefinition, own_fields, read_similar_task
from mission_control.registry.checked_task import CheckedTask, Example
from mission_control.registry.definition_check import DefinitionCheck
from mission_control.registry.named_resources import read_resources
from mission_control.registry.stored_task import StoredTask
from mission_control.store import redis_keys

_MOST_KNOWN: Final = 2_000
_APART: Final = OWN_FIELDS - {"after"} | {"metadata"}
_WRITTEN: Final = OWN_FIELDS - {"after"}
_LONGEST: Final = 32_768
"""A definition whose text is longer is checked by itself: so none has more values than are allowed."""


@dataclass
class SimilarTasks:
    """Checks definitions as `DefinitionCheck.parse_new` does, with `resources` that are about to be set.

    Definitions that differ in their own fields only (id, params, …) share the rest, and its check.
    """

    check: DefinitionCheck
    resources: Mapping[str, Mapping[str, Any]]
    may_be_over: bool = False
    _known: dict[str, Example] = field(default_factory=dict, init=False, repr=False)

    def parse(self, definition: Mapping[str, Any]) -> CheckedTask:
        """Return a task.

        Raises:
            InvalidTaskError: lists every problem.
        """
        shape = _shape(definition)
        similar = self._similar(definition, shape)
        if similar is not None:
            return similar
        task = self.check.parse_new(
            definition, resources=self.resources, is_alone=False, may_be_over=self.may_be_over
        )
        checked = CheckedTask.of(task)
        if shape is not None and over_problem(task, self.check.clock()) is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[shape] = checked.like
        return checked

    def _similar(self, definition: Mapping[str, Any], shape: str | None) -> CheckedTask | None:
        """Return the task by what is known of its kind; None if it is the first, or has a problem."""
        known = self._known.get(shape) if shape is not None else None
        if known is None:
            return None
        try:
            own = own_fields(definition)
        except InvalidTaskError:
            return None
        uses = [(one.name, one.weight) for one in known.task.limits]
        if uses and any(use_problems(uses, self._limits, own["params"])):
            return None
        return CheckedTask.alike(known, own)

    @cached_property
    def _limits(self) -> Mapping[str, NamedLimit]:
        stored = read_resources(self.check.client, redis_keys.LIMITS, NamedLimit)
        return {**stored, **self.resources.get("limits", {})}


@dataclass
class SimilarStoredTasks:
    """Reads stored tasks as `DefinitionCheck.parse_stored` does; those that are alike share what they have.

    For one pass over many tasks: calendars may change after it.
    """

    check: DefinitionCheck
    _known: dict[bytes, TaskDefinition] = field(default_factory=dict, init=False, repr=False)

    def read(self, stored: StoredTask) -> TaskDefinition | None:
        """Return a task, or None if it cannot be read, or is not signed where tasks are."""
        try:
            definition = stored.signed.definition
            shape = _stored_shape(stored)
            like = None if shape is None else self._known.get(shape)
            task = None if like is None else read_similar_task(like, definition)
            if task is None:
                task = self.check.parse_stored(definition)
                if shape is not None and like is None and len(self._known) < _MOST_KNOWN:
                    self._known[shape] = task
        except InvalidTaskError:
            return None
        return task


def _stored_shape(stored: StoredTask) -> bytes | None:
    """Return what a task has in common with those like it; None if it is not as our programs write it."""
    definition = stored.definition
    if "NaN" in stored.text or "Infinity" in stored.text or not definition.keys() >= _WRITTEN:
        return None  # JSON that others wrote
    return orjson.dumps({name: one for name, one in definition.items() if name not in _APART})


def _shape(definition: object) -> str | None:
    """Return what definitions have in common that differ in their own fields only; None if it is not known.

    >>> _shape({"id": "a", "queue": "q"}) == _shape({"id": "b", "queue": "q"})
    True
    >>> _shape({"id": "a", "priority": 1}) == _shape({"id": "a", "priority": True})
    False
    """
    if not isinstance(definition, dict):
        return None
    own = {name: definition[name] for name in OWN_FIELDS & definition.keys()}
    shared = {name: value for name, value in definition.items() if name not in own}
    # What a task may leave out, and which conditions it may have, follows from whether it comes after any.
    shape = repr((sorted(own), bool(own.get("after")), shared))
    return shape if len(shape) + len(repr(own)) <= _LONGEST else None
