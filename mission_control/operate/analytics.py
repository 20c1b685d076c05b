"""How tasks fared over time, by the hourly figures: success, percentiles, retries, causes, change points.

Figures are as recent as beat's last look at the audit stream, some seconds, and as old as `rollup.KEPT`.
Percentiles are within 5 %.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from redis import Redis

from mission_control.model.figures.change_points import ChangePoint, change_points
from mission_control.model.figures.rollup import WHOLE, RollUp, percentile
from mission_control.model.runs.run_state import RAN_AND_FAILED
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys

_HOUR: Final = 3_600
HOUR: Final = timedelta(seconds=_HOUR)
_AT_ONCE: Final = 100
PERCENTILES: Final = (50, 95, 99)

_Hour = tuple[int, dict[tuple[str, int], RollUp]]


@dataclass(frozen=True)
class Analytics:
    """What tasks did in a stretch of time: `steps` of equal length, each with its figures, and the whole.

    `causes` are those of failures, the most frequent first. `changes` are only found for a single task.
    """

    since: datetime
    step: timedelta
    steps: list[tuple[datetime, RollUp]]
    whole: RollUp
    causes: list[tuple[str, int]]
    changes: list[ChangePoint]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; durations and lateness are in ms."""
        return {
            "since": format_instant(self.since),
            "step_seconds": round(self.step.total_seconds()),
            "steps": [{"at": format_instant(at), **figures_json(one)} for at, one in self.steps],
            "whole": figures_json(self.whole),
            "failures_by_cause": [{"cause": cause, "count": count} for cause, count in self.causes],
            "changes": [{**asdict(one), "hour": format_instant(moment_of(one.hour))} for one in self.changes],
        }


def figures_json(one: RollUp) -> dict[str, Any]:
    """Return figures as a JSON object."""
    outcomes = Counter[str]()
    for (status, _), count in one.outcomes.items():
        outcomes[status] += count
    found: dict[str, Any] = {"runs": one.runs, "outcomes": dict(outcomes), "retries": one.retries}
    found["success_rate"] = one.success_rate
    for name, values in (("duration_ms", one.durations), ("lateness_ms", one.lateness)):
        found[name] = {f"p{share}": percentile(values, share / 100) for share in PERCENTILES}
    return found


def analytics(
    client: Redis,
    *,
    since: datetime,
    until: datetime,
    task_id: str | None = None,
    step: timedelta = timedelta(hours=1),
) -> Analytics:
    """Return the figures of a task, or of all, of whole hours from `since` until `until`.

    `step` is rounded up to whole hours. A hundred hours are a round trip, in which of each no more than the
    figures asked for are read: those of all tasks are added up as they are counted.
    """
    size = max(1, -int(-step.total_seconds() // _HOUR))
    first, last = int(since.timestamp()) // _HOUR, int(until.timestamp()) // _HOUR
    steps, revisions = defaultdict[int, RollUp](RollUp), dict[int, Mapping[int, RollUp]]()
    for hour, found in _hours_of(client, range(first, last + 1), task_id):
        steps[first + (hour - first) // size * size].add(RollUp.together(found.values()))
        if found:
            revisions[hour] = {revision: one for (_, revision), one in found.items()}
    whole, causes = RollUp.together(steps.values()), Counter[str]()
    for (status, cause), count in whole.outcomes.items():
        if status in RAN_AND_FAILED:
            causes[cause] += count
    changes = change_points(sorted(revisions.items())) if task_id is not None else []
    shown = [(moment_of(hour), one) for hour, one in sorted(steps.items())]
    return Analytics(moment_of(first), timedelta(hours=size), shown, whole, causes.most_common(), changes)


def by_hour(
    client: Redis, *, since: datetime, until: datetime, task_id: str | None = None
) -> Iterable[tuple[datetime, RollUp]]:
    """Yield the figures of a task, or of all, of each whole hour from `since` until `until`."""
    hours = range(int(since.timestamp()) // _HOUR, int(until.timestamp()) // _HOUR + 1)
    for hour, found in _hours_of(client, hours, task_id):
        yield moment_of(hour), RollUp.together(found.values())


def by_task(client: Redis, *, since: datetime, until: datetime) -> dict[str, RollUp]:
    """Return the figures of every task, of whole hours from `since` until `until`."""
    found = defaultdict[str, RollUp](RollUp)
    hours = range(int(since.timestamp()) // _HOUR, int(until.timestamp()) // _HOUR + 1)
    for _, tasks in _hours(client, hours, None):
        for (task_id, _), one in tasks.items():
            found[task_id].add(one)
    return dict(found)


def moment_of(hour: int) -> datetime:
    """Return when an hour that is counted from 1970 begins."""
    return datetime.fromtimestamp(hour * _HOUR, UTC)


def _hours_of(client: Redis, hours: range, task_id: str | None) -> Iterable[_Hour]:
    return _whole_hours(client, hours) if task_id is None else _hours(client, hours, task_id)


def _whole_hours(client: Redis, hours: range) -> Iterable[_Hour]:
    for some in _in_turn(hours):
        with client.pipeline(transaction=False) as pipe:
            for hour in some:
                pipe.hget(redis_keys.rollup(str(hour)), WHOLE)
            answers: list[Any] = pipe.execute()
        for hour, stored in zip(some, answers, strict=True):
            yield hour, {} if stored is None else {(WHOLE, 0): RollUp.from_json(json.loads(stored))}


def _hours(client: Redis, hours: range, task_id: str | None) -> Iterable[_Hour]:
    for some in _in_turn(hours):
        with client.pipeline(transaction=False) as pipe:
            for hour in some:
                key = redis_keys.rollup(str(hour))
                pipe.hgetall(key) if task_id is None else pipe.hscan(
                    key, match=_pattern(task_id), count=100_000
                )
            answers: list[Any] = pipe.execute()
        for hour, answer in zip(some, answers, strict=True):
            stored = cast("dict[str, str]", answer if task_id is None else answer[1])
            stored.pop(WHOLE, None)
            yield (
                hour,
                {_task_and_revision(name): RollUp.from_json(json.loads(one)) for name, one in stored.items()},
            )


def _in_turn(hours: range) -> Iterable[range]:
    return (hours[at : at + _AT_ONCE] for at in range(0, len(hours), _AT_ONCE))


def _pattern(task_id: str) -> str:
    return "".join(f"\\{one}" if one in "*?[]\\^" else one for one in task_id) + "\t*"


def _task_and_revision(name: str) -> tuple[str, int]:
    task_id, _, revision = name.rpartition("\t")
    return task_id, int(revision)
