"""Reads runs and counters from the ledger; the common base of the ledger's parts.

This file has more than 250 lines because all that reads runs stands in one class.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any, Final, cast

from redis import Redis
from redis.commands.core import Script

from mission_control.model.runs.history import History
from mission_control.model.runs.run_record import RECORDED, RunRecord
from mission_control.model.runs.run_state import (
    ACTIVE_STATES,
    MOST_DELIVERIES,
    WAITING_STATES,
    RunState,
    joined,
)
from mission_control.model.values.identifiers import parts_of
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_constants, lua_module, lua_script, lua_source

_NEEDS: Final = {
    "begin_attempt": ("overlap", "limits", "budgets"),
    "cool_down": ("limits",),
    "end_attempt": ("overlap", "limits", "budgets", "trimming"),
    "enter_runs": ("overlap",),
    "interrupt_attempt": ("limits",),
    "release_waiting": ("overlap",),
    "spend": ("budgets",),
    "start_overlapping": ("overlap",),
}

_MODULES: Final = frozenset({"limits", "budgets"})
"""Parts that most runs do not need."""

_AT_ONCE: Final = 1_000
_ROUNDING: Final = 0.001
_SCANNED_AT_ONCE: Final = 10_000
_ALL_RUNS: Final = (redis_keys.ACTIVE_RUNS, redis_keys.FINISHED_RUNS)


def _around(key: Callable[[str], str]) -> tuple[str, str]:
    """Return what keys begin and end with, before and after an id."""
    before, after = key("\0").split("\0")
    return before, after


CONSTANTS: Final[dict[str, str | int]] = {
    "MOST_DELIVERIES": MOST_DELIVERIES,
    "RECORDED": RECORDED,
    "RUNNING": RunState.RUNNING,
    "INTERRUPTED": RunState.INTERRUPTED,
    "CANCELLED": RunState.CANCELLED,
    "ACTIVE_STATES": joined(ACTIVE_STATES),
    "WAITING_STATES": joined(WAITING_STATES),
    "WAKE_CHANNEL": redis_keys.WAKE_CHANNEL,
    "ACTIVE_RUNS": redis_keys.ACTIVE_RUNS,
    "FINISHED_RUNS": redis_keys.FINISHED_RUNS,
    "FIRST_ACTIVE_RUNS": redis_keys.FIRST_ACTIVE_RUNS,
    "UPSTREAM_RUNS": redis_keys.UPSTREAM_RUNS,
    "LEASES": redis_keys.LEASES,
    "PENDING_RECORDS": redis_keys.PENDING_RECORDS,
    "KNOWN_SINCE": redis_keys.KNOWN_SINCE,
    "LIMITS": redis_keys.LIMITS,
    "BUDGETS": redis_keys.BUDGETS,
    "PARKED": redis_keys.PARKED,
    "PARKED_PAYLOADS": redis_keys.PARKED_PAYLOADS,
    "NOTICES": redis_keys.NOTICES,
    "INCIDENTS": redis_keys.INCIDENTS,
    "OF_RUN": redis_keys.run(""),
    "EFFECTS": redis_keys.effects(""),
    "OF_TASK": _around(redis_keys.history)[0],
    "HISTORY": _around(redis_keys.history)[1],
    "COST": _around(redis_keys.cost)[1],
    "RUNS": _around(redis_keys.task_runs)[1],
    "OTHER_ACTIVE": _around(redis_keys.other_active_of_task)[1],
    "WAITING": _around(redis_keys.waiting_of_task)[1],
    "REQUESTED": _around(redis_keys.requested_of_task)[1],
    "DOWNSTREAM": _around(redis_keys.downstream)[1],
}


def parts_of_runs(*names: str) -> dict[str, str]:
    """Return what `lua_script` takes for parts such as `overlap` that scripts need to enter and end runs."""
    functions = [lua_source(__package__, name) for name in names if name not in _MODULES]
    modules = [lua_module(__package__, name) for name in names if name in _MODULES]
    return {"needs": "".join(functions), "modules": "".join(modules)}


def _literal(text: str) -> str:
    return re.sub(r"[*?\[\]\\^]", r"\\\g<0>", text)


class RunReader:
    """The ledger, for reading."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts: dict[str, Script] = {}

    def _script(self, name: str) -> Script:
        if name not in self._scripts:
            parts = parts_of_runs(*_NEEDS.get(name, ()))
            constants = lua_constants(CONSTANTS, lua_source(__package__, name))
            parts["needs"] = constants + parts["needs"]
            self._scripts[name] = lua_script(self._client, __package__, name, **parts)
        return self._scripts[name]

    def get(self, execution_id: str) -> RunRecord | None:
        """Return a run, or None if the ledger has, or retains, none with that id."""
        stored = cast("dict[str, str]", self._client.hgetall(redis_keys.run(execution_id)))
        return RunRecord.from_hash(stored) if stored else None

    def has_fired(self, execution_id: str, token: str | None) -> bool:
        """Whether beat has fired this occurrence of a RedBeat entry, with a message of that token."""
        stored = cast("str | None", self._client.hget(redis_keys.fired_entry(execution_id), "token"))
        return token is not None and stored == token

    def runs_of(self, task_id: str, *, limit: int = 20) -> list[RunRecord]:
        """Return a task's runs, the latest scheduled first."""
        return self._load(self._client.zrevrange(redis_keys.task_runs(task_id), 0, limit - 1))

    def finished_since(self, moment: datetime, *, limit: int = 10_000) -> list[RunRecord]:
        """Return the runs that ended at or after `moment`, the earliest first, all tasks together."""
        found = self._client.zrange(
            redis_keys.FINISHED_RUNS, moment.timestamp(), "+inf", byscore=True, offset=0, num=limit
        )
        return self._load(found)

    def last_finished(self, *, limit: int = 20) -> list[RunRecord]:
        """Return the runs that ended last, the latest first, all tasks together."""
        return self._load(self._client.zrevrange(redis_keys.FINISHED_RUNS, 0, limit - 1))

    def active(self, *, limit: int = 1_000) -> list[RunRecord]:
        """Return the runs that are not over, the longest dispatched first."""
        return self._load(self._client.zrange(redis_keys.ACTIVE_RUNS, 0, limit - 1))

    def all_active(self) -> Iterator[RunRecord]:
        """Yield the runs that are not over, the longest dispatched first, in several round trips."""
        return self._in_turn(self._client.zrange(redis_keys.ACTIVE_RUNS, 0, -1))

    def each_of(self, task_id: str) -> Iterator[RunRecord]:
        """Yield a task's runs, the latest scheduled first, in several round trips."""
        return self._in_turn(self._client.zrevrange(redis_keys.task_runs(task_id), 0, -1))

    def ended(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[RunRecord]:
        """Yield the runs that ended, the latest first, from `until` back to `since`."""
        least, before = "-inf" if since is None else since.timestamp(), frozenset[str]()
        most = "+inf" if until is None else until.timestamp() + _ROUNDING
        for offset in count(0, _AT_ONCE):
            page: dict[str, Any] = {"desc": True, "byscore": True, "offset": offset, "num": _AT_ONCE}
            found = self._client.zrange(redis_keys.FINISHED_RUNS, most, least, **page)
            ids = cast("list[str]", found)
            yield from self.get_all(one for one in ids if one not in before)  # runs that end move it on
            if len(ids) < _AT_ONCE:
                return
            before = frozenset(ids)

    def _in_turn(self, execution_ids: object) -> Iterator[RunRecord]:
        ids = cast("list[str]", execution_ids)
        for at in range(0, len(ids), _AT_ONCE):
            yield from self.get_all(ids[at : at + _AT_ONCE])

    def ended_ids(
        self, *, task_id: str | None = None, after: str = "", since: datetime | None = None, limit: int
    ) -> list[str]:
        """Return ids of runs that ended, the latest first, after the run `after`, back to `since`.

        With a task those of its runs, the latest scheduled first, whether they have ended or not; `since` is
        not looked at then. If the ledger no longer has the run `after`, nothing follows it.
        """
        key = redis_keys.FINISHED_RUNS if task_id is None else redis_keys.task_runs(task_id)
        rank = cast("int | None", self._client.zrevrank(key, after)) if after else -1
        if rank is None:
            return []
        found = cast("list[str]", self._client.zrevrange(key, rank + 1, rank + limit))
        if since is None or task_id is not None:
            return found
        most = int(self._client.zcount(key, since.timestamp(), "+inf")) - rank - 1
        return found[: max(0, most)]

    def ended_times(
        self, since: datetime, until: datetime, *, task_id: str | None = None, limit: int
    ) -> list[tuple[str, datetime]]:
        """Return the ids of runs that ended between two moments, and when, the latest first.

        With a task those of its runs that were scheduled then, and for when.
        """
        key = redis_keys.FINISHED_RUNS if task_id is None else redis_keys.task_runs(task_id)
        span: dict[str, Any] = {"byscore": True, "desc": True, "offset": 0, "num": limit, "withscores": True}
        found: Any = self._client.zrange(key, until.timestamp(), since.timestamp(), **span)
        return [(name, datetime.fromtimestamp(score, UTC)) for name, score in found]

    def states(self, execution_ids: Iterable[str]) -> list[str | None]:
        """Return the states of runs, a thousand in a round trip; None for those that the ledger has not."""
        ids, script = list(execution_ids), self._script("states")
        found = (script(args=ids[at : at + _AT_ONCE]) for at in range(0, len(ids), _AT_ONCE))
        return list(chain.from_iterable(cast("Iterable[list[str | None]]", found)))

    def latest_of(self, task_ids: Sequence[str], *, limit: int) -> dict[str, list[RunRecord]]:
        """Return the runs of several tasks, the latest scheduled first, in two round trips."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.zrevrange(redis_keys.task_runs(task_id), 0, limit - 1)
            found = pipe.execute()
        runs = {run.execution_id: run for run in self.get_all(chain(*found))}
        return {
            task_id: [runs[one] for one in ids if one in runs]
            for task_id, ids in zip(task_ids, found, strict=True)
        }

    def ids(self) -> list[str]:
        """Return the ids of all runs that the ledger has."""
        found = [self._client.zrange(key, 0, -1) for key in _ALL_RUNS]
        return list(chain(*cast("list[list[str]]", found)))

    def ids_begun_with(self, text: str, *, most: int = _AT_ONCE) -> list[str]:
        """Return the ids that begin with a text, `…` in which stands for anything, sorted; about `most`."""
        pattern, found = "*@".join(map(_literal, parts_of(text))) + "*", set[str]()
        for key in _ALL_RUNS:
            for name, _ in self._client.zscan_iter(key, match=pattern, count=_SCANNED_AT_ONCE):
                found.add(str(name))
                if len(found) >= most:
                    break
        return sorted(found)

    def active_of(self, task_id: str) -> list[RunRecord]:
        """Return a task's runs that are not over."""
        return self._load(self._client.zinter([redis_keys.task_runs(task_id), redis_keys.ACTIVE_RUNS]))

    def in_the_way(self, task_id: str, now: datetime) -> RunRecord | None:
        """Return the active run of a task that its next run may have to wait for; None if there is none."""
        first = cast("str | None", self._client.hget(redis_keys.FIRST_ACTIVE_RUNS, task_id))
        others = redis_keys.other_active_of_task(task_id)
        ids = [first] if first else []
        ids += cast(
            "list[str]", self._client.zrange(others, "-inf", now.timestamp(), byscore=True, offset=0, num=9)
        )
        return next((run for run in self.get_all(ids) if not run.state.is_final), None)

    def active_count(self) -> int:
        """Return how many runs are not over."""
        return int(self._client.zcard(redis_keys.ACTIVE_RUNS))

    def count_of(self, task_id: str) -> int:
        """Return how many runs of a task there are."""
        return int(self._client.zcard(redis_keys.task_runs(task_id)))

    def ended_count(self, since: datetime | None) -> int:
        """Return how many runs ended, at or after `since`."""
        least = "-inf" if since is None else since.timestamp()
        return int(self._client.zcount(redis_keys.FINISHED_RUNS, least, "+inf"))

    def history(self, task_id: str) -> History:
        """Return a task's counters."""
        return self.histories([task_id])[0]

    def histories(self, task_ids: Iterable[str]) -> list[History]:
        """Return the counters of several tasks in one round trip, in their order."""
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in task_ids:
                pipe.hgetall(redis_keys.history(task_id))
            return [History.from_hash(stored) for stored in pipe.execute()]

    def get_all(self, execution_ids: Iterable[str]) -> list[RunRecord]:
        """Return those of the runs that the ledger has, in their order, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id in execution_ids:
                pipe.hgetall(redis_keys.run(execution_id))
            return [RunRecord.from_hash(stored) for stored in pipe.execute() if stored]

    def _load(self, execution_ids: object) -> list[RunRecord]:
        return self.get_all(cast("list[str]", execution_ids))
