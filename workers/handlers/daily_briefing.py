"""The daily briefing: what happened since the last one, and what the day brings."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.values.frozen_model import FrozenModel
from workers.briefings.agenda import events_on
from workers.briefings.briefing_file import write_briefing
from workers.briefings.daily import DailyFacts, daily_lines, headline
from workers.briefings.due_tasks import due_between
from workers.briefings.notes import recent_notes
from workers.briefings.occasion import Occasion, ZoneName, last_briefing, since_last_briefing
from workers.briefings.sources import Unreadable, enabled_tasks, finished_runs, waiting_for_retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mission_control.installation.installation import Installation


class _Params(FrozenModel):
    notes_dir: str | None = Field(default=None, min_length=1)
    calendar: str | None = Field(default=None, min_length=1)
    timezone: ZoneName | None = None


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Write the daily briefing as Markdown and return its path and a summary of one line.

    Params, all optional: notes_dir (a folder of Markdown notes), calendar (an ICS file), timezone.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    installation = current_installation()
    timezone = params.timezone if params.timezone is not None else installation.settings.timezone
    occasion = Occasion.of(context, timezone=timezone)
    facts = _gather(installation, occasion, params, context)
    path = write_briefing(
        installation.settings.data_dir / "briefings",
        f"{occasion.today.isoformat()}-{occasion.task_id}",
        daily_lines(facts),
        occasion.execution_id,
    )
    return success({"path": str(path), "summary": headline(facts)})


def _gather(
    installation: Installation, occasion: Occasion, params: _Params, context: Mapping[str, Any]
) -> DailyFacts:
    ledger, now, zone = installation.ledger, occasion.now, occasion.zone
    last = last_briefing(ledger, occasion)
    since = since_last_briefing(last, context, now)
    own = {occasion.execution_id, last.execution_id if last is not None else ""}
    unreadable = Unreadable()
    tasks = enabled_tasks(installation, unreadable)
    agenda = notes = None
    if params.calendar is not None:
        with unreadable.noted(f"the calendar {params.calendar}"):
            agenda = events_on(Path(params.calendar).expanduser(), occasion.today, zone)
    if params.notes_dir is not None:
        with unreadable.noted(f"the notes in {params.notes_dir}"):
            notes = recent_notes(Path(params.notes_dir).expanduser(), since)
    return DailyFacts(
        since=since,
        now=now,
        zone=zone,
        runs=[run for run in finished_runs(ledger, since) if run.execution_id not in own],
        waiting=waiting_for_retry(ledger),
        due=due_between(tasks, now, _end_of_day(occasion)),
        names={task.id: task.name for task in tasks},
        agenda=agenda,
        notes=notes,
        unreadable=unreadable.problems,
    )


def _end_of_day(occasion: Occasion) -> datetime:
    """Return the last instant of the local day; midnight itself is tomorrow."""
    tomorrow = occasion.today + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time.min, tzinfo=occasion.zone)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)
