"""The keys of all entries, found without the schedule's sorted set."""

from collections.abc import Iterator
from typing import Any, Final

from redis import Redis
from redis.client import NEVER_DECODE

from mission_control.store.redis_keys import DEFAULT_REDBEAT_KEYS, RedBeatKeys

_AT_ONCE: Final = 500


def entry_keys(client: Redis, redbeat_keys: RedBeatKeys = DEFAULT_REDBEAT_KEYS) -> Iterator[list[bytes]]:
    """Give the keys of all entries, some hundreds at a time, each at least once."""
    cursor, is_begun = 0, False
    while cursor or not is_begun:
        is_begun = True
        arguments = (cursor, "MATCH", f"{redbeat_keys.prefix}*", "COUNT", _AT_ONCE)
        answer = as_bytes(client, "SCAN", *arguments)
        cursor, keys = int(answer[0]), answer[1]
        # RedBeat's keys have a colon more than its entries.
        found = [key for key in keys if not key.startswith(f"{redbeat_keys.prefix}:".encode())]
        if found:
            yield found


def as_bytes(client: Redis, command: str, *args: Any) -> Any:  # noqa: ANN401  # any answer
    """Run a command and return its answer with the text in it undecoded."""
    return client.execute_command(command, *args, **{NEVER_DECODE: True})  # type: ignore[no-untyped-call]  # redis-py's
