"""The periodic tasks of django-celery-beat, as `manage.py dumpdata django_celery_beat` writes them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mission_control.errors import TaskFileError
from mission_control.operate.importing.celery_beat import beat_entry
from mission_control.operate.importing.imported import Entry, UnmappableError
from mission_control.operate.importing.python_source import Called

_APP: Final = "django_celery_beat."
_KINDS: Final = ("interval", "crontab", "solar", "clocked")
_ROUTES: Final = ("exchange", "routing_key")
_OPTIONS: Final = {"queue": "queue", "priority": "priority", "expire_seconds": "expires"}

Objects = Mapping[tuple[str, Any], Mapping[str, Any]]


def dumped_entries(text: str, source: str) -> Iterator[Entry]:
    """Yield the periodic tasks of a fixture.

    Raises:
        TaskFileError: it is none.
    """
    try:
        found = [dict(one) for one in (json.loads(text) or [None])]
        objects: Objects = {(one["model"].removeprefix(_APP), one["pk"]): one["fields"] for one in found}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise TaskFileError(f"{source}: is no fixture of `manage.py dumpdata django_celery_beat`") from error
    for (model, pk), fields in objects.items():
        if model == "periodictask":
            name = str(fields.get("name", pk))
            try:
                yield _entry(f"{model} {pk}", name, fields, objects)
            except UnmappableError as error:
                yield Entry(f"{model} {pk}", name, unmappable=str(error))
            except (ValueError, TypeError, LookupError):
                yield Entry(f"{model} {pk}", name, unmappable="is damaged")


def _entry(where: str, name: str, fields: Mapping[str, Any], objects: Objects) -> Entry:
    kind = next((one for one in _KINDS if fields.get(one) is not None), None)
    if kind is None:
        raise UnmappableError("has no schedule")
    if (schedule := objects.get((f"{kind}schedule", fields[kind]))) is None:
        raise UnmappableError(f"its {kind}schedule {fields[kind]} is not in the file; dump the whole app")
    if fields.get("one_off") and kind != "clocked":
        raise UnmappableError(f"runs at the first time of its {kind} only; write a once schedule")
    if other := [one for one in _ROUTES if fields.get(one)] or [*json.loads(fields.get("headers") or "{}")]:
        raise UnmappableError(f"has the options {', '.join(other)}, which no field stands for")
    given = {
        "task": fields["task"],
        "args": json.loads(fields.get("args") or "[]"),
        "kwargs": json.loads(fields.get("kwargs") or "{}"),
        "enabled": fields.get("enabled", True),
        "options": {ours: fields[one] for one, ours in _OPTIONS.items() if fields.get(one) is not None},
        "schedule": _schedule(kind, schedule),
    }
    zone = str(schedule.get("timezone") or "UTC")
    found = beat_entry(where, name, given, zone)
    limits = {
        ours: fields[one] for one, ours in (("start_time", "start"), ("expires", "end")) if fields.get(one)
    }
    described = {"description": fields["description"]} if fields.get("description") else {}
    return found._replace(
        fields={**found.fields, **described, "schedule": {**found.fields["schedule"], **limits}}
    )


def _schedule(kind: str, fields: Mapping[str, Any]) -> Called:
    match kind:
        case "interval":
            return Called("timedelta", [], {fields["period"]: fields["every"]})
        case "crontab":
            given = {name: one for name, one in fields.items() if name != "timezone"}
            return Called("crontab", [], given)
        case "solar":
            return Called(
                "solar", [fields["event"], *(float(fields[one]) for one in ("latitude", "longitude"))], {}
            )
    return Called("clocked", [fields["clocked_time"]], {})
