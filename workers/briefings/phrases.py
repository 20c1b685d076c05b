"""What the daily briefing and the weekly review say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workers.briefings.figures import clock, counted
from workers.briefings.markdown import code, plain
from workers.briefings.task_runs import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mission_control.model.runs.run_record import RunRecord
    from workers.briefings.due_tasks import DueTask

_MOST_REASONS: Final = 5


def task_label(task_id: str, names: Mapping[str, str]) -> str:
    """Return how a task is called in a briefing: its name, if it has one of its own, and its id."""
    name = names.get(task_id, task_id)
    return code(task_id) if name == task_id else f"**{plain(name)}** ({code(task_id)})"


def due_times(due: DueTask, zone: ZoneInfo) -> str:
    """Return when a task is due within a day: its times, or its rule and how often that is."""
    return rule_and_count(due) if due.is_frequent else ", ".join(clock(moment, zone) for moment in due.times)


def rule_and_count(due: DueTask) -> str:
    """Return a task's rule and how often it is due, for example "every 15 minutes (96 times)"."""
    roughly = "more than " if due.is_more else "at most " if due.is_estimate else ""
    return f"{plain(due.task.schedule.describe())} ({roughly}{counted(due.count, 'time')})"


def with_reasons(head: str, runs: list[RunRecord]) -> str:
    """Return a list item with the reasons of `runs`: in its line if all have the same one, else below."""
    counts = reasons(runs)
    if len(counts) == 1:
        return f"{head}: {code(counts[0][0])}"
    return "\n".join([head, *reason_lines(runs)])


def reason_lines(runs: list[RunRecord]) -> list[str]:
    """Return a nested list of why runs did not succeed, the most frequent reason first."""
    counts = reasons(runs)
    lines = [f"  - {counted(count, 'time')}: {code(reason)}" for reason, count in counts[:_MOST_REASONS]]
    hidden = len(counts) - _MOST_REASONS
    return [*lines, f"  - … and {counted(hidden, 'other reason')}"] if hidden > 0 else lines


def with_gaps(summary: str, unreadable: list[str]) -> str:
    """Return a summary that admits it if something could not be read."""
    return f"{summary}; not everything could be read" if unreadable else summary
