"""What forms change: each action takes the fields of a form, acts by `operate/`, and says what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

from mission_control.dispatch.enqueue import Dispatch
from mission_control.dispatch.run_control import CancelReply, RunControl, existing_run
from mission_control.errors import PlanRefusedError
from mission_control.files.json_file import parse_json
from mission_control.installation.installation import acting_user
from mission_control.model.definitions.schedules.clock.wall_clock import only_instant
from mission_control.model.definitions.schedules.shorthand.moments import spoken_moment
from mission_control.model.policies.pause import PauseKind
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import counted
from mission_control.operate.assembly import granted_changes, occurrences_of, pausing, resuming
from mission_control.operate.plan.carrying_out import carry_out
from mission_control.operate.plan.planning import plan_of_revision
from mission_control.operate.plan.task_plan import changed_tasks
from mission_control.operate.tasks import existing_task, naming_nearest_task
from mission_control.web.access.caller import Permission
from mission_control.web.pages.views.editor import plan_page, saved
from mission_control.web.pages.visit import Visit, wrong
from mission_control.web.paths import segment

Form = Sequence[tuple[str, str]]
_YEAR: Final = 31_536_000


@dataclass(frozen=True)
class Done:
    """What was done, in words, and the page that shows it; the page that the form was on by default."""

    said: str = ""
    to: str = ""
    cookies: Sequence[tuple[str, str, int]] = ()


def _names(form: Form, field: str) -> list[str]:
    """Return the tasks or runs that a form names, each once.

    Raises:
        InvalidTaskError: it names none.
    """
    found = list(dict.fromkeys(value for name, value in form if name == field and value))
    if not found:
        raise wrong(field, f"no {field} is chosen; choose at least one")
    return found


def _moment(visit: Visit, name: str) -> datetime | None:
    """Return a moment that a form gives, in the zone of the visit, None if it is left empty.

    Raises:
        InvalidTaskError: it is none.
    """
    text = visit.text(name)
    if not text:
        return None
    try:
        found = spoken_moment(text, visit.now, visit.zone)
        return found if found.tzinfo is not None else only_instant(found, visit.zone)
    except ValueError as error:
        raise wrong(name, str(error)) from error


def _reason(visit: Visit) -> str | None:
    return visit.text("reason")[:1_000] or None


def _run(visit: Visit, form: Form) -> Done:
    """Run tasks now."""
    ids, dispatch = _names(form, "task"), Dispatch.of(visit.installation)
    text = visit.text("params")
    params: Any = parse_json(text.encode(), "params") if text else None
    if params is not None and not isinstance(params, dict):
        raise wrong("params", 'is no JSON object, such as {"name": "tea"}')
    started = [dispatch.enqueue(existing_task(visit.installation.registry, one).id, params) for one in ids]
    to = f"/runs/{segment(started[0].execution_id)}" if len(started) == 1 else ""
    return Done(f"{counted(len(started), 'run')} started", to)


def _switch(visit: Visit, form: Form, *, enabled: bool) -> Done:
    registry, ids = visit.installation.registry, _names(form, "task")
    for one in ids:
        existing_task(registry, one)
        registry.switch(one, enabled=enabled, reason=_reason(visit))
    return Done(f"{counted(len(ids), 'task')} {'enabled' if enabled else 'disabled'}")


def _pause(visit: Visit, form: Form) -> Done:
    selectors = [(PauseKind.TASK, one) for one in _names(form, "task")]
    done = pausing(visit.installation).pause(
        selectors,
        until=_moment(visit, "until"),
        reason=_reason(visit),
        stop_running=bool(visit.text("stop_running")),
    )
    return Done(f"{counted(len(done.tasks), 'task')} paused")


def _resume(visit: Visit, form: Form) -> Done:
    selectors = [(PauseKind.TASK, one) for one in _names(form, "task")]
    catch_up = bool(visit.text("catch_up"))
    done = resuming(visit.installation).resume(selectors, reason=_reason(visit), catch_up=catch_up)
    return Done(f"{counted(len(done.tasks), 'task')} resumed")


def _occurrence(visit: Visit, form: Form, *, how: Literal["skip", "unskip", "move"]) -> Done:
    (task_id, *_), ours = _names(form, "task"), occurrences_of(visit.installation)
    at = visit.moment("at", visit.now) if visit.text("at") else None
    if how == "move":
        if (to := _moment(visit, "to")) is None:
            raise wrong("to", "is empty; say when it runs instead, such as tomorrow 18:00")
        done = ours.move(task_id, at, to, reason=_reason(visit))
    elif how == "skip":
        done = ours.skip(task_id, at, reason=_reason(visit))
    else:
        done = ours.unskip(task_id, at, reason=_reason(visit))
    return Done(f"{done.execution_id}: {'runs at its own time' if how == 'unskip' else done.words()}")


def _cancel(visit: Visit, form: Form) -> Done:
    control, ids = RunControl.of(visit.installation), _names(form, "run")
    reason = visit.text("reason")[:1_000] or "cancelled by hand"
    replies = [control.cancel(existing_run(control.ledger, one).execution_id, reason=reason) for one in ids]
    over = replies.count(CancelReply.FINISHED)
    return Done(
        f"{counted(len(ids) - over, 'run')} cancelled" + (f", {over} had already ended" if over else "")
    )


def _retry(visit: Visit, form: Form) -> Done:
    control, ids = RunControl.of(visit.installation), _names(form, "run")
    started = [control.run_now(one) for one in ids]
    return Done(f"{counted(len(ids), 'run')} sent", f"/runs/{segment(started[0])}" if len(ids) == 1 else "")


def _rollback(visit: Visit, form: Form) -> Done:
    (task_id, *_), here = _names(form, "task"), visit.installation
    if here.settings.signing_key:
        raise PlanRefusedError("former revisions are not signed; use `mission-control task rollback --out`")
    plan = plan_of_revision(here.registry, task_id, visit.number("revision", 1, 10**9))
    for one in changed_tasks(plan):
        visit.require_own(one.definition)
    carry_out(here.registry, here.resources, plan, must_be_as_seen=True)
    return Done(f"{task_id}: {plan.reason}")


def _remove(visit: Visit, form: Form) -> Done:
    (task_id, *_), registry = _names(form, "task"), visit.installation.registry
    existing_task(registry, task_id)
    with naming_nearest_task(registry, task_id):
        registry.unregister(task_id, reason=_reason(visit))
    return Done(f"{task_id} removed", "/tasks")


def _save(visit: Visit, _form: Form) -> Done:
    task_id = saved(visit)
    return Done(f"{task_id} saved", f"/tasks/{segment(task_id)}")


def _decide(visit: Visit, form: Form, *, allow: bool) -> Done:
    changes = granted_changes(visit.installation)
    found = changes.approvals.get(_names(form, "approval")[0])
    if allow:
        changes.allow(found, who=acting_user())
    else:
        changes.deny(found, who=acting_user(), reason=_reason(visit))
    return Done(f"{found.task_id}: {'allowed' if allow else 'denied'}")


def _theme(visit: Visit, _form: Form) -> Done:
    theme = visit.one_of("theme", ("dark", "light", "auto"))
    return Done(cookies=[("mc_theme", theme, _YEAR)])


def _seen(visit: Visit, _form: Form) -> Done:
    return Done(to="/", cookies=[("mc_seen", format_instant(visit.now.replace(microsecond=0)), _YEAR)])


Action = Callable[[Visit, Form], Done | str]

ACTIONS: Final[Mapping[str, tuple[Permission, Action]]] = {
    "run": ("run", _run),
    "enable": ("edit", partial(_switch, enabled=True)),
    "disable": ("edit", partial(_switch, enabled=False)),
    "pause": ("pause", _pause),
    "resume": ("pause", _resume),
    "skip": ("pause", partial(_occurrence, how="skip")),
    "unskip": ("pause", partial(_occurrence, how="unskip")),
    "move": ("pause", partial(_occurrence, how="move")),
    "cancel": ("run", _cancel),
    "retry": ("run", _retry),
    "rollback": ("edit", _rollback),
    "remove": ("edit", _remove),
    "plan": ("edit", lambda visit, _: plan_page(visit)),
    "save": ("edit", _save),
    "allow": ("admin", partial(_decide, allow=True)),
    "deny": ("admin", partial(_decide, allow=False)),
    "theme": ("read", _theme),
    "seen": ("read", _seen),
}
"""What forms do, each with what its caller must be permitted."""

OF_TASKS: Final = ACTIONS.keys() - {"allow", "deny"}
"""Those about no more than the tasks, or runs, that a form names; a caller may do so with their own."""
