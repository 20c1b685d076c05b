"""REST, the command line and Python do the same to the same ledger, whatever the sequence of changes.

FACES_EXAMPLES says how many sequences are tried: a few here, many by `make chaos`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import mission_control as python
from mission_control.audit.stream.reader import tail
from mission_control.dispatch.run_control import RunControl
from mission_control.errors import MissionControlError
from mission_control.model.policies.pause import PauseKind
from mission_control.operate.assembly import pausing, resuming
from tests.stage.command_line import mc
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO: Final = "handlers.hello.run"
Change = tuple[str, str]
Face = Callable[["Installation", Change], bool]

WORDS = ("describe", "disable", "enable", "pause", "resume", "run", "run", "cancel", "remove", "add")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.sampled_from(["tea", "tea", "coffee"]),
    ),
    min_size=3,
    max_size=9,
)


def by_python(installation: Installation, change: Change) -> bool:
    what, name = change
    layers, control = [(PauseKind.TASK, name)], RunControl.of(installation)
    steps: dict[str, Callable[[], Any]] = {
        "add": lambda: python.register_task({"id": name, "schedule": "daily 09:00", "handler": HELLO}),
        "describe": lambda: python.update_task(name, {"description": "changed"}),
        "disable": lambda: python.disable_task(name),
        "enable": lambda: python.enable_task(name),
        "pause": lambda: pausing(installation).pause(layers, reason="why"),
        "resume": lambda: resuming(installation).resume(layers),
        "run": lambda: python.enqueue(name, delay="1h"),
        "cancel": lambda: [control.cancel(one, reason="why") for one in waiting(installation, name)],
        "remove": lambda: python.unregister_task(name),
    }
    try:
        return steps[what]() is not False
    except MissionControlError:
        return False


def by_command(installation: Installation, change: Change) -> bool:
    what, name = change
    steps: dict[str, list[str]] = {
        "add": ["task", "add", "--id", name, "--daily", "09:00", "--handler", HELLO],
        "describe": ["task", "update", name, "--description", "changed"],
        "disable": ["task", "disable", name],
        "enable": ["task", "enable", name],
        "pause": ["pause", name, "--reason", "why"],
        "resume": ["resume", name],
        "run": ["enqueue", name, "--delay", "1h"],
        "cancel": ["run", "cancel", *waiting(installation, name), "--reason", "why"],
        "remove": ["task", "remove", name, "--yes"],
    }
    return (what == "cancel" and not waiting(installation, name)) or mc(*steps[what]).code == 0


def by_rest(installation: Installation, change: Change) -> bool:
    what, name = change
    web, why = Web(installation), {"reason": "why"}
    steps: dict[str, Callable[[], list[tuple[str, str, Any]]]] = {
        "add": lambda: [("POST", "/tasks", {"id": name, "schedule": "daily 09:00", "handler": HELLO})],
        "describe": lambda: [("PATCH", f"/tasks/{name}", {"description": "changed"})],
        "disable": lambda: [("POST", f"/tasks/{name}/disable", {})],
        "enable": lambda: [("POST", f"/tasks/{name}/enable", {})],
        "pause": lambda: [("POST", f"/tasks/{name}/pause", why)],
        "resume": lambda: [("POST", f"/tasks/{name}/resume", {})],
        "run": lambda: [("POST", f"/tasks/{name}/run", {"delay": "1h"})],
        "cancel": lambda: [("POST", f"/runs/{one}/cancel", why) for one in waiting(installation, name)],
        "remove": lambda: [("DELETE", f"/tasks/{name}", None)],
    }
    return all(web.api(verb, path, json=body).is_success for verb, path, body in steps[what]())


def waiting(installation: Installation, name: str) -> list[str]:
    return [run.execution_id for run in installation.ledger.active_of(name)]


def state_of(installation: Installation) -> Any:
    """Return what the ledger, the tasks, the pauses and the record of changes say, without ids and times."""
    tasks = installation.registry.tasks(enabled_only=False)
    kept = [{key: one[key] for key in one.keys() - {"metadata"}} for one in tasks]
    revisions = [one["metadata"]["revision"] for one in tasks]
    runs = [(one.task_id, one.state, one.reason) for one in installation.ledger.ended()]
    waits = installation.ledger.all_active()
    active = [(one.task_id, one.state, one.due_at > one.dispatched_at) for one in waits]
    pauses = [(one.name, one.reason) for one in installation.pauses.read().in_force(installation.clock())]
    return kept, revisions, sorted(runs), sorted(active), sorted(pauses)


def recorded(installation: Installation) -> list[tuple[Any, ...]]:
    found = tail(installation.settings.task_changes_log, 1_000)
    return [(one["task_id"], one["change"], one["actor"], one["revision"]) for one in found]


EXAMPLES = int(os.environ.get("FACES_EXAMPLES", "8"))
HEALTHY: Any = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=EXAMPLES, derandomize=EXAMPLES == 8, database=None, **HEALTHY)
@given(changes=CHANGES)
@example(changes=[("pause", "tea"), ("remove", "tea"), ("resume", "tea")])
def test_three_faces_do_the_same(changes: list[Change], installation: Installation) -> None:
    outcomes = []
    for face in (by_python, by_command, by_rest):
        installation.client.flushdb()
        before = len(recorded(installation))
        answers = [face(installation, change) for change in [("add", "tea"), *changes]]
        outcomes.append((answers, state_of(installation), recorded(installation)[before:]))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0] == outcomes[2]
