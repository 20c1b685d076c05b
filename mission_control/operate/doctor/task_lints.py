"""Definitions that do not do what they seem to: one finding of a kind, about however many tasks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from shlex import quote
from typing import Any, Final

from mission_control.model.definitions.due_times import spread_of
from mission_control.model.definitions.named_limit import LimitUse, value_at
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.retry import longest_retrying
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import duration
from mission_control.model.values.rates import parse_rate
from mission_control.operate.doctor.evidence import Service
from mission_control.operate.issue import Issue, listed

BUSY: Final = 1_000
_MINUTE: Final = 60
_AGENTS: Final = ("agent:", "grant:")
MOST_TASKS: Final = 20_000
_MOST_TIMES: Final = 30_000
_LEAST_EACH: Final = 3
_MOST_EACH: Final = 100


def skips_without_timeout(service: Service, timetable: Timetable) -> Iterator[Issue]:
    """Yield the tasks of which a run that hangs ends all others."""
    found = [
        one
        for one in _enabled(service)
        if one.overlap == "skip" and one.timeout_seconds is None and timetable.period(one.id) is not None
    ]
    if found:
        problem = f"without a time limit, a run that hangs has all later ones skipped: {_named(found)}"
        remedy = f"`{_update(found[0], timeout_seconds=3600)}`, or another overlap policy"
        yield Issue("skip_without_timeout", problem, remedy, _evidence(found))


def retries_outlast_period(service: Service, timetable: Timetable) -> Iterator[Issue]:
    """Yield the tasks of which a failing run is still retried when the next occurrence is due."""
    found = [
        (one, lasts, timedelta(seconds=period))
        for one in _enabled(service)
        if not one.schedule.is_fixed_delay
        and (period := timetable.period(one.id)) is not None
        and (lasts := longest_retrying(one.retry_policy)).total_seconds() > period
    ]
    for first, lasts, gap in found[:1]:
        tasks = [one for one, _, _ in found]
        delay = int(first.retry_policy.retry_delay_seconds * (gap / lasts))
        spans = f"{duration(lasts)}, due every {duration(gap)}"
        problem = f"retries outlast the time to the next occurrence: {_named(tasks)} ({first.id}: {spans})"
        setting = f"retry_policy.retry_delay_seconds={delay}"
        remedy = f"such as `mission-control task update {quote(first.id)} --set {setting}`"
        yield Issue("retries_outlast_period", problem, remedy, _evidence(tasks))


def rates_below_demand(service: Service, timetable: Timetable) -> Iterator[Issue]:
    """Yield the limits whose rate is below what their tasks are due, so that ever more runs wait."""
    users: dict[tuple[str, Any], list[tuple[TaskDefinition, LimitUse]]] = defaultdict(list)
    for task in _enabled(service):
        for use in task.limits:
            limit = service.limits.get(use.name)
            if limit is not None and limit.rate is not None:
                value = None if limit.per is None else value_at(limit.per, task.params)
                users[use.name, str(value)].append((task, use))
    for (name, value), used_by in users.items():
        limit = service.limits[name]
        count, seconds = parse_rate(limit.rate or "")
        demand = seconds * sum(timetable.per_second(task.id) * use.weight for task, use in used_by)
        if demand > count:
            tasks = [task for task, _ in used_by]
            of = name if limit.per is None else f"{name} ({limit.per} {value})"
            need = f"its tasks need {demand:,.4g} in {duration(timedelta(seconds=seconds))}"
            problem = f"limit {of} lets {limit.rate} begin, and {need}: {_named(tasks)}"
            rate = f"{-(-demand // 1):.0f}/{seconds:.0f}s"
            remedy = f"`mission-control limit set {quote(name)} --rate {rate}`, or fewer occurrences"
            yield Issue(
                "rate_below_demand", problem, remedy, {"limit": name, "needed": demand, **_evidence(tasks)}
            )


def busy_minutes(service: Service, timetable: Timetable) -> Iterator[Issue]:
    """Yield the busiest minute to come, if it is a very busy one."""
    minutes = Counter(int(at // _MINUTE) for times in timetable.times.values() for at in times)
    minute, count = max(minutes.items(), key=lambda one: one[1], default=(0, 0))
    if count < BUSY:
        return
    at = datetime.fromtimestamp(minute * _MINUTE, UTC)
    due = {name for name, times in timetable.times.items() if any(one // _MINUTE == minute for one in times)}
    tasks = [one for one in _enabled(service) if one.id in due]
    schedule = tasks[0].to_dict()["schedule"]
    command = _update(tasks[0], schedule={**schedule, "spread_seconds": 600})
    problem = f"{count:,} occurrences are due in the minute of {format_instant(at)}: {_named(tasks)}"
    evidence = {"minute": format_instant(at), "occurrences": count, **_evidence(tasks)}
    yield Issue("busy_minute", problem, f"spread them, each by an offset of its own: `{command}`", evidence)


def unbounded_agents(service: Service, timetable: Timetable) -> Iterator[Issue]:
    """Yield the tasks of agents that never end, and those that may spend without a budget."""
    agents = [one for one in _enabled(service) if is_of_agent(one)]
    endless = [one for one in agents if one.schedule.has_occurrences and not _ends(one)]
    unpaid = [one for one in agents if not one.budgets]
    if endless:
        schedule = endless[0].to_dict()["schedule"]
        end = (timetable.now + timedelta(days=30)).date().isoformat()
        command = _update(endless[0], schedule={**schedule, "end": end})
        yield Issue(
            "unbounded_agent",
            f"tasks of agents have no end: {_named(endless)}",
            f"`{command}`",
            _evidence(endless),
        )
    if unpaid:
        first = quote(unpaid[0].id)
        command = f"mission-control task update {first} --set 'budgets=[\"NAME\"]'"
        remedy = f"`mission-control budget set NAME --runs 200/d`, then `{command}`"
        yield Issue(
            "unbounded_agent", f"tasks of agents have no budget: {_named(unpaid)}", remedy, _evidence(unpaid)
        )


LINTS: Final[tuple[Callable[[Service, Timetable], Iterator[Issue]], ...]] = (
    skips_without_timeout,
    retries_outlast_period,
    rates_below_demand,
    busy_minutes,
    unbounded_agents,
)


def is_of_agent(task: TaskDefinition) -> bool:
    """Return whether an agent owns a task or has created it."""
    return any((name or "").startswith(_AGENTS) for name in (task.owner, task.metadata.created_by))


def _ends(task: TaskDefinition) -> bool:
    return task.schedule.end is not None or task.schedule.type == "once"


def _enabled(service: Service) -> Iterable[TaskDefinition]:
    return (one for one in service.tasks if one.enabled)


def _named(tasks: Sequence[TaskDefinition]) -> str:
    return listed([one.id for one in tasks])


def _evidence(tasks: Sequence[TaskDefinition]) -> dict[str, Any]:
    return {"tasks": [one.id for one in tasks], "count": len(tasks)}


def _update(task: TaskDefinition, **fields: Any) -> str:  # noqa: ANN401  # JSON values
    settings = (f"--set {quote(f'{name}={json.dumps(value)}')}" for name, value in fields.items())
    return f"mission-control task update {quote(task.id)} {' '.join(settings)}"


@dataclass(frozen=True)
class Timetable:
    """The next due times of each enabled task with a schedule, in Unix seconds, by its id.

    `left_out` tasks were not looked at.
    """

    now: datetime
    times: Mapping[str, Sequence[float]]
    left_out: int = 0

    def period(self, task_id: str) -> float | None:
        """Return the shortest time between two occurrences, in seconds; None if there is no second one."""
        times = self.times.get(task_id, ())
        return min((later - one for one, later in pairwise(times)), default=None)

    def per_second(self, task_id: str) -> float:
        """Return how often a task is due in a second, on average."""
        times = self.times.get(task_id, ())
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def timetable_of(tasks: Sequence[TaskDefinition], now: datetime) -> Timetable:
    """Return when enabled tasks are due next: of few tasks the next hundred times, of many the next three."""
    due = [one for one in tasks if one.enabled and one.schedule.has_occurrences]
    looked_at = due[:MOST_TASKS]
    each = max(_LEAST_EACH, min(_MOST_EACH, _MOST_TIMES // max(1, len(looked_at))))
    times = {one.id: [*islice(_times(one, now), each)] for one in looked_at}
    return Timetable(now, times, len(due) - len(looked_at))


def _times(task: TaskDefinition, now: datetime) -> Iterator[float]:
    spread = spread_of(task).total_seconds()
    return (nominal.timestamp() + spread for nominal in task.schedule.occurrences(now))
