"""`task import`: a task file of another scheduler's entries, which is then planned and applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

pytestmark = pytest.mark.usefixtures("installation")


def test_imported_crontab_is_planned_and_applied_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    out = tmp_path / "tasks.yaml"
    crontab = "0 3 * * * /usr/bin/backup --all\n@reboot /usr/bin/warm-up\n"
    args = "task", "import", "crontab", "-", "--handler", "*=handlers.hello.run", "--tz", "Europe/Berlin"
    answer = mc(*args, "--out", str(out), stdin=crontab)
    assert (answer.code, answer.out) == (7, f"{out}\n")
    assert "not mapped: line 2: '/usr/bin/warm-up': runs when the machine starts" in answer.err
    assert mc("task", "plan", str(out)).out.startswith("+ backup\n")
    assert mc("task", "list", "--json").json == []
    assert mc("task", "apply", str(out)).code == 0
    task = mc("task", "show", "backup", "--json").json
    assert task["schedule"] == {"type": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"}
    assert task["params"] == {"command": "/usr/bin/backup --all"}


def test_redbeat_entries_of_the_installation_are_imported(installation: Installation) -> None:
    definition = {"task": "proj.tasks.add", "args": [], "kwargs": {"x": 1}, "options": {"queue": "sums"}}
    schedule = {"__type__": "crontab", "minute": "5", "hour": "*"}
    key = DEFAULT_REDBEAT_KEYS.entry("sums")
    installation.client.hset(
        key, "definition", json.dumps({**definition, "name": "sums", "schedule": schedule})
    )
    installation.client.zadd(DEFAULT_REDBEAT_KEYS.schedule, {key: 4_000_000_000})
    installation.registry.register({"id": "ours", "schedule": "every 5m", "handler": "handlers.hello.run"})
    answer = mc("task", "import", "celery-beat")
    assert answer.code == 0
    assert "id: sums" in answer.out
    assert "handler: handlers.tasks.add" in answer.out
    assert "ours" not in answer.out


def test_import_of_nothing_that_can_be_mapped_is_refused(tmp_path: Path) -> None:
    file, out = tmp_path / "app.py", tmp_path / "tasks.json"
    file.write_text("app.conf.beat_schedule = schedule_of(settings)\n")
    answer = mc("task", "import", "celery-beat", str(file), "--out", str(out))
    assert (answer.code, answer.out, out.exists()) == (4, "", False)
    assert "not mapped: line 1: 'schedule_of(settings)': is known only when the program runs" in answer.err
    for kind, wrong in (("crontab", None), ("apscheduler", "no.py"), ("celery-beat", "tasks.pickle")):
        (tmp_path / "tasks.pickle").write_bytes(b"\x80\x04N.")
        answer = mc("task", "import", kind, *([] if wrong is None else [str(tmp_path / wrong)]))
        assert (answer.code, answer.out) == (2, "")
