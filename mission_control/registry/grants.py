"""Where grants are kept, and what their holders have asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast

from redis import Redis

from mission_control.errors import (
    GrantRefusedError,
    ResourceInUseError,
    UnknownApprovalError,
    UnknownGrantError,
)
from mission_control.model.definitions.grant import Grant
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.registry.named_resources import NamedResources
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_KEPT: Final = timedelta(days=30)
_MOST_WAIT: Final = 100


class Grants(NamedResources[Grant]):
    """The grants. Each change leaves a record of changes, which does not have the digest of the token."""

    kind = Grant
    key: ClassVar[str] = redis_keys.GRANTS
    unknown: ClassVar = UnknownGrantError
    in_use: ClassVar = ResourceInUseError

    def _uses(self, task: TaskDefinition) -> Iterable[tuple[str, int]]:
        return [(task.owner.removeprefix("grant:"), 1)] if task.owner.startswith("grant:") else []

    def tasks_of(self, grant: Grant) -> dict[str, datetime]:
        """Return when each of the holder's tasks expires; some may no longer exist."""
        found = cast("Any", self._client.zrange(redis_keys.granted_tasks(grant.name), 0, -1, withscores=True))
        return {task_id: from_unix(score) for task_id, score in found}


@dataclass(frozen=True)
class Approval:
    """A change that waits: the definition that `holder` wants for a task, None for no revision before."""

    holder: str
    task_id: str
    definition: dict[str, Any]
    base: int | None
    reason: str
    at: str

    @property
    def text(self) -> str:
        """The change as Redis has it."""
        return json.dumps(vars(self), sort_keys=True)

    @property
    def approval_id(self) -> str:
        """What names it: another change has another id, so that no other is allowed than the one seen."""
        what = [self.holder, self.task_id, self.definition, self.base]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, with its id."""
        return {"id": self.approval_id, **vars(self)}


class Approvals:
    """The changes that wait for an approval."""

    def __init__(self, client: Redis, grants: Grants) -> None:
        self._client = client
        self._grants = grants
        self._ask = lua_script(client, __package__, "ask_approval")
        self._take = lua_script(client, __package__, "take_approval")

    def ask(self, one: Approval, most: int) -> None:
        """Keep a change until it is answered, for 30 days, in the place of an earlier one of its task.

        Raises:
            GrantRefusedError: the holder waits for too many.
        """
        most = min(max(most, 1), _MOST_WAIT)
        args: list[Any] = [one.task_id, one.text, most, int(_KEPT.total_seconds() * 1_000)]
        if not self._ask(keys=[redis_keys.asked_approvals(one.holder)], args=args):
            raise GrantRefusedError(f"{most} changes wait for an approval; wait until they are answered")

    def all(self) -> list[Approval]:
        """Return what waits, the oldest first."""
        found = (one for name in self._grants.all() for one in self.of(name))
        return sorted(found, key=lambda one: (one.at, one.task_id))

    def get(self, approval_id: str) -> Approval:
        """Return the one of an id.

        Raises:
            UnknownApprovalError: there is none; it may have been answered, or changed by the holder.
        """
        found = next((one for one in self.all() if one.approval_id == approval_id), None)
        if found is None:
            what = f"no change waits for an approval under {quoted(approval_id)}"
            raise UnknownApprovalError(f"{what}; see `mission-control approvals list`")
        return found

    def take(self, one: Approval) -> None:
        """Remove one that was answered.

        Raises:
            UnknownApprovalError: it was answered or changed meanwhile.
        """
        if not self._take(keys=[redis_keys.asked_approvals(one.holder)], args=[one.task_id, one.text]):
            raise UnknownApprovalError(f"{one.approval_id} was answered, or changed by its holder, meanwhile")

    def forget(self, holder: str) -> None:
        """Remove all that a holder has asked for."""
        self._client.delete(redis_keys.asked_approvals(holder))

    def of(self, holder: str) -> Iterator[Approval]:
        """Yield what a holder waits for."""
        texts = cast("list[str]", self._client.hvals(redis_keys.asked_approvals(holder)))
        for text in texts:
            try:
                one = Approval(**json.loads(text))
                is_whole = one.definition.keys() >= {"id", "schedule", "handler", "params"}
            except (ValueError, TypeError, AttributeError):  # another program has damaged it
                continue
            if is_whole:
                yield one


def count_waiting(client: Redis) -> int:
    """Return how many changes wait for an approval."""
    names = cast("list[str]", client.hkeys(redis_keys.GRANTS))
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hlen(redis_keys.asked_approvals(name))
        return sum(one for one in pipe.execute(raise_on_error=False) if isinstance(one, int))


def asked_at(now: datetime) -> str:
    """Return when something was asked for, to the second."""
    return format_instant(now.replace(microsecond=0))
