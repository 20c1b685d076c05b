"""What the faces ask: answers of the functions in `operate`, on a real Redis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.configuration.clock import utc_now
from mission_control.errors import UnknownTaskError
from mission_control.model.filters.query import Query, term_of
from mission_control.operate.filters import Filter
from mission_control.operate.journal import last_notes
from mission_control.operate.runs import run_json, selected_runs, task_history
from mission_control.operate.situation import redis_place, situation
from mission_control.operate.tasks import TaskSummary, existing_task, summary_of, task_json, task_revisions
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from tests.samples.spoilt import spoil
from tests.stage.command_line import mc
from tests.stage.live_installation import YEARLY
from tests.stage.quarantine import quarantined_tasks

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.operate.situation import Situation


@pytest.fixture(autouse=True)
def _tasks(installation: Installation) -> None:
    for name in ("tea", "toast"):
        definition = {"id": name, "schedule": YEARLY, "handler": "handlers.hello.run"}
        assert installation.registry.register(definition)


def situation_of(installation: Installation) -> Situation:
    parts = (installation.client, installation.registry, installation.ledger, installation.celery)
    return situation(*parts, now=installation.clock(), redbeat_keys=installation.redbeat_keys)


def summaries(installation: Installation) -> list[TaskSummary]:
    return [summary_of(*one) for one in installation.registry.each(enabled_only=False)]


def of_task(task_id: str) -> Filter:
    return Filter(Query("run", (term_of("run", "task", [task_id]),)), utc_now())


def enqueued(task_id: str) -> str:
    answer = mc("enqueue", task_id)
    assert answer.code == 0, answer.err
    return answer.out.strip()


def test_situation_counts_tasks_runs_and_processes(installation: Installation) -> None:
    Heartbeat(installation.client, "beat", "vm:1").beat(leading=True)
    Heartbeat(installation.client, "worker", "celery@vm").beat(queues=["default"], concurrency=2)
    installation.registry.disable("toast")
    run = enqueued("tea")
    found = situation_of(installation)
    assert found.beats == [{"name": "vm:1", "leading": True}]
    assert found.workers == [{"name": "celery@vm", "queues": ["default"], "concurrency": 2}]
    assert (found.enabled, found.disabled, found.active_count) == (1, 1, 1)
    assert [task.id for task, _ in found.next_due] == ["tea"]
    shown = json.loads(json.dumps(found.to_json(redis_place("redis://db", is_configured=True))))
    assert [one["execution_id"] for one in shown["active"]["runs"]] == [run]
    assert shown["redis"]["address"] == "redis://db"


@pytest.mark.parametrize(
    "key", [redis_keys.ACTIVE_RUNS, redis_keys.FINISHED_RUNS, redis_keys.TASKS, redis_keys.BEAT_QUARANTINE]
)
def test_situation_names_a_key_of_wrong_type(installation: Installation, key: str) -> None:
    spoil(installation, key, "string")
    assert situation_of(installation).wrong_keys[key][0] == "string"


def test_ended_runs_are_among_active_ones_only_on_request(installation: Installation) -> None:
    ledger, registry = installation.ledger, installation.registry
    over, waiting = enqueued("tea"), enqueued("toast")
    assert mc("run", "cancel", over).code == 0

    def ids(**options: Any) -> list[str]:
        task_id = options.pop("task_id", None)
        wanted = of_task(task_id) if task_id else Filter(Query("run"), installation.clock())
        return [run.execution_id for run in selected_runs(ledger, registry, wanted, **options)]

    assert ids() == [waiting]
    assert ids(with_ended=True) == [waiting, over]
    assert ids(task_id="tea") == []
    assert ids(task_id="tea", with_ended=True) == [over]


def test_history_of_a_task_is_json_without_params(installation: Installation) -> None:
    run = enqueued("tea")
    (found,) = task_history(installation.ledger, installation.registry, "tea", limit=10)
    shown = json.loads(json.dumps(run_json(found)))
    assert (shown["execution_id"], shown["lateness_ms"]) == (run, None)
    assert "params" not in shown


def test_unknown_task_names_the_nearest(installation: Installation) -> None:
    ledger, registry = installation.ledger, installation.registry
    for question in (
        lambda: existing_task(registry, "toats"),
        lambda: task_json(registry, "toats"),
        lambda: task_history(ledger, registry, "toats", limit=1),
        lambda: list(selected_runs(ledger, registry, of_task("toats"))),
        lambda: task_revisions(registry, installation.settings.task_changes_log, "toats"),
    ):
        with pytest.raises(UnknownTaskError, match='did you mean "toast"'):
            question()


def test_summary_of_a_task_has_its_state(installation: Installation) -> None:
    installation.registry.disable("toast")
    entry = redis_keys.DEFAULT_REDBEAT_KEYS.entry("tea")
    installation.client.hset(redis_keys.BEAT_QUARANTINE, entry, json.dumps({"problem": "unreadable"}))
    shown = summaries(installation)
    assert [(one.task_id, one.state, one.problem) for one in shown] == [
        ("tea", "quarantined", "unreadable"),
        ("toast", "disabled", None),
    ]
    installation.client.hset(entry, "task", "{oops")
    assert ("tea", None) in [(one.task_id, one.task) for one in summaries(installation)]
    installation.registry.unregister("tea")
    installation.registry.register({"id": "tea", "schedule": YEARLY, "handler": "handlers.hello.run"})
    tea = summaries(installation)[0]
    assert (tea.state, tea.successes, tea.failures) == ("enabled", 0, 0)
    assert tea.next_run is not None


def test_revision_of_a_task_has_its_changes_and_reason(installation: Installation) -> None:
    installation.registry.update("tea", {"priority": 3}, reason="urgent")
    newest, first = task_revisions(installation.registry, installation.settings.task_changes_log, "tea")
    assert newest.changes == {"priority": {"from": 0, "to": 3}}
    assert (newest.number, newest.reason) == (2, "urgent")
    assert (first.number, first.changes) == (1, None)


def test_quarantined_entry_has_its_problem(installation: Installation) -> None:
    client = installation.client
    for name, note in (("tea", json.dumps({"problem": "unreadable"})), ("toast", "no JSON")):
        client.hset(redis_keys.BEAT_QUARANTINE, redis_keys.DEFAULT_REDBEAT_KEYS.entry(name), note)
    found = {"tea": "unreadable", "toast": "no JSON"}
    assert quarantined_tasks(client, installation.redbeat_keys) == found
    assert situation_of(installation).quarantined == found


def test_journal_gives_the_last_notes_oldest_first(installation: Installation) -> None:
    for event in ("fired", "missed", "fired"):
        installation.client.xadd(redis_keys.BEAT_JOURNAL, {"event": event, "at": "2026-01-01T08:00:00Z"})
    assert [note["event"] for note in last_notes(installation.client, 2)] == ["missed", "fired"]
