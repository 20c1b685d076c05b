"""Spans of fires and attempts for OpenTelemetry, made from audit records while beat counts them.

Firing and running do nothing for it, and without a tracer provider nothing is imported. A run has a span for
its fire, from its due time until its first attempt began, and one for each attempt, which links to the fire.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from opentelemetry.trace.span import SpanContext

_LATEST: Final = timedelta(minutes=10)
_MOST_REMEMBERED: Final = 10_000
_FAILED: Final = frozenset({"failure", "timed_out", "lost", "worker_lost", "retry"})


class TracedRuns:
    """Makes the spans of runs whose records are given to it, if this process has a tracer provider.

    Does not guarantee that attempts link to one fire span if another beat takes over between them. Records
    that are older than ten minutes make no spans: they are counted again, or after a downtime.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._fires = OrderedDict[str, "SpanContext"]()

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Make the spans of what these records say."""
        tracer = _tracer()
        if tracer is None:
            return
        since = self._clock() - _LATEST
        for record in records:
            ended = _moment(record.get("timestamp"))
            if ended is not None and ended >= since and isinstance(record.get("execution_id"), str):
                self._trace(tracer, record, ended)

    def _trace(self, tracer: Tracer, record: Mapping[str, Any], ended: datetime) -> None:
        from opentelemetry.trace import Link, StatusCode

        begun = _moment(record.get("started_at"))
        fire = self._fire(tracer, record, begun if begun is not None else ended)
        if begun is None:
            return
        attributes = {**_attributes(record), "mission_control.attempt": record.get("attempt") or 0}
        attributes["mission_control.worker"] = str(record.get("worker"))
        span = tracer.start_span(
            f"attempt {record['task_id']}",
            start_time=_nanoseconds(begun),
            links=[Link(fire)],
            attributes=attributes,
        )
        if record.get("status") in _FAILED:
            span.set_status(StatusCode.ERROR, str(record.get("error")))
        span.end(_nanoseconds(max(begun, ended)))

    def _fire(self, tracer: Tracer, record: Mapping[str, Any], until: datetime) -> SpanContext:
        """Return the span of a run's fire, which is made with the first record of the run."""
        name = str(record["execution_id"])
        if (known := self._fires.get(name)) is not None:
            self._fires.move_to_end(name)
            return known
        due = _moment(record.get("moved_to")) or _moment(record.get("scheduled_time")) or until
        span = tracer.start_span(
            f"fire {record['task_id']}", start_time=_nanoseconds(due), attributes=_attributes(record)
        )
        span.end(_nanoseconds(max(due, until)))
        self._fires[name] = span.get_span_context()
        if len(self._fires) > _MOST_REMEMBERED:
            self._fires.popitem(last=False)
        return self._fires[name]


def _tracer() -> Tracer | None:
    """Return the tracer, if the program has set up a provider, as `opentelemetry-instrument` does."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return None
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = trace.get_tracer_provider()
    return provider.get_tracer("mission_control") if isinstance(provider, TracerProvider) else None


def _attributes(record: Mapping[str, Any]) -> dict[str, str | int]:
    found = {
        name: record.get(name)
        for name in ("task_id", "execution_id", "status", "trigger", "handler", "revision")
    }
    return {f"mission_control.{name}": one for name, one in found.items() if isinstance(one, str | int)}


def _moment(text: object) -> datetime | None:
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
