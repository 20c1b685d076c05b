"""The table of Redis keys is complete, and real servers agree with it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mission_control.store import redis_keys
from tests.stage.redis_key_life import faults_in_keys, key_table

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

NO_KEYS = {
    *("MAX_REVISIONS", "REDBEAT_PREFIX", "DEFAULT_REDBEAT_KEYS", "PROCESSES", "WAKE_CHANNEL"),
    *("TURNS", "LANES", "OURS"),
}


def test_key_of_a_real_server_is_in_the_table() -> None:
    constants = {
        name: value for name, value in vars(redis_keys).items() if name.isupper() and name not in NO_KEYS
    }
    functions = {
        name: value(*["x"] * len(inspect.signature(value).parameters))
        for name, value in vars(redis_keys).items()
        if inspect.isfunction(value) and value.__module__ == redis_keys.__name__ and not name.startswith("_")
    }
    missing = [
        name
        for name, key in {**constants, **functions}.items()
        if not any(row.describes(key) for row in key_table())
    ]
    assert missing == []


def test_key_without_an_end_is_found(installation: Installation) -> None:
    client = installation.client
    client.set("mc:stray", "1")
    client.hset(redis_keys.run("a@1"), "state", "success")
    client.hset(redis_keys.history("gone"), "total_runs", 1)
    client.set(redis_keys.BEAT_QUARANTINE, "1")
    assert faults_in_keys(client) == {
        "mc:beat:quarantine": "is a string, the table says hash: entry key → JSON of what is wrong",
        "mc:run:a@1": "has no time to live, the table says retention after its end",
        "mc:stray": "is in no row of the table",
        "mc:task:gone:history": "outlives its task 'gone'",
    }
