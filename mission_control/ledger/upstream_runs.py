"""Runs that other tasks come after: how they ended, and which of the ends beat has not looked at yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson
from redis import Redis

from mission_control.model.composition.joining import matches
from mission_control.model.composition.release import UpstreamRun
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import task_of_run
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys

if TYPE_CHECKING:
    from mission_control.model.runs.handler_contract import UpstreamResult

_FIELDS: Final = ("state", "finished_at", "cause", "spec")
_DIGEST_LETTERS: Final = 16
_EVER: Final = timedelta.max.total_seconds()
MOST_BYTES: Final = 1024 * 1024
"""How many bytes of outputs, as JSON, a run gets of the runs that it came after."""

_LATEST: Final = 500
"""How many of a task's runs are looked at for its latest matching end."""


class UpstreamRuns:
    """Reads ends of runs; each method is one round trip."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def to_look_at(self, since: float | str, until: float | str, *, limit: int) -> list[str]:
        """Return ended runs that beat should look at between two moments, in Unix seconds."""
        found: Any = self._client.zrange(
            redis_keys.UPSTREAM_RUNS,
            since,
            until,
            byscore=True,
            offset=0,
            num=limit,
        )
        return list(found)

    def looked_at(self, again: Mapping[str, float | None]) -> None:
        """Note that runs were looked at, and when to do so again, if at all."""
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id, at in again.items():
                if at is None:
                    pipe.zrem(redis_keys.UPSTREAM_RUNS, execution_id)
                else:
                    pipe.zadd(redis_keys.UPSTREAM_RUNS, {execution_id: at}, xx=True)
            pipe.execute()

    def is_registered(self, task_id: str) -> bool:
        """Whether a task exists."""
        return bool(self._client.sismember(redis_keys.TASKS, task_id))

    def are_looked_at(self, execution_ids: Sequence[str]) -> bool:
        """Whether runs have ended, and all that follows from it is committed."""
        ended = self.get(execution_ids)
        noted: Any = self._client.zmscore(redis_keys.UPSTREAM_RUNS, list(execution_ids))
        return noted.count(None) == len(ended) == len(noted) and all(run.ended_as for run in ended.values())

    def downstream(self, task_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the ids of the registered tasks that come right after each of some tasks."""
        ids = list(dict.fromkeys(task_ids))
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in ids:
                pipe.sinter([redis_keys.downstream(task_id), redis_keys.TASKS])
            return {one: sorted(found) for one, found in zip(ids, pipe.execute(), strict=True)}

    def get(self, execution_ids: Sequence[str]) -> dict[str, UpstreamRun]:
        """Return those of the runs that the ledger has, by id."""
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id in execution_ids:
                pipe.hmget(redis_keys.run(execution_id), *_FIELDS)
            answers = pipe.execute(raise_on_error=False)
        found = zip(execution_ids, answers, strict=True)
        return {one: _read(one, *fields) for one, fields in found if isinstance(fields, list) and fields[0]}

    def outputs(self, execution_ids: Sequence[str]) -> dict[str, UpstreamResult]:
        """Return by task how runs ended and what they returned; outputs are together at most `MOST_BYTES`.

        An output beyond that is None, and `left_out` is true.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id in execution_ids:
                pipe.hmget(redis_keys.run(execution_id), "state", "error", "output")
            answers = pipe.execute()
        room, found = MOST_BYTES, dict[str, Any]()
        for execution_id, (state, error, output) in zip(execution_ids, answers, strict=True):
            room -= len(output or "")
            result: UpstreamResult = {
                "execution_id": execution_id,
                "status": state,
                "output": None,
                "error": error,
            }
            if room < 0:
                result["left_out"] = True
            elif output is not None:
                result["output"] = json.loads(output)  # which knows integers of any length
            found[task_of_run(execution_id)] = result
        return found

    def state_of_outputs(self, after: Iterable[Dependency], at: datetime) -> str | None:
        """Return what tells whether the outputs of the latest matching ends have changed; None if none is."""
        found = [run for one in after if (run := self.latest(one, at, within=_EVER)) is not None]
        outputs = [self._client.hget(redis_keys.run(run.execution_id), "output") for run in found]
        ends = [[run.task_id, run.state, output] for run, output in zip(found, outputs, strict=True)]
        return sha256(orjson.dumps(ends)).hexdigest()[:_DIGEST_LETTERS] if ends else None

    def latest(
        self, dependency: Dependency, at: datetime, *, within: float | None = None
    ) -> UpstreamRun | None:
        """Return the latest end that a dependency asks for, at most `within` (else its own) from `at`."""
        ids: Any = self._client.zrevrange(redis_keys.task_runs(dependency.task), 0, _LATEST - 1)
        span = dependency.within or 0.0 if within is None else within
        near = [
            run
            for run in self.get(ids).values()
            if run.ended_as is not None
            and matches(dependency.on, run.ended_as)
            and run.finished_at is not None
            and abs((run.finished_at - at).total_seconds()) <= span
        ]
        return max(near, key=lambda run: run.finished_at or at, default=None)


def _read(
    execution_id: str, state: str, finished_at: str | None, cause: str | None, spec: str | None
) -> UpstreamRun:
    facts = orjson.loads(spec) if spec else {}
    return UpstreamRun(
        execution_id,
        RunState(state),
        None if finished_at is None else parse_instant(finished_at),
        None if cause is None else orjson.loads(cause),
        facts.get("root") or execution_id,
        facts.get("backfill"),
    )
