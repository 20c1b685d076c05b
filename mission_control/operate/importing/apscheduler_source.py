"""The jobs of APScheduler 3 and the schedules of APScheduler 4, as the source of a program adds them.

Its stores hold jobs as pickles, which run code as they are loaded. They are never read.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mission_control.operate.importing.celery_beat import seconds_of
from mission_control.operate.importing.cron_fields import cron_expression, weekday_names
from mission_control.operate.importing.imported import Entry, UnmappableError
from mission_control.operate.importing.python_source import Called, PythonSource, name_of

_CRON: Final = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
_LEAST: Final = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
_UNITS: Final = ("weeks", "days", "hours", "minutes", "seconds")
_JOB: Final = {
    *("func", "trigger", "args", "kwargs", "id", "name", "max_instances", "coalesce", "misfire_grace_time"),
    *("replace_existing", "jobstore", "executor", "conflict_policy", "job_executor", "paused", "metadata"),
    "job_result_expiration_time",
}
_COMMON: Final = {
    "timezone": "timezone",
    "start_date": "start",
    "end_date": "end",
    "start_time": "start",
    "end_time": "end",  # APScheduler 4
}
_CALLED: Final = {"func", "func_or_task_id"}
_TRIGGERS: Final = {"CronTrigger": "cron", "IntervalTrigger": "interval", "DateTrigger": "date"}


def apscheduler_entries(text: str, source: str) -> Iterator[Entry]:
    """Yield what `add_job`, `scheduled_job` and `add_schedule` add in a source, which is not run."""
    program = PythonSource.parsed(text, source)
    for node in ast.walk(program.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_job" | "add_schedule" as how), args=args) if (
                args or node.keywords
            ):
                given = {one.arg: one.value for one in node.keywords}
                func = args[0] if args else given.get("func", given.get("func_or_task_id", node.func))
                if how == "add_job" or len(args) > 1 or "trigger" in given:
                    yield _entry(program, node, func, args[1:])
            case ast.FunctionDef(decorator_list=found) | ast.AsyncFunctionDef(decorator_list=found):
                for one in found:
                    if isinstance(one, ast.Call) and name_of(one.func).endswith("scheduled_job"):
                        yield _entry(program, one, ast.Name(node.name), one.args)


def _entry(program: PythonSource, node: ast.Call, func: ast.expr, args: list[ast.expr]) -> Entry:
    where, calls = f"line {node.lineno}", name_of(func)
    if isinstance(func, ast.Constant):
        calls = str(func.value).replace(":", ".")
    if not calls:
        return Entry(where, ast.unparse(node)[:60], unmappable="what it calls is known only when it runs")
    try:
        job = _job(program, node, args)
        return Entry(where, str(job.get("id", calls)), calls, job_fields(job))
    except UnmappableError as error:
        return Entry(where, calls, unmappable=str(error))


def _job(program: PythonSource, node: ast.Call, args: list[ast.expr]) -> dict[str, Any]:
    if None in {one.arg for one in node.keywords}:
        raise UnmappableError("its options are known only when the program runs")
    job = {str(one.arg): program.value(one.value) for one in node.keywords if one.arg not in _CALLED}
    return job if not args else {**job, "trigger": program.value(args[0])}


def job_fields(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a task for a job: what it was added with, by the names of APScheduler.

    Raises:
        UnmappableError: it has no equal.
    """
    if job.get("args"):
        raise UnmappableError(f"has positional args, {job['args']!r}; a handler has named params: use kwargs")
    trigger = job.get("trigger", "date")
    kind, given = trigger, {name: one for name, one in job.items() if name not in _JOB}
    if isinstance(trigger, Called):
        kind, given = _TRIGGERS.get(trigger.name, trigger.name), {**given, **trigger.kwargs}
        first, *more = trigger.args or [None]
        if trigger.name == "from_crontab":
            kind, given = "cron", {**given, **_crontab(str(first))}
        elif kind == "date" and first is not None:
            given["run_date"] = first
        elif first is not None:
            more = trigger.args
        if more:
            raise UnmappableError(f"its {trigger.name} has positional args, {more!r}; name them")
    fields: dict[str, Any] = {"schedule": _schedule(kind, given), "params": job.get("kwargs", {})}
    fields |= {"name": job["name"]} if job.get("name") else {}
    fields["overlap"] = "skip" if job.get("max_instances", 1) == 1 else "allow"
    grace = job.get("misfire_grace_time", 1)
    policy = "latest" if job.get("coalesce", True) else "all"
    grace = seconds_of(grace)
    fields["misfire"] = {"policy": policy, **({} if grace is None else {"grace_seconds": grace})}
    enabled = {"enabled": False} if job.get("paused") else {}
    return {**fields, **enabled, "retry_policy": {"max_retries": 0}}


def _schedule(kind: object, given: Mapping[str, Any]) -> dict[str, Any]:
    common = {
        ours: _zone(given[name]) if ours == "timezone" else given[name]
        for name, ours in _COMMON.items()
        if given.get(name) is not None
    }
    known = {"cron": _CRON, "interval": _UNITS, "date": ("run_date", "run_time")}.get(str(kind), ())
    if not known or (other := sorted(given.keys() - {*known, *_COMMON})):
        raise UnmappableError(
            f"has {', '.join(other)}, which no field stands for" if known else f"its trigger is {kind}"
        )
    if kind == "date":
        return {"type": "once", "at": given.get("run_date", given.get("run_time")), **common}
    if kind == "interval":
        anchor = {"anchor": common["start"]} if "start" in common else {}
        return {
            "type": "interval",
            **{name: given[name] for name in _UNITS if name in given},
            **anchor,
            **common,
        }
    return {"type": "cron", "expression": _expression(given), **common}


def _zone(value: object) -> object:
    return value.args[0] if isinstance(value, Called) and value.args else seconds_of(value)


def _crontab(text: str) -> dict[str, str]:
    parts = text.split()
    if len(parts) != 5:  # noqa: PLR2004
        raise UnmappableError(f"{text!r} does not have five fields")
    return dict(zip(("minute", "hour", "day", "month", "day_of_week"), parts, strict=True))


def _expression(given: Mapping[str, Any]) -> str:
    """Return the fields of a cron trigger: those after the last one that is given are at their least."""
    last = max((at for at, name in enumerate(_CRON) if name in given), default=len(_CRON))
    found = {
        name: str(given.get(name, "*" if at < last else _LEAST.get(name, "*"))).replace(" ", " ")
        for at, name in enumerate(_CRON)
    }
    for name in ("year", "week"):
        if found[name] != "*":
            raise UnmappableError(f"is limited to the {name} {found[name]}")
    day = "L" if found["day"] == "last" else found["day"]
    if " " in day:
        raise UnmappableError(f"is on the day {day}; write a monthly schedule")
    weekday = weekday_names(found["day_of_week"], first="mon")
    return cron_expression(found["minute"], found["hour"], day, found["month"], weekday, found["second"])
