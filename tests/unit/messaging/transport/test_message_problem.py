from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mission_control.messaging.transport.message_problem import (
    LARGEST_MESSAGE_BYTES,
    BadMessageError,
    read_task,
)
from tests.samples.bad_messages import BAD_MESSAGES, GOOD_HEADERS, body_of, message, old_message

GOOD_MESSAGES: dict[str, str] = {
    "as Celery sends it": message(),
    "with an eta": message(headers={**GOOD_HEADERS, "eta": "2025-10-16T09:00:00+00:00"}),
    "with an eta without a zone": message(headers={**GOOD_HEADERS, "eta": "2025-10-16T09:00:00"}),
    "with limits": message(headers={**GOOD_HEADERS, "timelimit": [15, 5.5]}),
    "with headers of a tracing tool": message(headers={**GOOD_HEADERS, "traceparent": "00-1-2-01", "b": [1]}),
    "with a body that is not encoded": message(
        body="[[], {}, {}]", properties={"delivery_tag": "t", "delivery_info": {}, "body_encoding": "utf-8"}
    ),
    "without follow-ups named": message(body=body_of([[], {}, None])),
    "of Celery 3": old_message(),
    "of Celery 3, with an eta": old_message(eta="2025-10-16T09:00:00", timelimit=[15, 5.5]),
    "with 60 kB of params": message(body=body_of([[], {"params": {"text": "x" * 60_000}}, {}])),
    "with many flat values": message(body=body_of([[], {"params": {"rows": [[1], [2]] * 500}}, {}])),
}


def message_problem(raw: bytes | str) -> str | None:
    try:
        read_task(raw)
    except BadMessageError as bad:
        return str(bad)
    return None


@pytest.mark.parametrize("raw", GOOD_MESSAGES.values(), ids=GOOD_MESSAGES)
def test_good_message_has_no_problem(raw: str) -> None:
    assert message_problem(raw) is None
    assert message_problem(raw.encode()) is None


@pytest.mark.parametrize(("raw", "words"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_bad_message_has_its_problem_named(raw: bytes, words: str) -> None:
    problem = message_problem(raw)
    assert problem is not None
    assert words in problem
    assert len(problem) < 200


def test_message_of_the_old_protocol_is_read_as_one_of_the_new() -> None:
    read = read_task(old_message(eta="2025-10-16T09:00:00"))
    assert json.loads(read["body"])[:2] == [[], {"params": {"name": "Ada"}}]
    wanted = {"task": "handlers.hello.run", "id": "3f2a", "retries": 0, "eta": "2025-10-16T09:00:00"}
    assert {name: read["headers"][name] for name in wanted} == wanted


def test_problem_quotes_nothing_of_the_message() -> None:
    for key in ("task", "id", "retries", "eta", "timelimit", "callbacks"):
        problem = message_problem(message(headers={**GOOD_HEADERS, key: {"secret": ["hunter2"]}}))
        assert problem is not None
        assert "hunter2" not in problem


def test_size_limit_counts_the_message_as_it_is_queued() -> None:
    def of_size(size: int) -> str:
        return message() + " " * (size - len(message()))

    assert message_problem(of_size(LARGEST_MESSAGE_BYTES)) is None
    assert message_problem(of_size(LARGEST_MESSAGE_BYTES + 1)) is not None


def test_arbitrary_bytes_get_an_answer() -> None:
    whole: dict[str, Any] = json.loads(message())
    values: list[Any] = [None, 0, -1.5, "", "x", [], {}, [[]], {"a": None}, True]
    for key in whole:
        for value in values:
            answer = message_problem(json.dumps({**whole, key: value}))
            assert answer is None or isinstance(answer, str)
    for cut in range(0, len(message()), 7):
        assert message_problem(message()[:cut]) is not None
    assert message_problem(base64.b64encode(message().encode())) is not None
