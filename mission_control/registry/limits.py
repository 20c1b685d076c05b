"""Where named limits are kept: next to the tasks that refer to them."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, cast

from redis import Redis

from mission_control.errors import LimitInUseError, StoreUnavailableError, UnknownLimitError
from mission_control.model.definitions.named_limit import NamedLimit, parse_limit
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.registry.change_log import ChangeLog
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_ATTEMPTS_AGAINST_OTHER_WRITERS: Final = 20
_MOST_NAMED: Final = 20


def read_limits(client: Redis) -> dict[str, NamedLimit]:
    """Return the limits by their names; one that another program has damaged is left out."""
    stored = cast("dict[str, str]", client.hgetall(redis_keys.LIMITS))
    found = {name: _readable(text) for name, text in sorted(stored.items())}
    return {name: limit for name, limit in found.items() if limit is not None}


class Limits:
    """The named limits. Each change is one transaction, and leaves a record of changes.

    `tasks` returns the tasks that may refer to them.
    """

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
        self._change = lua_script(client, __package__, "change_limit")

    def all(self) -> dict[str, NamedLimit]:
        """Return all limits by their names."""
        return read_limits(self._client)

    def get(self, name: str) -> NamedLimit:
        """Return a limit.

        Raises:
            UnknownLimitError: no limit has that name.
        """
        known = self.all()
        if name not in known:
            raise UnknownLimitError(f"no limit is named {quoted(name)}{did_you_mean(name, known)}")
        return known[name]

    def set(self, data: object, *, reason: str | None = None, dry_run: bool = False) -> bool:
        """Set a limit, in the place of the one of its name; False if it is so already.

        Runs that hold slots keep them. Runs that wait are judged by the new limit at once.

        Raises:
            InvalidLimitError: lists every problem.
            LimitInUseError: a task that refers to it weighs more than the new concurrency.
        """
        limit = parse_limit(data)
        most = limit.concurrency
        heavy = [] if most is None else [one for one, weight in self.users(limit.name) if weight > most]
        if heavy:
            raise LimitInUseError(
                f"limit {limit.name} cannot have a concurrency of {most}: {_named(heavy)} take more; "
                "lower the weight there first"
            )
        return self._write(limit.name, limit, reason, dry_run=dry_run)

    def remove(
        self, name: str, *, force: bool = False, reason: str | None = None, dry_run: bool = False
    ) -> list[str]:
        """Remove a limit, and return the tasks that refer to it, which then run without it.

        Raises:
            UnknownLimitError: no limit has that name.
            LimitInUseError: tasks refer to it, and `force` is not set.
        """
        self.get(name)
        users = [task_id for task_id, _ in self.users(name)]
        if users and not force:
            raise LimitInUseError(
                f"limit {name} was not removed: {_named(users)} refer to it; change them first"
            )
        self._write(name, None, reason, dry_run=dry_run)
        return users

    def users(self, name: str) -> list[tuple[str, int]]:
        """Return the tasks that refer to a limit, each with its weight."""
        return [(task.id, use.weight) for task in self._tasks() for use in task.limits if use.name == name]

    def _write(self, name: str, limit: NamedLimit | None, reason: str | None, *, dry_run: bool) -> bool:
        written = "" if limit is None else _stored_form(limit)
        for _ in range(_ATTEMPTS_AGAINST_OTHER_WRITERS):
            seen = cast("str | None", self._client.hget(redis_keys.LIMITS, name)) or ""
            if dry_run or seen == written:
                return seen != written
            booked, waiting = (self._waiting(name, what) for what in ("booked", "waiting"))
            keys = [redis_keys.LIMITS, redis_keys.PARKED, *booked, *waiting]
            args: list[str | int] = [name, seen, written, redis_keys.WAKE_CHANNEL, len(booked)]
            if self._change(keys=keys, args=args):
                self._record(name, _readable(seen), limit, reason)
                return True
        raise StoreUnavailableError(f"limit {name} was not changed: others keep changing it; try again")

    def _waiting(self, name: str, what: str) -> list[str]:
        return list(self._client.scan_iter(redis_keys.LimitKeys(name, "*").of(what), count=1_000))

    def _record(
        self, name: str, before: NamedLimit | None, after: NamedLimit | None, reason: str | None
    ) -> None:
        forms = [{} if one is None else {"limit": one.to_dict()} for one in (before, after)]
        change = "limit_removed" if after is None else "limit_set"
        self._changes.record(f"limit:{name}", change, *forms, reason=reason, at=self._clock())


def _stored_form(limit: NamedLimit) -> str:
    # `limits.lua` needs the interval as a number.
    return json.dumps({**limit.to_dict(), "interval": limit.interval})


def _readable(text: str) -> NamedLimit | None:
    try:
        data = json.loads(text)
        return parse_limit({name: value for name, value in data.items() if name != "interval"})
    except (ValueError, AttributeError):
        return None


def _named(task_ids: Sequence[str]) -> str:
    more = f" and {len(task_ids) - _MOST_NAMED} more" if len(task_ids) > _MOST_NAMED else ""
    return f"task{'' if len(task_ids) == 1 else 's'} {', '.join(task_ids[:_MOST_NAMED])}{more}"
