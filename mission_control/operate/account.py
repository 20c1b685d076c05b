"""The account of a span of time: expected = done + explained, and what is unexplained."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from redis import Redis

from mission_control.audit.stream.known_time import KnownTime
from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from mission_control.store import redis_keys

MOST_OF_A_TASK: Final = 1_000
_DONE: Final = frozenset({RunState.SUCCESS, *RAN_AND_FAILED})
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Account:
    """What became of the occurrences of some tasks: their runs' states, and occurrences without a run."""

    since: datetime
    until: datetime
    states: Mapping[str, int]
    unexplained: Sequence[str]

    def words(self) -> str:
        """Return it as one line.

        >>> moment = datetime.fromisoformat("2026-03-02T09:00Z")
        >>> Account(moment, moment, {"success": 2, "skipped": 1}, []).words().partition(": ")[2]
        'expected 3 = done 2 + explained 1 (1 skipped), unexplained 0'
        """
        done = sum(count for state, count in self.states.items() if state in _DONE)
        others = {state: count for state, count in self.states.items() if state not in _DONE}
        explained = ", ".join(f"{count} {state}" for state, count in sorted(others.items()))
        return (
            f"{format_instant(self.since)} to {format_instant(self.until)}: "
            f"expected {sum(self.states.values()) + len(self.unexplained)} = done {done} "
            f"+ explained {sum(others.values())}{f' ({explained})' if explained else ''}, "
            f"unexplained {len(self.unexplained)}"
        )


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


def account_of(
    client: Redis,
    tasks: Iterable[TaskDefinition],
    since: datetime,
    until: datetime,
    *,
    put_off: Collection[str] = (),
) -> Account:
    """Return the account of some tasks; `put_off` are occurrences that were moved to another time by hand."""
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
    return Account(since, until, states, unexplained)
