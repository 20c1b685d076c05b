"""The run that a briefing is written in, and from when on it tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator

from mission_control.model.runs.run_state import RunState
from mission_control.model.values.zones import zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mission_control.ledger.ledger import Ledger
    from mission_control.model.runs.run_record import RunRecord

_DAY: Final = timedelta(days=1)
_RUNS_LOOKED_BACK_AT: Final = 50


def _known_zone(name: str) -> str:
    return zone(name).key


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The name of a time zone, as a param has it."""


@dataclass(frozen=True)
class Occasion:
    """The run that a briefing is written in; its scheduled time is the briefing's "now", in UTC."""

    task_id: str
    execution_id: str
    now: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, context: Mapping[str, Any], *, timezone: str) -> Occasion:
        """Read the occasion from a handler's context."""
        now = context["scheduled_time"].astimezone(UTC)
        return cls(context["task_id"], context["execution_id"], now, zone(timezone))

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()


def last_briefing(ledger: Ledger, occasion: Occasion) -> RunRecord | None:
    """Return the last successful run of the briefing's own task before this one."""
    runs = ledger.runs_of(occasion.task_id, limit=_RUNS_LOOKED_BACK_AT)
    done = [
        run for run in runs if run.state is RunState.SUCCESS and run.execution_id != occasion.execution_id
    ]
    return max(done, key=lambda run: run.scheduled_time, default=None)


def since_last_briefing(last: RunRecord | None, context: Mapping[str, Any], now: datetime) -> datetime:
    """Return from when on a briefing tells: what ended while the last one was being written counts as new.

    Without an earlier briefing, or with one of a later time (a backfill), the last 24 hours are told.
    """
    began = last.started_at if last is not None else None
    since = began if began is not None else context.get("last_success_time")
    return since if since is not None and since < now else now - _DAY
