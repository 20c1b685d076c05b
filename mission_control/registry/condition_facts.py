"""What built-in conditions are decided by: the task's history, a file, the outputs of the tasks before it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from redis import Redis

from mission_control.files.outside_file import file_state
from mission_control.ledger.upstream_runs import UpstreamRuns
from mission_control.model.definitions.condition import Condition
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.policies.condition import ConditionFacts
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys

_FIELDS = ("consecutive_failures", "condition_seen", "last_run")


def condition_facts(
    client: Redis, task_id: str, condition: Condition, after: Sequence[Dependency], now: datetime
) -> ConditionFacts:
    """Return the facts about a task now; two round trips at most, and a few for each task before it.

    Raises:
        RedisError: Redis refuses, or cannot be reached.
    """
    stored: Any = client.hmget(redis_keys.history(task_id), _FIELDS)
    failures, known, last_run = stored
    state: str | None = None
    missing = ""
    if condition.file_changed is not None:
        state, missing = _state_of_file(Path(condition.file_changed))
    elif condition.upstream_changed:
        state, missing = UpstreamRuns(client).state_of_outputs(after, now), "no task before it has run yet"
    began = None if last_run is None else parse_instant(last_run)
    return ConditionFacts(int(failures or 0), state, missing, known, began)


def _state_of_file(path: Path) -> tuple[str | None, str]:
    try:
        found = file_state(path)
    except FileNotFoundError:
        return None, f"there is no file {path}"
    except OSError as error:
        return None, f"{path} cannot be looked at: {error.strerror or error}"
    return f"{found.inode}:{found.changed_ns}:{found.size}", ""
