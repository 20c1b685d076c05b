"""Many requests in few steps: a result for each, and none spoils another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from mission_control import EnqueueRequest, enqueue, enqueue_many
from mission_control.dispatch import enqueue as dispatching
from mission_control.errors import InvalidTaskError, StoreUnavailableError, UnknownTaskError
from mission_control.ledger import run_requests
from mission_control.store import redis_keys
from mission_control.store.sent_script import send_script
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


def request(number: int = 0, **more: Any) -> EnqueueRequest:
    return cast("EnqueueRequest", {"task_id_or_handler": HELLO, "params": {"n": number}, **more})


def test_each_request_has_its_result_in_order_and_none_spoils_another(installation: Installation) -> None:
    first = enqueue(HELLO, {"n": 1}, idempotency_key="one")
    bad: list[tuple[Any, type[Exception], str]] = [
        (request(task_id_or_handler="no_such_task"), UnknownTaskError, "no task has the id 'no_such_task'"),
        (request(task_id_or_handler="handlers.helo.run"), InvalidTaskError, "did you mean"),
        (request(task_id_or_handler=5), InvalidTaskError, "5 is neither the id of a task nor the path"),
        (request(task_id_or_handler=["a"]), InvalidTaskError, "is neither the id of a task"),
        ({}, InvalidTaskError, "is neither the id of a task nor the path"),
        ("tea", InvalidTaskError, "'tea' is no request: give an object of the arguments"),
        (request(prio=1), InvalidTaskError, "`enqueue` has no argument 'prio'"),
        (request(idempotency_keys="one"), InvalidTaskError, 'did you mean "idempotency_key"?'),
        (request(params=[1]), InvalidTaskError, "is not an object of names and values"),
        (request(priority=10), InvalidTaskError, "priority: 10 is none of"),
        (request(2, idempotency_key="one"), InvalidTaskError, "with others; use another key"),
        (request(idempotency_key=5), InvalidTaskError, "idempotency_key: 5 is no key"),
    ]
    requests = [request(1, idempotency_key="one"), *(one for one, *_ in bad), request(2, queue="other")]
    results = enqueue_many(requests)
    assert [one.outcome for one in results] == ["existing", *["refused"] * len(bad), "created"]
    assert results[0].run is not None
    assert results[0].run.execution_id == first.execution_id
    for (_, kind, words), result in zip(bad, results[1:], strict=False):
        assert result.run is None
        assert type(result.error) is kind
        assert words in str(result.error)
    last = results[-1].run
    assert last is not None
    assert last.record is not None
    assert (last.record.params, last.record.queue, results[-1].error) == ({"n": 2}, "other", None)
    assert installation.ledger.active_count() == 2


def test_requests_with_one_key_in_one_call_become_one_run(installation: Installation) -> None:
    results = enqueue_many(request(1, idempotency_key="one") for _ in range(3))
    assert [one.outcome for one in results] == ["created", "existing", "existing"]
    assert len({one.run.execution_id for one in results if one.run is not None}) == 1
    assert installation.client.llen("default") == 1


def test_runs_of_one_task_wait_for_each_other_and_take_its_params(installation: Installation) -> None:
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": HELLO, "params": {"x": 1}})
    results = enqueue_many(request(number, task_id_or_handler="a") for number in range(3))
    records = [one.run.record for one in results if one.run is not None]
    assert [one is not None and one.params for one in records] == [{"x": 1, "n": n} for n in range(3)]
    assert [one is not None and one.waits_for is not None for one in records] == [False, True, True]
    assert installation.client.llen("default") == 1


def test_debounced_requests_join_within_one_call(installation: Installation) -> None:
    window: Any = {"key": "tea", "delay": 60}
    results = enqueue_many(request(number, debounce=window) for number in range(3))
    assert [one.outcome for one in results] == ["created", "existing", "existing"]
    (run,) = installation.ledger.runs_of(HELLO)
    assert (run.params, run.calls) == ({"n": 2}, 3)


def test_request_whose_queue_cannot_take_it_is_refused_alone(installation: Installation) -> None:
    installation.client.set("broken", "a string")
    results = enqueue_many([request(1), request(2, queue="broken"), request(3)])
    assert [one.outcome for one in results] == ["created", "refused", "created"]
    assert "WRONGTYPE" in str(results[1].error)
    assert installation.ledger.active_count() == 2


def test_requests_after_redis_is_gone_are_refused_and_the_first_raises(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "_AT_ONCE", 2)
    ledger = installation.ledger
    begin, calls = ledger.begin_to_enter, iter(range(9))

    def cut_after_the_first(requests: Any) -> Any:
        answer = begin(requests)
        return cut if next(calls) else answer

    def cut() -> Any:
        raise RedisConnectionError("cut")

    monkeypatch.setattr(ledger, "begin_to_enter", cut_after_the_first)
    results = enqueue_many(request(number) for number in range(7))
    assert [one.outcome for one in results] == ["created"] * 2 + ["refused"] * 5
    assert all(isinstance(one.error, StoreUnavailableError) for one in results[2:])
    assert next(calls) == 2  # the others were not tried
    with pytest.raises(StoreUnavailableError):
        enqueue_many([request()])


def test_run_is_entered_and_sent_in_one_step(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": HELLO, "overlap": "allow"})
    for name in (HELLO, "a"):
        enqueue(name)  # connections, scripts and tasks are known from now on
    client: Any = installation.client
    execute, sent = client.execute_command, []

    def note(*command: Any, **options: Any) -> Any:
        sent.append(command[0])
        return execute(*command, **options)

    monkeypatch.setattr(client, "execute_command", note)
    monkeypatch.setattr(client, "pipeline", lambda **_: sent.append("PIPELINE"))

    def note_many(*call: Any) -> Any:
        sent.append("EVALSHA")
        return send_script(*call)

    monkeypatch.setattr(run_requests, "send_script", note_many)
    enqueue(HELLO, {"n": 1}, idempotency_key="one")
    enqueue("a", {"n": 1})
    assert sent == ["EVALSHA"] * 2
    enqueue_many(request(number, idempotency_key=f"{number}") for number in range(500))
    assert sent == ["EVALSHA"] * 4
    assert execute("LLEN", "default") == 504
    assert execute("ZCARD", redis_keys.ACTIVE_RUNS) == 504


def test_requests_are_read_and_checked_while_redis_enters_those_before(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "_AT_ONCE", 2)
    ledger, seen = installation.ledger, list[str]()
    begin = ledger.begin_to_enter

    def noted(requests: Any) -> Any:
        answer = begin(requests)
        seen.append("sent")

        def answered() -> Any:
            seen.append("answered")
            return answer()

        return answered

    def requests() -> Iterator[EnqueueRequest]:
        for number in range(3):
            seen.append(f"read {number}")
            yield request(number)

    monkeypatch.setattr(ledger, "begin_to_enter", noted)
    assert [one.outcome for one in enqueue_many(requests())] == ["created"] * 3
    assert seen == ["read 0", "read 1", "sent", "read 2", "answered", "sent", "answered"]


def test_requests_that_cannot_be_read_leave_those_before_entered(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def requests() -> Iterator[EnqueueRequest]:
        yield request(1)
        raise OSError("the file cannot be read")

    monkeypatch.setattr(dispatching, "_AT_ONCE", 1)
    with pytest.raises(OSError, match="the file cannot be read"):
        enqueue_many(requests())
    assert enqueue(HELLO).state == "dispatched"  # the answer was read: the connection can be used again
    assert installation.ledger.active_count() == 2
    assert not cast("Any", installation.client.connection_pool)._in_use_connections


def test_server_that_forgot_the_scripts_enters_every_request_once(installation: Installation) -> None:
    installation.client.script_flush()
    assert [one.outcome for one in enqueue_many([request(1), request(2)])] == ["created"] * 2
    assert installation.ledger.active_count() == 2


def test_no_request_is_no_call(installation: Installation) -> None:
    assert enqueue_many([]) == []
    assert not installation.client.exists(redis_keys.ACTIVE_RUNS)
