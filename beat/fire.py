"""Carrying out a decision: ledger, message, next due instant.

The order makes a crash harmless: the run is entered and sent before the due instant moves on, and its id
is deterministic. Whoever finds the entry still due does the same again, and the ledger lets the run run
once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from beat.decision import Decision, Fire
from mission_control import events, redis_keys
from mission_control.ledger import RunState
from mission_control.ledger.run_record import occurrence_run
from mission_control.registry.redbeat_layout import redbeat_meta
from mission_control.run_audit import audit_ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from redis.commands.core import Script

    from beat.due_entries import DueTask
    from mission_control.installation import Installation
    from mission_control.ledger import RunRecord

# KEYS: 1 schedule (zset)  2 entry (hash)
# ARGV: 1 due instant it must still have  2 next due instant, "" for none  3 RedBeat meta
# Reply: 1 moved on, 0 somebody else has moved it
_ADVANCE: Final = """
local due = redis.call('ZSCORE', KEYS[1], KEYS[2])
if not due or tonumber(due) ~= tonumber(ARGV[1]) then
  return 0
end
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], KEYS[2])
else
  redis.call('ZADD', KEYS[1], ARGV[2], KEYS[2])
end
redis.call('HSET', KEYS[2], 'meta', ARGV[3])
return 1
"""


class Firing:
    """Carries out decisions about due tasks; `deliver` hands a run to whoever executes it."""

    def __init__(self, installation: Installation, deliver: Callable[[RunRecord], None]) -> None:
        self._installation = installation
        self._deliver = deliver

    def carry_out(self, due: DueTask, decision: Decision, now: datetime) -> list[RunRecord]:
        """Do what was decided about a due task and return the runs that were fired."""
        fired = []
        for action in decision.actions:
            run = occurrence_run(due.task, action.scheduled_time, now=now)
            if isinstance(action, Fire):
                self._fire(run)
                fired.append(run)
            else:
                self._miss(run, action.reason, now)
        self._advance_entry(due, decision.next_due, now)
        return fired

    def _fire(self, run: RunRecord) -> None:
        self._installation.ledger.dispatch(run)
        self._deliver(run)
        events.fired(run)

    def _miss(self, run: RunRecord, reason: str, now: datetime) -> None:
        missed = self._installation.ledger.record_unfired(run, RunState.MISSED, reason, at=now)
        if missed is not None:
            audit_ending(self._installation.audit, missed, at=now)
            events.missed(missed)

    def _advance_entry(self, due: DueTask, next_due: float | None, now: datetime) -> None:
        self._advance(
            keys=[redis_keys.REDBEAT_SCHEDULE, due.key],
            args=[repr(due.due), "" if next_due is None else repr(next_due), redbeat_meta(now)],
        )

    @cached_property
    def _advance(self) -> Script:
        return self._installation.client.register_script(_ADVANCE)
