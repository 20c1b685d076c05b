"""Writing tasks for the holder of a grant: the step that writes one checks the quota."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NoReturn

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
        inner = f"local function put_tasks()\n{lua_source(__package__, 'put_tasks')}\nend\n"
        self._put = lua_script(client, __package__, "put_granted_task", needs=inner)
        self._more_keys = redis_keys.granted_tasks(grant.name), redis_keys.asked_approvals(grant.name)
        owner = f'"owner":{json.dumps(grant.owner)}'
        self._more_args = owner, str(grant.max_tasks), str(int(expires.timestamp())), approved

    def begin_to_put(
        self, writes: Sequence[TaskWrite], *, now: datetime
    ) -> Callable[[], list[bool | ResponseError]]:
        """Write tasks as `TaskStore` does, one after the other.

        Raises:
            GrantRefusedError: one of them is over the quota, or not the holder's.
        """
        try:
            answers = [one for write in writes for one in TaskStore.begin_to_put(self, [write], now=now)()]
        except ResponseError as error:
            _refused(error)
        return lambda: answers


def _refused(error: ResponseError) -> NoReturn:
    text = str(error)
    if not text.startswith(_MARK):
        raise error
    raise GrantRefusedError(text.removeprefix(_MARK)) from error
