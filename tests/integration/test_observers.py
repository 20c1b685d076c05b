"""Sentry and OpenTelemetry, the real ones, put into beat, worker and producer as their users do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

from mission_control.dispatch.enqueue import Dispatch
from mission_control.model.values.instants import format_instant
from mission_control.processes.fleet import Fleet
from mission_control.store import redis_keys
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"

BROKEN = """
    def run(context):
        '''Fail.'''
        raise ConnectionError("no answer")
"""

SENTRY = """
    import json, os
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.transport import Transport


    class ToFile(Transport):
        def capture_envelope(self, envelope):
            with open(os.environ["SEEN"], "a") as seen:
                for item in envelope.items:
                    if item.payload.json is not None:
                        seen.write(json.dumps({"kind": item.type, **item.payload.json}, default=str) + "\\n")


    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1",
        transport=ToFile,
        traces_sample_rate=1.0,
        integrations=[CeleryIntegration(monitor_beat_tasks=True)],
    )
"""

OPENTELEMETRY = """
    import os
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    out = open(os.environ["SEEN"], "a", buffering=1)
    exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\\n")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    CeleryInstrumentor().instrument(tracer_provider=provider)
"""


class Observed:
    """A beat and a worker in which a tool is at work from the start, and what it has seen."""

    def __init__(self, installation: Installation, seen: Path) -> None:
        self.installation = installation
        self._seen = seen

    def seen(self) -> list[dict[str, Any]]:
        lines = self._seen.read_text("utf-8").splitlines(keepends=True) if self._seen.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last may still be written

    def fire_now(self, task_id: str, due: float) -> None:
        """Have a task be due for an occurrence of the past."""
        key = redis_keys.DEFAULT_REDBEAT_KEYS.entry(task_id)
        with self.installation.client.pipeline() as pipe:  # at once: beat may look between the two
            pipe.zadd(redis_keys.DEFAULT_REDBEAT_KEYS.schedule, {key: due})
            pipe.hset(key, "due", due)
            pipe.publish(redis_keys.WAKE_CHANNEL, task_id)
            pipe.execute()


@pytest.fixture
def observed(
    request: pytest.FixtureRequest,
    bare_environment: pytest.MonkeyPatch,
    installation: Installation,
    tmp_path: Path,
) -> Iterator[Observed]:
    # Python imports it before anything else; so does OpenTelemetry's own `opentelemetry-instrument`.
    (tmp_path / "tool").mkdir()
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "broken.py").write_text(dedent(BROKEN), "utf-8")
    (tmp_path / "tool" / "sitecustomize.py").write_text(dedent(request.param), "utf-8")
    bare_environment.setenv("PYTHONPATH", str(tmp_path / "tool"), prepend=":")
    bare_environment.setenv("SEEN", str(tmp_path / "seen.jsonl"))
    fleet = Fleet(installation.client, installation.settings, concurrency=1)
    fleet.start()
    try:
        yield Observed(installation, tmp_path / "seen.jsonl")
        assert fleet.dead_service() is None
    finally:
        fleet.stop(0)


@pytest.mark.parametrize("observed", [SENTRY], indirect=True)
def test_sentry_monitors_tasks_and_redbeat_entries(observed: Observed) -> None:
    installation = observed.installation
    hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    # Not due again while the test runs.
    schedule_of_ours = {"type": "interval", "hours": 12, "anchor": format_instant(hour_ago)}
    handlers = {"ours": HELLO, "twin": HELLO, "broken": "handlers.broken.run"}
    for name, handler in handlers.items():
        definition = {"id": name, "handler": handler, "schedule": schedule_of_ours}
        installation.registry.register({**definition, "retry_policy": {"max_retries": 0}})
        observed.fire_now(name, hour_ago.timestamp())
    RedBeatSchedulerEntry(
        "theirs", HELLO, schedule(1_800), last_run_at=hour_ago, app=installation.celery
    ).save()

    def is_monitored(name: str, end: str) -> bool:
        return sorted(check_ins(name)) == sorted(["in_progress", end])  # sent by beat and by the worker

    def check_ins(name: str) -> list[str]:
        mine = [one for one in observed.seen() if one["kind"] == "check_in" and one["monitor_slug"] == name]
        unit = "minute" if name == "theirs" else "hour"
        assert all(one["monitor_config"]["schedule"]["unit"] == unit for one in mine)
        assert len({one["check_in_id"] for one in mine}) <= 1
        return [one["status"] for one in mine]

    for name, end in (("ours", "ok"), ("twin", "ok"), ("theirs", "ok"), ("broken", "error")):
        wait_until(
            partial(is_monitored, name, end),
            lambda name=name: f"{name} is monitored; so far: {check_ins(name)}",  # type: ignore[misc]
        )
    events = [one for one in observed.seen() if one["kind"] == "event"]
    assert ["no answer" in json.dumps(one["exception"]) for one in events] == [True]

    def traces() -> list[str]:
        transactions = [one for one in observed.seen() if one["kind"] == "transaction"]
        return [one["contexts"]["trace"]["trace_id"] for one in transactions if one["transaction"] == HELLO]

    # A transaction is sent after its run has checked in.
    wait_until(lambda: len(traces()) >= 3, "every run has left its trace")
    assert len(traces()) == len(set(traces())) == 3


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What OpenTelemetry sees in this process."""
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor: Any = CeleryInstrumentor()  # type: ignore[no-untyped-call]
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


@pytest.mark.parametrize("observed", [OPENTELEMETRY], indirect=True)
def test_opentelemetry_follows_a_run_from_its_sender_into_the_worker(
    observed: Observed, spans: InMemorySpanExporter
) -> None:
    installation = observed.installation
    installation.registry.register(
        {"id": "ours", "handler": HELLO, "schedule": {"type": "interval", "seconds": 1}}
    )
    RedBeatSchedulerEntry("theirs", HELLO, schedule(1), app=installation.celery).save()
    run = Dispatch.of(installation).enqueue(HELLO)
    run.wait(timeout=60)
    sent = next(span for span in spans.get_finished_spans() if span.name == f"apply_async/{HELLO}")

    def seen(name: str) -> dict[str, dict[str, Any]]:
        found = [one for one in observed.seen() if one["name"] == name]
        return {one["attributes"]["messaging.message.id"]: one for one in found}

    def is_followed(task_id: str) -> bool:
        begun = [one for one in seen(f"run/{HELLO}") if one.startswith(f"{task_id}@")]
        return len(begun) >= 2

    for task_id in ("ours", "theirs"):
        wait_until(partial(is_followed, task_id), f"two runs of {task_id} are seen")
    begun = seen(f"run/{HELLO}")
    wait_until(
        lambda: begun.keys() <= seen(f"apply_async/{HELLO}").keys() | {run.execution_id}, "beat's spans end"
    )
    fired = seen(f"apply_async/{HELLO}")
    by_beat = {name: span for name, span in begun.items() if name != run.execution_id}
    assert {name: span["parent_id"] for name, span in by_beat.items()} == {
        name: fired[name]["context"]["span_id"] for name in by_beat
    }
    assert len({span["context"]["trace_id"] for span in begun.values()}) == len(begun)
    assert begun[run.execution_id]["parent_id"] == f"0x{sent.context.span_id:016x}"
