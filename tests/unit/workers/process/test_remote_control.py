"""Which remote commands a worker answers, and what an obeyed one leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from celery.worker import control as celery_control  # noqa: F401  # registers the commands
from celery.worker.control import Panel
from kombu.pidbox import Mailbox

from mission_control.audit.stream.log import AuditLog
from mission_control.audit.stream.reader import read_all
from workers.process.remote_control import ANSWERED, RemoteControl

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def changed(_: Any, **given: Any) -> dict[str, Any]:
    return {"ok": f"changed {sorted(given)}", "url": "redis://:hunter2@db/0", "hook": lambda: "hunter2"}


def failed(_: Any, **__: Any) -> dict[str, Any]:
    return {"error": "unknown task"}


def ended(_: Any, **__: Any) -> None:
    raise SystemExit(0)


HANDLERS = {"conf": changed, "rate_limit": changed, "time_limit": failed, "shutdown": ended}


def worker(folder: Path, *, allows_changes: bool) -> tuple[RemoteControl, Any]:
    control = RemoteControl(AuditLog(folder / "c.jsonl"), lambda: NOON, allows_changes=allows_changes)
    mailbox = Mailbox("celery", type="fanout")
    mailbox.node_cls = control.node
    return control, mailbox.Node("celery@vm", handlers=HANDLERS, state={})


def records(folder: Path) -> list[Mapping[str, Any]]:
    path = folder / "c.jsonl"
    return list(read_all(path)) if path.exists() else []


def test_celery_has_no_command_that_is_answered_by_mistake() -> None:
    assert set(Panel.data) >= ANSWERED
    changing = {name for name, about in Panel.meta.items() if about.type == "control"}
    assert changing & ANSWERED == {"revoke", "enable_events", "heartbeat"}


@pytest.mark.parametrize("command", ["rate_limit", "time_limit", "shutdown", "made_up", "x" * 10_000, "a\nb"])
def test_command_that_changes_a_worker_is_refused_and_not_carried_out(tmp_path: Path, command: str) -> None:
    control, node = worker(tmp_path, allows_changes=False)
    answer = node.handle(command, {"task_name": "t"})
    assert "MISSION_CONTROL_ALLOW_REMOTE_CONTROL=true" in answer["error"]
    assert len(answer["error"]) < 1_000
    assert "\n" not in answer["error"]
    assert (list(control.changes), records(tmp_path)) == ([], [])


@pytest.mark.parametrize("allows_changes", [True, False])
def test_answer_is_masked(tmp_path: Path, allows_changes: bool) -> None:
    _, node = worker(tmp_path, allows_changes=allows_changes)
    assert node.handle("conf", None) == {"ok": "changed []", "url": "redis://:***@db/0", "hook": "function"}


def test_allowed_change_is_recorded_with_its_arguments_masked(tmp_path: Path) -> None:
    control, node = worker(tmp_path, allows_changes=True)
    node.handle("rate_limit", {"task_name": "t", "password": "hunter2"})
    assert node.handle("time_limit", {"task_name": "t"}) == {"error": "unknown task"}
    with pytest.raises(SystemExit):
        node.handle("shutdown")
    assert list(control.changes) == [
        "rate_limit task_name=t password=*** at 2026-03-01T12:00:00Z",
        "shutdown at 2026-03-01T12:00:00Z",
    ]
    found = [(one["change"], one["worker"], one["command"], one["arguments"]) for one in records(tmp_path)]
    assert found == [
        ("controlled", "celery@vm", "rate_limit", {"task_name": "t", "password": "***"}),
        ("controlled", "celery@vm", "shutdown", {}),
    ]
    assert {one["task_id"] for one in records(tmp_path)} == {None}


def test_changes_that_are_shown_are_the_last_ones(tmp_path: Path) -> None:
    control, node = worker(tmp_path, allows_changes=True)
    for number in range(25):
        node.handle("rate_limit", {"n": number})
    assert len(control.changes) == 20
    assert control.changes[-1].startswith("rate_limit n=24")
