"""Messages of Celery protocol 1: of clients that set `task_protocol = 1`, and of those before Celery 4."""

from typing import Any

from kombu.utils.json import dumps


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
