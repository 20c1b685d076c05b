"""`/metrics`: what it measures, its bounded labels, and the dashboard and alerts that name them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from mission_control.audit.pending.pending_records import add_pending
from mission_control.audit.record.records import ExecutionRecord
from mission_control.model.runs.lags import STAGES
from mission_control.model.runs.run_state import RunState
from mission_control.operate.unaccounted import Unaccounted
from mission_control.processes.heartbeats import Heartbeat
from mission_control.store import redis_keys
from mission_control.sweep.rolling_up import RollingUp
from tests.house.repository import ROOT
from tests.samples.ledger_runs import a_run
from tests.stage.live_installation import YEARLY
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"
NAMED = re.compile(r"mission_control_[a-z_]+")


def measured(
    installation: Installation, query: str = ""
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = Web(installation).ask("GET", f"/metrics{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        (one.name.removeprefix("mission_control_"), frozenset(one.labels.items())): one.value
        for family in families
        for one in family.samples
    }


def value(found: dict[Any, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def record_ends(installation: Installation, *ends: dict[str, Any]) -> None:
    now = installation.clock()
    for number, fields in enumerate(ends):
        given = {"timestamp": now, "task_id": "tea", "status": "success", "attempt": 1, **fields}
        installation.audit.append(ExecutionRecord(execution_id=f"tea@{number}", **given).to_dict())
    assert RollingUp(installation.client, installation.audit.path, installation.clock).advance() == len(ends)


def live(installation: Installation) -> None:
    Heartbeat(installation.client, "beat", "vm:1").beat(leading=True)
    Heartbeat(installation.client, "worker", "celery@vm").beat(queues=["default"], concurrency=2)
    installation.limits.set({"name": "gpu", "concurrency": 2})
    installation.budgets.set({"name": "agent", "runs": "10/h"})
    now = installation.clock()
    definition = {"id": "tea", "schedule": YEARLY, "handler": HELLO}
    assert installation.registry.register(definition)
    installation.client.rpush("default", json.dumps({"headers": {"id": "tea@ended"}}))
    run = a_run("tea@ended", task_id="tea", scheduled_time=now - timedelta(seconds=9), dispatched_at=now)
    installation.ledger.dispatch(run)
    ended = installation.ledger.begin("tea@ended", 1, worker="w", at=now + timedelta(seconds=3)).run
    assert ended is not None
    installation.ledger.end(ended, RunState.SUCCESS, at=now)
    installation.ledger.dispatch(a_run("tea@active", task_id="tea"))


def test_metrics_measure_every_part(installation: Installation) -> None:
    live(installation)
    record_ends(
        installation,
        {"duration_ms": 700, "lags_ms": {"beat": 9_000, "queue": 3_000, "start": 12_000}},
        {"status": "failure", "error": "x", "duration_ms": 90_000, "lags_ms": {"queue": 20, "start": 20}},
        {"status": "skipped", "cause": {"class": "overlap"}, "attempt": None},
        {"status": "retry", "final": False, "lags_ms": {"beat": 0, "queue": 0, "start": 100_000_000}},
    )
    add_pending(installation.client, installation.audit.path, {"event": "could not be written"})
    found = measured(installation)
    assert value(found, "occurrences_total", outcome="success", cause="") == 1
    assert value(found, "occurrences_total", outcome="skipped", cause="overlap") == 1
    assert value(found, "retries_total") == 1
    assert value(found, "run_duration_seconds_bucket", le="1.0") == 1
    assert value(found, "run_duration_seconds_bucket", le="+Inf") == 2
    assert value(found, "run_duration_seconds_sum") == 90.7
    assert {stage: value(found, "lag_seconds_count", stage=stage) for stage in STAGES} == {
        "beat": 2,
        "queue": 3,
        "start": 3,
    }
    assert value(found, "lag_seconds_bucket", stage="start", le="5.0") == 1
    assert value(found, "lag_seconds_bucket", stage="start", le="21600.0") == 2
    assert value(found, "lag_seconds_sum", stage="queue") == pytest.approx(3.02)
    assert (value(found, "beat_leader"), value(found, "workers"), value(found, "worker_slots")) == (1, 1, 2)
    assert 0 <= value(found, "beat_tick_age_seconds") < 15
    assert value(found, "queue_messages", queue="default") == 1
    assert value(found, "limit_slots", limit="gpu") == 2
    assert value(found, "budget_spent_ratio", budget="agent", unit="runs") == 0
    assert (value(found, "audit_pending_records"), value(found, "runs_active")) == (1, 1)
    assert value(found, "occurrences_unaccounted") == 0


def test_ten_thousand_tasks_make_no_more_series_unless_asked(installation: Installation) -> None:
    record_ends(installation, {})
    key = redis_keys.rollup(str(int(installation.clock().timestamp()) // 3_600))
    figures = json.dumps({"o": {"success\t": 1, "failure\tx": 2}})
    before = len(measured(installation))
    installation.client.hset(key, mapping={f"task{number}\t1": figures for number in range(10_000)})
    assert len(measured(installation)) == before
    asked = measured(installation, "?by=task")
    assert len(asked) == before + 20_001
    assert value(asked, "task_runs", task="task7", outcome="failure") == 2
    assert Web(installation).ask("GET", "/metrics?by=run").status_code == 422


def test_queues_and_limits_are_bounded(installation: Installation) -> None:
    for number in range(150):
        installation.limits.set({"name": f"limit{number}", "concurrency": 1})
    Heartbeat(installation.client, "worker", "w").beat(queues=[f"q{n}" for n in range(150)], concurrency=1)
    for number in range(150):
        installation.client.rpush(f"q{number}", "x")
    names = [name for name, _ in measured(installation)]
    assert (names.count("limit_slots"), names.count("queue_messages")) == (100, 100)


def test_dashboard_and_alerts_name_metrics_that_there_are(installation: Installation) -> None:
    live(installation)
    record_ends(installation, {"status": "failure", "error": "x", "duration_ms": 5})
    found = measured(installation, "?by=task")
    there = {f"mission_control_{name}" for name, _ in found}
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yaml").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    watched = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    for rule in (rule for group in alerts["groups"] for rule in group["rules"]):
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["annotations"].keys() <= {"summary", "description"}
        assert all(isinstance(text, str) for text in rule["annotations"].values())
    assert len(shown) > 10
    assert len(watched) > 5
    assert set(NAMED.findall(" ".join(shown + watched))) - there == set()
    bounds = {(label, value) for _, labels in found for label, value in labels if label in {"le", "stage"}}
    assert {*re.findall(r'\b(le|stage)="([^"]+)"', " ".join(shown + watched))} <= bounds
    table = re.findall(
        r"^\| `(mission_control_[a-z_]+)", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE
    )
    whole = {re.sub(r"_(bucket|sum|count)$", "", name) for name in there}
    assert set(table) == whole


def test_occurrence_without_a_run_is_unaccounted_until_it_is_explained(installation: Installation) -> None:
    now = installation.clock()
    every = {"type": "interval", "minutes": 10}
    for name in ("tea", "milk"):
        assert installation.registry.register({"id": name, "schedule": every, "handler": HELLO})
    later = now + timedelta(minutes=45)
    unaccounted = Unaccounted(installation.client, installation.registry, installation.ledger, lambda: later)
    task = installation.registry.definition("tea")
    assert task is not None
    due = [
        at
        for at in task.schedule.occurrences(now, later - timedelta(minutes=2))
        if at > now + timedelta(seconds=1)
    ]
    assert unaccounted.count() == 2 * len(due)
    for at in due:
        run = f"tea@{at:%Y%m%dT%H%M%S}Z"
        installation.ledger.dispatch(a_run(run, task_id="tea", scheduled_time=at))
    assert unaccounted.count() == len(due)
    installation.registry.disable("milk")
    assert unaccounted.count() == 0
