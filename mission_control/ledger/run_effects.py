"""What a running attempt does while its handler runs: effects marked once, limits cooled down, spending."""

import json

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys


class RunEffects(RunReader):
    """The ledger, for handlers."""

    def mark_once(self, run: RunRecord, key: str) -> bool:
        """Mark the run's effect `key` before it happens; False if it was marked before.

        False, too, if this attempt no longer has the run.
        """
        return self._note_once(run, key, "1")

    def forget_once(self, run: RunRecord, key: str) -> bool:
        """Take back a mark of `mark_once`, because the effect certainly did not happen."""
        return self._note_once(run, key, "0")

    def is_marked(self, run: RunRecord, key: str) -> bool:
        """Return whether the run's effect `key` was marked."""
        return bool(self._client.sismember(redis_keys.effects(run.execution_id), key))

    def cool_down(self, run: RunRecord, limit: str, seconds: float) -> bool:
        """Let no run begin by a limit of a running run for a while, nor by its value of the limit's `per`.

        False if this attempt no longer has the run, or the limit was removed.
        """
        keys = [redis_keys.run(run.execution_id), redis_keys.LIMITS]
        args: list[str | float] = [limit, seconds, fence_of(run), RunState.RUNNING]
        return bool(self._script("cool_down")(keys=keys, args=args))

    def spend(self, run: RunRecord, *, usd: int, tokens: int) -> bool:
        """Count what a run has spent, `usd` in billionths, even if another worker has it now.

        True if something is left of each of its budgets.
        """
        keys = [redis_keys.run(run.execution_id), redis_keys.BUDGETS, redis_keys.NOTICES]
        args: list[str | int] = [run.execution_id, usd, tokens, json.dumps(run.budgets or [])]
        return bool(self._script("spend")(keys=keys, args=args))

    def note_condition_seen(self, task_id: str, seen: str) -> None:
        """Note what the condition of a run that succeeded saw; the next occurrences are compared with it."""
        self._client.hset(redis_keys.history(task_id), "condition_seen", seen)

    def _note_once(self, run: RunRecord, key: str, action: str) -> bool:
        keys = [redis_keys.run(run.execution_id), redis_keys.effects(run.execution_id)]
        return bool(self._script("mark_once")(keys=keys, args=[fence_of(run), key, action, RunState.RUNNING]))


def fence_of(run: RunRecord) -> str:
    """Return the fence of a claim as scripts take it, "" for any."""
    return "" if run.fence is None else str(run.fence)
