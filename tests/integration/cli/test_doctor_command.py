"""`mission-control doctor` on an installation that works, on one without Redis, and on none."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.pending.pending_records import add_pending
from mission_control.processes.heartbeats import common_settings, live_processes
from mission_control.store import redis_keys
from tests.stage.command_line import mc
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mission_control.installation.installation import Installation

OF_THE_MACHINE = {"old_zone_data", "disk_space", "flower_open", "redis_slow"}
HOURLY = {"type": "interval", "hours": 1}


@pytest.fixture(scope="module")
def live() -> Iterator[LiveInstallation]:
    with live_installation() as live:
        yield live


@pytest.fixture
def _live(live: LiveInstallation, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", live.server.url)
    bare_environment.setenv("MISSION_CONTROL_DATA_DIR", str(live.installation.settings.data_dir))
    bare_environment.setenv("MISSION_CONTROL_HANDLERS", str(live.folder / "handlers"))
    bare_environment.setenv("FLOWER_PORT", "1")


def findings(*args: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code and the findings by code, without what depends on the machine of the tests."""
    answer = mc("doctor", "--json", *args)
    found = {one["code"]: one for one in answer.json["findings"]}
    return answer.code, {code: one for code, one in found.items() if code not in OF_THE_MACHINE}


def found_are(expected: set[str], *, code: int) -> dict[str, dict[str, Any]]:
    """Wait until the findings are these, because a busy machine may delay a heartbeat; return them."""

    def found() -> dict[str, dict[str, Any]] | None:
        seen = findings()
        return seen[1] if (seen[0], set(seen[1])) == (code, expected) else None

    answer = wait_until(found, lambda: f"the doctor finds {sorted(expected)}, not {findings()}")
    assert answer is not None
    return answer


@pytest.mark.usefixtures("_live")
def test_working_installation_has_no_error_and_its_processes_agree(live: LiveInstallation) -> None:
    found = found_are({"redis_forgets", "no_channel"}, code=0)
    assert found["redis_forgets"]["problem"].endswith("a restart loses everything")
    assert findings("--strict")[0] == 1
    announced = [one.info for one in live_processes(live.installation.client)]
    assert [one["common"] for one in announced] == 2 * [common_settings(live.installation.settings)]
    assert all(abs(one["clock"] - time.time()) < 60 for one in announced)
    assert "OK" in mc("status").out


@pytest.mark.usefixtures("_live")
def test_what_is_wrong_with_a_live_installation_is_found_all_at_once(
    live: LiveInstallation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task_file = tmp_path / "tasks.json"
    ours = live.installation
    tea = {
        "id": "tea",
        "schedule": HOURLY,
        "handler": "handlers.hello.run",
        "queue": "reports",
        "owner": "agent:a",
    }
    task_file.write_text(json.dumps([tea, {**tea, "id": "milk"}]))
    assert mc("tasks", "apply", str(task_file)).code == 0
    task_file.write_text(json.dumps([{**tea, "queue": "mail"}, {**tea, "id": "cake"}]))
    monkeypatch.setenv("MISSION_CONTROL_VISIBILITY_SECONDS", "30")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3_600)
    try:
        found = found_are(
            {"unserved_queue", "clock_skew", "setting_differs", "file_differs"}
            | {"redis_forgets", "no_channel", "skip_without_timeout", "unbounded_agent"},
            code=1,
        )
        assert found["clock_skew"]["problem"] == "the clock of this command is 1 h behind that of Redis"
        differs = found["setting_differs"]["evidence"]["visibility_seconds"]
        assert (len(differs["60"]), differs["30"]) == (2, ["this command"])
        differing = {"changed": ["tea"], "added": ["cake"], "left": ["milk"]}
        assert found["file_differs"]["evidence"] == {"file": str(task_file), **differing}
        problem, remedy = (found["unserved_queue"][name] for name in ("problem", "remedy"))
        urgent = {"kind": "unserved_queue", "problem": problem, "remedy": remedy}
        assert urgent in mc("status", "--json").json["issues"]
        assert f"error   {problem}  [unserved_queue]\n        {remedy}\n" in mc("doctor").out
        for name in ("skip_without_timeout", "file_differs"):
            program, *words = shlex.split(found[name]["command"])
            assert (program, mc(*words, *["--dry-run"] * ("update" in words)).code) == ("mission-control", 0)
    finally:
        for task_id in ("tea", "milk"):
            ours.registry.unregister(task_id)


def test_pending_records_and_a_redis_that_evicts_are_found_without_beat(installation: Installation) -> None:
    ours = installation
    add_pending(ours.client, ours.settings.task_execution_log, {"task_id": "tea", "status": "rejected"})
    ours.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        code, found = findings()
    finally:
        ours.client.config_set("maxmemory-policy", "noeviction")  # the default
    assert (code, set(found)) == (1, {"no_beat", "pending_records", "redis_evicts", "no_channel"})
    assert found["pending_records"]["evidence"] == {"pending": 1}
    assert mc(*shlex.split(found["pending_records"]["command"])[1:]).code == 0
    assert set(findings()[1]) == {"no_beat", "no_channel"}


@pytest.mark.parametrize(
    "key", [redis_keys.TASKS, redis_keys.LIMITS, redis_keys.PENDING_RECORDS, redis_keys.TASK_FILES]
)
def test_key_of_another_program_is_a_finding_and_hides_no_other(installation: Installation, key: str) -> None:
    installation.client.set(key, "of another program")
    code, found = findings()
    assert (code, set(found)) == (1, {"no_beat", "wrong_key", "no_channel"})
    assert found["wrong_key"]["evidence"]["key"] == key


def test_redis_that_cannot_be_reached_is_a_finding_and_the_rest_is_checked(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handlers, logs = tmp_path / "handlers", tmp_path / "data" / "logs"
    for folder in (handlers, logs):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    code, found = findings()
    unsafe = [one for one in mc("doctor", "--json").json["findings"] if one["code"] == "unsafe_path"]
    assert (code, set(found)) == (5, {"redis_unreachable", "unsafe_path"})
    assert found["redis_unreachable"]["problem"].startswith(
        "Redis at redis://***@127.0.0.1:1/0 cannot be reached"
    )
    assert [one["command"] for one in unsafe] == [f"chmod o-w {logs}", f"chmod o-w {handlers}"]
    assert "not checked: Redis, processes and tasks" in mc("doctor").err


def test_installation_that_was_never_started_is_a_finding_and_stays_so(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare_environment.delenv("MISSION_CONTROL_REDIS_URL", raising=False)
    assert findings() == (5, {"no_installation": findings()[1]["no_installation"]})
    assert not (tmp_path / "data").exists()


def test_data_directory_that_others_can_change_is_a_finding_and_its_server_is_not_joined(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare_environment.delenv("MISSION_CONTROL_REDIS_URL", raising=False)
    (tmp_path / "data" / "redis").mkdir(parents=True)
    (tmp_path / "data").chmod(0o777)
    bare_environment.setattr(os, "access", lambda *_: False)  # root may write everywhere
    code, found = findings()
    assert (code, set(found)) == (1, {"unsafe_path", "unwritable_path"})
    assert [*(tmp_path / "data" / "redis").iterdir()] == []


@pytest.mark.parametrize(("status", "is_open"), [(200, True), (401, False)])
def test_flower_is_open_if_it_asks_for_no_password(
    bare_environment: pytest.MonkeyPatch, status: int, is_open: bool
) -> None:
    with answering(status, b"<title>Flower</title>") as port:
        bare_environment.setenv("FLOWER_PORT", str(port))
        seen = mc("doctor", "--json").json["findings"]
    assert any(one["code"] == "flower_open" for one in seen) is is_open


@contextmanager
def answering(status: int, page: bytes) -> Iterator[int]:
    """Answer every request in the same way, and yield the port."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
