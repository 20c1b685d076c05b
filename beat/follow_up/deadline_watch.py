"""Runs that pass a deadline: each is noted, logged and reported once for each of its deadlines."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from redis import Redis
from redis.client import Pipeline

from mission_control.events import events
from mission_control.model.policies.deadlines import news, words
from mission_control.model.policies.notices import late_notices
from mission_control.model.runs.run_record import RunRecord, json_text
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

_AT_ONCE: Final = 500


class DeadlineWatch:
    """Looks at the runs whose next deadline has come, whether or not they are over.

    Guarantees: what a look finds is noted in one step for each run, so that a kill or a second beat neither
    loses nor repeats a notice; a kill may lose a line of the log. A run that cannot be read delays no other.
    """

    def __init__(self, client: Redis, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._script = lua_script(client, __package__, "pass_deadline")

    def look(self) -> int:
        """Look at what is due; return how many runs have passed a deadline."""
        now = self._clock()
        found: Any = self._client.zrange(
            redis_keys.DEADLINES,
            "-inf",
            now.timestamp(),
            byscore=True,
            offset=0,
            num=_AT_ONCE,
            withscores=True,
        )
        with self._client.pipeline(transaction=False) as pipe:
            for execution_id, _ in found:
                pipe.hgetall(redis_keys.run(execution_id))
            stored = pipe.execute(raise_on_error=False)
            passed = [
                (run, self._note(pipe, execution_id, seen, run, now))
                for (execution_id, seen), run in zip(found, map(_readable, stored), strict=True)
            ]
            done = pipe.execute()
        for (run, names), is_done in zip(passed, done, strict=True):
            if is_done and run is not None and run.deadline is not None:
                for name in names:
                    events.run_late(run, words(name, run.deadline))
        return sum(bool(names) for _, names in passed)

    def _note(
        self, pipe: Pipeline, execution_id: str, seen: float, run: RunRecord | None, now: datetime
    ) -> list[str]:
        """Queue the step for a run, and return the deadlines that it has newly passed."""
        names, following = news(run, now) if run is not None else ([], None)
        args = [execution_id, repr(seen), "" if following is None else repr(following), "", ""]
        if run is not None and names:
            noted = json_text([*(run.late or []), *names])
            notices = (msgspec.json.encode(one).decode() for one in late_notices(run, names, at=now))
            args[3:] = [noted, run.task_id, *notices]
        keys = [redis_keys.DEADLINES, redis_keys.run(execution_id), redis_keys.NOTICES, redis_keys.INCIDENTS]
        self._script(keys=keys, args=args, client=pipe)
        return names


def _readable(stored: Any) -> RunRecord | None:  # noqa: ANN401  # an error, where another type is
    try:
        return RunRecord.from_hash(stored)
    except (ValueError, LookupError, TypeError):  # gone, or overwritten: the sweep reports it
        return None
