"""Spans of fires and attempts, made from audit records."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.sweep.traced_runs import TracedRuns

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(status: str = "success", attempt: int | None = 1, **fields: Any) -> dict[str, Any]:
    return {
        "task_id": "tea",
        "execution_id": "tea@1",
        "status": status,
        "attempt": attempt,
        "scheduled_time": "2026-03-01T11:59:00Z",
        "started_at": "2026-03-01T11:59:05Z",
        "timestamp": "2026-03-01T11:59:15Z",
        **fields,
    }


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


def test_each_attempt_links_to_the_span_of_the_fire(spans: InMemorySpanExporter) -> None:
    from opentelemetry.trace import StatusCode

    traced = TracedRuns(lambda: NOON)
    traced.add([record("retry", error="no milk", final=False)])
    traced.add([record(attempt=2, started_at="2026-03-01T11:59:30Z", timestamp="2026-03-01T11:59:40Z")])
    fire, first, second = spans.get_finished_spans()
    assert (fire.name, first.name, second.name) == ("fire tea", "attempt tea", "attempt tea")
    assert [one.links[0].context for one in (first, second)] == [fire.get_span_context()] * 2
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert [(one.end_time or 0) - (one.start_time or 0) for one in (fire, first, second)] == [
        5 * 10**9,
        10 * 10**9,
        10 * 10**9,
    ]
    assert second.attributes is not None
    assert second.attributes["mission_control.attempt"] == 2


def test_run_without_an_attempt_has_its_fire_alone(spans: InMemorySpanExporter) -> None:
    TracedRuns(lambda: NOON).add([record("skipped", attempt=None, started_at=None)])
    assert [one.name for one in spans.get_finished_spans()] == ["fire tea"]


def test_old_and_broken_records_make_no_span(spans: InMemorySpanExporter) -> None:
    TracedRuns(lambda: NOON + timedelta(hours=1)).add([record()])
    TracedRuns(lambda: NOON).add([record(timestamp="noon"), record(execution_id=None)])
    assert spans.get_finished_spans() == ()


def test_without_a_provider_nothing_is_imported_or_made() -> None:
    code = (
        "import sys; from datetime import datetime, UTC;"
        "from mission_control.sweep.traced_runs import TracedRuns;"
        "TracedRuns(lambda: datetime.now(UTC)).add([{}]); print('opentelemetry' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
