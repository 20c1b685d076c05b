"""The installation that a command works on, with its Redis errors explained."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from mission_control.errors import UnknownTaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mission_control.installation.installation import Installation
    from mission_control.model.definitions.task import TaskDefinition


@contextmanager
def current(joining: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[Installation]:
    """Yield the installation that the environment describes.

    The embedded server, if there is one, is joined or started inside `joining()`.

    Raises:
        SettingsError: the environment describes none.
        StoreUnavailableError: Redis cannot be reached or refuses.
    """
    from mission_control.installation.installation import current_installation
    from mission_control.store.connection import store_errors

    installation = current_installation()
    with joining():
        url = installation.redis_url
    with store_errors(url):
        yield installation


def existing_task(installation: Installation, task_id: str) -> TaskDefinition:
    """Return a task.

    Raises:
        UnknownTaskError: there is none of that id; names the nearest one.
    """
    task = installation.registry.definition(task_id)
    if task is None:
        raise unknown_task(installation, task_id)
    return task


def unknown_task(installation: Installation, task_id: str) -> UnknownTaskError:
    """Return the error for an id that no task has, with the nearest one there is."""
    from mission_control.model.problems.suggestions import did_you_mean, quoted
    from mission_control.store import redis_keys

    ids = sorted(str(one) for one in installation.client.smembers(redis_keys.TASKS))
    hint = did_you_mean(task_id, ids)
    way_on = hint or ("; see `mission-control task list`" if ids else "; there are no tasks yet")
    return UnknownTaskError(f"no task has the id {quoted(task_id)}{way_on}")
