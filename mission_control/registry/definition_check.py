"""Checking definitions with the time zone, calendars and handlers of one installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from mission_control.handler_catalog.catalog import HandlerCatalog
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.store import redis_keys


@dataclass(frozen=True)
class DefinitionCheck:
    """Parses a caller's definition into a `TaskDefinition`, or lists all its problems."""

    client: Redis
    catalog: HandlerCatalog
    default_timezone: str
    read_text: Callable[[Path], str]

    def parse(self, definition: Mapping[str, Any], *, is_new: bool = False) -> TaskDefinition:
        """Return a definition. The handler of a new one must exist, that of a stored one need not.

        Raises:
            InvalidTaskError: lists every problem.
        """
        return parse_task(
            definition,
            default_timezone=self.default_timezone,
            read_text=self.read_text,
            handler_problem=self.handler_problem if is_new else None,
        )

    def parse_new(self, definition: Mapping[str, Any]) -> TaskDefinition:
        """Return a definition to register, as `parse` does."""
        return self.parse(definition, is_new=True)

    def handler_problem(self, path: str) -> str | None:
        """Return why `path` names no handler, neither in a directory here nor on any live worker."""
        problem = self.catalog.problem(path)
        return None if problem is None or self.client.hexists(redis_keys.HANDLERS, path) else problem
