"""Each finding is injected alone: it is found, with its sentence, and a remedy that can be typed.

This file has more than 250 lines because each finding is a row of one table.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.values.zones import ZoneData
from mission_control.operate import health
from mission_control.operate.doctor.diagnosis import CODES, Diagnosis, Severity, diagnose, severity_of
from mission_control.operate.doctor.evidence import ComparedFile, Evidence, Place, Service
from mission_control.operate.exposure import WARNING
from mission_control.operate.issue import Issue
from mission_control.operate.queues import QueueState
from mission_control.processes.heartbeats import ProcessInfo
from tests.house.repository import ROOT
from tests.unit.cli.test_help import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELLO: Final = "handlers.hello.run"
PLACE: Final = Place(
    now=NOW, data_dir=Path("/srv/mc"), free_bytes=10**12, zone_data=ZoneData("2025b", None, "2025b")
)
COMMON: Final = {"visibility_seconds": 60, "zone_data": "2025b", "signing_key": ""}
BEAT: Final = ProcessInfo(
    "beat", "vm:1", {"leading": True, "clock": NOW.timestamp(), "common": COMMON}, age=0.5
)
WORKER: Final = ProcessInfo(
    "worker", "celery@vm", {"queues": ["default"], "handlers": {HELLO: "1f"}, "common": COMMON}
)
INFO: Final = {
    "redis_version": "7.2.4",
    "role": "master",
    "aof_enabled": 1,
    "used_memory": 50_000_000,
    "maxmemory": 100_000_000,
    "maxmemory_policy": "noeviction",
}
LLM: Final = NamedLimit(name="llm-api", rate="30/m")
HEALTHY: Final = Service(
    info=INFO, processes=(BEAT, WORKER), server_time=NOW.timestamp() + 0.6, limits={"llm-api": LLM}
)


def task(task_id: str = "tea", **fields: Any) -> TaskDefinition:
    daily = {"type": "daily", "time": "09:00"}
    usual = {"schedule": daily, "handler": HELLO, "timeout_seconds": 60}
    return parse_task({"id": task_id, **usual, **fields})


def reported(found: Iterable[Issue]) -> Evidence:
    return Evidence(PLACE, replace(HEALTHY, issues=tuple(found)))


def place(**changes: Any) -> Evidence:
    return Evidence(replace(PLACE, **changes), HEALTHY)


def service(**changes: Any) -> Evidence:
    return Evidence(PLACE, replace(HEALTHY, **changes))


def redis(**info: Any) -> Evidence:
    return service(info={**INFO, **info})


def tasks(*found: TaskDefinition) -> Evidence:
    return service(tasks=found)


def process(one: ProcessInfo, **info: Any) -> ProcessInfo:
    return replace(one, info={**one.info, **info})


def one_file(**found: Any) -> tuple[ComparedFile, ...]:
    return (ComparedFile(Path("/srv/tasks.json"), **found),)


def busy(**schedule: Any) -> Evidence:
    monday = {"type": "weekly", "days": ["mon"], "time": "09:00", **schedule}
    one = task(schedule=monday)  # parsed once: this is done whenever the tests are collected
    return tasks(*(one.model_copy(update={"id": f"t{number}"}) for number in range(1_000)))


EVICTS: Final = (
    "Redis has maxmemory-policy allkeys-lru: when memory runs out it would silently delete schedules and runs"
)
INJECTED: Final[dict[str, tuple[Evidence, str]]] = {
    "no_installation": (
        Evidence(replace(PLACE, is_founded=False)),
        "there is no installation in /srv/mc",
    ),
    "redis_unreachable": (
        Evidence(
            PLACE, unreachable="Redis at redis://db:6379/0 cannot be reached (refused): start the server"
        ),
        "Redis at redis://db:6379/0 cannot be reached (refused)",
    ),
    "redis_refuses": (
        reported(health.refusal_issues({**INFO, "used_memory": 100_000_000})),
        "Redis is full",
    ),
    "redis_evicts": (
        redis(maxmemory_policy="allkeys-lru"),
        EVICTS,
    ),
    "redis_open": (service(exposure=WARNING), "Redis has no password, and others can reach it"),
    "redis_open of the broker": (
        service(exposure=f"the broker: {WARNING}"),
        "the broker has no password, and others can reach it",
    ),
    "redis_forgets": (
        redis(aof_enabled=0),
        "Redis has no append-only file: a restart loses what happened since its last snapshot",
    ),
    "redis_forgets everything": (
        service(info={**INFO, "aof_enabled": 0}, redis_settings={"save": ""}),
        "Redis has no append-only file: a restart loses everything",
    ),
    "redis_memory": (
        redis(used_memory=90_000_000),
        "Redis uses 90% of its maxmemory (90 of 100 MB)",
    ),
    "redis_slow": (
        service(latency=timedelta(milliseconds=20)),
        "Redis takes 20 ms to answer this machine: beat and workers wait for it",
    ),
    "redis_old": (
        redis(redis_version="6.2.14"),
        "Redis is 6.2.14, and Mission Control is made for 7.0 and later",
    ),
    "no_broker": (
        reported([health.broker_issue("the broker cannot be reached: refused")]),
        "the broker cannot be reached: refused",
    ),
    "wrong_key": (
        reported(health.key_issues({"mc:tasks": ("string", "set")})),
        "key mc:tasks is a string and must be a set",
    ),
    "no_beat": (reported(health.beat_issues([WORKER])), "no beat runs, so nothing fires"),
    "no_leader": (
        reported(health.beat_issues([process(BEAT, leading=False)])),
        "no beat leads, so nothing fires",
    ),
    "overdue": (
        reported(health.overdue_issues(["tea@20260301T090000Z"])),
        "tea@20260301T090000Z should have fired over a minute ago",
    ),
    "unserved_queue": (
        reported(health.work_issues([WORKER], [{("reports", HELLO): ["tea"]}])),
        "no worker serves the queue reports (tea)",
    ),
    "missing_handler": (
        reported(health.work_issues([WORKER], [{("default", "handlers.mail.run"): ["tea"]}])),
        "no worker has the handler handlers.mail.run (tea)",
    ),
    "missing_upstream": (
        reported(health.upstream_issues({"cake": ["tea"]})),
        "task cake comes after tea: no such task",
    ),
    "broken_handler": (
        reported(health.handler_issues([process(WORKER, broken={"handlers.a": "a.py line 2"})])),
        "broken handler on celery@vm: a.py line 2",
    ),
    "handler_versions": (
        reported(
            health.handler_issues([WORKER, process(replace(WORKER, name="old@vm"), handlers={HELLO: "2e"})])
        ),
        "celery@vm and old@vm have different versions of handlers.hello.run",
    ),
    "long_queue": (
        reported(health.queue_issues([QueueState("default", 3, NOW - timedelta(hours=1))], NOW)),
        "3 messages in the queue default wait, the oldest for 1 h",
    ),
    "stopped_worker": (
        reported(health.worker_issues({"celery@gone": ["tea@1"]})),
        "celery@gone does not answer, and has tea@1 in hand",
    ),
    "changed_worker": (
        reported(health.control_issues([process(WORKER, changed=["pool_shrink"])])),
        "celery@vm was changed by remote control: pool_shrink",
    ),
    **{
        f"quarantined_{kind}": (
            reported(health.quarantine_issues([{"kind": note, "what": "tea", "problem": "no rule"}])),
            sentence,
        )
        for kind, note, sentence in (
            ("task", "task", "tea is quarantined: no rule"),
            ("entry", "RedBeat entry", "RedBeat entry tea is quarantined: no rule"),
            ("records", "audit record", "1 audit record in quarantine"),
        )
    },
    "silent_process": (
        service(processes=(BEAT, replace(WORKER, age=6.2))),
        "worker celery@vm last answered 6 s ago",
    ),
    "clock_skew": (
        service(processes=(process(BEAT, clock=NOW.timestamp() - 7), WORKER)),
        "the clock of vm:1 is 7.1 s behind that of Redis",
    ),
    "clock_skew ahead": (
        service(processes=(BEAT, process(WORKER, clock=NOW.timestamp() + 3_600.6))),
        "the clock of celery@vm is 1 h ahead of that of Redis",
    ),
    "setting_differs": (
        service(processes=(BEAT, process(WORKER, common={**COMMON, "visibility_seconds": 30}))),
        "MISSION_CONTROL_VISIBILITY_SECONDS differs: 60 in vm:1; 30 in celery@vm",
    ),
    "setting_differs: a key": (
        service(processes=(BEAT, process(WORKER, common={**COMMON, "signing_key": "1f2e3d4c"}))),
        "MISSION_CONTROL_SIGNING_KEY differs: not set in vm:1; 1f2e3d4c in celery@vm",
    ),
    "setting_differs: zone data": (
        service(processes=(BEAT, process(WORKER, common={**COMMON, "zone_data": "2024a"}))),
        "the time zone data differs: 2025b in vm:1; 2024a in celery@vm",
    ),
    "unsafe_path": (
        place(unsafe=("/srv/mc may be written by every user: run `chmod o-w /srv/mc`",)),
        "/srv/mc may be written by every user",
    ),
    "unsafe_path of another owner": (
        place(
            unsafe=("/srv/mc belongs to ada, who could change it: run as ada, or use a place of your own",)
        ),
        "/srv/mc belongs to ada, who could change it",
    ),
    "unwritable_path": (place(unwritable=(Path("/srv/mc"),)), "this user may not write into /srv/mc"),
    "disk_space": (place(free_bytes=123_000_000), "123 MB are free on the disk of /srv/mc"),
    "old_zone_data": (
        place(zone_data=ZoneData("2024b", None, "2024b")),
        "the time zone data in use is 2024b, more than a year old",
    ),
    "old_zone_data of the machine": (
        place(zone_data=ZoneData("2025b", "/usr/share/zoneinfo", "2026a")),
        "the time zone data in use is 2025b, older than 2026a in the package tzdata",
    ),
    "flower_open": (
        place(open_flower="http://127.0.0.1:5555"),
        "the Flower at http://127.0.0.1:5555 asks for no password: it shows every run, and revokes them",
    ),
    "task_file": (
        service(files=one_file(problem="/srv/tasks.json: line 3: no JSON")),
        "/srv/tasks.json: line 3: no JSON",
    ),
    "file_differs": (
        service(files=one_file(added=("cake",), changed=("tea", "milk"), left=("pie",))),
        "tasks differ from /srv/tasks.json; changed: tea, milk; not registered: cake; no longer in it: pie",
    ),
    "pending_records": (
        service(pending_records=2),
        "2 audit records wait to be written: the disk may be full, or no beat runs",
    ),
    "no_channel": (
        service(
            unreported="failures are only recorded; to have them sent, set MISSION_CONTROL_NOTIFY_DEFAULT"
        ),
        "failures are only recorded",
    ),
    "skip_without_timeout": (
        tasks(task(timeout_seconds=None), task("once", schedule={"type": "once", "at": "2027-01-01T00:00Z"})),
        "without a time limit, a run that hangs has all later ones skipped: tea",
    ),
    "retries_outlast_period": (
        tasks(task(), task("often", schedule={"type": "interval", "minutes": 5})),
        "retries outlast the time to the next occurrence: often (often: 15 min, due every 5 min)",
    ),
    "retries_outlast_period of a union": (
        tasks(
            task(
                schedule={
                    "type": "any",
                    "schedules": [{"type": "daily", "time": f"09:{minute}"} for minute in ("00", "10")],
                }
            )
        ),
        "retries outlast the time to the next occurrence: tea (tea: 15 min, due every 10 min)",
    ),
    "rate_below_demand": (
        tasks(
            *(
                task(
                    f"t{number}",
                    schedule={"type": "interval", "seconds": 2},
                    limits=["llm-api"],
                    retry_policy={"max_retries": 0},
                )
                for number in range(2)
            )
        ),
        "limit llm-api lets 30/m begin, and its tasks need 60 in 1 min: t0, t1",
    ),
    "rate_below_demand by a weight, for each value": (
        service(
            tasks=(
                *(
                    task(
                        name,
                        schedule={"type": "interval", "seconds": 2},
                        limits=[{"name": "api", "weight": weight}],
                        params={"customer": name},
                        retry_policy={"max_retries": 0},
                    )
                    for name, weight in (("ada", 2), ("bob", 1))
                ),
            ),
            limits={"api": NamedLimit(name="api", rate="30/m", per="params.customer")},
        ),
        "limit api (params.customer ada) lets 30/m begin, and its tasks need 60 in 1 min: ada",
    ),
    "busy_minute": (
        busy(),
        "1,000 occurrences are due in the minute of 2026-03-02T09:00:00Z: t0, t1, t2 and 997 more",
    ),
    "unbounded_agent without an end": (
        tasks(task(owner="agent:research", budgets=["agent:research"])),
        "tasks of agents have no end: tea",
    ),
    "unbounded_agent": (
        tasks(
            task(
                schedule={"type": "daily", "time": "09:00", "end": "2026-06-01"},
                metadata={"created_by": "agent:research"},
            )
        ),
        "tasks of agents have no budget: tea",
    ),
}
each = pytest.mark.parametrize("name", INJECTED)


def code_of(name: str) -> str:
    return re.split(r"[ :]", name)[0]


def found(name: str) -> Issue:
    evidence, _ = INJECTED[name]
    (issue,) = diagnose(evidence).findings
    return issue


@each
def test_injected_finding_is_the_only_one_and_says_what_it_is(name: str) -> None:
    assert (found(name).kind, found(name).problem) == (code_of(name), INJECTED[name][1])


@each
def test_remedy_has_a_command_that_can_be_typed(name: str) -> None:
    typed = re.findall("`([^`]+)`", found(name).remedy)
    assert typed
    for line in typed:
        words = shlex.split(line)
        if words[0] == "mission-control":
            command = max((one for one in ALL if f"{line} ".startswith(tuple(ways(one)))), key=len)
            rest = words[1 + len(command.split()) :]
            ALL[command].make_context(command, rest)  # reads every option and argument, and runs nothing


def ways(command: str) -> list[str]:
    """Return how a command begins; `tasks` is the same group as `task`."""
    return [f"mission-control {command} ", f"mission-control {command.replace('task ', 'tasks ')} "]


def test_every_code_is_injected_and_has_a_meaning() -> None:
    assert {code_of(name) for name in INJECTED} == set(CODES)
    assert all(one.meaning for one in CODES.values())


def test_every_issue_that_any_check_reports_has_a_code() -> None:
    sources = [one.read_text("utf-8") for one in (ROOT / "mission_control").rglob("*.py")]
    reported = {code for text in sources for code in re.findall(r"\bIssue\(\s*f?\"(\w+)\"", text)}
    assert reported == set(CODES)


def test_healthy_installation_has_no_finding() -> None:
    assert diagnose(Evidence(PLACE, replace(HEALTHY, tasks=(task(),)))) == Diagnosis(())


@pytest.mark.parametrize(
    "evidence",
    [
        service(info={**INFO, "maxmemory_policy": "allkeys-lru"}, allow_eviction=True),
        redis(maxmemory=0, used_memory=10**12),
        service(info={}, redis_settings={}),
        service(processes=(BEAT, ProcessInfo("worker", "older@vm", {}))),
        place(zone_data=ZoneData(None, "/usr/share/zoneinfo", "2026a"), free_bytes=None),
        tasks(task(timeout_seconds=None, overlap="queue"), task("off", timeout_seconds=None, enabled=False)),
        tasks(task(schedule=None, timeout_seconds=None, after=[{"task": "milk", "on": "success"}])),
        tasks(task(schedule={"type": "interval", "minutes": 1, "measure_from": "finish"})),
        busy(spread_seconds=3_600),
        tasks(
            task(
                owner="agent:research",
                budgets=["agent:research"],
                schedule={"type": "once", "at": "2027-01-01T00:00Z"},
            )
        ),
    ],
    ids=[
        "eviction that is allowed",
        "memory without a maximum",
        "a user who may not ask",
        "an older worker",
        "a machine that does not say",
        "tasks that do not skip, or are off",
        "a task that is never due by itself",
        "retries before a fixed delay",
        "many tasks spread over an hour",
        "an agent's one-off with a budget",
    ],
)
def test_what_is_all_right_is_no_finding(evidence: Evidence) -> None:
    assert diagnose(evidence).findings == ()


def test_worst_findings_come_first_and_are_counted() -> None:
    both = replace(PLACE, free_bytes=0)
    seen = diagnose(Evidence(both, replace(HEALTHY, tasks=(task(timeout_seconds=None),), pending_records=1)))
    bad = diagnose(Evidence(replace(both, is_founded=False)))
    assert [str(severity_of(one)) for one in seen.findings] == ["warning", "warning", "lint"]
    assert [one.kind for one in bad.findings] == ["no_installation", "disk_space"]
    assert [seen.count(one) for one in Severity] == [0, 2, 1]
    assert {name: seen.to_json()[name] for name in ("ok", "errors", "warnings", "lints")} == {
        "ok": True,
        "errors": 0,
        "warnings": 2,
        "lints": 1,
    }
    assert bad.unchecked == ("Redis, processes and tasks: Redis was not asked",)


def test_finding_as_json_has_evidence_and_the_command_apart() -> None:
    evidence, _ = INJECTED["disk_space"]
    assert diagnose(evidence).to_json()["findings"] == [
        {
            "code": "disk_space",
            "severity": "warning",
            "problem": "123 MB are free on the disk of /srv/mc",
            "evidence": {"free_bytes": 123_000_000},
            "remedy": "free some; `du -xhd1 /srv/mc` shows what takes the room",
            "command": "du -xhd1 /srv/mc",
        }
    ]


def test_remedy_of_a_hostile_name_types_that_name_and_nothing_else() -> None:
    (issue,) = health.work_issues([WORKER], [{("x; rm -rf /", HELLO): ["tea"]}])
    assert issue.remedy == "start one for it: `celery -A workers.app worker -Q 'x; rm -rf /'`"


def test_page_of_codes_is_the_table() -> None:
    page = ROOT / "docs" / "doctor.md"
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", page.read_text("utf-8"), re.MULTILINE)
    assert rows == [(code, str(one.severity), one.meaning) for code, one in CODES.items()]
