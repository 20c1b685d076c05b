"""Writing tasks for the holder of a grant: the step that writes one checks the quota."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn

from redis import Redis
from redis.exceptions import ResponseError

from mission_control.errors import GrantRefusedError
from mission_control.model.definitions.grant import Grant
from mission_control.registry.task_store import TaskStore, TaskWrite
from mission_control.signing.keyring import Keyring
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script, lua_source
from mission_control.store.redis_keys import RedBeatKeys

_MARK: Final = "GRANT "


class GrantedTasks(TaskStore):
    """The task entries, of which the holder of a grant may write its own; they expire at `expires`.

    Guarantees: whatever other processes write for this holder at the same time, it never has more tasks than
    granted. `approved` is the stored form of a change that was allowed; the write uses it up.
    """

    def __init__(
        self,
        client: Redis,
        redbeat_keys: RedBeatKeys,
        keyring: Keyring,
        *,
        grant: Grant,
        expires: datetime,
        approved: str = "",
    ) -> None:
        super().__init__(client, redbeat_keys, keyring)
        inner = f"local function put_task()\n{lua_source(__package__, 'put_task')}\nend\n"
        script = lua_script(client, __package__, "put_granted_task", needs=inner)
        more_keys = [redis_keys.granted_tasks(grant.name), redis_keys.asked_approvals(grant.name)]
        owner = f'"owner":{json.dumps(grant.owner)}'
        more: list[str | int] = [owner, grant.max_tasks, int(expires.timestamp()), approved]

        def put(*, client: Any, keys: list[str], args: list[Any]) -> Any:  # noqa: ANN401  # a pipeline
            return script(client=client, keys=[*keys, *more_keys], args=[*args, *more])

        self._put = put

    def put_all(
        self,
        writes: Sequence[TaskWrite],
        *,
        now: datetime,
        follow_up: Callable[[TaskWrite], object] = lambda _: None,
    ) -> list[bool]:
        """Write tasks as `TaskStore` does.

        Raises:
            GrantRefusedError: one of them is over the quota, or not the holder's.
        """
        try:
            return super().put_all(writes, now=now, follow_up=follow_up)
        except ResponseError as error:
            _refused(error)


def _refused(error: ResponseError) -> NoReturn:
    text = str(error)
    if not text.startswith(_MARK):
        raise error
    raise GrantRefusedError(text.removeprefix(_MARK)) from error
