"""Which file a task was applied from, so that pruning a file removes no other task."""

import secrets
from collections.abc import Collection, Iterator
from typing import Any, Final, cast

from redis import Redis

from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_AT_ONCE: Final = 1_000


class TaskFiles:
    """The files that tasks were applied from last. A task that is removed belongs to none."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._take_history = lua_script(client, __package__, "take_history")

    def claim(self, files: dict[Any, Any]) -> None:
        """Note the file of each task, by its id."""
        if files:
            self._client.hset(redis_keys.TASK_FILES, mapping=files)

    def owned_by(self, files: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the tasks that belong to some files, each with its file; one may come twice."""
        found = self._client.hscan_iter(redis_keys.TASK_FILES, count=_AT_ONCE) if files else ()
        return (one for one in found if one[1] in files)

    def of(self, task_id: str) -> str | None:
        """Return the file that owns a task, None for none."""
        return cast("str | None", self._client.hget(redis_keys.TASK_FILES, task_id))

    def all(self) -> list[str]:
        """Return the files that own tasks, sorted."""
        return sorted(set(cast("list[str]", self._client.hvals(redis_keys.TASK_FILES))))

    def take_history(self, former_id: str, task_id: str) -> None:
        """Give a task the counters and the average cost of another, unless it has its own."""
        of = [key(one) for key in (redis_keys.history, redis_keys.cost) for one in (former_id, task_id)]
        self._take_history(keys=of)

    def installation_id(self) -> str:
        """Return what tells this installation from others; it is made when first asked for."""
        self._client.set(redis_keys.INSTALLATION_ID, secrets.token_hex(8), nx=True)
        return str(self._client.get(redis_keys.INSTALLATION_ID))
