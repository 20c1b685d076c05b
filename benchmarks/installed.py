"""An installation as it is after a month: tasks, a thousand runs of each in the ledger, hourly figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis import Redis

from benchmarks.place import MeasurementError
from mission_control.installation.installation import Installation
from mission_control.model.figures.rollup import WHOLE, RollUp
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys

APART: Final = timedelta(minutes=43)
"""How far the runs of a task are apart: a thousand are a month."""

_ENDS: Final = (
    *[RunState.SUCCESS] * 30,
    RunState.FAILURE,
    RunState.FAILURE,
    RunState.TIMED_OUT,
    RunState.SKIPPED,
)
_AFTER: Final = 5
"""Each fifth task comes after the one before it."""

_MARK: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
_TOOK: Final = timedelta(milliseconds=437)
_ENTER: Final = """
for at = 3, #ARGV, 4 do
  local id, spec, changing, ended = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  redis.call('HSET', 'mc:run:' .. id, 'spec', spec, unpack(cjson.decode(changing)))
  redis.call('ZADD', KEYS[1], tonumber(ended) - tonumber(ARGV[1]), id)
  redis.call('ZADD', KEYS[2], ended, id)
end
redis.call('HSET', KEYS[3], 'total_runs', ARGV[2], 'success_count', ARGV[2], 'failure_count', 0)
"""


def install(installation: Installation, tasks: int, runs: int) -> None:
    """Enter tasks, an ended run of each every 43 minutes until now, and the figures of each hour.

    Raises:
        MeasurementError: the ledger has not as many runs.
    """
    installation.limits.set({"name": "shops", "concurrency": 50})
    installation.limits.set({"name": "shop", "concurrency": 2, "per": "params.shop"})
    installation.client.config_set("appendonly", "no")
    now, each = installation.clock().replace(microsecond=0), -(-runs // tasks)
    for number in range(tasks):
        definition = _definition(number)
        installation.registry.register(definition)
        _enter(installation.client, definition, list(_times(now, number, each)))
    _figures(installation.client, tasks, now, APART * each)
    if installation.ledger.ended_count(None) != tasks * each:
        raise MeasurementError("the ledger has not all runs")


def _definition(number: int) -> dict[str, Any]:
    after = {"after": [{"task": f"shop_{number - 1:05}.orders"}]} if number % _AFTER == _AFTER - 1 else {}
    return {
        "id": f"shop_{number:05}.orders",
        "name": f"Orders of shop {number}",
        "description": "Reads the orders that came in since the last run, and books them.",
        "handler": "handlers.nothing.run",
        "owner": f"team-{number % 20}",
        "tags": ["shop", f"region-{number % 12}"],
        "params": {"shop": str(number)},
        "limits": ["shops", "shop"],
        **(
            after
            or {
                "schedule": {"type": "interval", "minutes": 43, "spread_seconds": 2_400}
                if number % 2
                else "daily 06:30"
            }
        ),
    }


def _times(now: datetime, number: int, each: int) -> Iterator[datetime]:
    first = now - timedelta(seconds=number * 2 % APART.total_seconds()) - timedelta(minutes=1)
    return (first - APART * at for at in range(each))


def _enter(client: Redis, definition: dict[str, Any], times: Sequence[datetime]) -> None:
    """Enter runs of a task in one script, each made from an example of its state."""
    task_id, examples = definition["id"], {state: _example(definition, state) for state in _ENDS}
    args = list[str]()
    for at, due in enumerate(times):
        spec, changing = examples[_ENDS[(at * 7 + len(args)) % len(_ENDS)]]
        name, seconds = occurrence_execution_id(task_id, due), format_instant(due).removesuffix("Z")
        marks = (
            (occurrence_execution_id(task_id, _MARK), name),
            (format_instant(_MARK).removesuffix("Z"), seconds),
        )
        for before, after in marks:
            spec, changing = spec.replace(before, after), changing.replace(before, after)
        args += [name, spec, changing, repr((due + _TOOK).timestamp())]
    keys = redis_keys.task_runs(task_id), redis_keys.FINISHED_RUNS, redis_keys.history(task_id)
    client.eval(_ENTER, 3, *keys, str(_TOOK.total_seconds()), str(len(times)), *args)


def _example(definition: dict[str, Any], state: RunState) -> tuple[str, str]:
    ran = state is not RunState.SKIPPED
    run = RunRecord(
        execution_id=occurrence_execution_id(definition["id"], _MARK),
        task_id=definition["id"],
        handler=definition["handler"],
        params=definition["params"],
        scheduled_time=_MARK,
        dispatched_at=_MARK + timedelta(milliseconds=2),
        state=state,
        revision=1,
        attempt=int(ran),
        started_at=_MARK + timedelta(milliseconds=9) if ran else None,
        finished_at=_MARK + _TOOK,
        duration_ms=428 if ran else None,
        worker="celery@host" if ran else None,
        output="27 orders were booked" if state is RunState.SUCCESS else None,
        error="ConnectionError: the shop did not answer within 30 s" if state in RAN_AND_FAILED else None,
        reason=None if ran else "the run before still ran",
        cause=None if ran else {"class": "overlap"},
    )
    stored = run.to_hash()
    spec = stored.pop("spec")
    return spec, json.dumps([one for pair in stored.items() for one in pair])


def _figures(client: Redis, tasks: int, now: datetime, span: timedelta) -> None:
    """Write the figures of each hour: of each task the same three runs."""
    one = RollUp()
    for status in ("success", "success", "failure"):
        record = {"status": status, "final": True, "duration_ms": 428, "lateness_ms": 9, "error": "no answer"}
        one.add_record(record)
    figures: Any = {f"shop_{number:05}.orders\t1": json.dumps(one.to_json()) for number in range(tasks)}
    figures[WHOLE] = json.dumps(RollUp.together([one] * tasks).to_json())
    last = int(now.timestamp()) // 3_600
    with client.pipeline(transaction=False) as pipe:
        for hour in range(last - int(span.total_seconds()) // 3_600, last + 1):
            pipe.eval(
                _HOUR, 1, redis_keys.rollup(str(hour)), *[one for pair in figures.items() for one in pair]
            )
        pipe.execute()


_HOUR: Final = "for at = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end"
