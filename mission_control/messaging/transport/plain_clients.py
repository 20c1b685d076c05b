"""Messages of plain Celery clients, which know nothing of Mission Control: they become ours at the door."""

from collections.abc import Sequence
from typing import Any, Final

from redis import Redis

from mission_control.messaging.message import RUN_HEADER
from mission_control.messaging.transport.message_problem import BadMessageError, read_task
from mission_control.model.problems.secret_references import MASK
from mission_control.model.values.identifiers import name_problem, plain_execution_id
from mission_control.store.lua_scripts import lua_script

DEFAULT_QUEUE: Final = "celery"
"""The queue to which Celery clients send by default."""

_SHOWN_ARGUMENTS: Final = ("argsrepr", "kwargsrepr")
_LOOKED_AT: Final = 100
_HANDLER_PREFIX: Final = "handlers."


def adopt(message: dict[str, Any]) -> None:
    """Give a plain client's message an id of its own, whatever run its Celery id may name.

    What Celery's events would show of its params, or of those of a RedBeat entry, is masked.

    Raises:
        BadMessageError: its id is too long.
    """
    headers = message["headers"]
    for name in _SHOWN_ARGUMENTS:
        if "params" in str(headers.get(name)) or headers.get(RUN_HEADER) is not True:
            headers[name] = MASK
    if headers.get(RUN_HEADER) is True:
        return
    own_id = plain_execution_id(headers["id"])
    if (problem := name_problem(own_id)) is not None:
        raise BadMessageError(f"its header id {problem}")
    message["headers"] = {**headers, "id": own_id, RUN_HEADER: True}


def is_of_run(message: dict[str, Any]) -> bool:
    """Whether a message says that it is of a run of ours."""
    headers = message.get("headers")
    return isinstance(headers, dict) and headers.get(RUN_HEADER) is True


def move_from_default_queue(client: Redis, lists: Sequence[tuple[str, str]]) -> None:
    """Move messages for handlers from the lists of the queue `celery` to those that workers serve.

    `lists` are pairs, one for each priority. Messages for other tasks stay: another Celery application may
    share the database, and its workers serve them.

    Raises:
        RedisError: Redis cannot be reached, or refuses.
    """
    with client.pipeline(transaction=False) as pipe:
        for source, _ in lists:
            pipe.lrange(source, -_LOOKED_AT, -1)
        found = pipe.execute(raise_on_error=False)
    for (source, target), payloads in zip(lists, found, strict=True):
        if not isinstance(payloads, list):
            continue  # not a list of messages: not Celery's
        for payload in reversed(payloads):  # the next to be taken is the last
            if _names_handler(payload):
                lua_script(client, __package__, "move_message")(keys=[source, target], args=[payload])


def _names_handler(payload: bytes) -> bool:
    if b"handlers." not in payload and b'"task"' in payload:  # in protocol 1 the body may hide the name
        return False
    try:
        headers: Any = read_task(payload)["headers"]
    except BadMessageError as bad:  # if it is for a handler, it belongs among the dead letters
        headers = bad.headers
    name = headers.get("task") if isinstance(headers, dict) else None
    return isinstance(name, str) and name.startswith(_HANDLER_PREFIX)
