"""*Editor*: a task as a form; what its schedule means while it is typed, and the plan before it is saved."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import Any, Final

from mission_control.errors import InvalidTaskError, MissionControlError, PlanRefusedError
from mission_control.files.json_file import parse_json, strict_json
from mission_control.model.definitions.schedules.shorthand.schedules import full_schedule
from mission_control.operate.clock_changes import clock_change_words
from mission_control.operate.next_times import bare_schedule, upcoming
from mission_control.operate.plan.carrying_out import carry_out
from mission_control.operate.plan.planning import CheckedFiles, plan_of
from mission_control.operate.plan.shown_plan import shown_plan
from mission_control.operate.plan.task_plan import Plan
from mission_control.operate.tasks import existing_task
from mission_control.registry.checked_task import CheckedTask, CheckedTasks
from mission_control.web.pages.rendering import fragment
from mission_control.web.pages.visit import Visit, wrong

_SHOWN: Final = 10
_OWN: Final = ("id", "name", "description", "schedule", "handler", "params", "enabled", "metadata")
FIELDS: Final = (
    "id",
    "name",
    "description",
    "schedule",
    "timezone",
    "handler",
    "params",
    "more",
    "base",
    "enabled",
)


def read(visit: Visit) -> dict[str, Any]:
    """Return the fields of the form: as they were sent, those of a task, or those of a new one."""
    here, task_id = visit.installation, visit.path.get("task_id")
    fields = dict.fromkeys(FIELDS, "") | {"timezone": here.settings.timezone, "enabled": "on", "params": "{}"}
    file = None if task_id is None else here.registry.planned.files.of(task_id)
    if visit.text("form"):
        fields |= {name: visit.query.get(name, "") for name in FIELDS}
    elif task_id is not None:
        fields |= _fields(existing_task(here.registry, task_id).to_dict())
    elif visit.caller is not None and visit.own is not None:
        fields["more"] = json.dumps(visit.caller.mark(), ensure_ascii=False, indent=1)
    preview = preview_of(visit, fields) if fields["schedule"] else None
    handlers = sorted(here.catalog.handlers())
    return {"task_id": task_id, "fields": fields, "handlers": handlers, "preview": preview, "file": file}


def _fields(definition: dict[str, Any]) -> dict[str, str]:
    schedule = dict(definition.get("schedule") or {})
    zone = str(schedule.pop("timezone", ""))
    more = {name: one for name, one in definition.items() if name not in _OWN}
    return {
        **{name: str(definition.get(name, "")) for name in ("id", "name", "description", "handler")},
        "schedule": json.dumps(schedule, ensure_ascii=False) if schedule else "",
        "timezone": zone,
        "params": json.dumps(definition.get("params", {}), ensure_ascii=False, indent=1),
        "more": json.dumps(more, ensure_ascii=False, indent=1) if more else "",
        "enabled": "on" if definition.get("enabled", True) else "",
        "base": str(definition.get("metadata", {}).get("revision", "")),
    }


def preview_of(visit: Visit, fields: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what a schedule means: in words, its next occurrences, and clock changes; or what is wrong."""
    given = dict(visit.query) if fields is None else fields
    found: dict[str, Any] = {"words": "", "times": [], "clocks": [], "problem": "", "task_zone": visit.zone}
    if not given.get("schedule", "").strip():
        return {**found, "problem": "write a schedule, such as every 5m or daily 09:00"}
    try:
        rule = bare_schedule(_schedule(given, visit.now, visit.installation.settings.timezone))
        times = [one.due for one in islice(upcoming(rule, visit.now), _SHOWN)]
    except (MissionControlError, ValueError) as error:
        return {**found, "problem": str(error).removeprefix("--schedule: ")}
    clocks = clock_change_words(rule, visit.now)
    return {**found, "words": rule.describe(), "times": times, "clocks": clocks, "task_zone": rule.zone}


def _schedule(given: dict[str, str], now: datetime, default: str) -> dict[str, Any]:
    """Return the full form of a schedule that is given in words or as JSON.

    Raises:
        ValueError: it is neither.
    """
    text, zone = given["schedule"].strip(), given.get("timezone", "").strip() or default
    try:
        found: Any = strict_json(text) if text.startswith("{") else None
    except (ValueError, RecursionError) as error:
        raise wrong("schedule", f"is no JSON: {error}") from error
    if found is None:
        found = full_schedule(text, now=now, default_timezone=zone)
    return {"timezone": zone, **found}


def definition_of(visit: Visit) -> dict[str, Any]:
    """Return the definition that the form describes.

    Raises:
        InvalidTaskError: a field cannot be read.
    """
    given = {name: visit.text(name) for name in FIELDS}
    more, params = _json(given["more"], "more"), _json(given["params"], "params")
    if taken := sorted(set(more) & set(_OWN)):
        raise wrong("more", f"{taken[0]} has a field of its own in this form")
    found = {**more, "id": given["id"], "handler": given["handler"], "params": params}
    found |= {name: given[name] for name in ("name", "description") if given[name]}
    if given["schedule"]:
        try:
            found["schedule"] = _schedule(given, visit.now, visit.installation.settings.timezone)
        except InvalidTaskError:
            raise
        except ValueError as error:
            raise wrong("schedule", str(error)) from error
    return {**found, "enabled": bool(given["enabled"])}


def _json(text: str, field: str) -> dict[str, Any]:
    found: Any = parse_json(text.encode(), field) if text else {}
    if not isinstance(found, dict):
        raise wrong(field, 'is no JSON object, such as {"name": "tea"}')
    return found


def _plan(visit: Visit) -> Plan:
    """Return the plan of what is in the form.

    Raises:
        PlanRefusedError: a file or another owner has the task, or it was changed since the form was opened.
        GrantRefusedError: it would not be the caller's.
    """
    registry, task_id = visit.installation.registry, visit.text("id")
    if not visit.shows(task_id) and task_id in registry.ids():
        raise PlanRefusedError(f"{task_id} is no task of yours, and is there already; choose another id")
    if file := registry.planned.files.of(task_id):
        raise PlanRefusedError(f"{task_id} belongs to the file {file}; change it there and apply it")
    task = CheckedTask.of(registry.check.parse_new(definition_of(visit)))
    visit.require_own(task.definition)
    tasks = CheckedTasks()
    tasks.add(task.id, task)
    plan = plan_of(registry, CheckedFiles(tasks, {}, "changed on the page", ()))
    seen = plan.tasks[task.id].seen
    base = "" if seen is None else str(seen.definition["metadata"]["revision"])
    if base != visit.text("base"):
        what = (
            "the id is taken; choose another"
            if not visit.text("base")
            else "open it again, and repeat the change"
        )
        raise PlanRefusedError(f"{task.id} was changed by someone else, or is there already: {what}")
    return plan


def plan_page(visit: Visit) -> str:
    """Return the page that shows what saving the form would do. Changes nothing.

    Raises:
        MissionControlError: the form cannot be saved; says why.
    """
    here, plan = visit.installation, _plan(visit)
    shown = shown_plan(here.registry, here.client, here.resources, plan, visit.now)
    fields = {name: visit.query.get(name, "") for name in FIELDS}
    preview = preview_of(visit, fields) if fields["schedule"] else None
    theme = visit.query.get("theme", "")
    return fragment("plan.html", visit, plan=plan, shown=shown, fields=fields, preview=preview, theme=theme)


def saved(visit: Visit) -> str:
    """Save what is in the form, and return the id of its task.

    Raises:
        MissionControlError: it cannot be saved; says why.
    """
    here, plan = visit.installation, _plan(visit)
    carry_out(here.registry, here.resources, plan, must_be_as_seen=True)
    return visit.text("id")
