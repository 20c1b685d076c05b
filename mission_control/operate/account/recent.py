"""The balance of the last minutes, by the definitions in force now and the ledger."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from redis import Redis

from mission_control.audit.stream.chain import KnownTime
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.operate.account.account import Balance
from mission_control.store import redis_keys

MOST_OF_A_TASK: Final = 1_000
_SECOND: Final = timedelta(seconds=1)


def expected_times(task: TaskDefinition, since: datetime, until: datetime) -> list[datetime]:
    """Return the occurrences of a task that fell due after `since` and up to `until`, by its schedule.

    What fell due before its last change was decided by an earlier definition. At most `MOST_OF_A_TASK`.
    """
    if not task.enabled or task.schedule.is_fixed_delay:  # that is due when a run has ended
        return []
    changed = task.metadata.last_modified
    since = since if changed is None else max(since, changed + _SECOND)  # it is written in whole seconds
    spread = spread_of(task)
    return list(islice(task.schedule.occurrences(since - spread, until - spread), MOST_OF_A_TASK))


def recent_balance(
    client: Redis,
    tasks: Iterable[TaskDefinition],
    since: datetime,
    until: datetime,
    *,
    put_off: Collection[str] = (),
) -> Balance:
    """Return the balance of some tasks; `put_off` are occurrences that were moved to another time by hand."""
    expected = {
        occurrence_execution_id(task.id, at): (task.id, at)
        for task in tasks
        for at in expected_times(task, since, until)
    }
    with client.pipeline(transaction=False) as pipe:
        for execution_id in expected:
            pipe.hget(redis_keys.run(execution_id), "state")
        found = dict(zip(expected, pipe.execute(raise_on_error=False), strict=True))
    missing = [one for one, state in found.items() if state is None]
    known = KnownTime.read(client) if missing else None
    states, unexplained = Counter(str(state) for state in found.values() if state is not None), []
    for one in missing:
        task_id, at = expected[one]
        if one in put_off:
            states["moved"] += 1
        elif known is not None and at.timestamp() <= known.of_task(task_id):
            states["no longer kept"] += 1
        else:
            unexplained.append(one)
    return Balance(since, until, states, unexplained)
