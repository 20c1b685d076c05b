"""Reads the present situation from Redis as what a simulation begins with. Writes nothing."""

from __future__ import annotations

import json
import os
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from statistics import median
from typing import Any, Final

from redis import Redis

from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.due_times import due_after
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.quantities import counted
from mission_control.operate.budgets import spent_spans
from mission_control.operate.simulation.experience import ASSUMED_SECONDS, Experience
from mission_control.operate.simulation.limit_buckets import bucket_value
from mission_control.operate.simulation.scenario import Scenario, Workers
from mission_control.processes.heartbeats import ANSWER_SECONDS, live_processes
from mission_control.registry.named_resources import read_resources
from mission_control.registry.pauses import read_pauses
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

_KNOWN_RUNS: Final = 30

_AT_ONCE: Final = 500
_FIELDS: Final = ("state", "duration_ms", "attempt", "spent_usd", "spent_tokens", "cause")
_DAY: Final = timedelta(days=1)
_MOST_ENDED: Final = 200
_RAN: Final = frozenset({RunState.SUCCESS, *RAN_AND_FAILED})
_NAMED: Final = 5
_NO_TIME: Final = timedelta(0)


@dataclass(frozen=True)
class Present:
    """Asks the parts of an installation."""

    client: Redis
    ledger: RunReader
    redbeat_keys: RedBeatKeys

    def scenario(
        self,
        tasks: Sequence[TaskDefinition],
        now: datetime,
        *,
        active: Sequence[RunRecord] | None = None,
        new: Sequence[TaskDefinition] = (),
        slots: int | None = None,
        resources: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Scenario:
        """Return the scenario of some tasks at `now`.

        `new` tasks take the place of those of their ids, `resources` that of limits and budgets of their
        names, and `slots`, which serve all queues, that of the workers.
        """
        given = {} if resources is None else resources
        every = {one.id: one for one in (*tasks, *new)}
        active = list(self.ledger.all_active()) if active is None else active
        limits = {**read_resources(self.client, redis_keys.LIMITS, NamedLimit), **given.get("limits", {})}
        budgets = {**read_resources(self.client, redis_keys.BUDGETS, Budget), **given.get("budgets", {})}
        pauses, known = read_pauses(self.client), self._known({*every, *(run.task_id for run in active)})
        default = _of_all(known.values())
        workers, assumed = self._workers(slots)
        ended = islice(self.ledger.ended(now - _DAY), _MOST_ENDED)
        return Scenario(
            now=now,
            tasks=every,
            due=self._due(tasks, new, now),
            workers=workers,
            limits=limits,
            budgets=budgets,
            layers=pauses.layers,
            changed=pauses.changed,
            active=active,
            arrivals=self._arrivals(limits, every.values(), active),
            **self._spending(budgets, now),
            failures=self._failures(every.values()),
            hand_over=hand_over_of(ended),
            known=known,
            default=default,
            assumptions=[*assumed, *_unknown(every, known, default)],
        )

    def _due(
        self, tasks: Sequence[TaskDefinition], new: Sequence[TaskDefinition], now: datetime
    ) -> dict[str, float]:
        names = [task.id for task in tasks]
        stored: Any = []
        if names:
            keys = [self.redbeat_keys.entry(name) for name in names]
            stored = self.client.zmscore(self.redbeat_keys.schedule, keys)
        found = {name: float(at) for name, at in zip(names, stored, strict=True) if at is not None}
        edited = {task.id: due_after(task, now) for task in new}
        return {name: at for name, at in {**found, **edited}.items() if at is not None}

    def _workers(self, slots: int | None) -> tuple[list[Workers], list[str]]:
        if slots is not None:
            return [Workers(slots)], []
        alive = live_processes(self.client, within_seconds=ANSWER_SECONDS)
        has_beat = any(one.kind == "beat" for one in alive)
        assumed = [] if has_beat else ["no beat is up; assumed that one is from now on"]
        found = [
            Workers(_slots(one.info.get("concurrency")), frozenset(one.info.get("queues", ())))
            for one in alive
            if one.kind == "worker"
        ]
        if found:
            return found, assumed
        usual = os.cpu_count() or 1
        return [Workers(usual)], [
            *assumed,
            f"no worker is up; assumed one that runs {counted(usual, 'run')} at once",
        ]

    def _known(self, task_ids: Iterable[str]) -> dict[str, Experience]:
        names, found = sorted(task_ids), dict[str, Experience]()
        for at in range(0, len(names), _AT_ONCE):
            some = names[at : at + _AT_ONCE]
            with self.client.pipeline(transaction=False) as pipe:
                for name in some:
                    pipe.zrevrange(redis_keys.task_runs(name), 0, _KNOWN_RUNS - 1)
                ids = pipe.execute()
            with self.client.pipeline(transaction=False) as pipe:
                for execution_id in (one for of_task in ids for one in of_task):
                    pipe.hmget(redis_keys.run(execution_id), *_FIELDS)
                answers = iter(pipe.execute(raise_on_error=False))
            for name, of_task in zip(some, ids, strict=True):
                experience = _experience([next(answers) for _ in of_task])
                if experience is not None:
                    found[name] = experience
        return found

    def _arrivals(
        self, limits: Mapping[str, NamedLimit], tasks: Iterable[TaskDefinition], active: Iterable[RunRecord]
    ) -> dict[tuple[str, str], float]:
        uses = [(use.name, task.params) for task in tasks for use in task.limits]
        uses += [(name, run.params) for run in active for name, _ in run.limits or ()]
        used = {(name, bucket_value(limits[name], params)) for name, params in uses if name in limits}
        keys = sorted(used)
        stored: Any = []
        if keys:
            stored = self.client.mget([redis_keys.LimitKeys(*one).of("rate") for one in keys])
        return {one: float(at) for one, at in zip(keys, stored, strict=True) if at is not None}

    def _spending(self, budgets: Mapping[str, Budget], now: datetime) -> dict[str, Any]:
        with self.client.pipeline(transaction=False) as pipe:
            for name in budgets:
                pipe.hgetall(redis_keys.budget_spent(name))
                pipe.hgetall(redis_keys.budget_reserved(name))
            answers = pipe.execute()
        spent = {
            name: {unit: spent_spans(stored, unit, cap, now.timestamp()) for unit, cap in one.caps.items()}
            for (name, one), stored in zip(budgets.items(), answers[::2], strict=True)
        }
        reserved = {
            name: {run: _units(json.loads(left)) for run, left in stored.items()}
            for name, stored in zip(budgets, answers[1::2], strict=True)
        }
        return {"spent": spent, "reserved": reserved}

    def _failures(self, tasks: Iterable[TaskDefinition]) -> dict[str, int]:
        names = [one.id for one in tasks if one.pause_after_failures is not None or one.condition is not None]
        found = zip(names, self.ledger.histories(names), strict=True)
        return {name: history.consecutive_failures for name, history in found}


def _slots(concurrency: object) -> int:
    return concurrency if isinstance(concurrency, int) and concurrency > 0 else 1


def _units(left: Mapping[str, Any]) -> dict[str, int]:
    return {unit: int(amount) for unit, amount in left.items() if unit in {"usd", "tokens"}}


def _experience(runs: Iterable[Sequence[str | None]]) -> Experience | None:
    """Return what is known from runs as Redis has them; None if none of them has run."""
    known = [one for one in runs if isinstance(one, list)]
    ran = [one for one in known if one[0] in _RAN and one[1] is not None]
    unmet = sum(one[0] == RunState.SKIPPED and '"condition"' in (one[5] or "") for one in known)
    if not ran:
        return Experience(unmet=1.0) if unmet else None
    attempts = sum(int(one[2] or 1) for one in ran)
    successes = sum(one[0] == RunState.SUCCESS for one in ran)
    spent = {"usd": [int(one[3] or 0) for one in ran], "tokens": [int(one[4] or 0) for one in ran]}
    seconds = [int(one[1] or 0) / 1_000 for one in ran]
    failed, asked = max(0.0, 1 - successes / attempts), len(ran) + unmet
    return Experience(seconds, failed, unmet / asked, spent if any(map(any, spent.values())) else None)


def hand_over_of(runs: Iterable[RunRecord]) -> float:
    """Return how many seconds a free slot takes to begin a run that waits for nothing else: the median.

    A slot was free from the last end before on the same worker on, a run ready since its message was sent.
    """
    gaps, ends = list[float](), defaultdict[str | None, list[datetime]](list)
    began = [run for run in runs if run.attempt == 1 and run.started_at is not None]
    for run in began:
        if run.finished_at is not None:
            insort(ends[run.worker], run.finished_at)
    for run in began:
        started, own = run.started_at or run.dispatched_at, ends[run.worker]
        ready = max(run.due_at, run.dispatched_at, run.released_at or run.dispatched_at)
        free = own[at - 1] if (at := bisect_right(own, started)) else ready
        gaps.append(max(started - max(ready, free), _NO_TIME).total_seconds())
    return median(gaps) if gaps else 0.0


def _of_all(known: Iterable[Experience]) -> Experience:
    """Return how attempts of a task go of which none is known: as those of all others."""
    return Experience([second for one in known for second in one.seconds[:3]])


def _unknown(
    tasks: Mapping[str, TaskDefinition], known: Mapping[str, Experience], default: Experience
) -> list[str]:
    names = [name for name, task in tasks.items() if task.enabled and name not in known]
    if not names:
        return []
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    like = "as long as runs of other tasks" if default.seconds else f"{ASSUMED_SECONDS:g} s"
    return [f"no run of {named} is known; assumed that each takes {like}"]
