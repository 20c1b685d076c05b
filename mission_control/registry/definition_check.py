"""Checking definitions with the time zone, calendars and handlers of one installation."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from redis import Redis

from mission_control.handler_catalog.catalog import HandlerCatalog
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.store import redis_keys


class DefinitionCheck:
    """Parses a caller's definition into a `TaskDefinition`, or lists all its problems."""

    def __init__(
        self,
        client: Redis,
        catalog: HandlerCatalog,
        *,
        default_timezone: str,
        read_text: Callable[[Path], str],
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._default_timezone = default_timezone
        self._read_text = read_text

    def parse(self, definition: Mapping[str, Any]) -> TaskDefinition:
        """Return a stored definition; its handler need not exist.

        Raises:
            InvalidTaskError: lists every problem.
        """
        return parse_task(definition, default_timezone=self._default_timezone, read_text=self._read_text)

    def parse_new(self, definition: Mapping[str, Any]) -> TaskDefinition:
        """Return a definition to register; its handler exists.

        Raises:
            InvalidTaskError: lists every problem.
        """
        return parse_task(
            definition,
            default_timezone=self._default_timezone,
            read_text=self._read_text,
            handler_problem=self.handler_problem,
        )

    def handler_problem(self, path: str) -> str | None:
        """Return why `path` names no handler, neither in a directory here nor on any live worker."""
        problem = self._catalog.problem(path)
        if problem is None or self._client.hexists(redis_keys.HANDLERS, path):
            return None
        return problem
