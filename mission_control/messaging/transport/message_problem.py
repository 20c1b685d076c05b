"""Whether a worker can accept a message: decided from its bytes, before Celery sees them."""

import base64
import binascii
import json
from typing import Any, Final

from kombu.utils.json import dumps, object_hook

from mission_control.messaging.transport.task_headers import headers_problem

LARGEST_MESSAGE_BYTES: Final = 1_048_576
"""As it lies on its queue, so its body is of about three quarters of that."""

DEEPEST_LEVEL: Final = 64
_CONTENT_TYPE: Final = "application/json"
_CONTENT_ENCODINGS: Final = frozenset({None, "utf-8", "us-ascii", "ascii"})
_BODY_ENCODINGS: Final = frozenset({None, "utf-8", "base64"})
_PRIORITIES: Final = range(256)
# `loads` of kombu makes such a decoder for every text.
_DECODER: Final = json.JSONDecoder(object_hook=object_hook)


def as_protocol_2(message: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return a message of protocol 1, whose body has everything, in protocol 2."""
    headers = {
        **(message.get("headers") or {}),
        **{name: body.get(name) for name in ("task", "id", "retries", "eta", "expires", "timelimit")},
        "lang": "py",
        "root_id": body.get("id"),
        "group": body.get("taskset"),
    }
    embed = {name: body.get(name) for name in ("callbacks", "errbacks", "chord")}
    parts = [body.get("args", []), body.get("kwargs", {}), embed]
    properties = {**message["properties"], "body_encoding": "utf-8"}
    return {**message, "headers": headers, "properties": properties, "body": dumps(parts)}


class NotFinite(float):
    """NaN or Infinity, which Python writes into JSON: a type of its own, as orjson takes floats for null."""


ENVELOPE_DECODER: Final = json.JSONDecoder(object_hook=object_hook, parse_constant=NotFinite)


class BadMessageError(ValueError):
    """A message that no worker can accept; the text says why and quotes nothing of it.

    `headers` are the message's headers as far as they could be read, to name it by.
    """

    headers: object = None


def read_task(raw: bytes | str) -> dict[str, Any]:
    """Return a task's message as kombu reads it.

    A message that passes cannot harm the worker. Whether the task is known, its arguments are right and its
    sender may send it is checked later.

    >>> read_task(b"42")
    Traceback (most recent call last):
    mission_control.messaging.transport.message_problem.BadMessageError: it is int, not an object

    Raises:
        BadMessageError: no worker can accept it.
    """
    message = read_envelope(raw)
    try:
        _check_content(message)
        if "task" not in (message.get("headers") or {}) and isinstance(body := _body_of(message), dict):
            message = as_protocol_2(message, body)
        problem = headers_problem(message.get("headers"))
        _require(problem is None, str(problem))
        _check_body(_body_of(message))
    except BadMessageError as bad:
        bad.headers = message.get("headers")
        raise
    return message


def _check_content(message: dict[str, Any]) -> None:
    _require(message.get("content-type") == _CONTENT_TYPE, f"its content type is not {_CONTENT_TYPE}")
    encoding = message.get("content-encoding")
    _require(
        encoding is None or (isinstance(encoding, str) and encoding.lower() in _CONTENT_ENCODINGS),
        "its content encoding is not utf-8",
    )


def read_envelope(raw: bytes | str) -> dict[str, Any]:
    """Return a message of any kind, such as a reply or an event, as kombu reads it.

    Raises:
        BadMessageError: kombu cannot read it as a message.
    """
    _require(
        len(raw) <= LARGEST_MESSAGE_BYTES, f"it is of {len(raw):,} bytes; {LARGEST_MESSAGE_BYTES:,} are taken"
    )
    message: dict[str, Any] = _parsed(raw, "it", ENVELOPE_DECODER)
    _require(isinstance(message, dict), f"it is {type(message).__name__}, not an object")
    properties: Any = message.get("properties")
    _require(isinstance(properties, dict), "it has no properties")
    tag, route = properties.get("delivery_tag"), properties.get("delivery_info")
    _require(isinstance(tag, str) and tag != "", "it has no delivery tag")
    _require(route is None or isinstance(route, dict), "its delivery info is not an object")
    _require(_is_priority(properties.get("priority")), "its priority is not a small number")
    encoding = properties.get("body_encoding")
    _require(encoding is None or isinstance(encoding, str), "its body encoding is not known")
    _require(encoding in _BODY_ENCODINGS, "its body encoding is not known")
    _require(isinstance(message.get("body"), str), "it has no body")
    _require(isinstance(message.get("headers"), dict | None), "its headers are not an object")
    return message


def read_stored(stored: bytes) -> tuple[dict[str, Any], str, str]:
    """Return message, exchange and routing key of a message as kombu keeps it until it is acknowledged.

    Raises:
        BadMessageError: it cannot be put on a queue again.
    """
    parts = _parsed(stored, "it")
    _require(isinstance(parts, list) and len(parts) == 3, "it is not stored as kombu stores messages")  # noqa: PLR2004
    message, exchange, routing_key = parts
    is_whole = isinstance(message, dict) and isinstance(message.get("properties"), dict)
    _require(is_whole, "it has no properties")
    return message, str(exchange or ""), str(routing_key or "")


def _body_of(message: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever JSON holds
    body = message["body"]
    if message["properties"].get("body_encoding") == "base64":
        try:
            body = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadMessageError("its body is not base64") from error
    return _parsed(body, "its body")


def _check_body(parts: object) -> None:
    if not isinstance(parts, list) or len(parts) != 3:  # noqa: PLR2004
        raise BadMessageError("its body is not [args, kwargs, embed]")
    args, kwargs, embed = parts
    _require(isinstance(args, list), "its args are not a list")
    _require(isinstance(kwargs, dict), "its kwargs are not an object")
    _require(isinstance(embed, dict | None), "its embed is not an object")
    follow_up = next((name for name, value in (embed if embed is not None else {}).items() if value), None)
    # A message runs its handler and nothing else that it names.
    _require(follow_up is None, "it carries callbacks, a chain or a chord, which are not supported")


def _parsed(text: bytes | str, what: str, decoder: json.JSONDecoder = _DECODER) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        value = decoder.decode(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as error:
        raise BadMessageError(f"{what} is not UTF-8") from error
    except RecursionError as error:
        raise BadMessageError(f"{what} is nested too deeply") from error
    except Exception as error:  # kombu decodes typed values too, and its decoders raise what they like
        raise BadMessageError(f"{what} is not JSON") from error
    _require(not _is_deep(text, value), f"{what} is nested more than {DEEPEST_LEVEL} levels deep")
    return value


def _is_deep(text: bytes | str, value: object) -> bool:
    openings = (
        text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    )
    if openings <= DEEPEST_LEVEL:  # most messages: nothing to walk
        return False
    level, values = 0, [value]
    while values:
        level += 1
        if level > DEEPEST_LEVEL + 1:
            return True
        values = [inner for one in values for inner in _inside(one)]
    return False


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_priority(value: object) -> bool:
    return value is None or (type(value) is int and value in _PRIORITIES)


def _require(is_so: bool, problem: str) -> None:
    if not is_so:
        raise BadMessageError(problem)
