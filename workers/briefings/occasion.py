"""The run that writes a briefing, and where the period that it reports begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.zones import zone

_DAY: Final = timedelta(days=1)
_MOST_RUNS_SEARCHED: Final = 50


@dataclass(frozen=True)
class Occasion:
    """The run that writes a briefing; its scheduled time is the briefing's "now", in UTC."""

    task_id: str
    execution_id: str
    now: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, context: Mapping[str, Any], timezone: str | None, default_timezone: str) -> Self:
        """Read the occasion from a handler's context."""
        now = context["scheduled_time"].astimezone(UTC)
        return cls(
            context["task_id"],
            context["execution_id"],
            now,
            zone(default_timezone if timezone is None else timezone),
        )

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()


def last_briefing(ledger: Ledger, occasion: Occasion) -> RunRecord | None:
    """Return the latest other successful run of the briefing's own task."""
    runs = ledger.runs_of(occasion.task_id, limit=_MOST_RUNS_SEARCHED)
    others = (run for run in runs if run.execution_id != occasion.execution_id)
    done = (run for run in others if run.state is RunState.SUCCESS)
    return max(done, key=lambda run: run.scheduled_time, default=None)


def since_last_briefing(last: RunRecord | None, context: Mapping[str, Any], now: datetime) -> datetime:
    """Return the start of the last briefing's run, so that what ended while it was written counts as new.

    Without an earlier briefing, or with one that is later than `now` (a backfill): 24 hours before `now`.
    """
    began = last.started_at if last is not None else None
    since = began if began is not None else context.get("last_success_time")
    return since if since is not None and since < now else now - _DAY
