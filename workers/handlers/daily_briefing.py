"""The daily briefing: what happened since the last one, and what is due today."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.fields import FrozenModel, ZoneName
from workers.briefings.agenda import AgendaEntry, Note, events_on, recent_notes
from workers.briefings.markdown import render
from workers.briefings.occasion import Occasion, last_briefing, since_last_briefing, write_briefing
from workers.briefings.sources import Unreadable, due_between, enabled_tasks, finished_runs
from workers.briefings.task_runs import TaskRuns, by_task


class _Params(FrozenModel):
    notes_dir: str | None = Field(default=None, min_length=1)
    calendar: str | None = Field(default=None, min_length=1)
    timezone: ZoneName | None = None


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Write the daily briefing as Markdown and return its path and a one-line summary.

    Params, all optional: notes_dir (a folder of Markdown notes), calendar (an ICS file), timezone.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    installation = current_installation()
    settings = installation.settings
    occasion = Occasion.of(context, params.timezone, settings.timezone)
    unreadable = Unreadable()
    tasks = enabled_tasks(installation.registry, unreadable)
    past = _past(installation.ledger, occasion, context)
    page = render(
        "daily",
        zone=occasion.zone,
        now=occasion.now,
        today=occasion.today,
        due=due_between(tasks, occasion.now, _end_of_day(occasion)),
        names={task.id: task.name for task in tasks},
        agenda=_agenda(params.calendar, occasion, unreadable),
        notes=_notes(params.notes_dir, past["since"], unreadable),
        unreadable=unreadable.problems,
        **past,
    )
    stem = f"{occasion.today.isoformat()}-{occasion.task_id}"
    path = write_briefing(settings.data_dir / "briefings", stem, page.text, occasion.execution_id)
    return success({"path": str(path), "summary": page.summary})


def _past(ledger: Ledger, occasion: Occasion, context: Mapping[str, Any]) -> dict[str, Any]:
    last = last_briefing(ledger, occasion)
    since = since_last_briefing(last, context, occasion.now)
    own = {occasion.execution_id, last.execution_id if last is not None else ""}
    runs = [run for run in finished_runs(ledger, since) if run.execution_id not in own]
    waiting = [run for run in ledger.active() if run.state is RunState.RETRYING]
    return {"since": since, "all": TaskRuns("", runs), "tasks": by_task(runs), "waiting": waiting}


def _agenda(calendar: str | None, occasion: Occasion, unreadable: Unreadable) -> list[AgendaEntry] | None:
    if calendar is not None:
        with unreadable.noted(f"the calendar {calendar}"):
            return events_on(Path(calendar).expanduser(), occasion.today, occasion.zone)
    return None


def _notes(folder: str | None, since: datetime, unreadable: Unreadable) -> list[Note] | None:
    if folder is not None:
        with unreadable.noted(f"the notes in {folder}"):
            return recent_notes(Path(folder).expanduser(), since)
    return None


def _end_of_day(occasion: Occasion) -> datetime:
    """Return the last instant of the local day; midnight itself belongs to tomorrow."""
    tomorrow = occasion.today + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time.min, tzinfo=occasion.zone)
    return midnight.astimezone(UTC) - timedelta(microseconds=1)
