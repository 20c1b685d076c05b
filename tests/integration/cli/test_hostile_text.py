"""What others have written into Redis and the files is shown by every command, and does nothing there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.cli.program import program
from mission_control.dispatch.run_logs import LogLine
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.printable_text import is_visible
from mission_control.store import redis_keys
from tests.samples.ledger_runs import NOW, a_run, begun
from tests.samples.spoilt import own, plain
from tests.stage.command_line import mc
from tests.stage.heartbeat import seem_alive
from tests.stage.live_installation import YEARLY
from tests.unit.cli.test_help import commands

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

HOSTILE = "x\x1b[2J\x9b1m\u202e\u2028\u3164\r\nFORGED"
ENDED, ACTIVE = f"{HOSTILE}@1", f"{HOSTILE}@2"

COMMANDS: dict[str, list[list[str]]] = {
    "status": [[], ["--json"], ["--journal"], ["--quarantine"], ["--quarantine", "--json"]],
    "doctor": [[], ["--json"]],
    "next": [[], ["good"], [HOSTILE], ["--schedule", HOSTILE], ["--schedule", "every 5m", "--tz", HOSTILE]],
    "enqueue": [
        [HOSTILE],
        ["handlers.hello.run", "--params", json.dumps({"name": HOSTILE})],
        ["handlers.hello.run", "--at", HOSTILE],
        ["handlers.hello.run", "--delay", HOSTILE],
        ["handlers.hello.run", "-p", HOSTILE],
        ["handlers.hello.run", "-p", f"{HOSTILE}=[{HOSTILE}"],
    ],
    "url": [[]],
    "completion": [["bash"], [HOSTILE]],
    "redis-acl": [["--role", "beat"], ["--role", HOSTILE]],
    "task list": [
        ["--all"],
        ["--all", "--json"],
        ["--tag", HOSTILE],
        ["-q", HOSTILE],
        ["--all", "-o", "wide"],
    ],
    "why": [["good"], [ENDED], [ACTIVE], [ACTIVE, "--json"], ["good", "--at", HOSTILE], [HOSTILE]],
    "simulate": [
        [],
        ["--json"],
        ["--for", HOSTILE],
        ["--with", HOSTILE],
        ["--workers", HOSTILE],
        ["--replay", "9999d", "now"],
        ["--replay", HOSTILE, HOSTILE],
    ],
    "account": [
        ["--from", "2026-01-01", "--files-only"],
        ["--day", HOSTILE],
        ["--from", "2026-01-01", "--out", f"{HOSTILE}/x.json"],
    ],
    "task show": [["good"], ["good", "--json"], [HOSTILE]],
    "task add": [
        ["--id", HOSTILE, "--schedule", json.dumps(YEARLY), "--handler", HOSTILE],
        *(
            ["--id", "new", "--handler", "handlers.hello.run", f"--{way}", HOSTILE]
            for way in ("schedule", "every", "daily", "weekly", "cron", "once", "tz")
        ),
    ],
    "task update": [
        ["good", "--set", f"description={json.dumps(HOSTILE)}"],
        ["good", "--set", HOSTILE],
        ["good", "--daily", HOSTILE],
        ["good", "-p", f"{HOSTILE}={HOSTILE}"],
        ["good", "--retry-delay", HOSTILE],
    ],
    "task enable": [["good", "--reason", HOSTILE], [HOSTILE]],
    "task disable": [["good", "--reason", HOSTILE], [HOSTILE]],
    "task sign": [[HOSTILE], ["--all", "--reason", HOSTILE]],
    "task run": [["good", "--params", json.dumps({"name": HOSTILE})], [HOSTILE]],
    "task history": [["good"], [HOSTILE]],
    "task revisions": [["good"], ["good", "--json"], [HOSTILE]],
    "task skip": [["good", "--next", "--reason", HOSTILE], ["good", "--at", HOSTILE], [HOSTILE, "--next"]],
    "task move": [["good", "--next", "--to", HOSTILE], [HOSTILE, "--next", "--to", "2999-01-01T00:00Z"]],
    "task unskip": [["good", "--next"], ["good", "--at", HOSTILE], [HOSTILE, "--next"]],
    "task backfill": [
        ["good", "--from", "2024-01-01T00:00Z", "--to", "2026-01-01T00:00Z", "--reason", HOSTILE],
        [HOSTILE, "--from", HOSTILE, "--to", HOSTILE],
    ],
    "backfill list": [[], ["--json"]],
    "backfill show": [[HOSTILE]],
    "backfill cancel": [[HOSTILE, "--reason", HOSTILE]],
    "limit set": [[HOSTILE, "--concurrency", "2"], ["good", "--concurrency", "2", "--per", HOSTILE]],
    "limit list": [[], ["--json"]],
    "limit show": [[HOSTILE], ["good"]],
    "limit remove": [[HOSTILE], ["good"]],
    "budget set": [[HOSTILE, "--usd", "2/d"], ["good", "--usd", HOSTILE], ["good", "--runs", "2/h"]],
    "budget list": [[], ["--json"]],
    "budget show": [[HOSTILE], ["good"]],
    "budget remove": [[HOSTILE], ["good"]],
    "grant create": [
        [HOSTILE, "--handlers", HOSTILE, "--tools", HOSTILE, "--runs", HOSTILE],
        ["good", "--handlers", "handlers.hello.run", "--approve-above", HOSTILE],
        ["agent", "--handlers", "handlers.hello.run"],
    ],
    "grant list": [[], ["--json"]],
    "grant show": [[HOSTILE], ["agent"]],
    "grant revoke": [[HOSTILE], ["agent", "--dry-run", "--reason", HOSTILE]],
    "approvals list": [[], ["--json"]],
    "approvals allow": [[HOSTILE]],
    "approvals deny": [[HOSTILE, "--reason", HOSTILE]],
    "web": [["--host", HOSTILE], ["--port", HOSTILE]],
    "mcp": [["--token-file", HOSTILE], ["--http", "--port", HOSTILE]],
    "notify who": [["good"], [HOSTILE]],
    "notify test": [[HOSTILE]],
    "task remove": [["good", "--dry-run"], [HOSTILE], [HOSTILE, "--dry-run"], [HOSTILE, "--yes"]],
    "task rollback": [
        ["good"],
        ["good", "--reason", HOSTILE],
        [HOSTILE],
        ["good", "--out", f"{HOSTILE}/p.json"],
    ],
    "task import": [
        *([kind, "hostile.txt"] for kind in ("crontab", "celery-beat", "apscheduler")),
        ["crontab", HOSTILE],
        ["crontab", "hostile.txt", "--handler", HOSTILE],
        ["celery-beat"],
    ],
    "task plan": [[HOSTILE], [f"{HOSTILE}.json", "--rename", HOSTILE], ["--rename", f"{HOSTILE}={HOSTILE}"]],
    "task apply": [[HOSTILE], [f"{HOSTILE}.json"]],
    "task diff": [[HOSTILE], [f"{HOSTILE}.json"]],
    "task export": [["-"], [f"{HOSTILE}/x.json"], [HOSTILE], ["--format", "yaml"], ["--format", "ics"]],
    "run list": [
        [],
        ["--all"],
        ["--all", "--json"],
        ["--task", HOSTILE],
        ["--since", HOSTILE],
        ["--queue", HOSTILE],
        ["--queue", f"{HOSTILE}2"],
        ["--all", "-o", "wide"],
    ],
    "run show": [[ENDED], [ENDED, "--json"], [HOSTILE], [ENDED, ACTIVE]],
    "run logs": [[ENDED], [ENDED, "--json"], [HOSTILE]],
    "run retry": [[ACTIVE, "--dry-run"], [ENDED, "--dry-run"], [HOSTILE]],
    "run cancel": [[ENDED], [ACTIVE, "--reason", HOSTILE], [HOSTILE]],
    "handler list": [[], ["--json"]],
    "handler check": [["handlers.unruly.run"], [HOSTILE]],
    "handler new": [[HOSTILE]],
    "handler test": [[HOSTILE], ["handlers.unruly.run"], ["handlers.unruly.run", "--json"]],
    "audit tail": [[], ["--json"], ["--task", HOSTILE]],
    "audit query": [[], ["--json"], ["--status", HOSTILE], ["--since", HOSTILE]],
    "audit verify": [[], ["--json"], ["--files-only"], ["--account", HOSTILE]],
    "audit repair": [["--dry-run"], [], ["--json"]],
    "audit acknowledge": [["--reason", HOSTILE]],
    "audit keygen": [[HOSTILE]],
    "audit index": [[], ["--rebuild"]],
    "pause": [
        [HOSTILE],
        ["--all", "--until", HOSTILE],
        ["--owner", HOSTILE, "--reason", HOSTILE],
        ["--list"],
        ["--list", "--json"],
    ],
    "resume": [[HOSTILE], ["--owner", HOSTILE]],
}
# They start processes; what they show goes through the same functions.
LIVE = {"up", "down", "demo", "bench"}


@pytest.fixture
def hostile(installation: Installation, bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Installation:
    """An installation in which everything that others can write is hostile."""
    bare_environment.chdir(tmp_path)  # `tasks export` writes a file there
    (tmp_path / "hostile.txt").write_text(f"0 * * * * {HOSTILE}\n", "utf-8")
    folder = installation.settings.data_dir
    (folder / "handlers").mkdir(parents=True)
    for name, doc in (("unruly", HOSTILE), ("x\x1b[2J", "A module")):
        raises = f"    raise ValueError({HOSTILE!r})"
        (folder / "handlers" / f"{name}.py").write_text(
            f"def run(context):\n    {doc!r}\n{raises}\n", "utf-8"
        )
    bare_environment.setenv("MISSION_CONTROL_HANDLERS", str(folder / "handlers"))
    installation.registry.register(
        {"id": "good", "description": HOSTILE, "schedule": YEARLY, "handler": "handlers.hello.run",
         "params": {HOSTILE: HOSTILE}}
    )  # fmt: skip
    _write_into_ledger(installation)
    _write_into_redis(installation)
    with (folder / "logs" / "task_execution.jsonl").open("a", encoding="utf-8") as stream:
        names = ("timestamp", "task_id", "status", "execution_id", "output", "error", "reason", "worker")
        stream.write(json.dumps(dict.fromkeys(names, HOSTILE), ensure_ascii=False) + f"\n{HOSTILE}\n")
    return installation


def _write_into_ledger(installation: Installation) -> None:
    ledger = installation.ledger
    for execution_id in (ENDED, ACTIVE):
        run = a_run(execution_id, task_id=HOSTILE, handler=HOSTILE, queue=HOSTILE, params={HOSTILE: HOSTILE})
        ledger.dispatch(run)
    ended = ledger.end(
        begun(ledger, ENDED), RunState.FAILURE, at=NOW, output=HOSTILE, error=HOSTILE, reason=HOSTILE
    )
    assert ended is not None


def _write_into_redis(installation: Installation) -> None:
    client, keys = installation.client, redis_keys.DEFAULT_REDBEAT_KEYS
    client.sadd(redis_keys.TASKS, HOSTILE)
    client.hset(keys.entry(HOSTILE), mapping=own(id=HOSTILE))
    client.hset(keys.entry(f"{HOSTILE}2"), mapping=plain(name=f"{HOSTILE}2"))
    note = json.dumps(
        {"since": HOSTILE, "what": HOSTILE, "problem": HOSTILE, "reason": HOSTILE, "queue": HOSTILE}
    )
    client.hset(redis_keys.BEAT_QUARANTINE, keys.entry(HOSTILE), note)
    client.lpush(redis_keys.AUDIT_QUARANTINE, note, HOSTILE)
    client.lpush(redis_keys.DEAD_LETTERS, note, HOSTILE)
    client.xadd(redis_keys.BEAT_JOURNAL, {"at": HOSTILE, "event": HOSTILE, "key": HOSTILE})
    line = LogLine(NOW, 1, HOSTILE, 1, HOSTILE.replace("\n", " "))
    client.rpush(redis_keys.run_log(ENDED), line.to_text())
    info: dict[str, Any] = {"queues": [HOSTILE], "handlers": {HOSTILE: HOSTILE}, "concurrency": HOSTILE}
    for kind in ("beat", "worker"):
        seem_alive(client, kind, HOSTILE, **info, leading=True)


def test_hostile_text_commands_no_terminal_and_begins_no_line(hostile: Installation) -> None:
    assert hostile.ledger.get(ENDED) is not None
    wrong: list[tuple[str, Any]] = []
    for name, all_arguments in COMMANDS.items():
        for arguments in all_arguments:
            answer = mc(*name.split(), *arguments)
            shown = answer.out + answer.err
            wrong += [(f"{name} {arguments}", one) for one in _faults(shown)]
            assert "error: unexpected" not in shown, shown
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong)


def _faults(shown: str) -> list[str]:
    unprintable = {ascii(one) for one in shown if not is_visible(one) and one != "\n"}
    return [*sorted(unprintable), *re.findall(r"^FORGED.*", shown, re.MULTILINE)]


def test_every_command_is_tested_here() -> None:
    assert {name for name, _ in commands(program)} == COMMANDS.keys() | LIVE
