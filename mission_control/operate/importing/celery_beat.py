"""The schedule of Celery Beat: `beat_schedule` in the source of a program, and RedBeat entries in Redis."""

import ast
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from mission_control.operate.importing.cron_fields import cron_expression, weekday_names
from mission_control.operate.importing.imported import Entry, UnmappableError
from mission_control.operate.importing.python_source import Called, PythonSource, name_of

_SCHEDULES: Final = {"beat_schedule", "CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"}
_ADDED: Final = "add_periodic_task"
_ZONES: Final = {"timezone", "CELERY_TIMEZONE"}
_FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_IN_ORDER: Final = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
_OPTIONS: Final = {"queue": "queue", "priority": "priority", "expires": "expires_seconds"}
_AS_BEAT_DOES: Final = {"overlap": "allow", "retry_policy": {"max_retries": 0}}


def beat_schedule_entries(text: str, source: str) -> Iterator[Entry]:
    """Yield the entries that stand in the source of a program, which is not run."""
    program = PythonSource.parsed(text, source)
    found = sorted(_assigned(program.tree), key=lambda one: one[2].lineno)
    zones = [one.value for name, _, one in found if name in _ZONES and isinstance(one, ast.Constant)]
    zone = str(zones[-1]) if zones else "UTC"
    for name, key, value in found:
        where = f"line {value.lineno}"
        if name == _ADDED or (name in _SCHEDULES and key is None and not isinstance(value, ast.Dict)):
            yield Entry(where, ast.unparse(value)[:60], unmappable="is known only when the program runs")
        elif name in _SCHEDULES and key is not None:
            yield _in_source(program, key, value, zone)
        elif name in _SCHEDULES and isinstance(value, ast.Dict):
            for at, one in zip(value.keys, value.values, strict=True):
                yield _in_source(program, one if at is None else at, one, zone)


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None, ast.expr]]:
    """Yield names, with the key in them if there is one, and what is assigned, or given as a keyword."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Subscript(value=table, slice=key)], value=value):
                yield name_of(table).rpartition(".")[2], key, value
            case (
                ast.Assign(targets=[target], value=value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                yield name_of(target).rpartition(".")[2], None, value
            case ast.keyword(arg=str(name), value=value):
                yield name, None, value
            case ast.Call(func=func) if name_of(func).rpartition(".")[2] == _ADDED:
                yield _ADDED, None, node


def _in_source(program: PythonSource, key: ast.expr, node: ast.expr, zone: str) -> Entry:
    where, name = f"line {key.lineno}", ast.unparse(key)
    try:
        name, entry = str(program.value(key)), program.value(node)
        return beat_entry(where, name, entry, zone)
    except UnmappableError as error:
        return Entry(where, name, unmappable=str(error))


def stored_entries(definitions: Mapping[str, str]) -> Iterator[Entry]:
    """Yield RedBeat entries by their names; their crontabs are in UTC."""
    for name, text in definitions.items():
        try:
            entry = json.loads(text)
            yield beat_entry(
                "Redis", name, {**entry, "schedule": Called(**_called(entry["schedule"]))}, "UTC"
            )
        except UnmappableError as error:
            yield Entry("Redis", name, unmappable=str(error))
        except (ValueError, TypeError, LookupError):
            yield Entry("Redis", name, unmappable="is damaged")


def _called(schedule: Mapping[str, Any]) -> dict[str, Any]:
    kind = schedule["__type__"]
    given = {name: one for name, one in schedule.items() if name != "__type__"}
    if kind == "interval":
        given = {"run_every": given["every"], "relative": given.get("relative", False)}
    return {"name": "schedule" if kind == "interval" else kind, "args": [], "kwargs": given}


def beat_entry(where: str, name: str, entry: object, zone: str) -> Entry:
    """Return an entry of Celery Beat.

    Raises:
        UnmappableError: it has no equal.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("task"), str):
        raise UnmappableError("names no task")
    if entry.get("args"):
        raise UnmappableError(
            f"has positional args, {entry['args']!r}; a handler has named params: use kwargs"
        )
    if entry.get("relative"):
        raise UnmappableError("is relative: its times depend on when beat was started")
    options = entry.get("options") or {}
    if other := sorted(options.keys() - _OPTIONS.keys()):
        raise UnmappableError(f"has the options {', '.join(other)}, which no field stands for")
    given = {_OPTIONS[key]: seconds_of(one) for key, one in options.items() if one is not None}
    fields = {"schedule": _schedule(entry.get("schedule"), zone), "params": entry.get("kwargs") or {}}
    enabled = {} if entry.get("enabled", True) else {"enabled": False}
    return Entry(where, name, entry["task"], {**fields, **given, **enabled, **_AS_BEAT_DOES})


def seconds_of(value: object) -> object:
    """Return a `timedelta(…)` as seconds, and anything else as it is."""
    if isinstance(value, Called) and value.name == "timedelta" and not value.args:
        try:
            return timedelta(**value.kwargs).total_seconds()
        except TypeError as error:
            raise UnmappableError(f"timedelta: {error}") from error
    if isinstance(value, Called):
        raise UnmappableError(f"{value.name}(…) is known only when the program runs")
    return value


def _schedule(value: object, zone: str) -> dict[str, Any]:
    match value:
        case Called("crontab", args, kwargs) if len(args) <= len(_FIELDS):
            given = {
                **dict(zip(_IN_ORDER, args, strict=False)),
                **kwargs,
            }
            if other := sorted(given.keys() - {*_FIELDS}):
                raise UnmappableError(f"its crontab has {', '.join(other)}, which is known only to Celery")
            minute, hour, day, month, weekday = (_cron_field(given.get(name, "*")) for name in _FIELDS)
            expression = cron_expression(minute, hour, day, month, weekday_names(weekday, first="sun"))
            return {"type": "cron", "expression": expression, "timezone": zone}
        case Called("solar", [event, latitude, longitude], {}):
            return {"type": "solar", "event": event, "latitude": latitude, "longitude": longitude}
        case Called("schedule", args, kwargs) if not kwargs.get("relative"):
            (every,) = args or [kwargs.get("run_every")]
            return {"type": "interval", "seconds": seconds_of(every)}
        case Called("clocked", [at], {}):
            return {"type": "once", "at": at}
        case Called("timedelta") | int() | float():
            return {"type": "interval", "seconds": seconds_of(value)}
        case Called(name):
            raise UnmappableError(f"its schedule, {name}(…), has no equal that is known without running it")
    raise UnmappableError("has no schedule")


def _cron_field(value: object) -> str:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) for one in found):
        raise UnmappableError("its crontab is known only when the program runs")
    return ",".join(str(one).replace(" ", "") for one in found)
