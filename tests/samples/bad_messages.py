"""Messages that no worker can take, each with words of the reason; and how a good one looks."""

from __future__ import annotations

import base64
import json
from typing import Any

GOOD_HEADERS: dict[str, Any] = {
    "task": "handlers.hello.run",
    "id": "handlers.hello.run@manual-1",
    "lang": "py",
    "retries": 0,
    "timelimit": [None, None],
    "eta": None,
    "expires": None,
    "root_id": "handlers.hello.run@manual-1",
    "parent_id": None,
    "group": None,
    "argsrepr": "()",
    "kwargsrepr": "{}",
    "origin": "gen1@host",
    "ignore_result": True,
    "stamped_headers": None,
    "stamps": {},
}
NO_FOLLOW_UPS: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
FOLLOW_UP: list[Any] = [
    {"task": "handlers.hello.run", "args": [], "kwargs": {}, "options": {}, "subtask_type": None}
]


def body_of(parts: object) -> str:
    """Return a body as it travels."""
    return base64.b64encode(json.dumps(parts).encode()).decode()


def message(**changes: Any) -> str:
    """Return a message as it lies on its queue."""
    whole = {
        "body": body_of([[], {}, NO_FOLLOW_UPS]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": GOOD_HEADERS,
        "properties": {
            "correlation_id": "1",
            "reply_to": "2",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "default"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "tag",
        },
    }
    return json.dumps({**whole, **changes})


def old_message(**changes: Any) -> str:
    """Return a message of protocol 1, as Celery 3 puts it on its default queue."""
    body = {
        "task": "handlers.hello.run",
        "id": "3f2a",
        "args": [],
        "kwargs": {"params": {"name": "Ada"}},
        "group": None,
        "group_index": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "utc": True,
        "callbacks": None,
        "errbacks": None,
        "timelimit": [None, None],
        "taskset": None,
        "chord": None,
    }
    properties = {
        "body_encoding": "base64",
        "correlation_id": "3f2a",
        "delivery_info": {"priority": 0, "routing_key": "celery", "exchange": "celery"},
        "delivery_mode": 2,
        "delivery_tag": "tag",
        "reply_to": "2",
    }
    return message(body=body_of({**body, **changes}), headers={}, properties=properties)


def _without(key: str) -> bytes:
    whole = json.loads(message())
    del whole[key]
    return json.dumps(whole).encode()


def _with_headers(**changes: Any) -> bytes:
    return message(headers={**GOOD_HEADERS, **changes}).encode()


def _without_header(key: str) -> bytes:
    return message(headers={name: value for name, value in GOOD_HEADERS.items() if name != key}).encode()


def _with_properties(**changes: Any) -> bytes:
    return message(properties={**json.loads(message())["properties"], **changes}).encode()


def _with_body(parts: object) -> bytes:
    return message(body=body_of(parts)).encode()


def _with_raw_body(body: bytes) -> bytes:
    return message(body=base64.b64encode(body).decode()).encode()


BAD_MESSAGES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not JSON"),
    "not JSON": (b"hello", "not JSON"),
    "half of a message": (message().encode()[:200], "not JSON"),
    "not UTF-8": (b"\xff\xfe\x00", "not UTF-8"),
    "a bare number": (b"42", "int, not an object"),
    "null": (b"null", "NoneType, not an object"),
    "a list": (b"[1, 2]", "list, not an object"),
    "a text": (b'"hello"', "str, not an object"),
    "an empty object": (b"{}", "no properties"),
    "2,000 levels deep": (b"[" * 2_000 + b"]" * 2_000, "nested"),
    "100 levels deep": (b"[" * 100 + b"]" * 100, "nested more than 64 levels deep"),
    "a type that kombu does not know": (b'{"__type__": ["x"], "__value__": 1}', "not JSON"),
    "no body": (_without("body"), "no body"),
    "a body that is null": (message(body=None).encode(), "no body"),
    "a body that is an object": (message(body={}).encode(), "no body"),
    "a body that is not base64": (message(body="%%%").encode(), "not base64"),
    "a body that is not UTF-8": (_with_raw_body(b"\xff\xfe"), "its body is not UTF-8"),
    "a body that is not JSON": (_with_raw_body(b"hello"), "its body is not JSON"),
    "a body that is empty": (message(body="").encode(), "its body is not JSON"),
    "a body that is a number": (_with_body(42), "not [args, kwargs, embed]"),
    "a body of two": (_with_body([[], {}]), "not [args, kwargs, embed]"),
    "a body of the old protocol": (_with_body({"task": "a", "id": "b"}), "not [args, kwargs, embed]"),
    "no id in the old protocol": (old_message(id=None).encode(), "header id"),
    "callbacks in the old protocol": (old_message(callbacks=FOLLOW_UP).encode(), "callbacks"),
    "args of the old protocol that are text": (old_message(args="Ada").encode(), "args are not a list"),
    "args that are an object": (_with_body([{}, {}, {}]), "args are not a list"),
    "kwargs that are a list": (_with_body([[], [], {}]), "kwargs are not an object"),
    "an embed that is text": (_with_body([[], {}, "x"]), "embed is not an object"),
    "a body 2,000 levels deep": (_with_raw_body(b"[" * 2_000 + b"]" * 2_000), "its body is nested"),
    "5 MB of arguments": (_with_body([[], {"params": {"text": "x" * 5_000_000}}, {}]), "bytes"),
    "callbacks": (_with_body([[], {}, {"callbacks": FOLLOW_UP}]), "callbacks"),
    "errbacks": (_with_body([[], {}, {"errbacks": FOLLOW_UP}]), "callbacks"),
    "a chain": (_with_body([[], {}, {"chain": FOLLOW_UP}]), "callbacks"),
    "a chord": (_with_body([[], {}, {"chord": FOLLOW_UP[0]}]), "callbacks"),
    "callbacks in the headers": (_with_headers(callbacks=FOLLOW_UP), "header callbacks"),
    "a forged eager call": (_with_headers(is_eager=True), "header is_eager"),
    "no headers": (_without("headers"), "no headers"),
    "headers that are null": (message(headers=None).encode(), "no headers"),
    "headers that are a list": (message(headers=[1]).encode(), "headers are not an object"),
    "no id": (_without_header("id"), "header id"),
    "an id that is a number": (_with_headers(id=7), "header id"),
    "no task": (_without_header("task"), "header task"),
    "a task that is a list": (_with_headers(task=["a"]), "header task"),
    "an id with an escape character": (_with_headers(id="a\x1b[2J"), "header id has a character"),
    "an id with a line break": (_with_headers(id="a\nb"), "header id has a character"),
    "an id that turns the direction of text": (_with_headers(id="a\u202eb"), "header id has a character"),
    "an id with half of a character": (_with_headers(id="a\ud800"), "header id has a character"),
    "an id of 300 characters": (_with_headers(id="a" * 300), "header id has 300 characters"),
    "an id with a line break in the old protocol": (old_message(id="a\nb").encode(), "header id has"),
    "a task with a line break": (_with_headers(task="handlers.hello.run\nb"), "header task has a character"),
    "a task of 300 characters": (_with_headers(task="a" * 300), "header task"),
    "time limits as texts": (_with_headers(timelimit=["15", "5"]), "header timelimit"),
    "a time limit alone": (_with_headers(timelimit=15), "header timelimit"),
    "three time limits": (_with_headers(timelimit=[1, 2, 3]), "header timelimit"),
    "an endless time limit": (_with_headers(timelimit=[float("inf"), None]), "header timelimit"),
    "a time limit that no float holds": (_with_headers(timelimit=[10**400, None]), "header timelimit"),
    "retries that are text": (_with_headers(retries="abc"), "header retries"),
    "retries below nothing": (_with_headers(retries=-1), "header retries"),
    "an eta that is none": (_with_headers(eta="soon"), "header eta"),
    "an eta that is empty": (_with_headers(eta=""), "header eta"),
    "an eta that is a number": (_with_headers(eta=1_760_000_000), "header eta"),
    "an eta in the year 9999": (_with_headers(eta="9999-12-31T23:59:59+00:00"), "header eta"),
    "an expiry that is none": (_with_headers(expires="never"), "header expires"),
    "a parent that is a list": (_with_headers(parent_id=["a"]), "header parent_id"),
    "stamps that are a list": (_with_headers(stamps=["a"]), "header stamps"),
    "stamped headers that are lists": (_with_headers(stamped_headers=[["a"]]), "header stamped_headers"),
    "a compressed body": (_with_headers(compression="application/x-bz2"), "header compression"),
    "no properties": (_without("properties"), "no properties"),
    "properties that are a list": (message(properties=[]).encode(), "no properties"),
    "no delivery tag": (message(properties={"delivery_info": {}}).encode(), "no delivery tag"),
    "a delivery tag that is an object": (_with_properties(delivery_tag={}), "no delivery tag"),
    "delivery info that is a list": (_with_properties(delivery_info=[]), "delivery info"),
    "a priority that is text": (_with_properties(priority="high"), "priority"),
    "an endless priority": (_with_properties(priority=float("inf")), "priority"),
    "an unknown body encoding": (_with_properties(body_encoding="rot13"), "body encoding"),
    "a body encoding that is a list": (_with_properties(body_encoding=["base64"]), "body encoding"),
    "pickle": (message(**{"content-type": "application/x-python-serialize"}).encode(), "content type"),
    "an unknown content type": (message(**{"content-type": "text/x-surprise"}).encode(), "content type"),
    "no content type": (_without("content-type"), "content type"),
    "a content type that is a list": (message(**{"content-type": ["a"]}).encode(), "content type"),
    "a binary content encoding": (message(**{"content-encoding": "binary"}).encode(), "content encoding"),
    "a content encoding that is a list": (message(**{"content-encoding": []}).encode(), "content encoding"),
}
