"""What `enqueue` refuses, what it undoes, and what the handle on a run tells."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from mission_control import enqueue, enqueue_many
from mission_control.dispatch.run_ending import RunEnding
from mission_control.dispatch.run_handle import Run
from mission_control.errors import (
    InvalidTaskError,
    RunTimeoutError,
    StoreUnavailableError,
    UnknownRunError,
    UnknownTaskError,
)
from mission_control.model.runs.run_state import RunState
from mission_control.store import redis_keys
from tests.stage.audit_stream import records_of
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"
CYCLE: dict[str, Any] = {}
CYCLE["itself"] = CYCLE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"delay": -1}, "delay: -1 day, 23:59:59 is not between zero and"),
        ({"delay": float("nan")}, "delay: nan is no number of seconds"),
        ({"delay": 1e300}, "is no number of seconds"),
        ({"delay": "soon"}, "delay: 'soon' is no duration"),
        ({"delay": timedelta(days=9_999)}, "is not between zero and 3,650 days"),
        ({"at": datetime(2030, 1, 1)}, "has no time zone; use an aware datetime"),  # noqa: DTZ001
        ({"at": datetime(9999, 1, 1, tzinfo=UTC)}, "is more than 3,650 days ahead"),
        ({"at": datetime(2030, 1, 1, tzinfo=UTC), "delay": 1}, "give either at or delay, not both"),
        ({"queue": "a b"}, "queue: 'a b' is no name of a queue"),
        ({"queue": ""}, "queue: '' is no name of a queue"),
        ({"queue": "unacked"}, "queue: 'unacked' is no name of a queue"),
        ({"queue": 5}, "queue: 5 is no name of a queue"),
        ({"at": "2027-01-01"}, "at: '2027-01-01' is not a moment: it has no time of day"),
        ({"at": date(2027, 1, 1)}, "is no instant; use an aware datetime"),
        ({"at": 1_800_000_000}, "at: 1800000000 is no instant"),
        ({"at": timedelta(hours=1)}, "or delay for a time from now"),
        pytest.param({"at": datetime.now}, "is no instant", id="at a function"),
        ({"at": datetime.min}, "has no time zone"),  # noqa: DTZ901
        ({"delay": True}, "delay: true is no number of seconds"),
        ({"idempotency_key": ""}, "idempotency_key: '' is no key"),
        ({"idempotency_key": 5}, "idempotency_key: 5 is no key"),
        ({"idempotency_key": " \n"}, "is no key; use text of 1 to 255 characters"),
        ({"idempotency_key": "\ud800"}, "is no key"),
        ({"expires": 0}, "expires: it is zero; give it a length"),
        ({"expires": -1}, "expires: -1 day, 23:59:59 is not between zero and"),
        ({"expires": float("inf")}, "expires: inf is no number of seconds"),
        ({"expires": datetime(2030, 1, 1, tzinfo=UTC)}, "is no number of seconds"),
        ({"debounce": "tea"}, "debounce: 'tea' is not an object such as"),
        ({"debounce": {"key": "tea"}}, "debounce.delay: it is missing"),
        ({"debounce": {"delay": 5}}, "debounce.key: it is missing"),
        ({"debounce": {"key": " ", "delay": 5}}, "debounce.key: ' ' is no key"),
        ({"debounce": {"key": "tea", "delay": 0}}, "debounce.delay: it is zero"),
        ({"debounce": {"key": "tea", "delay": -1}}, "debounce.delay: -1 day, 23:59:59 is not between"),
        ({"debounce": {"key": "tea", "delay": float("nan")}}, "debounce.delay: nan is no number of seconds"),
        ({"debounce": {"key": "tea", "delay": 1e12}}, "debounce.delay: "),
        ({"debounce": {"key": "tea", "delay": True}}, "debounce.delay: true is no number of seconds"),
        (
            {"debounce": {"key": "tea", "delay": 5, "max_delay": 4}},
            "debounce.max_delay: 0:00:04 is shorter than delay, which is 0:00:05",
        ),
        ({"debounce": {"key": "tea", "delay": 5, "edge": "both"}}, "debounce.edge: 'both' is neither"),
        ({"debounce": {"key": "tea", "delays": 5}}, "it has no 'delays'; did you mean \"delay\"?"),
        ({"debounce": {"key": "tea", "delay": 5}, "delay": 1}, "debounce: it says when the run is due"),
        (
            {"debounce": {"key": "tea", "delay": 5}, "idempotency_key": "tea"},
            "debounce: it decides itself which requests share a run",
        ),
        ({"priority": 10}, "priority: 10 is none of 0 (first) … 9 (last)"),
        ({"priority": True}, "priority: true is none of 0"),
        ({"params": ["x"]}, "is not an object of names and values"),
        ({"params": {"x": {1}}}, "a set is not JSON"),
        ({"params": CYCLE}, "nested more than 64 levels deep"),
    ],
    ids=lambda one: str(one).partition(" object at 0x")[0],  # the same in every process
)
def test_enqueue_with_bad_arguments_names_them_and_enters_nothing(
    installation: Installation, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidTaskError) as caught:
        enqueue(HELLO, **arguments)
    assert words in str(caught.value)
    late = {redis_keys.AUDIT_ANCHORS, redis_keys.KNOWN_SINCE}  # of an earlier test's audit
    assert not set(installation.client.keys()) - late


@pytest.mark.usefixtures("installation")
def test_enqueue_distinguishes_unknown_tasks_from_unknown_handlers() -> None:
    with pytest.raises(UnknownTaskError, match="no task has the id 'no_such_task'"):
        enqueue("no_such_task")
    with pytest.raises(InvalidTaskError, match="did you mean"):
        enqueue("handlers.helo.run")
    for odd in ("", "a b", "\ud800", "handlers.\ud800.run", "x" * 1_000, "a@20260301T090000Z"):
        with pytest.raises(UnknownTaskError, match="no task has the id"):
            enqueue(odd)
    for other in (None, 5, b"hello", ["a"]):
        with pytest.raises(InvalidTaskError, match="is neither the id of a task nor the path of a handler"):
            enqueue(other)  # type: ignore[arg-type]


def test_idempotency_key_of_another_request_is_refused_with_the_field_that_differs(
    installation: Installation,
) -> None:
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": HELLO, "params": {"x": 1}})
    first = enqueue(HELLO, {"name": "Ada", "n": 1}, idempotency_key="order-1")
    of_task = enqueue("a", idempotency_key="order-2")
    installation.registry.update("a", {"params": {"x": 2}})
    assert (
        enqueue(HELLO, {"n": 1, "name": "Ada"}, idempotency_key="order-1").execution_id == first.execution_id
    )
    assert enqueue("a", {}, idempotency_key="order-2").execution_id == of_task.execution_id
    for words, name, params, key in (
        ("params: idempotency_key 'order-1' is that of run", HELLO, {"name": "Grace", "n": 1}, "order-1"),
        ("params: idempotency_key 'order-2' is that of run", "a", {"x": 1}, "order-2"),
        (
            "handler: idempotency_key 'order-1' is that",
            "handlers.test_handler.run",
            {"name": "Ada", "n": 1},
            "order-1",
        ),
        ("task_id: idempotency_key 'order-1' is that of run", "a", {"name": "Ada", "n": 1}, "order-1"),
    ):
        with pytest.raises(InvalidTaskError, match=words):
            enqueue(name, params, idempotency_key=key)
    assert installation.ledger.active_count() == 2


def test_enqueued_params_override_those_of_a_task_even_if_it_is_disabled(installation: Installation) -> None:
    task = {"id": "a", "schedule": YEARLY, "handler": HELLO, "params": {"x": 1, "y": 1}, "enabled": False}
    installation.registry.register(task)
    record = enqueue("a", {"y": 2}, queue="other", priority=3).record
    assert record is not None
    assert (record.params, record.queue, record.priority) == ({"x": 1, "y": 2}, "other", 3)


def test_task_that_was_run_before_is_run_as_it_is_now(installation: Installation) -> None:
    registry, named_alike = installation.registry, "handlers.hello.run"
    assert registry.register({"id": "a", "schedule": YEARLY, "handler": HELLO, "params": {"x": 1}})
    enqueue("a")
    assert registry.update("a", {"params": {"x": 2}, "priority": 5})
    record = enqueue("a", {"y": 1}).record
    assert record is not None
    assert (record.params, record.priority, record.revision) == ({"x": 2, "y": 1}, 5, 2)
    assert registry.unregister("a")
    with pytest.raises(UnknownTaskError, match="no task has the id 'a'"):
        enqueue("a")
    assert enqueue_many([{"task_id_or_handler": "a"}])[0].outcome == "refused"
    assert enqueue(named_alike).execution_id.startswith(named_alike)
    assert registry.register({"id": named_alike, "schedule": YEARLY, "handler": HELLO, "params": {"x": 3}})
    of_task = enqueue(named_alike).record
    assert of_task is not None
    assert (of_task.params, of_task.revision) == ({"x": 3}, 1)


def test_past_time_means_now_and_a_delay_counts_from_now(installation: Installation) -> None:
    now = installation.clock()
    with time_machine.travel(now, tick=False):
        past, later = enqueue(HELLO, at=now - timedelta(days=1)), enqueue(HELLO, delay=90)
    assert past.record is not None
    assert later.record is not None
    assert (past.record.scheduled_time, later.record.scheduled_time) == (now, now + timedelta(seconds=90))


@contextmanager
def broker_gone(installation: Installation) -> Iterator[None]:
    """Let the broker be another server than the ledger's, and one that is not there."""
    installation.celery.conf.broker_url = "redis://127.0.0.1:1/0"
    try:
        yield
    finally:
        installation.celery.close()
        del installation.celery


def test_run_that_cannot_be_sent_is_cancelled_and_audited_and_frees_its_key(
    installation: Installation,
) -> None:
    with (
        broker_gone(installation),
        pytest.raises(StoreUnavailableError, match="was not sent and is cancelled"),
    ):
        enqueue(HELLO, idempotency_key="order-1")
    (record,) = installation.ledger.runs_of(HELLO)
    assert record.state is RunState.CANCELLED
    assert str(record.reason).startswith("its message could not be sent: Error ")
    assert [one["status"] for one in records_of(installation, HELLO)] == ["cancelled"]
    assert installation.ledger.active_count() == 0

    again = enqueue(HELLO, idempotency_key="order-1")
    assert again.execution_id != record.execution_id
    assert again.state == "dispatched"


def test_many_requests_to_an_absent_broker_stop_at_the_first_failure(installation: Installation) -> None:
    with (
        broker_gone(installation),
        pytest.raises(StoreUnavailableError, match="was not sent and is cancelled"),
    ):
        enqueue_many({"task_id_or_handler": HELLO} for _ in range(50))
    assert [one.state for one in installation.ledger.runs_of(HELLO)] == [RunState.CANCELLED]


def test_wait_that_times_out_names_the_state_of_the_run(installation: Installation) -> None:
    run = enqueue(HELLO, delay=3_600)
    with pytest.raises(RunTimeoutError, match=r"is dispatched after 0.1 s; it goes on"):
        run.wait(0.1)
    assert run.result is None
    record = run.record
    assert record is not None
    installation.ledger.end(record, RunState.CANCELLED, at=installation.clock(), reason="by hand")
    assert run.wait(0) == {"status": "failure", "output": None, "error": "cancelled: by hand"}


def test_wait_for_an_unknown_run_raises_at_once(installation: Installation) -> None:
    run = Run("gone@manual-1", RunEnding.of(installation), installation.redis_url)
    assert (run.record, run.state, run.result) == (None, None, None)
    with pytest.raises(UnknownRunError, match="the ledger has no run gone@manual-1"):
        run.wait()
