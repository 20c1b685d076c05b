"""Tasks that come after others: their runs are fired, or skipped, once those of the others have ended."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from redis import Redis

from beat.entries.due_entries import CorruptEntry, DueTask
from beat.firing.batches import batches
from beat.firing.commit import Verdicts
from beat.firing.downstream_tasks import Case, DownstreamTasks
from beat.firing.fire_request import FireRequest, FireRequests
from beat.firing.firing import Firing
from mission_control.events import events
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.composition.joining import Release
from mission_control.model.composition.release import (
    WAITS,
    Released,
    decide_loosely,
    decide_missing,
    decide_release,
    upstream_ids,
)
from mission_control.model.policies.misfire import Action, Decision, Fire, Miss, Skip
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.new_run import Origin
from mission_control.store.redis_keys import RedBeatKeys

_AT_ONCE: Final = 100
_REFUSED_SECONDS: Final = 1.0
_CORRUPT_SECONDS: Final = 60.0
_JUST_OVER_SECONDS: Final = 0.001


@dataclass(frozen=True)
class Downstream:
    """Fires what comes after runs that have ended.

    The script that ends a run notes in the same step that beat should look at it. The note stays until all
    that follows is committed. The id of a run that comes after others depends on its task and its root alone,
    so looking twice is harmless, and a crash anywhere neither loses nor doubles it.
    """

    tasks: DownstreamTasks
    runs: UpstreamRuns
    requests: FireRequests
    allowed: Callable[[DueTask, Decision, datetime, timedelta], Decision]
    commit: Callable[[list[FireRequest], datetime], Verdicts]

    @classmethod
    def of(cls, firing: Firing, client: Redis, keys: RedBeatKeys) -> Self:
        """Return the one that commits as `firing` does."""
        runs = UpstreamRuns(client)
        tasks = DownstreamTasks(runs, firing.entries, keys)
        return cls(tasks, runs, firing.requests, firing.allowed, firing.committed)

    def fire(self, clock: Callable[[], datetime], *, most_seconds: float) -> list[str]:
        """Commit what follows from the ends that were noted; return the ids of the runs that were fired.

        Raises:
            NotLeadingError: another beat leads.
            RedisError: the next call goes on.
        """
        fired: list[str] = []
        stop_at = time.monotonic() + most_seconds
        while time.monotonic() < stop_at:
            now = clock()
            ids = self.runs.to_look_at("-inf", now.timestamp(), limit=_AT_ONCE)
            if not ids:
                break
            fired += self._look_at(ids, now)
        return fired

    def _look_at(self, ids: list[str], now: datetime) -> list[str]:
        again: dict[str, list[float]] = {one: [] for one in ids}
        requests = list(self._requests(ids, again, now))
        run_of = {id(request): execution_id for request, execution_id in requests}
        fired = []
        for batch in batches(request for request, _ in requests):
            verdicts = self.commit(batch, now)
            fired += verdicts.fired
            delay = 0.0 if verdicts.is_stale else _REFUSED_SECONDS
            for one in batch:
                if one not in verdicts.committed:
                    again[run_of[id(one)]].append(now.timestamp() + delay)
        self.runs.looked_at({name: min(times, default=None) for name, times in again.items()})
        return fired

    def _requests(
        self, ids: list[str], again: dict[str, list[float]], now: datetime
    ) -> Iterator[tuple[FireRequest, str]]:
        """Give what follows from runs, each with its run; note in `again` when to look at them again."""
        keys: set[str] = set()
        for run, case in self.tasks.cases(self.runs.get(ids).values(), now.timestamp()):
            look_at = again.setdefault(run.execution_id, [])
            if isinstance(case, CorruptEntry):
                events.downstream_delayed(run.execution_id, str(case.key), case.problem)
                look_at.append(now.timestamp() + _CORRUPT_SECONDS)
                continue
            released = self._decided(case, now) if case.entry.task.enabled else WAITS
            if released.look_again is not None:
                look_at.append(released.look_again.timestamp() + _JUST_OVER_SECONDS)
            if released.verdict is not Release.WAIT and case.entry.key in keys:
                look_at.append(now.timestamp())  # two runs of a task may meet: each is a step of its own
            elif released.verdict is not Release.WAIT:
                keys.add(case.entry.key)
                yield self._request(case, released, now), run.execution_id

    def _decided(self, case: Case, now: datetime) -> Released:
        if not case.joined:
            return decide_loosely(case.after, case.run)
        if case.run.task_id not in {one.task for one in case.joined} or not self.tasks.leads_to_all(case):
            return WAITS
        ids = upstream_ids(case.after, case.entry.join, case.run.root)
        found = self.runs.get(ids)
        runs = [found.get(one) for one in ids]
        released = decide_release(case.after, case.entry.join, runs, self.runs.latest, now)
        if released is not WAITS or None not in runs:
            return released
        pairs = zip(case.joined, runs, strict=True)
        nevers = [None if run else self.tasks.why_never(one.task, case.run.root) for one, run in pairs]
        return decide_missing(case.joined, case.entry.join, runs, nevers, now)

    def _request(self, case: Case, released: Released, now: datetime) -> FireRequest:
        origin, at = Origin(case.run.root, released.upstream, case.run.backfill), released.at or now
        action: Action
        if case.entry.trouble:
            action = Miss(at, f"quarantined: {case.entry.trouble}", Cause("quarantined"))
        elif released.cause is not None:
            action = Skip(at, released.reason or "", released.cause)
        else:
            fire = Decision((Fire(at),), None)
            (action,) = self.allowed(case.entry, fire, now, timedelta(0)).actions
        return self.requests.of_downstream(case.entry, action, origin, now)
